"""Dihedral angles of backbone and side chains in every frame, and the rotamers of side chains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.fractions import fraction
from ai2bmd.analysis.molecule import residue_labels
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import as_trajectories, stream, stride_for
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

WELLS = ("g+", "t", "g-")
"""Around 60, 180 and -60 degrees (IUPAC-IUB, Biochemistry 9, 3471, 1970)."""
_SIDE_CHAIN = (
    ("N",),
    ("CA",),
    ("CB",),
    ("CG", "CG1", "OG", "OG1", "SG", "SEG"),
    ("CD", "CD1", "OD1", "ND1", "SD", "SE"),
    ("CE", "OE1", "NE"),
    ("NZ", "CZ"),
    ("NH1",),
)
"""Atoms along a side chain, at each place the first of these names that is bonded to the atom before."""
_RINGS = {"PRO", "DPR", "HYP"}
_VALENCE = {6: 4, 16: 2}
_PLANAR = {
    **dict.fromkeys("ASP ASN ASH PHE TYR TRP HIS HID HIE HIP HSD HSE HSP DAS DSG DPN DTY DTR DHI".split(), "CG"),
    **dict.fromkeys("GLU GLN GLH DGL DGN".split(), "CD"),
    **dict.fromkeys(("ARG", "DAR"), "NE"),
}
"""The atom of a side chain with three neighbours in a plane."""
_VALUES = 40_000_000
Kind = Literal["phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "chi5"]


@dataclass(frozen=True)
class Dihedral:
    """A dihedral angle of a residue."""

    kind: Kind
    residue: int
    atoms: tuple[int, int, int, int]
    rotameric: bool
    """Whether it is about a bond of two tetrahedral atoms that is in no ring, so that it has three wells."""


@dataclass(frozen=True, eq=False)
class DihedralAngles:
    """Angles in degrees, -180 to 180, IUPAC sign."""

    dihedrals: tuple[Dihedral, ...]
    residue_labels: tuple[str, ...]
    residue_names: tuple[str, ...]
    angles: Series
    """(frames, dihedrals)."""

    def of(self, kind: Kind) -> tuple[Int64[np.ndarray, " residues"], tuple[Float[np.ndarray, "frames residues"], ...]]:
        """Residues that have an angle of this kind, and the angles in each trajectory."""
        columns = [place for place, dihedral in enumerate(self.dihedrals) if dihedral.kind == kind]
        residues = np.array([self.dihedrals[place].residue for place in columns], dtype=np.int64)
        return residues, tuple(part[:, columns] for part in self.angles.values)


@dataclass(frozen=True)
class Rotamers:
    """How often a side-chain angle is in each of its wells."""

    residue_label: str
    kind: Kind
    populations: tuple[Estimate, ...]
    """Of g+, t and g-."""
    transitions: int
    """From well to well, in all trajectories, between frames of the result."""


class DihedralsOf(SeriesOf):
    """All backbone and side-chain angles."""

    def __init__(self, trajectories: Sequence[Trajectory]) -> None:
        """Of a molecule with residues.

        Raises:
            InputError: it has no such angle.
        """
        molecule = trajectories[0].molecule
        self.dihedrals = (*backbone_dihedrals(molecule), *side_chain_dihedrals(molecule))
        if not self.dihedrals:
            raise InputError("the molecule has neither a backbone nor side chains, so no dihedral angles are named")
        quadruples = np.array([dihedral.atoms for dihedral in self.dihedrals], dtype=np.int64)
        self._trajectories = trajectories

        def angles(chunk: Chunk) -> np.ndarray:
            return dihedrals_deg(chunk.positions_A, quadruples).astype(np.float32)

        super().__init__(angles, stride=stride_for(trajectories, _VALUES // len(self.dihedrals)))

    def angles(self) -> DihedralAngles:
        """Of all frames."""
        molecule = self._trajectories[0].molecule
        series = self.result(self._trajectories, "dihedral angles", unit="degrees")
        return DihedralAngles(self.dihedrals, residue_labels(molecule), molecule.residue_names, series)


def dihedrals_deg(
    positions_A: Float[np.ndarray, "frames atoms 3"], quadruples: Int64[np.ndarray, "angles 4"]
) -> Float64[np.ndarray, "frames angles"]:
    """Dihedral angles in degrees, IUPAC sign."""
    from MDAnalysis.lib.distances import calc_dihedrals

    if not len(quadruples):
        return np.empty((len(positions_A), 0))
    first, second, third, fourth = (positions_A[:, column].reshape(-1, 3) for column in quadruples.T)
    return np.degrees(calc_dihedrals(first, second, third, fourth)).reshape(len(positions_A), len(quadruples))


def backbone_quadruples(
    molecule: ProteinTopology,
) -> tuple[Int64[np.ndarray, " angles"], Int64[np.ndarray, "angles 5"]]:
    """Residues with a neighbour bonded on both sides, and their atoms C(i-1), N, CA, C, N(i+1)."""
    found = {kind: {} for kind in ("phi", "psi", "omega")}
    for dihedral in backbone_dihedrals(molecule):
        found[dihedral.kind][dihedral.residue] = dihedral.atoms
    residues = sorted(found["phi"].keys() & found["psi"].keys())
    atoms = [(*found["phi"][residue], found["psi"][residue][3]) for residue in residues]
    return np.array(residues, dtype=np.int64), np.array(atoms, dtype=np.int64).reshape(-1, 5)


def backbone_dihedrals(molecule: ProteinTopology) -> tuple[Dihedral, ...]:
    """Phi, psi and omega (of the bond to the residue before) of every residue that has them."""
    found = []
    for residue in range(len(molecule.residue_names)):
        nitrogen, alpha, carbon = (molecule.atom(residue, name) for name in ("N", "CA", "C"))
        if nitrogen is None or alpha is None or carbon is None:
            continue
        before = _bonded(molecule, nitrogen, "C", residue)
        after = _bonded(molecule, carbon, "N", residue)
        if before is not None:
            found.append(Dihedral("phi", residue, (before, nitrogen, alpha, carbon), False))
            previous = next((a for a in molecule.neighbours[before] if molecule.atom_names[a] in ("CA", "CH3")), None)
            if previous is not None:
                found.append(Dihedral("omega", residue, (previous, before, nitrogen, alpha), False))
        if after is not None:
            found.append(Dihedral("psi", residue, (nitrogen, alpha, carbon, after), False))
    return tuple(found)


def side_chain_dihedrals(molecule: ProteinTopology) -> tuple[Dihedral, ...]:
    """Chi angles of every residue, found along its bonds, whatever its name and handedness."""
    found = []
    for residue in range(len(molecule.residue_names)):
        if molecule.atom(residue, "CB") is None or molecule.atom(residue, "N") is None:
            continue
        chain: list[int] = []
        for names in _SIDE_CHAIN:
            follower = _next(molecule, residue, names, chain)
            if follower is None:
                break
            chain.append(follower)
        ring = molecule.residue_names[residue] in _RINGS
        for number in range(len(chain) - 3):
            four = tuple(chain[number : number + 4])
            rotameric = not ring and all(_tetrahedral(molecule, atom) for atom in four[1:3])
            found.append(Dihedral(f"chi{number + 1}", residue, four, rotameric))  # pyright: ignore[reportArgumentType]
    return tuple(found)


def _tetrahedral(molecule: ProteinTopology, atom: int) -> bool:
    """Whether an atom has four neighbours (sulfur two); by its name in a file without hydrogens."""
    residue = int(molecule.residue_index[atom])
    if (molecule.atomic_numbers[list(molecule.atoms_of(residue))] == 1).any():
        return len(molecule.neighbours[atom]) == _VALENCE.get(int(molecule.atomic_numbers[atom]))
    return molecule.atom_names[atom] != _PLANAR.get(molecule.residue_names[residue])


def _next(molecule: ProteinTopology, residue: int, names: tuple[str, ...], chain: list[int]) -> int | None:
    """The first atom of one of these names that continues the chain."""
    for name in names:
        atom = molecule.atom(residue, name)
        if atom is not None and (not chain or atom in molecule.neighbours[chain[-1]]):
            return atom
    return None


def rotamers(angles: DihedralAngles) -> tuple[Rotamers, ...]:
    """Populations of the wells of every side-chain angle that has three."""
    result = []
    for place, dihedral in enumerate(angles.dihedrals):
        if not dihedral.rotameric:
            continue
        wells = [(np.mod(part[:, place], 360.0) // 120.0).astype(int) for part in angles.angles.values]
        populations = tuple(fraction([part == well for part in wells]) for well in range(3))
        changes = sum(int((np.diff(part) != 0).sum()) for part in wells)
        result.append(Rotamers(angles.residue_labels[dihedral.residue], dihedral.kind, populations, changes))
    return tuple(result)


def dihedral_angles(source: Any) -> DihedralAngles:
    """Backbone and side-chain dihedral angles along trajectories.

    Raises:
        InputError: the molecule has none.
    """
    trajectories = as_trajectories(source)
    collector = DihedralsOf(trajectories)
    stream(trajectories, [collector])
    return collector.angles()


def _bonded(molecule: ProteinTopology, atom: int, name: str, residue: int) -> int | None:
    """The neighbour of this name in another residue."""
    return next(
        (
            other
            for other in molecule.neighbours[atom]
            if molecule.atom_names[other] == name and molecule.residue_index[other] != residue
        ),
        None,
    )
