"""The wall: nothing where the model has data, smooth, and in the way of a hydroxyl hydrogen without radius."""

import h5py
import numpy as np
import openmm
import pytest
import torch
from openmm import app

from ai2bmd.assembly import corrected_system
from ai2bmd.environment import ForceFieldEnergy, build_environment
from ai2bmd.wall import CLOSEST_CONTACT_A, STIFFNESS_EV_A3, short_range_wall


def alone(topology):
    """The wall as a system of its own."""
    system = openmm.System()
    for atom in topology.atoms():
        system.addParticle(atom.element.mass)
    system.addForce(short_range_wall(topology))
    return ForceFieldEnergy(system)


@pytest.fixture
def two_atoms():
    """Topology of a hydrogen and a carbon that are not bonded."""
    topology = app.Topology()
    chain = topology.addChain()
    for name in ("H", "C"):
        topology.addAtom(name, app.Element.getBySymbol(name), topology.addResidue(name, chain))
    return topology


@pytest.mark.parametrize("distance", [1.5, 1.75, 1.81, 3.0])
def test_energy_and_force_by_hand(distance, two_atoms):
    energy, forces = alone(two_atoms)(np.array([[0.0, 0, 0], [0, distance, 0]]))
    depth = max(0.0, CLOSEST_CONTACT_A[1, 6] - distance)
    assert energy == pytest.approx(STIFFNESS_EV_A3 * depth**3, abs=1e-9)
    assert forces[1, 1] == pytest.approx(3 * STIFFNESS_EV_A3 * depth**2, abs=1e-9)


def test_examples_do_not_feel_it(chignolin):
    topology, positions = chignolin
    assert alone(topology)(positions)[0] == 0.0


@pytest.mark.parametrize("name", ["chignolin", "trpcage"])
def test_dynamics_at_300_K_hardly_feels_it(name, examples, shared):
    wall = alone(app.PDBFile(str(examples / f"{name}.pdb")).topology)
    with h5py.File(shared / "data" / "proteins-so3lr.h5") as data:
        assert max(wall(positions)[0] for positions in data[f"{name}/positions"][:]) < 0.01


def test_hydroxyl_hydrogen_in_a_ring_is_pushed_out(chignolin, random_model):
    """The force field alone has no objection: the hydrogen of a hydroxyl has no radius."""
    topology, positions = chignolin
    index = {(atom.residue.id, atom.name): atom.index for atom in topology.atoms()}
    hydrogen, carbon = index["8", "HG1"], index["10", "CZ"]
    moved = positions.copy()
    normal = np.cross(
        positions[index["10", "CE1"]] - positions[carbon], positions[index["10", "CE2"]] - positions[carbon]
    )
    moved[hydrogen] = positions[carbon] + 1.3 * normal / np.linalg.norm(normal)
    built = corrected_system(topology, solvent="gas", coupling="units", model=random_model, device=torch.device("cpu"))
    away = (moved[hydrogen] - moved[carbon]) / 1.3
    push = ForceFieldEnergy(built.system)(moved)[1][hydrogen] @ away
    plain = ForceFieldEnergy(build_environment(topology, solvent="gas"))(moved)[1][hydrogen] @ away
    assert push - plain > 3 * STIFFNESS_EV_A3 * 0.5**2 * 0.9


def test_coupling_off_is_the_plain_force_field(chignolin):
    built = corrected_system(chignolin[0], solvent="gas", coupling="off", model=None, device=torch.device("cpu"))
    assert not any(isinstance(force, openmm.CustomNonbondedForce) for force in built.system.getForces())
