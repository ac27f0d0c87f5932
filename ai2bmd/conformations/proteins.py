"""Conformations as they occur in proteins: short dynamics in implicit water, and what the snapshots are cut into."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
import torch
from jaxtyping import Float64
from openmm import unit

from ai2bmd.conformations.checks import FrameCheck
from ai2bmd.conformations.cutting import Piece, clusters_of, units_of
from ai2bmd.conformations.sources import Candidate, Sampled, SamplingSettings, generator_of, take
from ai2bmd.device import openmm_platform
from ai2bmd.environment import build_environment
from ai2bmd.protein import protein_topology
from ai2bmd.structure import load_or_prepare
from fragmentation.topology import ProteinTopology

_TIMESTEP_PS = 0.001
_FRICTION_PER_PS = 2.0
_FIRST_PS, _EVERY_PS = 1.0, 0.5
_LOOK_EVERY = 50
"""Steps between two looks at whether an end is asked for."""
_MINIMISATION = (10.0, 500)
"""Largest force (kJ/mol/nm), and most iterations."""
_FIRST_START = 2**30
"""Starts of proteins are above those of molecules on their own."""


@dataclass(frozen=True, eq=False)
class SampledProtein:
    """A protein whose pieces are sampled."""

    file: Path
    protein: ProteinTopology
    system: openmm.System
    positions_A: Float64[np.ndarray, "atoms 3"]

    @property
    def name(self) -> str:
        """By its residues: the same protein is the same in any file, and so on one side of the split."""
        residues = zip(self.protein.chain_ids, self.protein.residue_names, strict=True)
        return f"protein-{zlib.crc32(' '.join(f'{chain}:{name}' for chain, name in residues).encode()):08x}"

    @property
    def start(self) -> int:
        """Number that all its frames have."""
        return _FIRST_START + zlib.crc32(self.name.encode()) % _FIRST_START


def read_protein(path: Path) -> SampledProtein:
    """Prepare a file as `ai2bmd run` does.

    Raises:
        InputError: it cannot be used.
    """
    prepared = load_or_prepare(path)
    protein, atoms = protein_topology(prepared.topology)
    system = build_environment(prepared.topology, solvent="gbn2")
    assert len(atoms) == system.getNumParticles()  # a prepared structure is protein alone
    return SampledProtein(path, protein, system, prepared.positions_A)


def steps_of(settings: SamplingSettings) -> int:
    """Steps of dynamics that a protein takes."""
    return len(settings.temperatures_K) * round(_times_ps(settings)[-1] / _TIMESTEP_PS)


def sample_protein(
    source: SampledProtein, settings: SamplingSettings, *, advance: Callable[[int], bool] = lambda steps: True
) -> list[Sampled] | None:
    """Units and clusters of a protein after short dynamics at each temperature.

    Args:
        source: the protein.
        settings: of each unit at most `frames`, in all at most `clusters`.
        advance: told how many steps were done; False asks for an end.

    Returns:
        Each molecule with its frames; None when asked to end.
    """
    generator = generator_of(settings.seed, source.name, source.start)
    units: list[tuple[Piece, float]] = []
    clusters: list[tuple[Piece, float]] = []
    for temperature_K in settings.temperatures_K:
        seed = int(generator.integers(1, 2**31 - 1))
        for positions in _snapshots(source, settings, temperature_K=temperature_K, seed=seed, advance=advance):
            if positions is None:
                return None
            units += [(piece, temperature_K) for piece in units_of(source.protein, positions)]
            found = clusters_of(
                source.protein,
                positions,
                largest=settings.cluster_atoms,
                wanted=2 * settings.clusters,
                generator=generator,
            )
            clusters += [(piece, temperature_K) for piece in found]
    known: dict[str, _Group] = {}
    for pool, most, together in ((units, settings.frames, False), (clusters, settings.clusters, True)):
        _fill(known, source, [pool[number] for number in generator.permutation(len(pool))], most, together=together)
    return [group.sampled for group in known.values()]


class _Group:
    """Frames of one molecule."""

    def __init__(self, piece: Piece) -> None:
        self.sampled = Sampled(piece.molecule())
        self.check = FrameCheck(self.sampled.molecule)


def _fill(
    known: dict[str, _Group],
    source: SampledProtein,
    pool: Sequence[tuple[Piece, float]],
    most: int,
    *,
    together: bool,
) -> None:
    """Take pieces in their order, `most` of each molecule, or of all together."""
    taken = 0
    for piece, temperature_K in pool:
        if together and taken == most:
            break
        if piece.name not in known:
            known[piece.name] = _Group(piece)
        group = known[piece.name]
        if not together and len(group.sampled.frames) == most:
            continue
        kind = "clusters of proteins" if together else "units of proteins"
        candidate = Candidate(kind, piece.positions_A, temperature_K, f"{source.file.name} {piece.label}")
        taken += take(group.sampled, group.check, candidate, start=source.start)


def _snapshots(
    source: SampledProtein,
    settings: SamplingSettings,
    *,
    temperature_K: float,
    seed: int,
    advance: Callable[[int], bool],
) -> Iterator[Float64[np.ndarray, "atoms 3"] | None]:
    """Positions (A) during Langevin dynamics in GBn2 water; None when asked to end."""
    integrator = openmm.LangevinMiddleIntegrator(temperature_K, _FRICTION_PER_PS, _TIMESTEP_PS)
    integrator.setRandomNumberSeed(seed)
    context = openmm.Context(source.system, integrator, *openmm_platform(torch.device("cpu"), threads=1))
    context.setPositions(source.positions_A / 10.0)
    openmm.LocalEnergyMinimizer.minimize(context, *_MINIMISATION)
    context.setVelocitiesToTemperature(temperature_K, seed)
    done = 0
    for time_ps in _times_ps(settings):
        last = round(time_ps / _TIMESTEP_PS)
        while done < last:
            steps = min(_LOOK_EVERY, last - done)
            integrator.step(steps)
            done += steps
            if not advance(steps):
                yield None
                return
        yield context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom).copy()


def _times_ps(settings: SamplingSettings) -> list[float]:
    return [_FIRST_PS + _EVERY_PS * number for number in range(settings.snapshots)]
