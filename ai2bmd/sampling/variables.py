"""Collective variables as OpenMM forces, whose energy is the variable.

They see the positions as OpenMM holds them. OpenMM never breaks a molecule at the edges of the box, and
`hold_together` makes it treat the chains of the protein as one molecule; so a system that starts with its protein in
one piece keeps it, whatever the barostat does, and no variable here needs to know the box.
"""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from jaxtyping import Float, Int64
from openmm import app, unit
from scipy.spatial.distance import cdist

from ai2bmd.atom_selection import select_atoms
from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label
from ai2bmd.sampling.residues import chain_ends, dihedral_atoms
from ai2bmd.sampling.settings import DIHEDRALS, KINDS, PREPARED, Variable

_CONTACT_A = 4.5
_CONTACT_SOFTNESS_PER_A = 5.0
_CONTACT_TOLERANCE = 1.8
_CONTACT_SEPARATION = 3
"""Best, Hummer and Eaton, PNAS 110, 17874 (2013): native pairs of heavy atoms within 4.5 A, of residues more than three
apart; Q is the mean of 1/(1 + exp(beta (r - lambda r0))) over them, beta = 5/A and lambda = 1.8."""


@dataclass(frozen=True, eq=False)
class CollectiveVariable:
    """A variable of the settings with its atoms found."""

    settings: Variable
    make_force: Callable[[], openmm.Force]
    """A new force whose energy (OpenMM's units) is the variable."""

    @property
    def openmm(self) -> float:
        """OpenMM's unit in the unit of the settings."""
        return KINDS[self.settings.kind].openmm


@dataclass(frozen=True, eq=False)
class Molecule:
    """Where variables find their atoms."""

    topology: app.Topology
    """Of the whole system."""
    positions_A: Float[np.ndarray, "atoms 3"]
    """The prepared structure; of water and ions wherever they are."""
    protein: Int64[np.ndarray, " protein_atoms"]
    references: dict[str, Path]
    """Files of the reference structures, by what the settings call them."""


def find_variables(variables: Sequence[Variable], molecule: Molecule) -> tuple[CollectiveVariable, ...]:
    """The variables of the settings.

    Raises:
        InputError: a residue, chain or selection does not exist, or a reference does not fit.
    """
    return tuple(CollectiveVariable(variable, _force_maker(variable, molecule)) for variable in variables)


def hold_together(system: openmm.System, chains: Sequence[Int64[np.ndarray, " chain_atoms"]]) -> None:
    """Make OpenMM treat chains as one molecule, by bonds without energy between their first atoms."""
    if len(chains) > 1:
        bonds = openmm.HarmonicBondForce()
        for chain in chains[1:]:
            bonds.addBond(int(chains[0][0]), int(chain[0]), 0.0, 0.0)
        bonds.setName("chains in one image")
        system.addForce(bonds)


def _force_maker(variable: Variable, molecule: Molecule) -> Callable[[], openmm.Force]:
    protein = set(molecule.protein.tolist())
    if variable.kind in DIHEDRALS:
        quadruple = dihedral_atoms(molecule.topology, variable.kind, variable.of, protein=protein)
        return lambda: dihedral_force(quadruple, middle_deg=sum(variable.range) / 2.0)
    if variable.kind == "end_to_end":
        ends = chain_ends(molecule.topology, variable.of, protein=protein)
        return lambda: _distance(ends)
    setting = f"sampling: {variable.kind}"
    atoms = select_atoms(molecule.topology, molecule.positions_A, variable.of, setting=setting)
    if outside := set(atoms.tolist()) - protein:
        raise InputError(f"{setting}: {variable.of!r} chooses {len(outside)} atoms that are not of the protein")
    if variable.kind == "radius_of_gyration":
        return lambda: openmm.RGForce([int(atom) for atom in atoms])
    reference_A = _reference(variable, molecule, atoms)
    if variable.kind == "rmsd":
        if len(atoms) < 3:
            raise InputError(f"{setting}: {variable.of!r} chooses {len(atoms)} atoms, superposition needs three")
        return lambda: openmm.RMSDForce(reference_A / 10.0 * unit.nanometer, [int(atom) for atom in atoms])
    pairs, native_A = _native_contacts(molecule.topology, atoms, reference_A)
    if not len(pairs):
        raise InputError(f"{setting}: there is no native contact among the atoms of {variable.of!r}")
    return lambda: _contacts(pairs, native_A)


def dihedral_force(atoms: tuple[int, int, int, int], *, middle_deg: float) -> openmm.Force:
    """The angle within half a turn of the middle of its range, so that it jumps as far from the range as can be."""
    middle, turn = float(np.radians(middle_deg)), 2.0 * np.pi
    force = openmm.CustomTorsionForce(f"theta-{turn!r}*floor((theta-({middle!r}))/{turn!r}+0.5)")
    force.addTorsion(*atoms)
    return force


def _distance(atoms: tuple[int, int]) -> openmm.Force:
    force = openmm.CustomBondForce("r")
    force.addBond(*atoms)
    return force


def _contacts(pairs: Int64[np.ndarray, "pairs 2"], native_A: Float[np.ndarray, " pairs"]) -> openmm.Force:
    softness = 10.0 * _CONTACT_SOFTNESS_PER_A
    # 1/(1 + exp x) in a form whose derivative does not overflow in single precision
    force = openmm.CustomBondForce(f"0.5/{len(pairs)}*(1-tanh({0.5 * softness}*(r-{_CONTACT_TOLERANCE}*r0)))")
    force.addPerBondParameter("r0")
    for (first, second), distance_A in zip(pairs.tolist(), native_A.tolist(), strict=True):
        force.addBond(first, second, [distance_A / 10.0])
    return force


def _native_contacts(
    topology: app.Topology, atoms: Int64[np.ndarray, " chosen"], reference_A: Float[np.ndarray, "atoms 3"]
) -> tuple[Int64[np.ndarray, "pairs 2"], Float[np.ndarray, " pairs"]]:
    """Pairs of heavy atoms in contact in the reference, and their distances there."""
    every = list(topology.atoms())
    heavy = np.array([atom for atom in atoms if every[atom].element is not app.element.hydrogen], dtype=np.int64)
    residue = np.array([every[atom].residue.index for atom in heavy])
    chain = np.array([every[atom].residue.chain.index for atom in heavy])
    apart = np.abs(residue[:, None] - residue[None]) > _CONTACT_SEPARATION
    distances_A = cdist(reference_A[heavy], reference_A[heavy])
    native = (apart | (chain[:, None] != chain[None])) & (distances_A < _CONTACT_A)
    first, second = np.nonzero(np.triu(native))
    return np.stack([heavy[first], heavy[second]], axis=1), distances_A[first, second]


def _reference(
    variable: Variable, molecule: Molecule, atoms: Int64[np.ndarray, " chosen"]
) -> Float[np.ndarray, "atoms 3"]:
    """Positions of all atoms of the system, those of the chosen atoms from the reference.

    Raises:
        InputError: the file cannot be read, or lacks an atom.
    """
    if variable.reference == PREPARED:
        return molecule.positions_A
    path = molecule.references[variable.reference]
    try:
        file = app.PDBFile(str(path))
    except (ValueError, IndexError, KeyError, AssertionError, OSError) as error:
        raise InputError(
            f"sampling: {variable.kind}: reference {variable.reference} is no PDB file: {error}"
        ) from error
    found_A = np.array(file.getPositions(asNumpy=True) / unit.angstrom)  # pyright: ignore[reportOptionalOperand]
    places = {_key(atom): atom.index for atom in file.topology.atoms()}
    positions_A, every = molecule.positions_A.copy(), list(molecule.topology.atoms())
    for index in atoms:
        if _key(every[index]) not in places:
            raise InputError(
                f"sampling: {variable.kind}: reference {variable.reference} lacks {atom_label(every[index])}; choose "
                "atoms that both have, with the same chain, residue number and name"
            )
        positions_A[index] = found_A[places[_key(every[index])]]
    return positions_A


def _key(atom: app.topology.Atom) -> tuple[str, str, str, str]:
    residue = atom.residue
    return residue.chain.id, residue.id, residue.insertionCode.strip(), atom.name
