"""The analysed molecule as mdtraj has it."""

from typing import Any

import numpy as np
from ase.data import chemical_symbols
from jaxtyping import Float32

from fragmentation.topology import ProteinTopology


def mdtraj_topology(molecule: ProteinTopology) -> Any:
    """Atoms, residues and bonds; a chain ends where the next residue is not bonded."""
    import mdtraj
    from mdtraj.core import element

    topology, atoms, chain = mdtraj.Topology(), [], None
    joined = {tuple(sorted(pair)) for pair in molecule.residue_index[molecule.bonds].tolist()}
    for residue, name in enumerate(molecule.residue_names):
        if chain is None or (residue - 1, residue) not in joined:
            chain = topology.add_chain()
        added = topology.add_residue(name, chain)
        for atom in molecule.atoms_of(residue):
            number = int(molecule.atomic_numbers[atom])
            kind = element.get_by_symbol(chemical_symbols[number]) if number else element.virtual
            atoms.append(topology.add_atom(molecule.atom_names[atom], kind, added))
    for first, second in molecule.bonds.tolist():
        topology.add_bond(atoms[first], atoms[second])
    return topology


def as_mdtraj(positions_A: Float32[np.ndarray, "frames atoms 3"], topology: Any) -> Any:
    """Frames, in nm."""
    import mdtraj

    return mdtraj.Trajectory(positions_A * np.float32(0.1), topology)
