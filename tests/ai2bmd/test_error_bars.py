"""Error bars of the correction: in both couplings, in parts, for several copies, from the calculator."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ai2bmd import AI2BMDCalculator
from ai2bmd.assembly import corrected_system
from ai2bmd.correction import Correction
from ai2bmd.errors import InputError
from ai2bmd.replicas.shared_evaluation import SharedEvaluation

ENERGY_SCALE, FORCE_SCALE = 1.5, 2.5
COUPLINGS = pytest.mark.parametrize("coupling", ["units", "whole"])


def _correction(chignolin, model, dtype=torch.float64, **choices) -> Correction:
    options = {"solvent": "gas", "device": torch.device("cpu"), "dtype": dtype}
    found = corrected_system(chignolin[0], model=model, **options, **choices).correction
    assert found is not None
    return found


@COUPLINGS
def test_the_mean_is_the_model(chignolin, random_model, committee_model, coupling):
    one, many = (_correction(chignolin, model, coupling=coupling) for model in (random_model, committee_model))
    expected, found = one.evaluate(chignolin[1]), many.evaluate(chignolin[1])
    assert found.energy == pytest.approx(expected.energy, abs=2e-5)  # weights are kept in float32
    np.testing.assert_allclose(found.forces, expected.forces, atol=2e-5)
    assert found.member_energies is not None
    assert found.member_energies.mean() == pytest.approx(found.energy, abs=1e-9)
    assert (one.has_members, many.has_members) == (False, True)
    assert expected.energy_std is None
    with pytest.raises(InputError, match="forces_std: the model has one member"):
        one.force_std(chignolin[1])


@COUPLINGS
def test_force_spread_is_that_of_the_members_slopes(chignolin, committee_model, coupling):
    """The energies of the members, by finite differences; an atom beside a cut tells whether caps are counted."""
    correction = _correction(chignolin, committee_model, coupling=coupling)
    found = correction.force_std(chignolin[1])
    names = [atom.name for atom in chignolin[0].atoms()]
    atom = [number for number, name in enumerate(names) if name == "CA"][4]
    slopes = []
    for axis in range(3):
        ends = []
        for step in (-1e-4, 1e-4):
            positions = chignolin[1].copy()
            positions[atom, axis] += step
            ends.append(correction.evaluate(positions).member_energies)
        slopes.append((ends[1] - ends[0]) / 2e-4 / ENERGY_SCALE)
    expected = FORCE_SCALE * np.sqrt(np.var(slopes, axis=1, ddof=1).sum())
    assert found[atom] == pytest.approx(expected, rel=1e-5)
    assert found.shape == (len(names),)


@COUPLINGS
def test_parts_change_no_spread(chignolin, committee_model, coupling):
    free = _correction(chignolin, committee_model, coupling=coupling)
    (part,) = free.parts(chignolin[1])
    limited = _correction(chignolin, committee_model, coupling=coupling, memory_bytes=part.memory_bytes * 2 // 3)
    assert sum(one.blocks for one in limited.parts(chignolin[1])) > 1
    np.testing.assert_allclose(limited.force_std(chignolin[1]), free.force_std(chignolin[1]), atol=1e-9)
    expected, found = free.evaluate(chignolin[1]), limited.evaluate(chignolin[1])
    np.testing.assert_allclose(found.member_energies, expected.member_energies, atol=1e-9)


def test_copies_have_the_spread_of_their_own(chignolin, committee_model):
    alone, meeting = _correction(chignolin, committee_model, coupling="units"), SharedEvaluation()
    random = np.random.default_rng(0)
    shaken = [chignolin[1] + random.normal(scale=0.03, size=chignolin[1].shape) for _ in range(2)]
    together = [alone.exchanged(meeting.join) for _ in shaken]
    with ThreadPoolExecutor(2) as threads:
        for _ in range(100):  # until they meet
            found = list(threads.map(Correction.evaluate, together, shaken))
            if 2 in meeting.sizes:
                break
        spreads = list(threads.map(Correction.force_std, together, shaken))
    assert 2 in meeting.sizes
    for result, forces, positions in zip(found, spreads, shaken, strict=True):
        np.testing.assert_allclose(result.member_energies, alone.evaluate(positions).member_energies, atol=1e-9)
        np.testing.assert_allclose(forces, alone.force_std(positions), atol=1e-9)
    assert np.abs(found[0].member_energies - found[1].member_energies).max() > 1e-3  # it matters who gets which


def test_energies_are_relative_to_a_geometry(chignolin, committee_model):
    correction = _correction(chignolin, committee_model, coupling="whole")
    moved = chignolin[1] + np.random.default_rng(1).normal(scale=0.02, size=chignolin[1].shape)
    before = [correction.evaluate(positions) for positions in (chignolin[1], moved)]
    correction.refer_to(chignolin[1])
    after = [correction.evaluate(positions) for positions in (chignolin[1], moved)]
    assert after[0].energy_std == pytest.approx(0.0, abs=1e-9)
    difference = before[1].member_energies - before[0].member_energies
    assert after[1].energy_std == pytest.approx(difference.std(ddof=1), rel=1e-9)
    assert after[1].energy == before[1].energy
    assert before[1].energy_std > 3.0 * after[1].energy_std  # control: most of it is what members think of elements


def test_results_of_the_calculator(examples, committee_model):
    calculator = AI2BMDCalculator(examples / "chignolin.pdb", model=committee_model, device="cpu")
    atoms = calculator.prepared_atoms
    atoms.rattle(0.02, seed=1)
    atoms.get_forces()
    results = calculator.results
    assert results["energy_std"] > 0.0
    assert results["energy_members"].mean() == pytest.approx(results["energy"], abs=1e-6)
    assert results["forces_std"].shape == (len(atoms),)
    assert (results["forces_std"] > 0.0).all()


def test_the_spread_of_the_forces_can_wait_until_it_is_asked_for(examples, committee_model):
    path = examples / "chignolin.pdb"
    calculator = AI2BMDCalculator(path, model=committee_model, device="cpu", spread="energy")
    atoms = calculator.prepared_atoms
    atoms.get_forces()
    assert "energy_std" in calculator.results
    assert "forces_std" not in calculator.results
    always = AI2BMDCalculator(path, model=committee_model, device="cpu")
    always.prepared_atoms.get_forces()
    np.testing.assert_allclose(calculator.get_property("forces_std", atoms), always.results["forces_std"], rtol=1e-5)
    with pytest.raises(InputError, match="spread: expected forces or energy, got 'both'"):
        AI2BMDCalculator(path, spread="both")  # pyright: ignore[reportArgumentType]


def test_a_model_without_committee_has_no_error_bars(examples, random_model):
    calculator = AI2BMDCalculator(examples / "chignolin.pdb", model=random_model, device="cpu")
    atoms = calculator.prepared_atoms
    atoms.get_forces()
    assert not {"energy_std", "forces_std", "energy_members"} & calculator.results.keys()
    with pytest.raises(InputError, match="forces_std: the model has one member"):
        calculator.get_property("forces_std", atoms)
