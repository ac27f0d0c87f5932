"""Trajectories to analyse: of runs of this program, or of any program whose files MDAnalysis reads.

Each is independent of the others: of another run, or another copy. Files that continue each other belong joined.
"""

import gc
import logging
import os
import struct
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.bond_check import bonds_of_structure, check_bonds
from ai2bmd.analysis.chunks import Chunk, ForeignFrames, FrameSource, OwnFrames, coincident, read_chunks
from ai2bmd.analysis.cut_netcdf import planned_frames, whole_records
from ai2bmd.analysis.molecule import analysed_atoms, choose, describe
from ai2bmd.atom_selection import make_universe
from ai2bmd.errors import InputError
from ai2bmd.replicas.layout import ReplicaDirectory, is_replica_directory
from ai2bmd.simulation.log import last_step
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.structure.files import read_prepared
from ai2bmd.trajectory.damaged import open_readable
from ai2bmd.trajectory.layout import PROTEIN, dataset
from fragmentation.topology import ProteinTopology

_UNEVEN = 1e-3
"""Relative; times in files are rounded."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One trajectory, opened but not read."""

    name: str
    universe: Any
    """Of MDAnalysis; of a run that was cut off it has the first frame only."""
    atoms: Any
    """The atoms analysed, a group of the universe."""
    molecule: ProteinTopology
    """What these atoms are, in their order."""
    time_ps: Float64[np.ndarray, " frames"]
    remarks: tuple[str, ...]
    """What a reader of results must know."""
    run: RunDirectory | None
    """Where it comes from, if from a run of this program."""
    _source: FrameSource

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.time_ps)

    def chunks(self, *, stride: int = 1) -> Iterator[Chunk]:
        """Positions of the atoms analysed, molecules whole, a few thousand frames at a time."""
        return read_chunks(self._source, self.molecule, frames=self.frames, stride=stride)

    def close(self) -> None:
        """Let go of the universe's file: a process that has it open does not see what a resumed run appends to it.

        Chunks can still be read, for they open the file of a run anew.
        """
        self.universe.trajectory.close()

    def select(self, selection: str, *, setting: str = "") -> Int64[np.ndarray, " chosen"]:
        """Places among the atoms analysed of those that a selection names, at the frame at hand.

        Args:
            selection: in MDAnalysis' language.
            setting: what an error names as the place of the selection.

        Raises:
            InputError: it cannot be understood, or fits none of them.
        """
        chosen = choose(self.atoms, selection, where=f"{self.name}: {setting}" if setting else self.name)
        place = np.full(len(self.universe.atoms), -1)
        place[self.atoms.indices] = np.arange(len(self.atoms))
        return np.sort(place[chosen.indices])


def open_runs(runs: Sequence[Path], *, selection: str | None = None) -> tuple[Trajectory, ...]:
    """Trajectories of run directories; a directory of several copies counts as that many.

    Args:
        runs: directories made by `ai2bmd run`.
        selection: atoms to analyse, in MDAnalysis' language; the protein if None.

    Raises:
        InputError: a directory or a file of it is missing, of another system, or holds no frame.
    """
    opened = []
    for path in runs:
        copies = ReplicaDirectory(path).copies if is_replica_directory(path) else (path,)
        for copy in copies:
            name = copy.resolve().name if copy == path else f"{path.resolve().name}/{copy.name}"
            opened.append(_open_run(RunDirectory(copy), name=name, selection=selection))
    check_alike(opened)
    return tuple(opened)


def open_files(topology: Path, trajectories: Sequence[Path], *, selection: str | None = None) -> tuple[Trajectory, ...]:
    """Trajectories of any format that MDAnalysis reads, independent of each other.

    Args:
        topology: names the atoms.
        trajectories: each with the atoms of the topology.
        selection: atoms to analyse; the protein if None, or all but water and ions where there is none.

    Raises:
        InputError: a file is missing, empty, unreadable or of other atoms, or the selection fits none.
    """
    opened = []
    for path in trajectories:
        universe, structure_A = _load(topology, path)
        one = from_universe(universe, selection=selection, name=path.name)
        remarks = (*_missing_frames(path, one.frames), *_check_topology(one, structure_A, topology))
        opened.append(replace(one, remarks=(*one.remarks, *remarks)))
    check_alike(opened)
    return tuple(opened)


def from_universe(
    universe: Any, *, selection: str | None = None, atoms: Any = None, name: str = "trajectory"
) -> Trajectory:
    """The trajectory of a universe of MDAnalysis.

    Args:
        universe: with positions.
        selection: atoms to analyse; None as for files.
        atoms: the atoms to analyse, in place of a selection.
        name: what errors and pictures call it.

    Raises:
        InputError: it has no frame, or the selection fits no atom.
    """
    _quiet()
    try:
        frames = len(universe.trajectory)
    except AttributeError as error:
        raise InputError(f"{name}: has no positions; give a trajectory beside the topology") from error
    if not frames:
        raise InputError(f"{name}: holds no frame")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe.trajectory[0]
        atoms = analysed_atoms(universe, selection, where=name) if atoms is None else atoms.unique
        source = ForeignFrames(atoms)
        _check_first_frame(source, name)
        molecule = describe(atoms)
    times, remarks = _times(universe)
    return Trajectory(name, universe, atoms, molecule, times, remarks, None, source)


def check_alike(trajectories: Sequence[Trajectory]) -> None:
    """Make sure that trajectories are of one system.

    Raises:
        InputError: there is none, or one has other atoms.
    """
    if not trajectories:
        raise InputError("no trajectory was given; name at least one run directory, or a topology and a trajectory")
    first = trajectories[0]
    for other in trajectories[1:]:
        same = other.molecule.atom_names == first.molecule.atom_names
        if not same or not np.array_equal(other.molecule.residue_index, first.molecule.residue_index):
            raise InputError(
                f"{other.name} has {len(other.molecule.atom_names)} atoms to analyse that are not the "
                f"{len(first.molecule.atom_names)} of {first.name}; analyse different systems one by one"
            )


def _open_run(directory: RunDirectory, *, name: str, selection: str | None) -> Trajectory:
    if not directory.path.is_dir():
        raise InputError(f"{directory.path} is not a directory; give the run directory that `ai2bmd run` made")
    for file in (directory.prepared, directory.trajectory):
        if not file.is_file():
            raise InputError(f"{directory.path} is not a run directory: {file.name} is missing")
    prepared, logged = read_prepared(directory.prepared), last_step(directory.log)
    numbers = [atom.element.atomic_number for atom in prepared.topology.atoms()]
    with open_readable(directory.trajectory) as (hdf5, whole, planned):
        species = dataset(hdf5, PROTEIN.species)[:]
        if not whole:
            raise InputError(
                f"{directory.trajectory} holds no whole frame; let the run go on with `ai2bmd resume {directory.path}`"
            )
        times, steps = dataset(hdf5, PROTEIN.time)[:whole], dataset(hdf5, PROTEIN.step)[:whole]
        positions = dataset(hdf5, PROTEIN.position.value)[0]
    if not np.array_equal(species, numbers):
        raise InputError(
            f"{directory.trajectory} has {len(species)} atoms that are not the {len(numbers)} of "
            f"{directory.prepared.name}; the files are of different runs"
        )
    remarks = ()
    if whole < planned:
        remarks = (f"{name}: the trajectory is cut off; its first {whole} of {planned} frames are used",)
    elif logged is not None and logged > steps[-1]:
        remarks = (
            f"{name}: frames are missing from the end of the trajectory; it ends at step {steps[-1]}, log.csv at step "
            f"{logged}",
        )
    _quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = make_universe(prepared.topology, positions)
        if whole == planned:
            universe.load_new(str(directory.trajectory), format="H5MD")
        atoms = analysed_atoms(universe, selection, where=name)
        source = OwnFrames(directory.trajectory, atoms.indices.astype(np.int64))
        _check_first_frame(source, name)
        molecule = describe(atoms)
    return Trajectory(name, universe, atoms, molecule, times, remarks, directory, source)


def _check_first_frame(source: FrameSource, name: str) -> None:
    """Raise an InputError if not even the first frame can be used."""
    positions, _, reason = source.read(np.arange(1))
    if not len(positions):
        raise InputError(f"{name}: not even its first frame can be read ({reason}); it is damaged")
    if not np.isfinite(positions).all():
        raise InputError(f"{name}: the first frame has undefined positions; the run broke at its start")
    if coincident(positions).any():
        raise InputError(f"{name}: atoms lie on each other in the first frame; write the trajectory anew")


def _check_topology(trajectory: Trajectory, structure_A: np.ndarray | None, topology: Path) -> tuple[str, ...]:
    """Compare the first frame with the bonds that the topology knows, or shows by its coordinates."""
    molecule, universe = trajectory.molecule, trajectory.universe
    if hasattr(universe, "bonds") and len(universe.bonds):
        bonds = molecule.bonds
    elif structure_A is not None:
        bonds = bonds_of_structure(molecule, structure_A[trajectory.atoms.indices])
    else:
        return ()
    return check_bonds(
        molecule, bonds, trajectory.atoms.positions, box=universe.dimensions, files=(topology.name, trajectory.name)
    )


def _load(topology: Path, trajectory: Path) -> tuple[Any, np.ndarray | None]:
    """Both as a universe, and the coordinates that the topology file has."""
    _quiet()
    import MDAnalysis

    for path in (topology, trajectory):
        _check_readable(path)
    kind = {"format": "H5MD"} if trajectory.suffix.lower() in (".h5", ".h5md") else {}
    universe, reason = _attempt(lambda: MDAnalysis.Universe(str(topology)))
    if universe is None:
        raise InputError(f"{topology} cannot be read as a topology ({reason})")
    structure_A = universe.atoms.positions.copy() if hasattr(universe, "trajectory") else None
    with whole_records():
        loaded, reason = _attempt(lambda: universe.load_new(str(trajectory), **kind))
    if loaded is None and "number of atoms" in reason:
        raise InputError(
            f"{trajectory} has other atoms than the {len(universe.atoms)} of {topology}, or is cut off within its "
            "first frame; give the topology that it was written with"
        )
    if loaded is None:
        raise InputError(
            f"{trajectory} cannot be read as a trajectory ({reason}); it is damaged, or of a format that MDAnalysis "
            "does not know by this ending"
        )
    return loaded, structure_A


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a directory; name a file in it, or give run directories without --trajectory")
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    if not path.stat().st_size:
        raise InputError(f"{path} is empty; put a copy of it back, or write it anew")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} must not be read by you; ask its owner, or `chmod u+r` it")


def _attempt(load: Callable[[], Any]) -> tuple[Any, str]:
    """What a reader of MDAnalysis gives, or None and why it failed."""
    hook, reason = sys.unraisablehook, ""
    sys.unraisablehook = lambda _: None  # readers that fail half-way fail once more when they are thrown away
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return load(), ""
            except Exception as error:  # they raise what they like
                lines = str(error).strip("'\"").splitlines()
                reason = lines[0] if lines else type(error).__name__
            gc.collect()
            return None, reason
    finally:
        sys.unraisablehook = hook


def _missing_frames(path: Path, frames: int) -> tuple[str, ...]:
    """A remark if a DCD or NetCDF file has fewer frames than its head says; other formats tell when they are read."""
    planned = planned_frames(path)
    if path.suffix.lower() == ".dcd":
        with path.open("rb") as file:
            head = file.read(12)
        order = "<" if struct.unpack_from("<i", head)[0] == 84 else ">"
        (planned,) = struct.unpack_from(f"{order}i", head, 8)
    if planned <= frames:
        return ()
    return (f"{path.name}: the trajectory is cut off; its first {frames} of {planned} frames are used",)


def _times(universe: Any) -> tuple[Float64[np.ndarray, " frames"], tuple[str, ...]]:
    """Of all frames, read one by one only where they are uneven; and a remark where the format has none."""
    trajectory = universe.trajectory
    frames, remarks = len(trajectory), ()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trajectory[0]
        interval, start = float(trajectory.dt), float(trajectory.time)
    if frames > 1 and any("dt information" in str(warning.message) for warning in caught):
        remarks = ("no times are stored: frames are taken to be 1 ps apart",)
    even = start + interval * np.arange(frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            probes = {frame: trajectory[frame].time for frame in {frames - 1, frames // 2, min(1, frames - 1)}}
        except (OSError, EOFError, ValueError, IndexError, RuntimeError):  # cut off: the pass will tell where
            return even, remarks
        slack = _UNEVEN * max(abs(interval), 1e-9) + 1e-6 * abs(even[-1])
        if all(abs(time - even[frame]) <= slack for frame, time in probes.items()):
            return even, remarks
        return np.array([state.time for state in trajectory], dtype=np.float64), remarks


def _quiet() -> None:
    logging.getLogger("MDAnalysis.coordinates.AMBER").setLevel(logging.ERROR)  # warns of an absent netCDF4 at import
