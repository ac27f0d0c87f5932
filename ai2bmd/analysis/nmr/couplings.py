"""Scalar couplings of the backbone from its dihedral angles.

Glycine has two HA: 3J_HN_HA and 3J_HA_C-1 are the mean of both, as a spectrum shows them that does not tell them apart,
and HA2 (pro-R, where an L-amino acid has its HA) and HA3 (pro-S, where it has its CB) are given beside it. Proline has
no HN; the first residue of a chain has no phi.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.nmr.karplus import RELATIONS, Karplus, Relation, find_relation
from ai2bmd.errors import InputError

_NO_CB = frozenset({"3J_HN_CB", "3J_C-1_CB"})
_MEAN_OF_BOTH = {"3J_HN_HA": ("3J_HN_HA2", "3J_HN_HA3"), "3J_HA_C-1": ("3J_HA2_C-1", "3J_HA3_C-1")}


@dataclass(frozen=True, eq=False)
class ResidueAngles:
    """Dihedral angles of a residue in every frame, in degrees, one array for each independent run."""

    residue: int
    """Number in its chain."""
    residue_name: str
    phi_deg: Pieces | None = None
    """Absent at the beginning of a chain."""
    psi_deg: Pieces | None = None
    """Absent at the end of a chain."""
    psi_before_deg: Pieces | None = None
    """Psi of the residue before; absent at the beginning of a chain."""
    handedness: str = "L"
    """L or D; of no meaning for glycine."""
    chain: str = ""
    has_amide_hydrogen: bool = True
    """False for proline and other residues without HN."""

    def angle(self, name: str) -> Pieces | None:
        """Its angle phi, psi or psi-1."""
        return {"phi": self.phi_deg, "psi": self.psi_deg, "psi-1": self.psi_before_deg}[name]


@dataclass(frozen=True)
class Coupling:
    """A scalar coupling of a residue, averaged over all frames."""

    residue: int
    residue_name: str
    coupling: str
    relation: Relation
    estimate: Estimate
    """In Hz; its error is that of the average alone, without the deviation of the relation."""
    chain: str = ""

    def __str__(self) -> str:
        relation = f"{self.relation.name}, \N{PLUS-MINUS SIGN} {self.relation.deviation_Hz:g} Hz"
        return f"{self.coupling} of {self.residue_name}{self.residue}: {self.estimate} ({relation})"


@dataclass(frozen=True)
class Couplings:
    """All couplings, and why others are not among them."""

    couplings: tuple[Coupling, ...]
    left_out: Mapping[tuple[str, int, str], str] = field(default_factory=lambda: MappingProxyType({}))
    """By chain, residue and coupling: the reason there is none."""

    def find(self, coupling: str, residue: int, *, chain: str = "") -> Coupling:
        """One of them.

        Raises:
            InputError: there is none; the text says why.
        """
        found = [
            entry
            for entry in self.couplings
            if (entry.coupling, entry.residue) == (coupling, residue) and chain in ("", entry.chain)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            chains = ", ".join(entry.chain for entry in found)
            raise InputError(f"residue {residue} is there in chains {chains}; name the chain")
        reasons = [
            reason
            for (its_chain, number, name), reason in self.left_out.items()
            if (name, number) == (coupling, residue) and chain in ("", its_chain)
        ]
        reason = reasons[0] if reasons else "the trajectory has no such residue, or it was not asked for"
        raise InputError(f"there is no {coupling} of residue {residue}: {reason}")


def scalar_couplings(
    residues: Iterable[ResidueAngles],
    *,
    couplings: Sequence[str] | None = None,
    parametrisations: Mapping[str, str] | None = None,
) -> Couplings:
    """Average couplings of every residue.

    Args:
        residues: their dihedral angles.
        couplings: names; all if not given.
        parametrisations: name of the relation for a coupling; the preferred relation where none is given.

    Raises:
        InputError: an unknown coupling or parametrisation, or runs that do not agree in length.
    """
    chosen = couplings or tuple(dict.fromkeys(relation.coupling for relation in RELATIONS))
    names = parametrisations or {}
    relations = [find_relation(coupling, names.get(coupling)) for coupling in chosen]
    if unknown := set(names) - {relation.coupling for relation in relations}:
        raise InputError(f"a parametrisation is given for {', '.join(sorted(unknown))}, which are not asked for")
    found, left_out = [], {}
    for residue in residues:
        for relation in relations:
            if reason := _why_not(residue, relation):
                left_out[residue.chain, residue.residue, relation.coupling] = reason
            else:
                found += _of_residue(residue, relation)
    return Couplings(tuple(found), MappingProxyType(left_out))


def coupling_series(residue: ResidueAngles, relation: Relation) -> list[Float64[np.ndarray, " frames"]]:
    """A coupling (Hz) in every frame of every run.

    Raises:
        InputError: the residue does not have it.
    """
    if reason := _why_not(residue, relation):
        raise InputError(f"residue {residue.residue} {residue.residue_name} has no {relation.coupling}: {reason}")
    if residue.residue_name == "GLY" and relation.coupling in _MEAN_OF_BOTH:
        both = [_series(residue, of_one) for of_one in _hydrogens_of_glycine(relation)]
        return [(first + second) / 2.0 for first, second in zip(*both, strict=True)]
    return _series(residue, relation)


def _of_residue(residue: ResidueAngles, relation: Relation) -> Iterator[Coupling]:
    def averaged(of_one: Relation, series: Pieces) -> Coupling:
        name = residue.residue_name
        return Coupling(residue.residue, name, of_one.coupling, of_one, mean(series, unit="Hz"), residue.chain)

    yield averaged(relation, coupling_series(residue, relation))
    if residue.residue_name == "GLY":
        for of_one in _hydrogens_of_glycine(relation):
            yield averaged(of_one, _series(residue, of_one))


def _hydrogens_of_glycine(relation: Relation) -> tuple[Karplus, ...]:
    """The relation for HA2, and for HA3, which is 120 degrees further on."""
    if relation.coupling not in _MEAN_OF_BOTH or not isinstance(relation, Karplus):
        return ()
    first, second = _MEAN_OF_BOTH[relation.coupling]
    turn_deg = 120.0
    return (
        replace(relation, coupling=first),
        replace(relation, coupling=second, offset_deg=relation.offset_deg + turn_deg),
    )


def _series(residue: ResidueAngles, relation: Relation) -> list[Float64[np.ndarray, " frames"]]:
    angles = [residue.angle(name) or () for name in relation.angles]
    handedness = "L" if residue.residue_name == "GLY" else residue.handedness
    lengths = [[len(piece) for piece in pieces] for pieces in angles]
    if any(length != lengths[0] for length in lengths):
        raise InputError(f"the angles of residue {residue.residue} do not agree in their frames: {lengths}")
    return [relation(*pieces, handedness=handedness) for pieces in zip(*angles, strict=True)]


def _why_not(residue: ResidueAngles, relation: Relation) -> str:
    """Why a residue does not have a coupling; empty if it has."""
    if "_HN_" in relation.coupling and not residue.has_amide_hydrogen:
        return f"{residue.residue_name} has no HN"
    if relation.coupling in _NO_CB and residue.residue_name == "GLY":
        return "GLY has no CB"
    for angle in relation.angles:
        if residue.angle(angle) is None:
            side = "end" if angle == "psi" else "beginning"
            return f"{angle} is not known, for the residue is at the {side} of a chain or lacks atoms of its backbone"
    return ""
