"""The force field's energy and forces of a molecule that is made of residues with templates, in the gas phase."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
import numpy as np
from openmm import app

from ai2bmd.environment import FORCE_FIELD_FILE, ForceFieldEnergy
from ai2bmd.errors import InputError
from potentials.label_store import ForceFieldLabel, Molecule


class MoleculeForceField:
    """Energy and forces of one molecule by amber19/ff19SB: no cutoff, no constraints, double precision."""

    def __init__(self, molecule: Molecule) -> None:
        """Find templates.

        Raises:
            InputError: the force field has none for a residue.
        """
        try:
            system = app.ForceField(FORCE_FIELD_FILE).createSystem(
                molecule_topology(molecule),
                nonbondedMethod=app.NoCutoff,
                constraints=None,
                rigidWater=False,
                removeCMMotion=False,
            )
        except ValueError as error:
            raise InputError(
                f"{molecule.name}: {FORCE_FIELD_FILE} has no template for it; names of atoms and residues are to be "
                f"Amber's, or all empty where the force field is not wanted. OpenMM says: {str(error).splitlines()[0]}"
            ) from error
        self._energy = ForceFieldEnergy(system)

    def evaluate(self, positions_A: np.ndarray) -> ForceFieldLabel:
        """Energy and forces at (atoms, 3) positions."""
        return ForceFieldLabel(*self._energy(positions_A))


def has_templates(molecule: Molecule) -> bool:
    """Whether its atoms have names that templates could be found by."""
    return all(name.strip() for name in molecule.atom_names.astype(str))


def without_force_field(molecule: Molecule) -> ForceFieldLabel:
    """What stands in the store for a molecule without templates."""
    return ForceFieldLabel(np.nan, np.full((len(molecule.atomic_numbers), 3), np.nan))


def molecule_topology(molecule: Molecule) -> app.Topology:
    """Residues in one chain, with the bonds of the molecule."""
    topology = app.Topology()
    chain, residue, previous = topology.addChain(), None, -1
    atoms = []
    for number, name, residue_name, index in zip(
        molecule.atomic_numbers.tolist(),
        molecule.atom_names.astype(str).tolist(),
        molecule.residue_names.astype(str).tolist(),
        molecule.residue_index.tolist(),
        strict=True,
    ):
        if index != previous:
            residue, previous = topology.addResidue(residue_name, chain), index
        atoms.append(topology.addAtom(name, app.Element.getByAtomicNumber(number), residue))
    for first, second in molecule.bonds.tolist():
        topology.addBond(atoms[first], atoms[second])
    return topology
