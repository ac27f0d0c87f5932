"""The units as molecules of their own: built from short sequences, cut as a protein is.

`mid-X` is ACE-X-NME, `nterm-X` NH3+-X-NME, `cterm-X` ACE-X-COO-, `overlap-NMA` N-methylacetamide, `disulfide` two
ACE-CYX-NME bonded to each other.
"""

import difflib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64
from openmm import app, unit
from scipy.spatial.transform import Rotation

from ai2bmd.conformations.molecules import CappedMolecule, capped_molecule
from ai2bmd.errors import InputError
from ai2bmd.fragment_system import fragment_openmm_topology
from ai2bmd.protein import protein_topology
from ai2bmd.structure import prepare_structure
from ai2bmd.structure.protonation import Variant, place_hydrogens
from ai2bmd.structure.sequence import LETTERS
from fragmentation.caps import PlanTensors, expand
from fragmentation.plan import plan_fragments

_STATES = {"ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "HID": "HIS", "HIE": "HIS", "HIP": "HIS"}
_LETTER = {residue: letter for letter, residue in LETTERS.items()}
_INSIDE = sorted({*_LETTER, *_STATES} - {"HIS"})
_AT_ENDS = [name for name in _INSIDE if name not in ("ASH", "GLH", "LYN")]  # amber19 has no others at chain ends
UNIT_NAMES = (
    *(f"mid-{name}" for name in _INSIDE),
    *(f"nterm-{name}" for name in _AT_ENDS),
    *(f"cterm-{name}" for name in _AT_ENDS),
    "overlap-NMA",
    "disulfide",
)
_SULFUR_BOND_A = 2.05
_CARBON_AND_SULFUR_TURN = 90.0  # CB-SG-SG-CB of a disulfide, degrees


def parse_units(words: str | Sequence[str]) -> tuple[str, ...]:
    """Names of units from `all`, `none`, or names with commas between them, in the order of `UNIT_NAMES`.

    Raises:
        InputError: a name is unknown; the nearest known one is told.
    """
    names = words.split(",") if isinstance(words, str) else list(words)
    names = [name.strip() for name in names]
    if names == ["all"]:
        return UNIT_NAMES
    if names == ["none"]:
        return ()
    for name in names:
        if name not in UNIT_NAMES:
            near = difflib.get_close_matches(name, UNIT_NAMES, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "such as mid-ALA, nterm-GLY, cterm-HIP, disulfide"
            raise InputError(f"units: expected all, none or names of units, got {name!r}; {hint}")
    return tuple(name for name in UNIT_NAMES if name in names)


def build_unit(name: str) -> CappedMolecule:
    """Build a unit of `UNIT_NAMES`, extended.

    Raises:
        InputError: there is no such unit.
    """
    (name,) = parse_units(name)
    if name == "disulfide":
        return cut_unit(name, *_joined_cysteines())
    if name == "overlap-NMA":
        return cut_unit(name, *_peptide("AA", place=1, state=None, caps="acetyl"))
    position, residue = name.split("-")
    letter = _LETTER[_STATES.get(residue, residue)]
    sequence, place, caps = {
        "mid": (f"A{letter}A", 2, "acetyl"),
        "nterm": (f"{letter}A", 0, "charged"),
        "cterm": (f"A{letter}", 1, "charged"),
    }[position]
    return cut_unit(name, *_peptide(sequence, place=place, state=residue if residue in _STATES else None, caps=caps))


def cut_unit(name: str, topology: app.Topology, positions_A: Float64[np.ndarray, "atoms 3"]) -> CappedMolecule:
    """The first fragment of this kind of a protein."""
    protein, indices = protein_topology(topology)
    plan = plan_fragments(protein)
    number = plan.types.index(name)
    expanded = expand(PlanTensors.of(plan, dtype=torch.float64), torch.from_numpy(positions_A[indices])).numpy()
    return capped_molecule(name, fragment_openmm_topology(plan, [number]), expanded[plan.fragment_index == number])


def _peptide(sequence: str, *, place: int, state: str | None, caps) -> tuple[app.Topology, Float64[np.ndarray, "a 3"]]:
    """Topology and positions (A) of a peptide, its residue at `place` (caps count) in a protonation state."""
    prepared = prepare_structure(sequence=sequence, caps=caps)
    if state is None:
        return prepared.topology, prepared.positions_A
    modeller = app.Modeller(prepared.topology, prepared.positions_A * unit.angstrom)
    modeller.delete([atom for atom in modeller.topology.atoms() if atom.element is app.element.hydrogen])
    variants: list[Variant] = [state if residue.index == place else None for residue in modeller.topology.residues()]
    modeller, _ = place_hydrogens(modeller.topology, modeller.positions, variants)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.angstrom))


def _joined_cysteines() -> tuple[app.Topology, Float64[np.ndarray, "atoms 3"]]:
    """Two peptides with a disulfide: the second stands where the hydrogen of the first one's sulfur pointed."""
    topology, places = _peptide("ACA", place=2, state=None, caps="acetyl")
    cysteine = {atom.name: atom.index for atom in topology.atoms() if atom.residue.name == "CYS"}
    carbon, sulfur, hydrogen = (places[cysteine[name]] for name in ("CB", "SG", "HG"))
    direction = (hydrogen - sulfur) / np.linalg.norm(hydrogen - sulfur)
    # half a turn about what is normal to the bond turns the second one's hydrogen towards the first; its CB then lies
    # in the plane of the first one's, from which it is turned about the bond
    normal = np.cross(direction, carbon - sulfur)
    half_turn = Rotation.from_rotvec(np.pi * normal / np.linalg.norm(normal))
    turned = Rotation.from_rotvec(np.radians(180.0 - _CARBON_AND_SULFUR_TURN) * direction) * half_turn
    second = turned.apply(places - sulfur) + sulfur + _SULFUR_BOND_A * direction
    modeller = app.Modeller(topology, places * unit.angstrom)
    modeller.add(topology, second * unit.angstrom)
    modeller.delete([atom for atom in modeller.topology.atoms() if atom.residue.name == "CYS" and atom.name == "HG"])
    modeller.topology.addBond(*(atom for atom in modeller.topology.atoms() if atom.name == "SG"))
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.angstrom))
