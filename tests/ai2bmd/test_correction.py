"""The correction: couplings, models, batches."""

import ase
import numpy as np
import pytest
import torch
from ase.calculators.lj import LennardJones

from ai2bmd.correction import Correction, model_correction, whole_plan
from ai2bmd.environment import FORCE_FIELD, build_environment, partial_charges
from ai2bmd.errors import InputError
from ai2bmd.fragment_potential import ASEPotential
from ai2bmd.fragment_system import fragment_charges, fragment_openmm_topology
from ai2bmd.protein import protein_topology
from fragmentation.caps import PlanTensors, expand
from fragmentation.plan import plan_fragments
from potentials.model_file import LoadedModel, ModelCard, load_model
from potentials.neighbours import build_edges

CPU = torch.device("cpu")


def correction_of(topology, model, **settings):
    protein, atoms = protein_topology(topology)
    charges = partial_charges(build_environment(topology, solvent="gas"))[atoms]
    return model_correction(protein, model, charges=charges, device=CPU, **settings)


def test_fragments_in_one_batch_are_as_each_alone(chignolin, random_model):
    topology, positions = chignolin
    model = load_model(random_model, force_field=FORCE_FIELD)
    correction = correction_of(topology, model, coupling="units", dtype=torch.float64)
    energies = correction.evaluate(positions).fragment_energies
    plan, network = correction.plan, model.model.double()
    charges = torch.from_numpy(fragment_charges(plan))
    expanded = expand(PlanTensors.of(plan, dtype=torch.float64), torch.from_numpy(positions))
    for fragment in (0, 5, plan.n_fragments - 1):
        mine = torch.from_numpy(np.flatnonzero(plan.fragment_index == fragment))
        index = torch.zeros(len(mine), dtype=torch.int64)
        edges = build_edges(expanded[mine].numpy(), index.numpy(), network.config.cutoff_A)
        numbers = torch.from_numpy(plan.atomic_numbers)[mine]
        alone = network(numbers, expanded[mine], index, charges[mine], edges, 1)
        assert alone.item() == pytest.approx(energies[fragment], abs=1e-10)


def test_the_model_given_stays_as_it_was(chignolin, random_model):
    model = load_model(random_model, force_field=FORCE_FIELD)
    correction_of(chignolin[0], model, coupling="whole", dtype=torch.float64)
    assert next(model.model.parameters()).dtype == torch.float32
    assert next(model.model.parameters()).requires_grad


def test_float32_is_close_to_float64(chignolin, random_model):
    topology, positions = chignolin
    model = load_model(random_model, force_field=FORCE_FIELD)
    results = [
        correction_of(topology, model, coupling="units", dtype=dtype).evaluate(positions)
        for dtype in (torch.float32, torch.float64)
    ]
    np.testing.assert_allclose(results[0].forces, results[1].forces, atol=2e-5)
    assert results[0].energy == pytest.approx(results[1].energy, abs=1e-3)
    assert results[0].forces.dtype == np.float32


def test_any_ase_calculator_is_a_full_model(chignolin):
    """A single molecule without cuts: C = V - E_mm with nothing added."""
    topology, positions = chignolin
    protein, _ = protein_topology(topology)
    plan = whole_plan(protein)
    potential = ASEPotential(
        lambda _: LennardJones(sigma=1.0, epsilon=0.01, rc=6.0),
        atomic_numbers=plan.atomic_numbers,
        fragment_index=plan.fragment_index,
    )
    atoms = ase.Atoms(plan.atomic_numbers, positions, calculator=LennardJones(sigma=1.0, epsilon=0.01, rc=6.0))
    result = Correction(plan, potential, dtype=torch.float64).evaluate(positions)
    assert result.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    np.testing.assert_allclose(result.forces, atoms.get_forces(), atol=1e-10)


def test_a_full_model_goes_through_units_only(chignolin, random_model):
    model = load_model(random_model, force_field=FORCE_FIELD)
    full = LoadedModel(model.model, ModelCard("full", "none", None, config={}))
    with pytest.raises(InputError, match="a full model can be coupled through units only"):
        correction_of(chignolin[0], full, coupling="whole")
    result = correction_of(chignolin[0], full, coupling="units").evaluate(chignolin[1])
    plain = correction_of(chignolin[0], model, coupling="units").evaluate(chignolin[1])
    assert abs(result.energy - plain.energy) > 1e-3  # the force field's fragments are subtracted


def test_unknown_coupling(chignolin, random_model):
    model = load_model(random_model, force_field=FORCE_FIELD)
    with pytest.raises(InputError, match="coupling: expected units or whole, got 'all'"):
        correction_of(chignolin[0], model, coupling="all")


def test_a_protein_that_is_one_unit_has_no_fragmentation_error(chignolin, random_model):
    topology, positions = chignolin
    model = load_model(random_model, force_field=FORCE_FIELD)
    cut = plan_fragments(protein_topology(topology)[0])
    unit = cut.labels.index("A:ASP3 unit")
    dipeptide = fragment_openmm_topology(cut, [unit])
    expanded = expand(PlanTensors.of(cut, dtype=torch.float64), torch.from_numpy(positions)).numpy()
    capped = expanded[cut.fragment_index == unit]
    units, whole = (
        correction_of(dipeptide, model, coupling=coupling, dtype=torch.float64).evaluate(capped)
        for coupling in ("units", "whole")
    )
    assert len(units.fragment_energies) == 1
    assert units.energy == pytest.approx(whole.energy, abs=1e-9)
    np.testing.assert_allclose(units.forces, whole.forces, atol=1e-9)
