"""`ai2bmd sample -o CONFORMATIONS.h5`: conformations of protein units and clusters for quantum chemistry to label."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ai2bmd.errors import InputError

if TYPE_CHECKING:
    from ai2bmd.conformations.selection import Selector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "proteins", nargs="*", type=Path, metavar="PROTEIN", help="PDB or mmCIF files to cut units and clusters from"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="CONFORMATIONS.h5", help="file to fill")
    parser.add_argument(
        "--units", default="all", help="names with commas between them, all or none (default: %(default)s)"
    )
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="of each unit (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of all random numbers (default: %(default)s)")
    parser.add_argument(
        "--temperatures", default="300,400,550", metavar="K,...", help="of the dynamics (default: %(default)s)"
    )
    parser.add_argument(
        "--snapshots", type=int, default=4, metavar="N", help="of a protein at each temperature (default: %(default)s)"
    )
    parser.add_argument(
        "--clusters",
        type=int,
        default=20,
        metavar="N",
        help="frames of clusters of each protein (default: %(default)s)",
    )
    parser.add_argument(
        "--cluster-atoms", type=int, default=60, metavar="N", help="atoms of a cluster at most (default: %(default)s)"
    )
    parser.add_argument(
        "--select", type=int, metavar="N", help="keep N of each unit, and N frames of the clusters of each protein"
    )
    parser.add_argument("--model", type=Path, help="model whose features and members choose (default: the shipped one)")
    parser.add_argument(
        "--by", help="distance: unlike what is known; both: that times expected error of forces (default: both)"
    )
    parser.add_argument(
        "--known", type=Path, action="append", metavar="STORE.h5", help="labels or conformations that are there already"
    )


def run(arguments: argparse.Namespace) -> int:
    """Sample; 0 when all is done, 130 when stopped by a signal."""
    from ai2bmd.conformations.campaign import sample_proteins, sample_units, summary
    from ai2bmd.conformations.file import ConformationFile
    from ai2bmd.conformations.proteins import read_protein
    from ai2bmd.conformations.sources import SamplingSettings
    from ai2bmd.conformations.units import parse_units
    from ai2bmd.simulation.interruption import Interruption

    _check(arguments)
    units = parse_units(arguments.units)
    if not units and not arguments.proteins:
        raise InputError("nothing to sample: name units with --units, or give files of proteins")
    settings = SamplingSettings(
        frames=arguments.frames,
        seed=arguments.seed,
        temperatures_K=_temperatures(arguments.temperatures),
        snapshots=arguments.snapshots,
        clusters=arguments.clusters,
        cluster_atoms=arguments.cluster_atoms,
    )
    proteins = [read_protein(path) for path in arguments.proteins]
    selector = _selector(arguments)
    selection = None if selector is None else selector.as_record()
    file = ConformationFile(arguments.output, settings.as_record() | {"selection": selection})
    with file.alone(), Interruption() as request:
        done = sample_units(units, file, settings, request=request, selector=selector)
        done = done and sample_proteins(proteins, file, settings, request=request, selector=selector)
    sys.stdout.write(summary(file.finished(), frames=min(settings.frames, arguments.select or settings.frames)))
    if not done:
        sys.stderr.write(f"stopped; {len(file.finished())} units and proteins are whole. Go on with the same command\n")
        return 130
    sys.stdout.write(f"written: {arguments.output}\n")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name, least in {"frames": 1, "seed": 0, "snapshots": 1, "clusters": 0, "cluster_atoms": 1}.items():
        value = getattr(arguments, name)
        if value < least:
            raise InputError(f"--{name.replace('_', '-')}: expected a whole number from {least}, got {value}")


def _selector(arguments: argparse.Namespace) -> "Selector | None":
    from ai2bmd.conformations.model_view import ModelView
    from ai2bmd.conformations.selection import Selector

    if arguments.select is None:
        for name in ("model", "by", "known"):
            if getattr(arguments, name) is not None:
                raise InputError(f"--{name} says how to choose; say how many with --select N")
        return None
    if not 1 <= arguments.select <= arguments.frames:
        raise InputError(
            f"--select: expected a whole number from 1 to --frames, the size of the pool ({arguments.frames}), got "
            f"{arguments.select}"
        )
    return Selector(
        ModelView(arguments.model),
        count=arguments.select,
        by=arguments.by or "both",
        known=arguments.known or (),
        seed=arguments.seed,
    )


def _temperatures(words: str) -> tuple[float, ...]:
    try:
        temperatures = tuple(float(word) for word in words.split(","))
    except ValueError:
        temperatures = ()
    if not temperatures or not all(0.0 < temperature <= 2000.0 for temperature in temperatures):
        raise InputError(f"--temperatures: expected numbers above 0 and up to 2000 K, as 300,400,550, got {words!r}")
    return temperatures
