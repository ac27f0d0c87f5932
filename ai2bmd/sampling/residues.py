"""Where a variable finds its atoms: dihedrals of a residue, the ends of a chain."""

from openmm import app

from ai2bmd.errors import InputError
from ai2bmd.labels import residue_label

_BEYOND_BETA = {
    "ARG": "CG CD NE CZ NH1",
    "ASN": "CG OD1",
    "ASP": "CG OD1",
    "CYS": "SG",
    "GLN": "CG CD OE1",
    "GLU": "CG CD OE1",
    "HIS": "CG ND1",
    "ILE": "CG1 CD1",
    "LEU": "CG CD1",
    "LYS": "CG CD CE NZ",
    "MET": "CG SD CE",
    "PHE": "CG CD1",
    "PRO": "CG CD",
    "SER": "OG",
    "THR": "OG1",
    "TRP": "CG CD1",
    "TYR": "CG CD1",
    "VAL": "CG1",
}
"""Side chains from the beta carbon on, the branch that IUPAC counts first (Biochemistry 9, 3471, 1970)."""
_STATES = {"ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "CYX": "CYS", "CYM": "CYS"} | dict.fromkeys(
    ("HID", "HIE", "HIP"), "HIS"
)


def dihedral_atoms(topology: app.Topology, kind: str, of: str, *, protein: set[int]) -> tuple[int, int, int, int]:
    """The four atoms of a dihedral.

    Args:
        topology: of the whole system.
        kind: phi, psi, omega (of the bond to the next residue) or chi1 to chi5.
        of: chain and number of the residue, such as `A 3`; the number alone where there is one chain.
        protein: indices of its atoms.

    Raises:
        InputError: there is no such residue, or it has no such dihedral.
    """
    residue = find_residue(topology, of, protein=protein, setting=kind)
    if kind.startswith("chi"):
        name = str(residue.name)
        names = f"N CA CB {_BEYOND_BETA.get(_STATES.get(name, name), '')}".split()
        first = int(kind[3:]) - 1
        atoms = [_atom(residue, name) for name in names[first : first + 4]]
    else:
        backbone = [_atom(residue, name) for name in ("N", "CA", "C")]
        if kind == "phi":
            atoms = [_bonded(topology, backbone[0], "C"), *backbone]
        elif kind == "psi":
            atoms = [*backbone, _bonded(topology, backbone[2], "N")]
        else:
            after = _bonded(topology, backbone[2], "N")
            next_alpha = None if after is None else _atom(after.residue, "CA") or _atom(after.residue, "C")  # C: NME
            atoms = [*backbone[1:], after, next_alpha]
    if len(atoms) < 4 or any(atom is None for atom in atoms):
        raise InputError(f"sampling: {kind}: {residue_label(residue)} has no {kind}")
    first, second, third, fourth = (atom.index for atom in atoms if atom is not None)
    return first, second, third, fourth


def find_residue(topology: app.Topology, of: str, *, protein: set[int], setting: str) -> app.topology.Residue:
    """The residue of the protein with this chain and number.

    Raises:
        InputError: there is none, or the text names none.
    """
    words = of.split()
    chains = _protein_chains(topology, protein)
    if len(words) not in (1, 2):
        raise InputError(f"sampling: {setting}: expected chain and residue number such as `A 3`, got {of!r}")
    if len(words) == 1 and len(chains) > 1:
        raise InputError(
            f"sampling: {setting}: {of!r} names no chain, and there are several: {', '.join(chains)}; write it as "
            f"`{next(iter(chains))} {of}`"
        )
    residues = _chain(chains, words[0] if len(words) == 2 else next(iter(chains)), setting=setting)
    for residue in residues:
        if f"{residue.id}{residue.insertionCode.strip()}" == words[-1]:
            return residue
    raise InputError(
        f"sampling: {setting}: chain {residues[0].chain.id} has no residue {words[-1]}; it has {residues[0].id} to "
        f"{residues[-1].id}"
    )


def chain_ends(topology: app.Topology, chain: str, *, protein: set[int]) -> tuple[int, int]:
    """The C-alpha atoms of the first and last residues of a chain that have one.

    Raises:
        InputError: there is no such chain, or it has fewer than two.
    """
    residues = _chain(_protein_chains(topology, protein), chain, setting="end_to_end")
    alphas = [atom.index for residue in residues if (atom := _atom(residue, "CA")) is not None]
    if len(alphas) < 2:
        raise InputError(f"sampling: end_to_end: chain {chain} has fewer than two amino acids")
    return alphas[0], alphas[-1]


def _protein_chains(topology: app.Topology, protein: set[int]) -> dict[str, list[app.topology.Residue]]:
    """Residues of the protein by chain; parts of one name are one chain."""
    chains: dict[str, list[app.topology.Residue]] = {}
    for residue in topology.residues():
        if next(residue.atoms()).index in protein:
            chains.setdefault(residue.chain.id, []).append(residue)
    return chains


def _chain(chains: dict[str, list[app.topology.Residue]], name: str, *, setting: str) -> list[app.topology.Residue]:
    if name not in chains:
        raise InputError(f"sampling: {setting}: there is no protein chain {name!r}; there are {', '.join(chains)}")
    return chains[name]


def _atom(residue: app.topology.Residue, name: str) -> app.topology.Atom | None:
    return next((atom for atom in residue.atoms() if atom.name == name), None)


def _bonded(topology: app.Topology, atom: app.topology.Atom | None, name: str) -> app.topology.Atom | None:
    """The atom of this name in another residue that an atom is bonded to."""
    for first, second in topology.bonds():
        for one, other in ((first, second), (second, first)):
            if one is atom and other.name == name and other.residue is not one.residue:
                return other
    return None
