"""The trajectory in 3D: a structure and packed coordinates that the page unpacks into 3Dmol."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64
from openmm import app, unit

from ai2bmd.analysis.superposition import superpose, superposed_atoms
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.report.sections import Section
from fragmentation.topology import ProteinTopology

MAX_ATOMS = 6000
MAX_FRAMES = 200
MAX_ATOM_FRAMES = 400_000
"""About 3 MB of page."""
_STEP_A = 0.005
"""Of the packed coordinates: two bytes then reach 163 A to either side."""


@dataclass(frozen=True, eq=False)
class Movie:
    """What is shown."""

    pdb: str
    time_ps: list[float]
    coordinates: str
    """Base64 of (frames, atoms, 3) 16-bit integers, little endian, in steps of `step_A`."""
    step_A: float
    frames: int
    """Of the trajectory."""
    name: str
    """Of the trajectory."""
    left_out: str
    """What of the protein is not shown, in words; empty if all is."""

    def data(self) -> dict[str, object]:
        """For the script of the page."""
        return {
            "pdb": self.pdb,
            "time": self.time_ps,
            "unit": self.step_A,
            "coordinates": self.coordinates,
        }


def make_movie(
    molecule: ProteinTopology,
    positions_A: Float32[np.ndarray, "frames atoms 3"],
    time_ps: Float64[np.ndarray, " frames"],
    *,
    frames: int,
    name: str = "",
) -> Movie:
    """Pack frames, superposed on the first.

    Args:
        molecule: its atoms.
        positions_A: of the frames shown; `chosen_frames` names those that keep the page small.
        time_ps: of them.
        frames: of the whole trajectory.
        name: of the trajectory.
    """
    shown, left_out = shown_atoms(molecule)
    _, turned = superpose(positions_A, positions_A[0], atoms=superposed_atoms(molecule)[0])
    turned = turned[:, shown] - turned[0, shown].mean(0)
    reach = float(np.abs(turned).max())
    step = max(_STEP_A, reach / 32767)
    packed = np.rint(turned / step).astype("<i2")
    return Movie(
        pdb=_pdb(molecule, shown, turned[0]),
        time_ps=time_ps.round(6).tolist(),
        coordinates=base64.b64encode(packed.tobytes()).decode(),
        step_A=step,
        frames=frames,
        name=name,
        left_out=left_out,
    )


def movie_of(trajectory: Trajectory) -> Movie:
    """Of a trajectory: its first frame, and others at even distances."""
    atoms = len(shown_atoms(trajectory.molecule)[0])
    stride = -(-trajectory.frames // len(chosen_frames(trajectory.frames, atoms=atoms)))
    chunks = [chunk for chunk in trajectory.chunks(stride=stride) if len(chunk.frames)]
    frames = np.concatenate([chunk.frames for chunk in chunks])
    positions_A = np.concatenate([chunk.positions_A for chunk in chunks])
    times_ps = trajectory.time_ps[frames]
    return make_movie(trajectory.molecule, positions_A, times_ps, frames=trajectory.frames, name=trajectory.name)


def shown_atoms(protein: ProteinTopology) -> tuple[Int64[np.ndarray, " shown"], str]:
    """All atoms, or of a large protein those that matter most; and what is left out."""
    heavy = protein.atomic_numbers > 1
    if len(heavy) <= MAX_ATOMS:
        return np.arange(len(heavy)), ""
    if heavy.sum() <= MAX_ATOMS:
        return np.flatnonzero(heavy), "hydrogens"
    return np.flatnonzero(np.isin(protein.atom_names, ["N", "CA", "C", "O"])), "side chains"


def chosen_frames(frames: int, *, atoms: int) -> Int64[np.ndarray, " chosen"]:
    """Evenly spread frames, first and last included."""
    count = min(frames, MAX_FRAMES, max(2, MAX_ATOM_FRAMES // atoms))
    return np.unique(np.linspace(0, frames - 1, count).round().astype(np.int64))


def movie_section(movie: Movie, *, of: int = 1) -> Section:
    """The viewer; the script of the page brings it to life.

    Args:
        movie: what it shows.
        of: number of trajectories of which it shows one.
    """
    shown = len(movie.time_ps)
    note = f"{shown} of {movie.frames} frames, superposed on the first." if movie.frames > 1 else "The first frame."
    if of > 1:
        note = f"{movie.name}, one of {of} trajectories: {note}"
    if movie.left_out:
        note += f" For size, {movie.left_out} are not shown."
    body = (
        '<div id="view"><p id="view-note"></p></div>'
        '<div id="controls"><button id="play" type="button" aria-label="Play or pause">Play</button>'
        f'<input id="frame" type="range" min="0" max="{shown - 1}" value="0" aria-label="Frame">'
        '<output id="time"></output>'
        '<select id="style" aria-label="Style"><option value="both">cartoon and sticks</option>'
        '<option value="cartoon">cartoon</option><option value="sticks">sticks</option></select></div>'
    )
    return Section("Trajectory", body, note + " Drag to turn, scroll to zoom.")


def _pdb(
    molecule: ProteinTopology, atoms: Int64[np.ndarray, " shown"], positions_A: Float32[np.ndarray, "shown 3"]
) -> str:
    """The shown atoms alone, with their chains and residue numbers."""
    part, chain, residue, previous = app.Topology(), None, None, None
    for atom in atoms.tolist():
        here = int(molecule.residue_index[atom])
        if previous is None or molecule.chain_ids[here] != molecule.chain_ids[previous]:
            chain = part.addChain(molecule.chain_ids[here])
        if here != previous:
            number = molecule.residue_numbers[here].strip()
            code = number[-1] if number[-1:].isalpha() else ""
            residue = part.addResidue(molecule.residue_names[here], chain, number.removesuffix(code), code or " ")
        nuclear = int(molecule.atomic_numbers[atom])
        element = app.Element.getByAtomicNumber(nuclear) if nuclear else None
        part.addAtom(molecule.atom_names[atom], element, residue)
        previous = here
    pdb = io.StringIO()
    app.PDBFile.writeFile(part, unit.Quantity(positions_A.astype(np.float64), unit.angstrom), pdb, keepIds=True)
    return pdb.getvalue()
