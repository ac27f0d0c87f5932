"""From one normal distribution to another, known exactly; refusal without overlap; energies kept in a file."""

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.energy_cache import energies_of_frames
from ai2bmd.analysis.thermodynamics.level_energies import correction_energies, level_changes, make_level
from ai2bmd.analysis.thermodynamics.level_reweighting import reweight_level, second_cumulant
from ai2bmd.analysis.thermodynamics.weights import weighted_mean
from ai2bmd.errors import InputError
from ai2bmd.structure import read_prepared

KT = thermal_energy(300.0)


def change(x: np.ndarray, *, shift: float, stiffness: float = 1.0) -> np.ndarray:
    """dE (kcal/mol) from the potential x^2/2 to stiffness (x - shift)^2/2, in kT."""
    return KT * (0.5 * stiffness * (x - shift) ** 2 - 0.5 * x**2)


def test_one_oscillator_to_another_is_covered():
    """Free energy difference kT/2 ln(stiffness), mean of x the new middle, variance of x 1/stiffness."""
    generator, inside = np.random.default_rng(1), np.zeros(3, int)
    for _ in range(100):
        x = [generator.standard_normal(1500) for _ in range(2)]
        found = reweight_level([change(own, shift=0.6, stiffness=1.5) for own in x], 300.0)
        estimates = (
            (found.free_energy, 0.5 * KT * np.log(1.5)),
            (weighted_mean(x, found.weights), 0.6),
            (weighted_mean([(own - 0.6) ** 2 for own in x], found.weights), 1.0 / 1.5),
        )
        for number, (estimate, truth) in enumerate(estimates):
            inside[number] += estimate.interval()[0] < truth < estimate.interval()[1]
    assert (inside >= 88).all(), inside


def test_the_second_cumulant_is_exact_for_a_normal_difference():
    generator, inside = np.random.default_rng(2), 0
    for _ in range(100):
        x = [generator.standard_normal(800)]
        found = reweight_level([change(own, shift=1.0) for own in x], 300.0)
        low, high = found.cumulant.interval()
        inside += low < 0.0 < high  # the same stiffness, the same free energy
        assert found.cumulant_warning == ""
        assert found.spread_kcal_mol == pytest.approx(KT, rel=0.15)
    assert 88 <= inside <= 99


def test_the_second_cumulant_warns_of_wide_and_of_skewed_differences():
    x = np.random.default_rng(3).standard_normal(100_000)
    assert "skewed" in reweight_level([change(x, shift=0.0, stiffness=2.0)], 300.0).cumulant_warning
    wide = reweight_level([change(x, shift=2.3)], 300.0)
    assert "varies by 2.3 kT" in wide.cumulant_warning


def test_reweighting_without_overlap_is_refused():
    x = np.random.default_rng(4).standard_normal(5000)
    with pytest.raises(
        InputError, match=r"5000 frames count as .* varies by 9\.\d kT .* than can be simulated; simulate longer, at"
    ):
        reweight_level([change(x, shift=10.0)], 300.0)
    assert abs(second_cumulant([change(x, shift=1.0)], 300.0).value) < 0.1


def test_energies_are_computed_once_and_kept(tmp_path):
    frames, calls = np.random.default_rng(6).normal(size=(10, 4, 3)), []

    def evaluate(positions: np.ndarray) -> np.ndarray:
        calls.append(len(positions))
        if sum(calls) > 8:
            raise KeyboardInterrupt
        return positions.sum((1, 2)).astype(np.float64)

    keep = {"total": 10, "batch": 4, "cache": tmp_path / "energies.csv", "identity": "sum", "shown": False}
    with pytest.raises(KeyboardInterrupt):
        energies_of_frames(frames, evaluate, **keep)
    assert calls == [4, 4, 2]
    with (tmp_path / "energies.csv").open("a") as file:
        file.write("0123abc")  # a line cut off
    calls.clear()
    found = energies_of_frames([*frames, frames[0]], evaluate, **keep)
    assert calls == [2]
    np.testing.assert_allclose(found, [*frames.sum((1, 2)), frames[0].sum()], atol=1e-5)
    with pytest.raises(InputError, match=r"energies of something else .sum; expected other"):
        energies_of_frames(frames, evaluate, **(keep | {"identity": "other"}))


def test_a_run_of_the_force_field_gets_the_correction_of_a_model(tmp_path, dipeptide_run, random_model):
    """Energies in batches are those of the calculator, frame by frame; kept with the run."""
    import MDAnalysis

    from ai2bmd.correction import Correction

    run = dipeptide_run(tmp_path / "run", time="60fs", save_every=10)
    for coupling in ("whole", "units"):
        level = make_level(run / "prepared.pdb", coupling=coupling, model=random_model, device="cpu")
        cache = tmp_path / f"{coupling}.csv"
        found, temperature_K = level_changes(run, level, cache=cache, shown=False)
        universe = MDAnalysis.Universe(str(run / "prepared.pdb"), str(run / "trajectory.h5md"))
        single = [level.correction.evaluate(universe.atoms.positions).energy for _ in universe.trajectory]
        np.testing.assert_allclose(found, np.array(single) * 23.060548, atol=2e-3)
        assert temperature_K == 300.0
        assert np.ptp(found) > 1e-3
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Correction, "energies", None)  # would fail if anything were computed again
            again = correction_energies(universe, level, cache=cache, shown=False)
        np.testing.assert_array_equal(again, found)
    with pytest.raises(InputError, match="chooses 12"):
        correction_energies(universe, level, cache=cache, selection="name H*", shown=False)


@pytest.mark.parametrize("coupling", ["whole", "units"])
def test_a_committee_gives_the_mean_of_its_members(coupling, examples, committee_model):
    prepared = examples / "alanine_dipeptide.pdb"
    level = make_level(prepared, coupling=coupling, model=committee_model, device="cpu")
    start = read_prepared(prepared).positions_A
    frames = start + 0.05 * np.random.default_rng(7).normal(size=(3, *start.shape))
    single = [level.correction.evaluate(frame).energy for frame in frames]
    np.testing.assert_allclose(level.correction.energies(frames), single, atol=1e-4)


def test_runs_whose_frames_are_of_no_single_ensemble_are_refused(tmp_path, examples, dipeptide_run, random_model):
    level = make_level(examples / "alanine_dipeptide.pdb", model=random_model, device="cpu")
    run = dipeptide_run(tmp_path / "run", time="20fs", ensemble="nve")
    with pytest.raises(InputError, match="at constant energy"):
        level_changes(run, level, shown=False)
    sampling = {"method": "metadynamics", "every": 5, "variables": [{"phi": "A 1"}]}
    with pytest.raises(InputError, match="a run of metadynamics"):
        level_changes(dipeptide_run(tmp_path / "biased", time="20fs", sampling=sampling), level, shown=False)
    with pytest.raises(InputError, match="not a run directory"):
        level_changes(tmp_path, level, shown=False)
