"""A molecule that conformations are made of: a unit, or a cluster of residues, as the force field knows it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from openmm import app

from ai2bmd.conformations.atom_order import atom_order, reordered
from ai2bmd.environment import build_environment, partial_charges
from ai2bmd.protein import protein_topology
from fragmentation.topology import ProteinTopology
from potentials.label_store import Molecule


@dataclass(frozen=True, eq=False)
class CappedMolecule:
    """A molecule of residues and caps, its atoms in the order of `atom_order`."""

    name: str
    topology: app.Topology
    protein: ProteinTopology
    positions_A: Float64[np.ndarray, "atoms 3"]
    """As built or found: the reference of its bond lengths and chirality."""
    charges: Float64[np.ndarray, " atoms"]
    """Partial charges of amber19/ff19SB, e."""

    @property
    def total_charge(self) -> int:
        """In e."""
        return round(float(self.charges.sum()))

    @cached_property
    def constants(self) -> Molecule:
        """What a file of conformations says of it."""
        names = np.array(self.protein.residue_names, dtype="S4")
        return Molecule(
            name=self.name,
            total_charge=self.total_charge,
            atomic_numbers=self.protein.atomic_numbers.astype(np.uint8),
            mm_charges=self.charges.astype(np.float32),
            atom_names=np.array(self.protein.atom_names, dtype="S4"),
            residue_names=names[self.protein.residue_index],
            residue_index=self.protein.residue_index.astype(np.uint8),
            bonds=self.protein.bonds.astype(np.uint8),
        )


def capped_molecule(name: str, topology: app.Topology, positions_A: Float64[np.ndarray, "atoms 3"]) -> CappedMolecule:
    """A molecule with its charges, put into the order of the files.

    Raises:
        InputError: the force field has no template for a residue.
    """
    order = atom_order(topology)
    ordered = reordered(topology, order)
    charges = partial_charges(build_environment(ordered, solvent="gas"))
    return CappedMolecule(name, ordered, protein_topology(ordered)[0], positions_A[order], charges)
