"""What frames would have in energy with the ab initio correction, or with another model than they were simulated with.

At both levels the environment is the same, so the difference is that of the corrections: C(R) for a trajectory of the
force field alone (`--coupling off`), whose own correction is 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.thermodynamics.constants import KCAL_PER_EV
from ai2bmd.analysis.thermodynamics.energy_cache import energies_of_frames
from ai2bmd.assembly import corrected_system
from ai2bmd.correction import DEFAULT_COUPLING, Correction, Coupling
from ai2bmd.device import Device, torch_device
from ai2bmd.errors import InputError
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import make_settings, read_settings
from ai2bmd.structure import read_prepared
from ai2bmd.trajectory.frames import open_frames
from ai2bmd.trajectory.reader import read_observables

CACHE = "correction_energies.csv"
_ATOMS_AT_ONCE = {"cpu": 4_000, "cuda": 200_000}


@dataclass(frozen=True, eq=False)
class Level:
    """A model put to work on a protein."""

    correction: Correction
    atomic_numbers: np.ndarray
    """Of the protein's atoms."""
    name: str
    """The level of theory, in words."""
    identity: str
    """What energies depend on."""
    batch: int
    """Frames at once."""


def make_level(
    prepared: Path,
    *,
    coupling: Coupling = DEFAULT_COUPLING,
    model: Path | str | None = None,
    device: Device = "auto",
) -> Level:
    """A model for the protein of a prepared structure.

    Args:
        prepared: PDB file from `ai2bmd prepare`, such as RUN/prepared.pdb.
        coupling: units or whole.
        model: model file; None takes the one that comes with the package.
        device: auto, cpu or cuda.

    Raises:
        InputError, FragmentationError, PotentialError: the structure, a choice or the model is unusable.
    """
    structure, place = read_prepared(prepared), torch_device(device)
    built = corrected_system(structure.topology, solvent="gas", coupling=coupling, model=model, device=place)
    assert built.correction is not None  # the coupling is not off
    assert built.card is not None
    numbers = np.array([atom.element.atomic_number for atom in structure.topology.atoms()])[built.protein]
    identity = f"correction of model {built.card.sha256}, coupling {coupling}"
    batch = max(1, _ATOMS_AT_ONCE[place.type] // len(numbers))
    return Level(built.correction, numbers, built.card.level_of_theory, identity, batch)


def correction_energies(
    universe: Any, level: Level, *, cache: Path, selection: str = "all", stride: int = 1, shown: bool = True
) -> Float64[np.ndarray, " frames"]:
    """C(R) of the frames of any trajectory, kcal/mol.

    Args:
        universe: of MDAnalysis, the protein in one piece in every frame.
        level: of theory.
        cache: file that energies are kept in; see `energies_of_frames`.
        selection: the protein's atoms, in the order of the prepared structure.
        stride: every how manieth frame.
        shown: whether to show progress.

    Raises:
        InputError: the atoms are not those of the prepared structure, or the cache is of something else.
    """
    atoms = universe.select_atoms(selection)
    if len(atoms) != len(level.atomic_numbers):
        raise InputError(
            f"selection: expected the {len(level.atomic_numbers)} atoms of the prepared protein, {selection!r} chooses "
            f"{len(atoms)}"
        )
    frames = (atoms.positions for _ in universe.trajectory[::stride])
    return _energies(frames, level, total=len(range(0, len(universe.trajectory), stride)), cache=cache, shown=shown)


def level_changes(
    run: Path, level: Level, *, cache: Path | None = None, shown: bool = True
) -> tuple[Float64[np.ndarray, " frames"], float]:
    """Energy at a level less that of the run, kcal/mol, of each frame; and the run's temperature (K).

    Args:
        run: directory of a run; one of replica exchange for its lowest temperature.
        level: of theory.
        cache: file that energies are kept in; by default in the run directory.
        shown: whether to show progress.

    Raises:
        InputError: the run is biased, tempered or at constant energy, or a file of it is missing or damaged.
    """
    directory = RunDirectory(run)
    if not directory.settings.is_file():
        raise InputError(f"{run} is not a run directory: {directory.settings.name} is missing")
    settings = make_settings(read_settings(directory.settings), where=str(directory.settings))
    if settings.sampling is not None and settings.sampling.method != "replica-exchange":
        raise InputError(
            f"{run} is a run of {settings.sampling.method}, whose frames are not of one ensemble; give a plain run, or "
            "one of replica exchange"
        )
    if settings.ensemble == "nve":
        raise InputError(f"{run} is a run at constant energy, whose frames have no temperature; give one at nvt or npt")
    with open_frames(directory.trajectory, solvent=False) as reader:
        if not np.array_equal(reader.atomic_numbers, level.atomic_numbers):
            raise InputError(f"{directory.trajectory} is of another protein than the level was made for")
        frames = (reader.positions_A(number) for number in range(len(reader.step)))
        own = cache if cache is not None else run / CACHE
        energies = _energies(frames, level, total=len(reader.step), cache=own, shown=shown)
    sampled = read_observables(directory.trajectory)["energy_correction"] * KCAL_PER_EV
    return energies - sampled, settings.temperature_K


def _energies(
    frames: Iterator[Float[np.ndarray, "atoms 3"]], level: Level, *, total: int, cache: Path, shown: bool
) -> Float64[np.ndarray, " frames"]:
    energies = energies_of_frames(
        frames,
        level.correction.energies,
        total=total,
        batch=level.batch,
        cache=cache,
        identity=level.identity,
        shown=shown,
    )
    return energies * KCAL_PER_EV
