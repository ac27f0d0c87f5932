"""The force field on the fragments of a plan: partial charges, and one OpenMM System of all as separate molecules.

The force field looks at each chemically different fragment once; the copies repeat its parameters.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float64
from openmm import app, unit

from ai2bmd.environment import FORCE_FIELD_FILE
from ai2bmd.errors import InputError
from fragmentation.plan import FragmentPlan

_PAIR_ENERGY = "coulomb/r + 4*epsilon*((sigma/r)^12 - (sigma/r)^6)"
_COULOMB = (  # kJ/mol nm/e^2: 1/(4 pi epsilon_0), CODATA 2018, as OpenMM has it
    1.602176634e-19**2 * 6.02214076e23 / (4 * np.pi * 8.8541878128e-12) * 1e6
)


def fragment_openmm_topology(plan: FragmentPlan, fragments: Iterable[int] | None = None) -> app.Topology:
    """All fragments, or the chosen ones, one chain each, as residues that Amber has templates of."""
    chosen = range(plan.n_fragments) if fragments is None else fragments
    bounds = np.searchsorted(plan.fragment_index, np.arange(plan.n_fragments + 1))
    bond_bounds = np.searchsorted(plan.fragment_index[plan.bonds[:, 0]], np.arange(plan.n_fragments + 1))
    topology = app.Topology()
    for fragment in chosen:
        chain, residue, previous = topology.addChain(), None, -1
        atoms = {}
        for atom in range(bounds[fragment], bounds[fragment + 1]):
            number = int(plan.template_residue_index[atom])
            if residue is None or number != previous:
                residue, previous = topology.addResidue(plan.template_residue_names[number], chain), number
            element = app.Element.getByAtomicNumber(int(plan.atomic_numbers[atom]))
            atoms[atom] = topology.addAtom(plan.template_atom_names[atom], element, residue)
        for first, second in plan.bonds[bond_bounds[fragment] : bond_bounds[fragment + 1]].tolist():
            topology.addBond(atoms[first], atoms[second])
    return topology


def fragment_charges(plan: FragmentPlan) -> Float64[np.ndarray, " fragment_atoms"]:
    """Partial charge of every fragment atom (e): a neighbour's atoms and the caps have those of ACE and NME.

    Raises:
        InputError: the force field has no template for a fragment.
    """
    return np.concatenate([parameters.charges for parameters in _parameters(plan)])


def fragment_system(plan: FragmentPlan, *, scale: Float64[np.ndarray, " fragments"] | None = None) -> openmm.System:
    """A System of all fragments that do not see each other: gas phase, no cutoff, no constraints.

    Args:
        plan: the fragments.
        scale: factor on each fragment's energy, 1 by default; with `plan.coefficients` the energy of the System is
            the signed sum that a model of total energies is corrected by.

    Raises:
        InputError: the force field has no template for a fragment.
    """
    forces = _Forces.empty()
    system = openmm.System()
    first = 0
    factors = np.ones(plan.n_fragments) if scale is None else scale
    for parameters, factor in zip(_parameters(plan), factors.tolist(), strict=True):
        for mass in parameters.masses:
            system.addParticle(mass)
        forces.add(parameters, first, factor)
        first += len(parameters.masses)
    for force in (forces.bonds, forces.angles, forces.torsions, forces.maps, forces.pairs):
        system.addForce(force)
    return system


@dataclass(frozen=True, eq=False)
class _Parameters:
    """Force field terms of one molecule, atoms counted from 0, in OpenMM's units (nm, rad, kJ/mol, amu, e)."""

    masses: list[float]
    charges: Float64[np.ndarray, " atoms"]
    bonds: list[tuple]
    """atom, atom, length, constant."""
    angles: list[tuple]
    """3 atoms, angle, constant."""
    torsions: list[tuple]
    """4 atoms, periodicity, phase, constant."""
    maps: list[tuple]
    """points in each direction, energies, 8 atoms."""
    pairs: list[tuple]
    """atom, atom, Coulomb factor, sigma, epsilon; bonded neighbours left out or scaled."""


@dataclass(frozen=True, eq=False)
class _Forces:
    """The forces of the common System."""

    bonds: openmm.HarmonicBondForce
    angles: openmm.HarmonicAngleForce
    torsions: openmm.PeriodicTorsionForce
    maps: openmm.CMAPTorsionForce
    pairs: openmm.CustomBondForce
    map_numbers: dict[tuple, int]

    @classmethod
    def empty(cls) -> "_Forces":
        # a NonbondedForce would need an exclusion for each pair of atoms of different fragments
        pairs = openmm.CustomBondForce(_PAIR_ENERGY)
        for name in ("coulomb", "sigma", "epsilon"):
            pairs.addPerBondParameter(name)
        return cls(
            bonds=openmm.HarmonicBondForce(),
            angles=openmm.HarmonicAngleForce(),
            torsions=openmm.PeriodicTorsionForce(),
            maps=openmm.CMAPTorsionForce(),
            pairs=pairs,
            map_numbers={},
        )

    def add(self, parameters: _Parameters, first: int, factor: float) -> None:
        """Add a molecule whose atoms start at `first`, its energy times `factor`."""
        for one, two, length, constant in parameters.bonds:
            self.bonds.addBond(one + first, two + first, length, constant * factor)
        for one, two, three, angle, constant in parameters.angles:
            self.angles.addAngle(one + first, two + first, three + first, angle, constant * factor)
        for one, two, three, four, periodicity, phase, constant in parameters.torsions:
            self.torsions.addTorsion(
                one + first, two + first, three + first, four + first, periodicity, phase, constant * factor
            )
        for size, energies, atoms in parameters.maps:
            key = (size, energies, factor)
            if key not in self.map_numbers:
                self.map_numbers[key] = self.maps.addMap(size, [energy * factor for energy in energies])
            self.maps.addTorsion(self.map_numbers[key], *(atom + first for atom in atoms))
        for one, two, coulomb, sigma, epsilon in parameters.pairs:
            self.pairs.addBond(one + first, two + first, (coulomb * factor, sigma, epsilon * factor))


def fragment_kinds(plan: FragmentPlan) -> list[tuple]:
    """A key for each fragment, the same for molecules that are the same atom by atom."""
    bounds = np.searchsorted(plan.fragment_index, np.arange(plan.n_fragments + 1)).tolist()
    bond_bounds = np.searchsorted(plan.fragment_index[plan.bonds[:, 0]], np.arange(plan.n_fragments + 1)).tolist()
    kinds = []
    for fragment in range(plan.n_fragments):
        atoms = slice(bounds[fragment], bounds[fragment + 1])
        bonds = plan.bonds[bond_bounds[fragment] : bond_bounds[fragment + 1]] - bounds[fragment]
        residues = plan.template_residue_index[atoms]
        names = tuple(plan.template_residue_names[number] for number in residues.tolist())
        kinds.append((names, plan.template_atom_names[atoms], bonds.tobytes()))
    return kinds


def _parameters(plan: FragmentPlan) -> list[_Parameters]:
    """Parameters of each fragment; equal molecules share one object."""
    force_field = app.ForceField(FORCE_FIELD_FILE)
    known: dict[tuple, _Parameters] = {}
    result = []
    for fragment, kind in enumerate(fragment_kinds(plan)):
        if kind not in known:
            known[kind] = _apply_force_field(force_field, plan, fragment)
        result.append(known[kind])
    return result


def _apply_force_field(force_field: app.ForceField, plan: FragmentPlan, fragment: int) -> _Parameters:
    topology = fragment_openmm_topology(plan, [fragment])
    try:
        system = force_field.createSystem(
            topology, nonbondedMethod=app.NoCutoff, constraints=None, rigidWater=False, removeCMMotion=False
        )
    except ValueError as error:
        raise InputError(
            f"fragment {plan.labels[fragment]} ({plan.types[fragment]}): {FORCE_FIELD_FILE} has no template for it "
            "(amber19 has charged termini only, and a single amino acid needs caps); choose other `--caps` in "
            f"`ai2bmd prepare`. OpenMM says: {str(error).splitlines()[0]}"
        ) from error
    forces = {type(force): force for force in system.getForces()}
    nonbonded = forces[openmm.NonbondedForce]
    maps = forces.get(openmm.CMAPTorsionForce)
    return _Parameters(
        masses=[_number(system.getParticleMass(atom)) for atom in range(system.getNumParticles())],
        charges=np.array([_number(nonbonded.getParticleParameters(i)[0]) for i in range(system.getNumParticles())]),
        bonds=_terms(forces.get(openmm.HarmonicBondForce), "Bond"),
        angles=_terms(forces.get(openmm.HarmonicAngleForce), "Angle"),
        torsions=_terms(forces.get(openmm.PeriodicTorsionForce), "Torsion"),
        maps=_map_terms(maps) if maps is not None else [],
        pairs=_pairs(nonbonded),
    )


def _number(quantity) -> float:
    return quantity.value_in_unit_system(unit.md_unit_system) if unit.is_quantity(quantity) else quantity


def _terms(force, kind: str) -> list[tuple]:
    if force is None:
        return []
    count, read = getattr(force, f"getNum{kind}s")(), getattr(force, f"get{kind}Parameters")
    return [tuple(_number(value) for value in read(term)) for term in range(count)]


def _map_terms(force: openmm.CMAPTorsionForce) -> list[tuple]:
    maps = []
    for number in range(force.getNumMaps()):
        size, energies = force.getMapParameters(number)
        maps.append((size, tuple(_number(energy) for energy in energies)))
    terms = [force.getTorsionParameters(term) for term in range(force.getNumTorsions())]
    return [(*maps[number], tuple(atoms)) for number, *atoms in terms]


def _pairs(force: openmm.NonbondedForce) -> list[tuple]:
    """Coulomb and Lennard-Jones of all pairs of atoms (Lorentz-Berthelot rules), exceptions in their place."""
    particles = [
        tuple(_number(value) for value in force.getParticleParameters(atom)) for atom in range(force.getNumParticles())
    ]
    pairs = {
        (one, two): (q1 * q2, (s1 + s2) / 2, (e1 * e2) ** 0.5)
        for two, (q2, s2, e2) in enumerate(particles)
        for one, (q1, s1, e1) in enumerate(particles[:two])
    }
    for exception in range(force.getNumExceptions()):
        one, two, *terms = force.getExceptionParameters(exception)
        product, sigma, epsilon = (_number(term) for term in terms)
        pairs[min(one, two), max(one, two)] = (product, sigma, epsilon)
    return [
        (one, two, _COULOMB * product, sigma, epsilon)
        for (one, two), (product, sigma, epsilon) in pairs.items()
        if product or epsilon
    ]
