"""The ASE calculator as ASE's own tools use it."""

import numpy as np
import pytest
from ase.optimize import LBFGS
from ase.vibrations import Vibrations

from ai2bmd import AI2BMDCalculator
from ai2bmd.errors import InputError


@pytest.fixture
def calculator(examples, random_model) -> AI2BMDCalculator:
    return AI2BMDCalculator(examples / "chignolin.pdb", model=random_model, coupling="units", device="cpu")


def test_results(calculator):
    atoms = calculator.prepared_atoms
    energy = atoms.get_potential_energy()
    results = calculator.results
    assert energy == results["energy"] == results["energy_environment"] + results["energy_correction"]
    assert results["forces"].shape == (len(atoms), 3)
    assert results["fragment_energies"].shape == (19,)  # ten units, nine overlaps
    signs = np.array([1 if kind == "unit" else -1 for kind in calculator.correction.plan.kinds])
    assert results["energy_correction"] == pytest.approx(signs @ results["fragment_energies"], rel=1e-12)


def test_float64_forces_are_the_gradient(examples, random_model):
    path = examples / "chignolin.pdb"
    calculator = AI2BMDCalculator(path, model=random_model, coupling="whole", device="cpu", dtype="float64")
    atoms = calculator.prepared_atoms
    start, expected = atoms.get_positions(), atoms.get_forces()[20, 0]
    energies = []
    for step in (-1e-4, 1e-4):
        atoms.set_positions(start)
        atoms.positions[20, 0] += step
        energies.append(atoms.get_potential_energy())
    assert (energies[0] - energies[1]) / 2e-4 == pytest.approx(expected, rel=1e-6)


def test_whole_in_the_gas_phase_does_not_depend_on_the_environment(examples, random_model):
    """All that AMOEBA says of the protein is subtracted again; what is left is amber19 and the model."""
    results = {}
    for environment in ("amber19", "amoeba2018"):
        calculator = AI2BMDCalculator(
            examples / "chignolin.pdb", model=random_model, device="cpu", dtype="float64", environment=environment
        )
        calculator.prepared_atoms.get_potential_energy()
        results[environment] = calculator.results
    amber, amoeba = results["amber19"], results["amoeba2018"]
    assert abs(amber["energy_environment"] - amoeba["energy_environment"]) > 1.0
    assert amoeba["energy"] == pytest.approx(amber["energy"], abs=1e-9)
    np.testing.assert_allclose(amoeba["forces"], amber["forces"], atol=1e-9)


def test_computes_once_per_geometry(calculator):
    atoms = calculator.prepared_atoms
    calls = []
    evaluate = calculator.correction.evaluate
    calculator.correction.evaluate = lambda positions: calls.append(1) or evaluate(positions)
    atoms.get_potential_energy()
    atoms.get_forces()
    assert len(calls) == 1
    atoms.rattle(0.01, seed=1)
    atoms.get_forces()
    assert len(calls) == 2


def test_optimiser_lowers_the_energy(calculator):
    atoms = calculator.prepared_atoms
    start = atoms.get_potential_energy()
    LBFGS(atoms, logfile=None, maxstep=0.02).run(fmax=0.01, steps=5)
    assert atoms.get_potential_energy() < start - 0.01


def test_vibrations_of_one_atom(calculator, tmp_path):
    vibrations = Vibrations(calculator.prepared_atoms, indices=[1], name=str(tmp_path / "vibrations"))
    vibrations.run()
    assert np.abs(vibrations.get_energies()).max() > 0.05  # eV: a stretch against its neighbours


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_position_that_is_no_number_is_refused(calculator, value):
    atoms = calculator.prepared_atoms
    atoms.positions[3, 1] = value
    with pytest.raises(InputError, match=r"expected finite positions, got .* chain A, residue"):
        atoms.get_potential_energy()


def test_other_atoms_are_refused(calculator):
    atoms = calculator.prepared_atoms
    with pytest.raises(InputError, match="expected the 166 atoms of the prepared structure, got 165"):
        calculator.calculate(atoms[1:])
    swapped = atoms.copy()
    swapped.numbers[4] = 16
    with pytest.raises(
        InputError, match=r"number 4 is S, but the prepared structure has C there \(chain A, residue TYR"
    ):
        calculator.calculate(swapped)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"dtype": "float16"}, "dtype: expected float32 or float64, got 'float16'"),
        ({"coupling": "off"}, "coupling: expected units or whole, got 'off'"),
        ({"solvent": "tip3p"}, "solvent: expected gas or gbn2, got 'tip3p'"),
        ({"environment": "amoeba2018", "solvent": "gbn2"}, "solvent: environment amoeba2018 has no gbn2"),
        ({"device": "tpu"}, "device: expected auto, cpu or cuda, got 'tpu'"),
    ],
)
def test_unusable_choices(setting, message, examples, random_model):
    with pytest.raises(InputError, match=message):
        AI2BMDCalculator(examples / "chignolin.pdb", model=random_model, **setting)
