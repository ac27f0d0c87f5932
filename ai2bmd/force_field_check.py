"""Is the protein of a System described by amber19/ff19SB, which the model corrects? Each of its terms is compared.

Charges and Lennard-Jones parameters do not tell ff19SB from ff14SB, which has the same; torsions and CMAP do.
"""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import openmm
from jaxtyping import Float64, Int64
from openmm import app, unit

from ai2bmd.environment import FORCE_FIELD, build_environment
from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label

_CHARGE_E = 1e-4
_SIGMA_NM = 1e-5
_EPSILON_KJ_MOL = 1e-4
_RELATIVE, _ABSOLUTE = 1e-4, 1e-3  # of bonded terms, in kJ/mol, nm, rad
_CONSTRAINT_NM = 1e-4
_CURE = "make the System with amber19/protein.ff19SB.xml"
_Key = tuple[str, tuple[int, ...], int]
_Terms = dict[_Key, tuple[float, ...]]
"""Kind, atoms of the System, periodicity; parameters."""


@dataclass(frozen=True, eq=False)
class ForceFieldCheck:
    """What the check found."""

    charges: Float64[np.ndarray, " protein_atoms"]
    """e."""
    missing: _Terms
    """Harmonic bonds and angles that constraints stand in for."""


def check_force_field(
    topology: app.Topology, system: openmm.System, atoms: Int64[np.ndarray, " protein_atoms"]
) -> ForceFieldCheck:
    """Compare the protein's terms with those of amber19/ff19SB in the gas phase.

    Terms besides those of the force field, such as restraints, are no fault. Improper torsions are not compared: their
    atoms come in another order from other programs.

    Raises:
        InputError: a parameter of an atom or a term is another, or absent.
    """
    labels = {int(atom.index): atom_label(atom) for atom in topology.atoms()}
    expected = build_environment(_protein_alone(topology, atoms), solvent="gas")
    charges = _check_nonbonded(system, expected, atoms, labels)
    bonds = {frozenset((first.index, second.index)) for first, second in topology.bonds()}
    found, constraints = _terms(system, range(system.getNumParticles())), _constraints(system)
    missing = {}
    for key, parameters in _terms(expected, atoms.tolist()).items():
        kind, members, _ = key
        if kind == "torsion" and not all(frozenset(pair) in bonds for pair in pairwise(members)):
            continue
        if key not in found and _constrained(key, parameters, constraints):
            missing[key] = parameters
        elif not _same(found.get(key), parameters, kind=kind):
            others = ", ".join(labels[member].split()[-1] for member in members[1:])
            raise InputError(
                f"{labels[members[0]]}: its {kind} with {others} {'is absent' if key not in found else 'is another'}; "
                f"the model corrects {FORCE_FIELD}, {_CURE}"
            )
    return ForceFieldCheck(charges, missing)


def restore_terms(system: openmm.System, check: ForceFieldCheck) -> None:
    """Add to a System the bonds and angles that its constraints stand in for.

    At the constraint's length a bond has no energy, so nothing changes before the constraint is removed.
    """
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    for (kind, members, _), parameters in check.missing.items():
        if kind == "bond":
            bonds.addBond(*members, *parameters)
        else:
            angles.addAngle(*members, *parameters)
    for force, terms in ((bonds, bonds.getNumBonds()), (angles, angles.getNumAngles())):
        if terms:
            system.addForce(force)


def _check_nonbonded(
    system: openmm.System, expected: openmm.System, atoms: Int64[np.ndarray, " protein_atoms"], labels: dict[int, str]
) -> Float64[np.ndarray, " protein_atoms"]:
    found, wanted = _nonbonded(system)[atoms], _nonbonded(expected)
    wrong = np.abs(found - wanted) > [_CHARGE_E, _SIGMA_NM, _EPSILON_KJ_MOL]
    wrong[:, 1] &= wanted[:, 2] > 0  # without a well the radius means nothing
    if wrong.any():
        place = int(np.flatnonzero(wrong.any(axis=1))[0])
        what = "charge" if wrong[place, 0] else "Lennard-Jones parameters"
        raise InputError(
            f"{labels[int(atoms[place])]}: its {what} ({_words(found[place])}) is not that of {FORCE_FIELD} "
            f"({_words(wanted[place])}), which the model corrects; {_CURE}, and give the topology it was made from"
        )
    return wanted[:, 0]


def _words(parameters: Float64[np.ndarray, " 3"]) -> str:
    charge, sigma, epsilon = parameters
    return f"{charge:.4f} e, sigma {sigma:.5f} nm, epsilon {epsilon:.5f} kJ/mol"


def _nonbonded(system: openmm.System) -> Float64[np.ndarray, "atoms 3"]:
    """Charge (e), sigma (nm) and epsilon (kJ/mol) of every atom."""
    force = next((force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)), None)
    if force is None:
        raise InputError(f"the System has no NonbondedForce; the model corrects {FORCE_FIELD}, {_CURE}")
    particles = (force.getParticleParameters(atom) for atom in range(force.getNumParticles()))
    return np.array([_plain(parameters) for parameters in particles])


def _terms(system: openmm.System, atoms: range | list[int]) -> _Terms:
    """The bonded terms by their atoms; `atoms[i]` is what to call atom i. Torsions as amplitudes of cosine and sine."""
    terms: _Terms = {}
    for kind, members, periodicity, parameters in _bonded(system):
        named = tuple(atoms[member] for member in members)
        key = (kind, named if kind == "CMAP" or named[0] < named[-1] else named[::-1], periodicity)
        if kind == "torsion" and key in terms:
            parameters = tuple(np.add(terms[key], parameters).tolist())
        terms[key] = parameters
    return terms


def _bonded(system: openmm.System) -> Iterator[tuple[str, list[int], int, tuple[float, ...]]]:
    for force in system.getForces():
        match force:
            case openmm.HarmonicBondForce():
                for term in range(force.getNumBonds()):
                    *members, length, constant = force.getBondParameters(term)
                    yield "bond", members, 0, _plain([length, constant])
            case openmm.HarmonicAngleForce():
                for term in range(force.getNumAngles()):
                    *members, angle, constant = force.getAngleParameters(term)
                    yield "angle", members, 0, _plain([angle, constant])
            case openmm.PeriodicTorsionForce():
                for term in range(force.getNumTorsions()):
                    *members, periodicity, phase, constant = force.getTorsionParameters(term)
                    angle, amplitude = _plain([phase, constant])
                    yield "torsion", members, periodicity, (amplitude * np.cos(angle), amplitude * np.sin(angle))
            case openmm.CMAPTorsionForce():
                maps = [_plain(force.getMapParameters(number)[1]) for number in range(force.getNumMaps())]
                for term in range(force.getNumTorsions()):
                    number, *members = force.getTorsionParameters(term)
                    yield "CMAP", members, 0, maps[number]


def _same(found: tuple[float, ...] | None, expected: tuple[float, ...], *, kind: str) -> bool:
    if found is None:  # other programs leave out terms without energy
        return not any(expected if kind == "torsion" else expected[-1:])
    return np.allclose(found, expected, rtol=_RELATIVE, atol=_ABSOLUTE)


def _constraints(system: openmm.System) -> dict[frozenset[int], float]:
    constraints = (system.getConstraintParameters(number) for number in range(system.getNumConstraints()))
    return {frozenset((first, second)): _plain([distance])[0] for first, second, distance in constraints}


def _constrained(key: _Key, parameters: tuple[float, ...], constraints: dict[frozenset[int], float]) -> bool:
    """Whether a constraint keeps a bond at the length of its term, or an angle at its own."""
    kind, members, _ = key
    held = constraints.get(frozenset((members[0], members[-1])))
    if kind == "bond":
        return held is not None and abs(held - parameters[0]) < _CONSTRAINT_NM
    return kind == "angle" and held is not None


def _plain(values) -> tuple[float, ...]:
    """Numbers in nm, rad, kJ/mol and e."""
    values = values if not unit.is_quantity(values) else values.value_in_unit_system(unit.md_unit_system)
    return tuple(
        float(value.value_in_unit_system(unit.md_unit_system) if unit.is_quantity(value) else value) for value in values
    )


def _protein_alone(topology: app.Topology, atoms: Int64[np.ndarray, " protein_atoms"]) -> app.Topology:
    chosen = set(atoms.tolist())
    modeller = app.Modeller(topology, np.zeros((topology.getNumAtoms(), 3)) * unit.nanometer)
    modeller.delete([atom for atom in topology.atoms() if atom.index not in chosen])
    alone = modeller.topology
    alone.setPeriodicBoxVectors(None)
    return alone
