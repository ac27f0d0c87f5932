"""From the trajectory of a run to a file of another format, frame by frame."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from tqdm import tqdm

from ai2bmd.errors import InputError
from ai2bmd.exported_system import ExportedSystem
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.trajectory.frames import FrameReader, open_frames

FORMATS = (".xtc", ".dcd", ".trr", ".pdb", ".h5md")
"""Endings of the files. XTC rounds to 0.01 A; PDB has a model for each frame, no times, and the box of the first."""
_H5MD_UNITS = {"timeunit": "ps", "lengthunit": "Angstrom"}
_UNEVEN = 1e-3  # of the time between two frames


@dataclass(frozen=True)
class Choice:
    """What to write."""

    solvent: bool = False
    selection: str | None = None
    """In MDAnalysis' language, at the first frame written."""
    stride: int = 1
    """Every how manieth frame."""
    first_ps: float = 0.0
    last_ps: float = float("inf")
    superposed: bool = False
    """Whether the protein is superposed on the prepared structure."""
    overwrite: bool = False


def export(run: Path, output: Path, choice: Choice, *, say: Callable[[str], None]) -> None:
    """Write frames of a run, and a topology beside them if that of the run has other atoms.

    Args:
        run: run directory.
        output: file to write; its ending tells the format.
        choice: atoms and frames.
        say: takes a line about what was written.

    Raises:
        InputError: the ending is unknown, the file exists, no frame or atom is chosen, the solvent was not saved, or
            frames come at uneven times for DCD, which holds one interval.
    """
    directory = RunDirectory(run)
    for file in (directory.prepared, directory.trajectory):
        if not file.is_file():
            copies = sorted(copy.parent.name for copy in run.glob(f"*/{file.name}"))
            hint = f"; give one of its copies, such as {run / copies[0]}" if copies else ""
            raise InputError(f"{run} is not a run directory with a trajectory: {file.name} is missing{hint}")
    ending = output.suffix.lower()
    if ending not in FORMATS:
        raise InputError(f"{output}: expected a name that ends in {', '.join(FORMATS)}, got {output.suffix!r}")
    topology = None
    if (choice.solvent or choice.selection is not None) and ending != ".pdb":
        topology = output.with_suffix(".pdb")
    for path in filter(None, (output, topology)):
        _check_free(path, directory, overwrite=choice.overwrite)
    with open_frames(directory.trajectory, solvent=choice.solvent) as reader:
        frames = _choose_frames(reader, choice, directory)
        options = _H5MD_UNITS if ending == ".h5md" else {}
        if ending == ".dcd":
            options = _dcd_header(reader, frames)
        if ending == ".pdb" and choice.solvent:
            options = {"bonds": None}  # MDAnalysis takes minutes to collect those of a large system
        system = ExportedSystem(directory, reader, solvent=choice.solvent)
        system.show(frames[0], number=0, superposed=choice.superposed)
        chosen = np.arange(system.topology.getNumAtoms())
        if choice.selection is not None:
            chosen = system.select(choice.selection)
        if topology:
            _write_safely(topology, lambda path: system.write_topology(path, chosen))
        bar = tqdm(frames.tolist(), unit="frame", disable=None, dynamic_ncols=True)
        _write_safely(
            output,
            lambda path: system.write_frames(path, bar, chosen, superposed=choice.superposed, options=options),
        )
    times = reader.time_ps[[frames[0], frames[-1]]]
    say(f"Wrote {output}: {len(frames)} frames of {len(chosen)} atoms, {times[0]:g} to {times[1]:g} ps")
    if choice.superposed and reader.periodic:
        say("Without the box, which does not fit superposed frames.")
    if ending != ".pdb":
        say(f"Topology: {topology or directory.prepared}")


def _check_free(path: Path, directory: RunDirectory, *, overwrite: bool) -> None:
    """Make sure that a file may be written.

    Raises:
        InputError: its folder is missing, it exists, or belongs to the run.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: the directory {path.parent} does not exist; make it first")
    own = [getattr(directory, name) for name, kind in vars(RunDirectory).items() if isinstance(kind, property)]
    if path.resolve() in {file.resolve() for file in own}:
        raise InputError(f"{path} belongs to the run and is never written over; choose another name")
    if path.exists() and not (overwrite and path.is_file()):
        raise InputError(f"{path} exists; give --overwrite to replace it, or choose another name")


def _choose_frames(reader: FrameReader, choice: Choice, directory: RunDirectory) -> Int64[np.ndarray, " chosen"]:
    if choice.stride < 1:
        raise InputError(f"--stride: expected a number of frames, 1 or more, got {choice.stride}")
    if not len(reader.step):
        raise InputError(
            f"{directory.trajectory} holds no frame yet; let the run go on with `ai2bmd resume {directory.path}`"
        )
    times = reader.time_ps
    slack = 1e-6  # times in a file are rounded
    chosen = np.flatnonzero((times >= choice.first_ps - slack) & (times <= choice.last_ps + slack))[:: choice.stride]
    if not len(chosen):
        until = "" if np.isinf(choice.last_ps) else f" --to {choice.last_ps:g} ps"
        raise InputError(
            f"--from {choice.first_ps:g} ps{until}: no frame is there; the {len(times)} of "
            f"{directory.trajectory} go from {times[0]:g} to {times[-1]:g} ps"
        )
    return chosen


def _dcd_header(reader: FrameReader, frames: Int64[np.ndarray, " chosen"]) -> dict[str, Any]:
    """Interval and start, which a DCD file has instead of times.

    Raises:
        InputError: the intervals differ.
    """
    times, steps = reader.time_ps[frames], reader.step[frames]
    if len(frames) == 1:
        return {"dt": float(times[0]) or 1.0, "nsavc": max(1, int(steps[0])), "istart": int(steps[0])}
    intervals = np.diff(times)
    uneven = np.flatnonzero(np.abs(intervals - intervals[0]) > _UNEVEN * intervals[0])
    if len(uneven):
        raise InputError(
            f"frames are missing after {times[uneven[0]]:g} ps, and DCD holds one interval of time for all; "
            "write XTC, or frames of one side only, with --from or --to"
        )
    return {"dt": float(intervals.mean()), "nsavc": int(steps[1] - steps[0]), "istart": int(steps[0])}


def _write_safely(path: Path, write: Callable[[Path], None]) -> None:
    """Write under another name first, so that a file of this name is always whole.

    Raises:
        InputError: the disk is full.
    """
    temporary = path.with_name(f".new-{path.name}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error}); is the disk full?") from error
    finally:
        temporary.unlink(missing_ok=True)
