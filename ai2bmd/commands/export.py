"""`ai2bmd export RUN -o FILE`: the trajectory of a run for other programs, all of it or a part."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("directory", type=Path, metavar="RUN", help="run directory")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=True, help="file to write: .xtc, .dcd, .trr, .pdb, .h5md"
    )
    parser.add_argument("--solvent", action="store_true", help="water and ions too, at the steps where they were saved")
    parser.add_argument("--selection", metavar="WORDS", help="atoms in MDAnalysis' language, such as 'name CA'")
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="every N-th frame only (default: 1)")
    parser.add_argument("--from", dest="first", metavar="TIME", help="from this time on, such as 10ps")
    parser.add_argument("--to", dest="last", metavar="TIME", help="up to this time")
    parser.add_argument("--superpose", action="store_true", help="turn the protein onto the prepared structure")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(arguments: argparse.Namespace) -> int:
    """Write."""
    from ai2bmd.export import Choice, export

    choice = Choice(
        solvent=arguments.solvent,
        selection=arguments.selection,
        stride=arguments.stride,
        first_ps=_time_ps(arguments.first, "--from", absent=0.0),
        last_ps=_time_ps(arguments.last, "--to", absent=float("inf")),
        superposed=arguments.superpose,
        overwrite=arguments.overwrite,
    )
    export(arguments.directory, arguments.output, choice, say=_say)
    return 0


def _time_ps(words: str | None, flag: str, *, absent: float) -> float:
    from ai2bmd.errors import InputError
    from ai2bmd.simulation.quantities import parse_quantity

    if words is None:
        return absent
    try:
        return parse_quantity(words, "ps")
    except ValueError as error:
        raise InputError(f"{flag}: {error}, got {words!r}") from error


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
