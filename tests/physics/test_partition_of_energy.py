"""With the force field itself in place of the model, fragments change nothing: E = E_env to float64 rounding."""

import dataclasses

import numpy as np
import pytest
import torch
from openmm import app, unit

from ai2bmd.correction import Correction
from ai2bmd.environment import ForceFieldEnergy
from ai2bmd.fragment_system import FORCE_FIELD_FILE, fragment_openmm_topology, fragment_system
from ai2bmd.protein import protein_topology
from fragmentation.plan import plan_fragments


def force_field_as_model(plan):
    """E_mm of each fragment as OpenMM makes it of the fragment alone, and its gradients: V = E_mm."""
    force_field = app.ForceField(FORCE_FIELD_FILE)
    fragments = [
        ForceFieldEnergy(force_field.createSystem(fragment_openmm_topology(plan, [fragment]), removeCMMotion=False))
        for fragment in range(plan.n_fragments)
    ]

    def potential(positions):
        molecules = np.split(positions.numpy(), np.flatnonzero(np.diff(plan.fragment_index)) + 1)
        results = [energy(molecule) for energy, molecule in zip(fragments, molecules, strict=True)]
        energies = torch.tensor([energy for energy, _ in results], dtype=torch.float64)
        return energies, -torch.from_numpy(np.concatenate([forces for _, forces in results]))

    return potential


@pytest.mark.parametrize("name", ["chignolin", "trpcage"])
def test_a_full_model_equal_to_the_force_field_corrects_nothing(name, examples):
    pdb = app.PDBFile(str(examples / f"{name}.pdb"))
    positions = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    plan = plan_fragments(protein_topology(pdb.topology)[0])
    classical = ForceFieldEnergy(fragment_system(plan, scale=plan.coefficients))
    correction = Correction(plan, force_field_as_model(plan), force_field=classical, dtype=torch.float64)
    result = correction.evaluate(positions)
    scale = np.abs(result.fragment_energies).sum()
    assert scale > 1  # eV: there is something to cancel
    assert abs(result.energy) < 1e-12 * scale
    assert np.abs(result.forces).max() < 1e-10
    # negative control: one fragment with the wrong sign
    wrong = dataclasses.replace(plan, coefficients=np.abs(plan.coefficients))
    broken = Correction(wrong, force_field_as_model(wrong), force_field=classical, dtype=torch.float64)
    assert abs(broken.evaluate(positions).energy) > 1e-3
