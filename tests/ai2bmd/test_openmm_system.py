"""Any System of amber19/ff19SB corrected: energies, forces, constraints, barostat, virtual sites, refusals."""

import copy

import numpy as np
import openmm
import pytest
from openmm import app, unit

from ai2bmd import correct_system
from ai2bmd.assembly import corrected_system
from ai2bmd.corrected_force import LAMBDA, NAME
from ai2bmd.device import torch_device
from ai2bmd.environment import build_environment, energy_and_forces
from ai2bmd.errors import InputError
from ai2bmd.solvation import Solvation, solvate
from ai2bmd.structure import prepare_structure


@pytest.fixture(scope="module")
def peptide():
    prepared = prepare_structure(sequence="AYS", caps="charged")
    return prepared.topology, prepared.positions_A


@pytest.fixture(scope="module")
def opc_box(peptide):
    """Two copies of the peptide in OPC water, whose molecules have virtual sites."""
    topology, positions = peptide
    modeller = app.Modeller(topology, positions * unit.angstrom)
    modeller.add(topology, (positions + np.array([0.0, 0.0, 9.0])) * unit.angstrom)
    both = np.array(modeller.positions.value_in_unit(unit.angstrom))
    box = solvate(modeller.topology, both, Solvation("opc", padding_A=3.0, box="cube"))
    return box, build_environment(box.topology, solvent="opc", constraints="h-bonds", hydrogen_mass_u=3.0)


def at(system, positions_A, *, platform="Reference", remove_constraints=False):
    """Energy (eV) and forces (eV/A) of a System."""
    if remove_constraints:
        system = copy.deepcopy(system)
        for number in reversed(range(system.getNumConstraints())):
            system.removeConstraint(number)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform))
    context.setPositions(positions_A / 10.0)
    return energy_and_forces(context)


def correction_alone(topology, positions_A, model, **choices):
    built = corrected_system(topology, solvent="gas", model=model, device=torch_device("cpu"), **choices)
    assert built.correction is not None
    return built.correction.evaluate(positions_A)


@pytest.mark.parametrize("coupling", ["units", "whole"])
def test_the_sum_of_environment_and_correction(peptide, random_model, coupling):
    topology, positions = peptide
    environment = build_environment(topology, solvent="gbn2")
    corrected = correct_system(topology, environment, model=random_model, coupling=coupling, force_group=3)
    assert not any(force.getName() == NAME for force in environment.getForces())  # left as it was
    (force,) = [force for force in corrected.getForces() if force.getName() == NAME]
    assert force.getForceGroup() == 3
    assert dict(force.getGlobalParameters()) == {LAMBDA: 1.0}
    energy, forces = at(corrected, positions)
    energy_environment, forces_environment = at(environment, positions)
    correction = correction_alone(topology, positions, random_model, coupling=coupling)
    assert abs(correction.energy) > 0.01
    assert energy == pytest.approx(energy_environment + correction.energy, abs=1e-5)
    np.testing.assert_allclose(forces, forces_environment + correction.forces, atol=1e-4)


def test_forces_are_the_gradient(peptide, random_model):
    topology, positions = peptide
    corrected = correct_system(topology, build_environment(topology, solvent="gas"), model=random_model)
    correction = correction_alone(topology, positions, random_model, coupling="whole").forces
    direction = correction / np.linalg.norm(correction)  # in which the environment's part is another
    slope = -(at(corrected, positions)[1] * direction).sum()
    step_A = 0.01
    forth, back = (at(corrected, positions + sign * step_A * direction)[0] for sign in (1, -1))
    assert (forth - back) / (2 * step_A) == pytest.approx(slope, rel=2e-3)
    environment = build_environment(topology, solvent="gas")
    assert -(at(environment, positions)[1] * direction).sum() != pytest.approx(slope, rel=2e-2)  # negative control


def test_constant_pressure_in_water_with_virtual_sites_and_two_chains(opc_box, random_model):
    box, environment = opc_box
    environment = copy.deepcopy(environment)
    environment.addForce(openmm.MonteCarloBarostat(1.0, 300.0, 5))
    corrected = correct_system(box.topology, environment, model=random_model)
    assert corrected.getNumConstraints() == environment.getNumConstraints() > 0
    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.001)
    simulation = app.Simulation(box.topology, corrected, integrator, openmm.Platform.getPlatformByName("CPU"))
    simulation.context.setPositions(box.positions_A / 10.0)
    simulation.context.setParameter(LAMBDA, 0.0)
    simulation.minimizeEnergy(maxIterations=30)
    simulation.context.setParameter(LAMBDA, 1.0)
    before = simulation.context.getState().getPeriodicBoxVolume()
    simulation.step(30)
    state = simulation.context.getState(energy=True, positions=True)
    assert state.getPeriodicBoxVolume() != before
    assert np.isfinite(state.getPotentialEnergy()._value)
    protein = [atom.index for atom in box.topology.atoms() if atom.residue.name in ("ALA", "TYR", "SER")]
    positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)[protein]
    expected = correction_alone(_chains_alone(box.topology), positions, random_model, coupling="whole").energy
    energies = [energy_and_forces(simulation.context)[0]]
    simulation.context.setParameter(LAMBDA, 0.0)
    energies.append(energy_and_forces(simulation.context)[0])
    assert energies[0] - energies[1] == pytest.approx(expected, abs=1e-3)


def _chains_alone(topology):
    modeller = app.Modeller(topology, np.zeros((topology.getNumAtoms(), 3)) * unit.nanometer)
    modeller.delete([residue for residue in topology.residues() if residue.name in ("HOH", "NA", "CL")])
    modeller.topology.setPeriodicBoxVectors(None)
    return modeller.topology


def test_a_topology_without_the_virtual_sites_is_refused(opc_box, random_model):
    box, environment = opc_box
    bare = app.Modeller(box.topology, box.positions_A * unit.angstrom)
    bare.delete([atom for atom in box.topology.atoms() if atom.element is None])
    with pytest.raises(InputError, match=r"the topology has \d+ atoms and the System \d+ particles.*addExtraParticles"):
        correct_system(bare.topology, environment, model=random_model)


def test_a_ligand_is_left_alone(peptide, random_model):
    """Two bonded atoms that no force field knows, beside the protein; their own terms stay, and nothing is added."""
    topology, positions = peptide
    modeller = app.Modeller(topology, positions * unit.angstrom)
    ligand = app.Topology()
    residue = ligand.addResidue("LIG", ligand.addChain())
    atoms = [ligand.addAtom(name, app.element.carbon, residue) for name in ("C1", "C2")]
    ligand.addBond(*atoms)
    modeller.add(ligand, np.array([[0.0, 0.0, 20.0], [0.0, 0.0, 21.5]]) * unit.angstrom)
    everything = np.array(modeller.positions.value_in_unit(unit.angstrom))
    environment = build_environment(topology, solvent="gas")
    nonbonded = next(force for force in environment.getForces() if isinstance(force, openmm.NonbondedForce))
    for _ in atoms:
        environment.addParticle(12.0)
        nonbonded.addParticle(0.1, 0.34, 0.4)
    bond = openmm.HarmonicBondForce()
    bond.addBond(len(positions), len(positions) + 1, 0.14, 1e5)
    environment.addForce(bond)
    corrected = correct_system(modeller.topology, environment, model=random_model)
    energy, forces = at(corrected, everything)
    energy_environment, forces_environment = at(environment, everything)
    np.testing.assert_array_equal(forces[-2:], forces_environment[-2:])
    expected = correction_alone(topology, positions, random_model, coupling="whole").energy
    assert energy - energy_environment == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("constraints", [app.HBonds, app.AllBonds, app.HAngles])
def test_terms_that_constraints_stand_in_for_come_back(peptide, random_model, constraints):
    topology, positions = peptide
    field = app.ForceField("amber19/protein.ff19SB.xml")
    constrained = field.createSystem(topology, constraints=constraints, removeCMMotion=False)
    free = correct_system(topology, build_environment(topology, solvent="gas"), model=random_model)
    moved = positions + np.random.default_rng(1).normal(scale=0.02, size=positions.shape)
    energy, forces = at(free, moved)
    flexible = correct_system(topology, constrained, model=random_model, flexible=True)
    energy_flexible, forces_flexible = at(flexible, moved, remove_constraints=True)
    assert energy_flexible == pytest.approx(energy, abs=1e-5)
    np.testing.assert_allclose(forces_flexible, forces, atol=1e-4)
    stiff = correct_system(topology, constrained, model=random_model)  # negative control
    assert at(stiff, moved, remove_constraints=True)[0] < energy - 0.01


def test_copies_and_xml_hold_the_model(peptide, random_model):
    topology, positions = peptide
    corrected = correct_system(topology, build_environment(topology, solvent="gas"), model=random_model)
    energy, forces = at(corrected, positions)
    from_xml = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(corrected))
    for other in (copy.deepcopy(corrected), from_xml):
        again, forces_again = at(other, positions)
        assert again == energy
        np.testing.assert_array_equal(forces_again, forces)


def test_another_force_field_is_refused(peptide, random_model):
    topology, _ = peptide
    older = app.ForceField("amber14-all.xml").createSystem(topology)  # charges and radii are the same
    with pytest.raises(InputError, match=r"chain A, residue ALA 1, atom C: its CMAP with .* is absent"):
        correct_system(topology, older, model=random_model)
    charmm = app.ForceField("charmm36.xml").createSystem(topology)
    with pytest.raises(InputError, match=r"chain A, residue ALA 1, atom N: its charge \(.*not that of amber19/ff19SB"):
        correct_system(topology, charmm, model=random_model)


@pytest.mark.parametrize("kind", ["charge", "bond", "angle", "torsion", "CMAP"])
def test_a_single_changed_term_is_refused(peptide, random_model, kind):
    topology, _ = peptide
    system = build_environment(topology, solvent="gas")
    forces = {type(force): force for force in system.getForces()}
    match kind:
        case "charge":
            charge, *others = forces[openmm.NonbondedForce].getParticleParameters(7)
            forces[openmm.NonbondedForce].setParticleParameters(7, charge._value + 0.01, *others)
        case "bond":
            *atoms, length, constant = forces[openmm.HarmonicBondForce].getBondParameters(4)
            forces[openmm.HarmonicBondForce].setBondParameters(4, *atoms, length * 1.01, constant)
        case "angle":
            *atoms, angle, constant = forces[openmm.HarmonicAngleForce].getAngleParameters(4)
            forces[openmm.HarmonicAngleForce].setAngleParameters(4, *atoms, angle, constant * 0.9)
        case "torsion":
            *atoms, phase, constant = forces[openmm.PeriodicTorsionForce].getTorsionParameters(4)
            forces[openmm.PeriodicTorsionForce].setTorsionParameters(4, *atoms, phase, constant * 0 + 0.5 * constant)
        case "CMAP":
            system.removeForce(next(i for i, f in enumerate(system.getForces()) if "CMAP" in type(f).__name__))
    with pytest.raises(InputError, match=rf"chain A, residue \w+ \d, atom \w+: its {kind} "):
        correct_system(topology, system, model=random_model)


def test_what_else_is_refused(peptide, random_model):
    topology, _ = peptide
    environment = build_environment(topology, solvent="gas")
    corrected = correct_system(topology, environment, model=random_model)
    with pytest.raises(InputError, match="corrected already"):
        correct_system(topology, corrected, model=random_model)
    with pytest.raises(InputError, match="force_group: expected 0 to 31, got 32"):
        correct_system(topology, environment, model=random_model, force_group=32)
    bare = openmm.System()
    for _ in topology.atoms():
        bare.addParticle(1.0)
    with pytest.raises(InputError, match="no NonbondedForce"):
        correct_system(topology, bare, model=random_model)
    other = prepare_structure(sequence="SYA", caps="charged").topology  # as many atoms, in another order
    with pytest.raises(InputError, match=r"its charge .* and give the topology it was made from"):
        correct_system(other, environment, model=random_model)
    with pytest.raises(InputError, match="coupling: expected units or whole, got 'off'"):
        correct_system(topology, environment, model=random_model, coupling="off")  # type: ignore[arg-type]
