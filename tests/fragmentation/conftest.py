"""Chains of any residues, from the force field's own templates: topologies without positions."""

import string
from collections.abc import Callable, Sequence

import pytest
from openmm import app

from ai2bmd.protein import protein_topology
from fragmentation.topology import ProteinTopology

Builder = Callable[..., ProteinTopology]


@pytest.fixture(scope="session")
def build_openmm_topology() -> Callable[..., app.Topology]:
    """Function: ("NALA GLY CPRO", ...), one string of Amber template names a chain, to an OpenMM topology."""
    templates = app.ForceField("amber19/protein.ff19SB.xml")._templates

    def build(
        *chains: str,
        disulfides: Sequence[tuple[int, int]] = (),
        leave_out: Sequence[tuple[int, str]] = (),
        cyclic: bool = False,
    ) -> app.Topology:
        topology = app.Topology()
        placed: list[dict[str, app.topology.Atom]] = []
        for identifier, names in zip(string.ascii_uppercase, chains, strict=False):
            chain = topology.addChain(identifier)
            first = len(placed)
            for number, name in enumerate(names.split(), start=1):
                residue = topology.addResidue(name[-3:], chain, str(number))
                template = templates[name]
                wanted = [atom for atom in template.atoms if (len(placed), atom.name) not in leave_out]
                atoms = {atom.name: topology.addAtom(atom.name, atom.element, residue) for atom in wanted}
                for one, two in template.bonds:
                    ends = template.atoms[one].name, template.atoms[two].name
                    if atoms.keys() >= set(ends):
                        topology.addBond(atoms[ends[0]], atoms[ends[1]])
                if len(placed) > first and "C" in placed[-1] and "N" in atoms:
                    topology.addBond(placed[-1]["C"], atoms["N"])
                placed.append(atoms)
            if cyclic:
                topology.addBond(placed[-1]["C"], placed[first]["N"])
        for one, two in disulfides:
            topology.addBond(placed[one]["SG"], placed[two]["SG"])
        return topology

    return build


@pytest.fixture(scope="session")
def build_protein(build_openmm_topology: Callable[..., app.Topology]) -> Builder:
    """The same, to a ProteinTopology."""
    return lambda *chains, **options: protein_topology(build_openmm_topology(*chains, **options))[0]
