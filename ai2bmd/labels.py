"""How messages and tables name residues and atoms."""

from openmm import app


def residue_label(residue: app.topology.Residue) -> str:
    """Chain, name and number, for instance `chain A, residue ASP 3`."""
    return f"chain {residue.chain.id}, residue {residue.name} {residue.id}{residue.insertionCode.strip()}"


def atom_label(atom: app.topology.Atom) -> str:
    """The residue's label and the atom's name, for instance `chain A, residue ASP 3, atom CG`."""
    return f"{residue_label(atom.residue)}, atom {atom.name}"
