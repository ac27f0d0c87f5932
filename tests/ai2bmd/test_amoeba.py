"""AMOEBA: templates for all that is supported, the shortened expressions, its water, and clear refusals."""

import h5py
import numpy as np
import openmm
import pytest
from openmm import app, unit

from ai2bmd.amoeba import amoeba_force_field, build_amoeba
from ai2bmd.amoeba_terms import rewrite_terms
from ai2bmd.assembly import amber_charges, environment_system
from ai2bmd.engine import degrees_of_freedom, masses
from ai2bmd.environment import ForceFieldEnergy, build_environment, partial_charges
from ai2bmd.errors import InputError
from ai2bmd.fragment_system import fragment_openmm_topology
from ai2bmd.protein import protein_topology
from ai2bmd.solvation import Solvation, solvate
from ai2bmd.structure import prepare_structure
from ai2bmd.structure.geometry import Internal, place


def force_named(system, name):
    return next(force for force in system.getForces() if force.getName() == name)


def charges(system):
    multipoles = force_named(system, "AmoebaMultipoleForce")
    return np.array([multipoles.getMultipoleParameters(i)[0]._value for i in range(multipoles.getNumMultipoles())])


def test_every_unit_of_the_training_data_has_templates_and_its_charge(shared, plan_of_molecule):
    expected, modeller = {}, app.Modeller(app.Topology(), [] * unit.nanometer)
    with h5py.File(shared / "data" / "units-so3lr.h5") as file:
        for name, group in file.items():
            topology = fragment_openmm_topology(plan_of_molecule(group))
            modeller.add(topology, np.zeros((topology.getNumAtoms(), 3)) * unit.nanometer)
            expected[name] = group["mm_charges"][:].sum()
    molecules = [[atom.index for atom in chain.atoms()] for chain in modeller.topology.chains()]
    found = charges(build_amoeba(modeller.topology, solvent="gas"))
    assert len(expected) == 71
    for name, molecule in zip(expected, molecules, strict=True):
        assert found[molecule].sum() == pytest.approx(expected[name], abs=1e-3), name


def _plane_terms(positions):
    """Angle between bond 2-4 and the plane 1, 3, 4; and between 1 and 3 seen from the projection of 2: degrees."""
    one, two, three, four = positions
    normal = np.cross(one - four, three - four)
    normal /= np.linalg.norm(normal)
    projection = two - normal * (normal @ (two - three))

    def angle(first, at, second):
        a, b = first - at, second - at
        return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))

    return angle(two, four, projection), angle(one, projection, three)


def _polynomial(k, x):
    """Allinger's sextic bend: x in degrees."""
    return k * (x**2 - 0.014 * x**3 + 5.6e-5 * x**4 - 7e-7 * x**5 + 2.2e-8 * x**6)


@pytest.mark.parametrize("name", ["AmoebaOutOfPlaneBendForce", "AmoebaInPlaneAngleForce"])
def test_shortened_expressions_are_the_terms_as_defined(chignolin, name):
    topology, positions = chignolin
    built = build_amoeba(topology, solvent="gas")
    force = force_named(built, name)
    distorted = positions + np.random.default_rng(0).normal(scale=0.15, size=positions.shape)
    expected = 0.0
    for term in range(force.getNumBonds()):
        atoms, parameters = force.getBondParameters(term)
        out_of_plane, in_plane = _plane_terms(distorted[list(atoms)])
        named = {force.getPerBondParameterName(i): value for i, value in enumerate(parameters)}
        x = out_of_plane if name == "AmoebaOutOfPlaneBendForce" else in_plane - named["theta0"]
        expected += _polynomial(named["k"], x)
    system = openmm.System()
    for _ in range(topology.getNumAtoms()):
        system.addParticle(1.0)
    system.addForce(openmm.XmlSerializer.clone(force))
    assert expected > 10.0
    assert ForceFieldEnergy(system)(distorted)[0] * 96.48533212331 == pytest.approx(expected, rel=1e-9)


def _torsion_torsion_energies(positions, *, rewritten):
    """With phi and psi of a chain of five atoms: by OpenMM's own table, or by ours. eV and eV/A."""
    template = amoeba_force_field().createSystem(prepare_structure(sequence="G", caps="acetyl").topology)
    force = openmm.AmoebaTorsionTorsionForce()
    force.setTorsionTorsionGrid(0, force_named(template, "AmoebaTorsionTorsionForce").getTorsionTorsionGrid(0))
    force.addTorsionTorsion(0, 1, 2, 3, 4, -1, 0)
    system = openmm.System()
    for _ in range(5):
        system.addParticle(1.0)
    system.addForce(force)
    if rewritten:
        rewrite_terms(system)
    return [ForceFieldEnergy(system)(chain) for chain in positions]


def test_the_torsion_torsion_table_is_the_same_and_goes_on_at_180_degrees():
    def chain(phi, psi):
        atoms = [np.zeros(3), np.array([1.4, 0.0, 0.0]), np.array([2.0, 1.3, 0.0])]
        atoms.append(place(*atoms, Internal(1.5, 111.0, phi)))
        return np.array([*atoms, place(*atoms[1:], Internal(1.4, 115.0, psi))])

    angles = np.random.default_rng(0).uniform(-179, 179, (8, 2))
    chains = [chain(*pair) for pair in angles]
    ours, theirs = (_torsion_torsion_energies(chains, rewritten=rewritten) for rewritten in (True, False))
    for (energy, forces), (expected, expected_forces) in zip(ours, theirs, strict=True):
        assert energy == pytest.approx(expected, abs=1e-12)
        np.testing.assert_allclose(forces, expected_forces, atol=1e-12)
    assert np.ptp([energy for energy, _ in theirs]) > 0.1
    flat, near = _torsion_torsion_energies([chain(180, 100), chain(179.999, 100)], rewritten=True)
    assert flat[0] == pytest.approx(near[0], abs=1e-6)


def test_water_is_flexible_and_charges_of_the_model_stay_those_of_amber(chignolin):
    solvated = solvate(*chignolin, Solvation("amoeba", padding_A=3.0, box="cube"))
    topology = solvated.topology
    system = environment_system(topology, environment="amoeba2018", solvent="amoeba", hydrogen_mass_u=3.0)
    assert system.getNumConstraints() == 0
    assert degrees_of_freedom(system) == 3 * topology.getNumAtoms()
    multipoles, van_der_waals = (force_named(system, f"Amoeba{kind}Force") for kind in ("Multipole", "Vdw"))
    assert multipoles.getNonbondedMethod() == openmm.AmoebaMultipoleForce.PME
    assert multipoles.getPolarizationType() == openmm.AmoebaMultipoleForce.Mutual
    assert van_der_waals.getCutoffDistance() == 0.9 * unit.nanometer
    assert van_der_waals.getUseDispersionCorrection()
    assert charges(system).sum() == pytest.approx(0.0, abs=1e-4)
    hydrogens = [atom.index for atom in topology.atoms() if atom.element.symbol == "H"]
    expected = [3.0 if atom < 166 else 1.008 for atom in hydrogens]
    np.testing.assert_allclose(masses(system)[hydrogens], expected, atol=1e-3)
    protein, atoms = protein_topology(topology)
    amber = partial_charges(build_environment(chignolin[0], solvent="gas"))
    np.testing.assert_allclose(amber_charges(protein), amber, atol=1e-12)
    assert np.abs(amber - charges(system)[atoms]).max() > 0.1  # negative control: they are others


def test_a_residue_without_template_is_named(chignolin):
    topology, positions = chignolin
    modeller = app.Modeller(topology, positions * 0.1)
    modeller.delete([next(atom for atom in topology.atoms() if atom.residue.id == "3" and atom.name == "CG")])
    with pytest.raises(InputError, match=r"chain A, residue ASP 3: its atoms fit no template of AMOEBA 2018"):
        build_amoeba(modeller.topology, solvent="gas")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"solvent": "gbn2"},
            r"environment amoeba2018 has no gbn2; take --solvent gas or amoeba, or --environment amb",
        ),
        ({"solvent": "opc"}, "environment amoeba2018 has no opc"),
        ({"solvent": "water"}, "solvent: expected one of gas, amoeba, got 'water'"),
        ({"solvent": "gas", "constraints": "h-bonds"}, "constraints: expected none with environment amoeba2018"),
        (
            {"environment": "amber19", "solvent": "amoeba"},
            "environment amber19 has no amoeba; .* --environment amoeba2018",
        ),
        ({"environment": "charmm", "solvent": "gas"}, "environment: expected one of amber19, amoeba2018, got 'charmm'"),
        ({"solvent": "amoeba"}, "explicit water needs a structure with a periodic box"),
    ],
)
def test_unusable_choices(chignolin, choice, message):
    with pytest.raises(InputError, match=message):
        environment_system(chignolin[0], **{"environment": "amoeba2018"} | choice)
