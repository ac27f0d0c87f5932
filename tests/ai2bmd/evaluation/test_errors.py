"""Errors and their standard errors on predictions whose errors are known."""

import dataclasses

import numpy as np
import pytest

from ai2bmd.evaluation.errors import KCAL_MOL, frame_table, gain, jackknife, rank_correlation, set_errors
from ai2bmd.evaluation.frames import LabelledMolecule
from ai2bmd.evaluation.predictions import Prediction
from potentials.label_store import Molecule

NOTHING = np.zeros(0)


def labelled(name: str, charge: int, frames: int, *, temperature: float = 300.0, atoms: int = 5) -> LabelledMolecule:
    """Frames with random labels."""
    random = np.random.default_rng(frames)
    molecule = Molecule(name, charge, np.ones(atoms, np.uint8), *[NOTHING] * 5)
    energies, forces = random.normal(size=frames), random.normal(size=(frames, atoms, 3))
    return LabelledMolecule(
        molecule,
        np.zeros((frames, atoms, 3)),
        energies,
        forces,
        np.zeros(frames),
        np.zeros_like(forces),
        np.arange(frames),
        np.full(frames, temperature),
    )


def off_by(one: LabelledMolecule, force: float, energy: np.ndarray | float = 0.0) -> Prediction:
    """A prediction with these errors (kcal/mol/A, kcal/mol)."""
    return Prediction(one.energies + np.asarray(energy) * KCAL_MOL, one.forces + force * KCAL_MOL)


def test_known_errors_come_back_in_every_set() -> None:
    molecules = [labelled("mid-ALA", 0, 4), labelled("mid-ASP", -1, 2, temperature=550.0), labelled("disulfide", 0, 3)]
    predictions = [{"a": off_by(one, 2.0 * number, 100.0)} for number, one in enumerate(molecules, start=1)]
    rows = {(row.kind, row.name): row for row in set_errors(frame_table(molecules, predictions))}
    assert rows["molecule", "mid-ALA"].force_mae.value == pytest.approx(2.0)
    assert rows["charged", "neutral"].force_mae.value == pytest.approx(2.0)  # without the disulfide
    assert rows["charged", "charged"].force_mae.value == pytest.approx(4.0)
    assert rows["charged", "disulfide"].force_mae.value == pytest.approx(6.0)
    assert rows["charge", "charge +0"].frames == 7
    assert rows["temperature", "550 K"].force_mae.value == pytest.approx(4.0)
    everything = rows["all", "all"]
    assert everything.force_mae.value == pytest.approx((4 * 2 + 2 * 4 + 3 * 6) / 9)
    assert everything.trajectories == 9
    # a constant of a molecule is no error
    assert everything.energy_mae.value == pytest.approx(0.0, abs=1e-9)


def test_relative_energies_do_not_depend_on_the_number_of_frames() -> None:
    """Less the mean of few frames errors look small: that is put right."""
    random, found = np.random.default_rng(5), {}
    for frames in (2, 30):
        molecules = [labelled("mid-ALA", 0, frames) for _ in range(6000 // frames)]
        predictions = [{"a": off_by(one, 0.0, random.normal(size=frames))} for one in molecules]
        found[frames] = set_errors(frame_table(molecules, predictions))[0].energy_mae
    expected = np.sqrt(2 / np.pi)  # mean absolute deviation of a normal distribution
    for estimate in found.values():
        assert abs(estimate.value - expected) < 4 * estimate.error < 0.1


def test_standard_error_is_that_of_independent_trajectories() -> None:
    values = np.random.default_rng(6).normal(size=50)
    alone = jackknife(values, np.ones(50), np.arange(50))
    assert alone.error == pytest.approx(values.std(ddof=1) / np.sqrt(50))
    # eight copies of each frame tell no more; taken for independent they would seem to
    repeated = jackknife(values.repeat(8), np.ones(400), np.arange(50).repeat(8))
    assert repeated.error == pytest.approx(alone.error)
    assert jackknife(values.repeat(8), np.ones(400), np.arange(400)).error < 0.5 * alone.error
    assert np.isnan(jackknife(values, np.ones(50), np.zeros(50, int)).error)


def test_gain_is_of_the_same_frames() -> None:
    molecules = [labelled("mid-ALA", 0, 4), labelled("mid-ASP", -1, 3)]
    before = [off_by(one, 5.0 * number) for number, one in enumerate(molecules, start=1)]
    after = [off_by(one, 5.0 * number - 2.0) for number, one in enumerate(molecules, start=1)]
    predictions = [{"before": b, "after": a} for b, a in zip(before, after, strict=True)]
    force, _ = gain(frame_table(molecules, predictions), "before", "after")
    assert force.value == pytest.approx(2.0)
    # the frames differ by far more than what is gained, which is the same in all
    assert force.error == pytest.approx(0.0, abs=1e-9)


def test_rank_correlation_tells_error_bars_from_noise() -> None:
    one, random = labelled("mid-ALA", 0, 200), np.random.default_rng(7)
    scale = np.exp(random.normal(size=(200, 5)))
    forces = one.forces + random.normal(size=(200, 5, 3)) * scale[..., None]
    good = Prediction(one.energies, forces, scale)
    assert rank_correlation([one], [good]) > 0.7
    noise = dataclasses.replace(good, force_std=random.permuted(scale))
    assert abs(rank_correlation([one], [noise])) < 0.15
