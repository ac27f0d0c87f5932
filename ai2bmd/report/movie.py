"""The trajectory in 3D: a structure and packed coordinates that the page unpacks into 3Dmol."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from openmm import app, unit

from ai2bmd.analysis.superposition import superpose, superposed_atoms
from ai2bmd.report.load import Run
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


def make_movie(run: Run) -> Movie:
    """Choose frames and atoms so that the page stays small, superposed on the first frame."""
    shown, left_out = shown_atoms(run.protein)
    frames = chosen_frames(run.frames, atoms=len(shown))
    _, turned = superpose(run.positions_A[frames], run.positions_A[0], atoms=superposed_atoms(run.protein)[0])
    turned = turned[:, shown] - turned[0, shown].mean(0)
    reach = float(np.abs(turned).max())
    step = max(_STEP_A, reach / 32767)
    packed = np.rint(turned / step).astype("<i2")
    return Movie(
        pdb=_pdb(run.topology, run.protein_atoms[shown], turned[0]),
        time_ps=run.time_ps[frames].round(6).tolist(),
        coordinates=base64.b64encode(packed.tobytes()).decode(),
        step_A=step,
        left_out=left_out,
    )


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


def movie_section(run: Run, movie: Movie) -> Section:
    """The viewer; the script of the page brings it to life."""
    shown = len(movie.time_ps)
    note = "The first frame." if run.frames == 1 else f"{shown} of {run.frames} frames, superposed on the first."
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
    topology: app.Topology, atoms: Int64[np.ndarray, " shown"], positions_A: Float32[np.ndarray, "shown 3"]
) -> str:
    """The shown atoms alone, with their chains and residue numbers."""
    everything = list(topology.atoms())
    part, chain, residue, previous = app.Topology(), None, None, None
    for index in atoms.tolist():
        atom = everything[index]
        if previous is None or atom.residue.chain is not previous.residue.chain:
            chain = part.addChain(atom.residue.chain.id)
        if previous is None or atom.residue is not previous.residue:
            residue = part.addResidue(atom.residue.name, chain, atom.residue.id, atom.residue.insertionCode)
        part.addAtom(atom.name, atom.element, residue)
        previous = atom
    pdb = io.StringIO()
    app.PDBFile.writeFile(part, unit.Quantity(positions_A.astype(np.float64), unit.angstrom), pdb, keepIds=True)
    return pdb.getvalue()
