"""Dihedral angles of the backbone of every residue of a trajectory, read frame by frame.

Residues follow each other when C of one is bonded to N of the next, by distance in the first frame: topologies of other
programs know no bonds, and a gap in the chain must not give an angle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import MDAnalysis as mda
import numpy as np
from jaxtyping import Float32, Int64
from MDAnalysis.lib.distances import calc_bonds, calc_dihedrals

from ai2bmd.analysis.nmr.couplings import ResidueAngles
from ai2bmd.errors import InputError

_LONGEST_BOND_A = 2.0
_HYDROGEN_NAMES = ("H", "HN", "H1", "1H")


@dataclass(frozen=True)
class _Place:
    """A residue with its backbone atoms, and those of its neighbours that are bonded to it."""

    residue: Any
    nitrogen: int
    alpha: int
    carbon: int
    carbon_before: int | None
    nitrogen_after: int | None
    before: int | None
    """Index of the place before, if there is one."""


def backbone_angles(runs: Sequence[mda.Universe], *, selection: str = "protein") -> tuple[ResidueAngles, ...]:
    """Angles of every residue with N, CA and C.

    Args:
        runs: independent trajectories of one molecule.
        selection: of MDAnalysis; which residues.

    Raises:
        InputError: the selection holds no residue with a backbone, or the runs differ in their atoms.
    """
    if not len(runs):
        raise InputError("there is no trajectory; give at least one")
    places = _places(runs[0], selection)
    quadruples = _quadruples(places)
    _check_same_molecule(runs)
    atoms = np.array(list(quadruples.values()), dtype=np.int64).reshape(-1, 4)
    series = [_series(run, atoms) for run in runs]
    columns = {key: column for column, key in enumerate(quadruples)}

    def pieces(place: int | None, angle: str) -> list | None:
        column = None if place is None else columns.get((place, angle))
        return None if column is None else [piece[:, column] for piece in series]

    return tuple(
        ResidueAngles(
            residue=int(place.residue.resid),
            residue_name=place.residue.resname,
            phi_deg=pieces(index, "phi"),
            psi_deg=pieces(index, "psi"),
            psi_before_deg=pieces(place.before, "psi"),
            handedness=_handedness(place),
            chain=_chain(place.residue),
            has_amide_hydrogen=_has_amide_hydrogen(place),
        )
        for index, place in enumerate(places)
    )


def _check_same_molecule(runs: Sequence[Any]) -> None:
    for run in runs[1:]:
        if len(run.atoms) != len(runs[0].atoms) or (run.atoms.names != runs[0].atoms.names).any():
            raise InputError("the trajectories are not of the same molecule; analyse them one by one")


def _places(universe: Any, selection: str) -> list[_Place]:
    try:
        residues = universe.select_atoms(selection).residues
    except mda.SelectionError as error:
        raise InputError(f"the selection {selection!r} cannot be read: {error}") from error
    trios = []
    for residue in residues:
        trio = [_atom(residue, name) for name in ("N", "CA", "C")]
        if None not in trio:
            trios.append((residue, *trio))
    if not trios:
        raise InputError(
            f"no residue of the selection {selection!r} has atoms N, CA and C, which the angles of the backbone need; "
            "select a protein, and use the atom names of PDB files"
        )
    universe.trajectory[0]
    ends = [_atom(residue, "C") for residue in universe.residues]
    starts = [_atom(residue, "N") for residue in universe.residues]
    number = {residue.ix: index for index, (residue, *_) in enumerate(trios)}
    places = []
    for residue, nitrogen, alpha, carbon in trios:
        before, after = residue.ix - 1, residue.ix + 1
        carbon_before = ends[before] if before >= 0 and _bonded(universe, ends[before], nitrogen) else None
        nitrogen_after = starts[after] if after < len(starts) and _bonded(universe, carbon, starts[after]) else None
        place_before = number.get(before) if carbon_before is not None else None
        places.append(_Place(residue, nitrogen, alpha, carbon, carbon_before, nitrogen_after, place_before))
    return places


def _quadruples(places: list[_Place]) -> dict[tuple[int, str], tuple[int, ...]]:
    """Atoms of every angle there is, by place and name."""
    quadruples = {}
    for index, place in enumerate(places):
        if place.carbon_before is not None:
            quadruples[index, "phi"] = (place.carbon_before, place.nitrogen, place.alpha, place.carbon)
        if place.nitrogen_after is not None:
            quadruples[index, "psi"] = (place.nitrogen, place.alpha, place.carbon, place.nitrogen_after)
    return quadruples


def _series(universe: Any, quadruples: Int64[np.ndarray, "angles 4"]) -> Float32[np.ndarray, "frames angles"]:
    """Angles (degrees) of every frame of a run."""
    used, index = np.unique(quadruples, return_inverse=True)
    atoms, columns = universe.atoms[used], index.reshape(-1, 4).T
    angles = np.empty((len(universe.trajectory), len(quadruples)), dtype=np.float32)
    for frame, step in enumerate(universe.trajectory):
        positions = atoms.positions
        angles[frame] = np.degrees(calc_dihedrals(*(positions[column] for column in columns), box=step.dimensions))
    return angles


def _atom(residue: Any, name: str) -> int | None:
    """Index of the first atom of that name."""
    found = residue.atoms.ix[residue.atoms.names == name]
    return int(found[0]) if len(found) else None


def _bonded(universe: Any, first: int | None, second: int | None) -> bool:
    if first is None or second is None:
        return False
    one, other = universe.atoms[[first]].positions, universe.atoms[[second]].positions
    return bool(calc_bonds(one, other, box=universe.trajectory.ts.dimensions)[0] < _LONGEST_BOND_A)


def _handedness(place: _Place) -> str:
    """Seen from CB the other three atoms of CA tell L from D, whatever the residue is called."""
    beta = _atom(place.residue, "CB")
    if beta is None:
        return "L"
    atoms = place.residue.universe.atoms
    centre, nitrogen, carbon, beta = (
        atoms[index].position for index in (place.alpha, place.nitrogen, place.carbon, beta)
    )
    return "L" if np.dot(np.cross(nitrogen - centre, carbon - centre), beta - centre) > 0.0 else "D"


def _has_amide_hydrogen(place: _Place) -> bool:
    """Whether N has one hydrogen; without any hydrogens in the file, whether it would have one."""
    names = set(place.residue.atoms.names)
    if any(name.startswith("H") or name[:1].isdigit() for name in names):
        return bool(names & set(_HYDROGEN_NAMES))
    return "CD" not in names or place.residue.resname != "PRO"


def _chain(residue: Any) -> str:
    """Chain of the file, or its segment."""
    if hasattr(residue.atoms, "chainIDs") and residue.atoms.chainIDs[0].strip():
        return str(residue.atoms.chainIDs[0])
    return str(residue.segid)
