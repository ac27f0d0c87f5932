"""What `ai2bmd export` writes: the atoms of a run as MDAnalysis knows them, the choice among them, their topology."""

# pyright: reportAttributeAccessIssue=false, reportOptionalOperand=false
# (OpenMM makes its units when it is imported)
import logging
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from openmm import app, unit

with warnings.catch_warnings():  # of packages that it would like to have
    warnings.simplefilter("ignore")
    logging.getLogger("MDAnalysis").setLevel(logging.ERROR)
    import MDAnalysis
    from MDAnalysis.exceptions import NoDataError, SelectionError
    from MDAnalysis.lib.mdamath import triclinic_box

from ai2bmd.analysis.superposition import superpose, superposed_atoms
from ai2bmd.errors import InputError
from ai2bmd.protein import atomic_numbers, protein_topology
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.structure.files import read_written
from ai2bmd.trajectory.frames import FrameReader

_PDB_SERIALS = 99_999


class ExportedSystem:
    """The atoms of a run, in the order of its topology without virtual sites, at one frame after the other."""

    def __init__(self, directory: RunDirectory, reader: FrameReader, *, solvent: bool) -> None:
        """The protein, or all atoms.

        Raises:
            InputError: topology and trajectory are not of one run, or the topology is damaged.
        """
        file = read_written(directory.system if solvent else directory.prepared)
        whole = app.Modeller(file.topology, file.positions)
        whole.delete([atom for atom in file.topology.atoms() if atom.element is None])
        self.topology: app.Topology = whole.topology
        self._reader = reader
        self._order = _places_in_frame(self.topology, solvent=solvent)
        stored = reader.atomic_numbers
        if len(stored) != len(self._order) or not np.array_equal(atomic_numbers(self.topology), stored[self._order]):
            source = directory.system if solvent else directory.prepared
            raise InputError(f"{directory.trajectory} and {source.name} are of different runs: their atoms differ")
        self._universe = _universe(self.topology)
        protein, atoms = protein_topology(self.topology)
        self._superposed = atoms[superposed_atoms(protein)[0]]
        self._reference_A = np.array(whole.positions.value_in_unit(unit.angstrom))

    def select(self, words: str) -> Int64[np.ndarray, " chosen"]:
        """Atoms chosen in MDAnalysis' language, at the frame that was shown last.

        Raises:
            InputError: the words are none of that language, or choose nothing.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                chosen = self._universe.select_atoms(words)
        except (SelectionError, NoDataError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"--selection {words!r} is no selection of MDAnalysis ({' '.join(str(error).split())}); "
                "expected such as 'name CA' or 'protein and not name H*'"
            ) from error
        if not len(chosen):
            raise InputError(f"--selection {words!r} chooses none of the {self.topology.getNumAtoms()} atoms")
        return np.asarray(chosen.indices, dtype=np.int64)

    def show(self, frame: int, *, number: int, superposed: bool) -> None:
        """Bring the universe to a frame, which is the so manieth of what is written.

        A superposed one has no box, for its vectors would have been turned too.
        """
        positions_A = self._reader.positions_A(frame)[self._order]
        box_A = self._reader.box_A(frame)
        if superposed:
            positions_A = self._turned(positions_A)
            box_A = None
        step = self._universe.trajectory.ts
        step.frame, step.time = number, float(self._reader.time_ps[frame])
        step.data["step"] = int(self._reader.step[frame])
        step.positions = positions_A
        step.dimensions = None if box_A is None else triclinic_box(*box_A)

    def write_frames(
        self,
        path: Path,
        frames: Iterable[int],
        chosen: Int64[np.ndarray, " chosen"],
        *,
        superposed: bool,
        options: Mapping[str, Any],
    ) -> None:
        """Write frames of the chosen atoms, in the format of the name's ending, with options of MDAnalysis' writer."""
        atoms = self._universe.select_atoms("all")[chosen]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns of a PDB file that are left empty
            with MDAnalysis.Writer(str(path), n_atoms=len(atoms), multiframe=True, **options) as writer:
                for number, frame in enumerate(frames):
                    self.show(frame, number=number, superposed=superposed)
                    writer.write(atoms)

    def write_topology(self, path: Path, chosen: Int64[np.ndarray, " chosen"]) -> None:
        """Write the chosen atoms as they are shown, as PDB; with their bonds if the format has numbers for all."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns that are left empty
            # OpenMM would number residues beyond 9999 by letters, which MDAnalysis reads as one residue
            self._universe.select_atoms("all")[chosen].write(str(path), bonds=None)
        bonds = [(bond.atom1.index, bond.atom2.index) for bond in self.topology.bonds()]
        text = path.read_text(encoding="utf-8").removesuffix("END\n")
        path.write_text(text + "".join(_bond_records(bonds, chosen)) + "END\n", encoding="utf-8")

    def _turned(self, positions_A: Float32[np.ndarray, "atoms 3"]) -> Float32[np.ndarray, "atoms 3"]:
        return superpose(positions_A[None], self._reference_A, atoms=self._superposed)[1][0]


def _places_in_frame(topology: app.Topology, *, solvent: bool) -> Int64[np.ndarray, " atoms"]:
    """For each atom of the topology its place in a frame, where the protein comes first."""
    if not solvent:
        return np.arange(topology.getNumAtoms())
    protein = protein_topology(topology)[1]
    others = np.setdiff1d(np.arange(topology.getNumAtoms()), protein)
    places = np.empty(topology.getNumAtoms(), dtype=np.int64)
    places[np.concatenate([protein, others])] = np.arange(len(places))
    return places


def _bond_records(bonds: Iterable[tuple[int, int]], chosen: Int64[np.ndarray, " chosen"]) -> Iterator[str]:
    """CONECT records of a PDB file; MDAnalysis takes minutes to write those of a large system."""
    if len(chosen) > _PDB_SERIALS:
        return
    serial = {atom: place for place, atom in enumerate(chosen.tolist(), start=1)}
    partners: defaultdict[int, list[int]] = defaultdict(list)
    for first, second in bonds:
        if first in serial and second in serial:
            partners[serial[first]].append(serial[second])
            partners[serial[second]].append(serial[first])
    for number, bonded in sorted(partners.items()):
        for group in range(0, len(bonded), 4):
            yield "CONECT" + "".join(f"{one:5}" for one in (number, *sorted(bonded)[group : group + 4])) + "\n"


def _universe(topology: app.Topology) -> MDAnalysis.Universe:
    """With one frame, and with the residue numbers and chains of the files, which MDAnalysis counts anew."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(topology)
        universe.load_new(np.zeros((1, topology.getNumAtoms(), 3), dtype=np.float32), order="fac")
        residues = list(topology.residues())
        universe.add_TopologyAttr("resids", [int(residue.id) for residue in residues])
        universe.add_TopologyAttr("icodes", [residue.insertionCode.strip() for residue in residues])
        universe.add_TopologyAttr("segids", [chain.id for chain in topology.chains()])
        kinds = np.full(topology.getNumAtoms(), "HETATM", dtype=object)
        kinds[protein_topology(topology)[1]] = "ATOM"
        universe.add_TopologyAttr("record_types", kinds)
    return universe
