"""Metadynamics reweighted: of a known potential, and of runs of this program."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.bias_history import bias_offsets
from ai2bmd.analysis.thermodynamics.comparison import compare_free_energies, compare_with_bias
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.exchange_run import read_exchange_run
from ai2bmd.analysis.thermodynamics.free_energy import free_energy
from ai2bmd.analysis.thermodynamics.metadynamics import MetadynamicsRun, read_metadynamics, reweight_metadynamics
from ai2bmd.analysis.thermodynamics.metadynamics_runs import pool_metadynamics
from ai2bmd.errors import InputError
from ai2bmd.sampling.free_energy import FreeEnergySurface
from ai2bmd.sampling.settings import Metadynamics

TEMPERATURE_K = 300.0
KT = thermal_energy(TEMPERATURE_K)
BIAS_FACTOR, HEIGHT, WIDTH_DEG, EVERY = 8.0, 0.15, 20.0, 40
GRID_DEG = np.linspace(-180.0, 180.0, 361)


def potential(angle_deg: np.ndarray) -> np.ndarray:
    """kcal/mol: two minima and a barrier of 4."""
    return 2.0 * (1.0 + np.cos(2.0 * np.radians(angle_deg))) + 0.4 * np.cos(np.radians(angle_deg - 90.0))


def settings(**more) -> Metadynamics:
    values = {"variables": [{"phi": "A 1", "width": f"{WIDTH_DEG} deg"}], "bias_factor": BIAS_FACTOR, "every": EVERY}
    return Metadynamics.model_validate({"method": "metadynamics", "height": f"{HEIGHT} kcal/mol"} | values | more)


@pytest.fixture(scope="module")
def walk() -> MetadynamicsRun:
    return make_walk(1)


def make_walk(seed: int, *, moves: int = 120_000) -> MetadynamicsRun:
    """Well-tempered metadynamics by Monte Carlo, its own program: moves of 25 degrees, a frame every 10 of them."""
    generator, bias, angle, count = np.random.default_rng(seed), np.zeros(361), 90.0, moves
    energy, gaussians, frames = potential(GRID_DEG), 0, []
    turns, draws = generator.normal(scale=25.0, size=count), generator.random(count)
    total = energy.copy()

    def at(values: np.ndarray, place: float) -> float:
        low = int(place + 180.0)
        return values[low] + (place + 180.0 - low) * (values[low + 1] - values[low])

    for step in range(count):
        new = (angle + turns[step] + 180.0) % 360.0 - 180.0
        if draws[step] < np.exp(min(0.0, (at(total, angle) - at(total, new)) / KT)):
            angle = new
        if (step + 1) % EVERY == 0:
            away = np.abs(GRID_DEG - angle)
            away = np.minimum(away, 360.0 - away)
            height = HEIGHT * np.exp(-at(bias, angle) / (KT * (BIAS_FACTOR - 1.0)))
            bias += height * np.exp(-0.5 * (away / WIDTH_DEG) ** 2)
            gaussians += 1
            total = energy + bias
        if (step + 1) % 10 == 0:
            frames.append((step + 1, angle, at(bias, angle), gaussians))
    step, angles, biases, counts = np.array(frames).T
    surface = -BIAS_FACTOR / (BIAS_FACTOR - 1.0) * bias
    return MetadynamicsRun(
        settings(),
        TEMPERATURE_K,
        step.astype(np.int64),
        angles[:, None],
        biases,
        counts.astype(np.int64),
        FreeEnergySurface(("phi_A1_deg",), (GRID_DEG,), surface - surface.min()),
    )


def exact(edges_deg: np.ndarray) -> np.ndarray:
    """-kT ln of the mean density in each bin."""
    fine = np.linspace(-180.0, 180.0, 36_001)
    middle, boltzmann = (fine[1:] + fine[:-1]) / 2.0, np.exp(-potential((fine[1:] + fine[:-1]) / 2.0) / KT)
    share, _ = np.histogram(middle, edges_deg, weights=boltzmann)
    return -KT * np.log(share / share.sum() / np.diff(edges_deg))


def test_a_known_potential_comes_back_within_errors(walk):
    found = reweight_metadynamics(walk).free_energy(bins=24)
    away = (found.absolute_kcal_mol - exact(found.axes[0].edges)) / found.error_kcal_mol
    assert found.known.all()
    assert (np.abs(away) < 2.0).mean() > 0.8
    assert np.abs(away).max() < 5.0
    by_bias = compare_with_bias(found, walk)
    assert by_bias.bins == 24
    assert by_bias.rms_kcal_mol < 0.4
    biased = free_energy([walk.values], TEMPERATURE_K, periods=[360.0], bins=24)
    assert np.abs(biased.energy_kcal_mol - exact(biased.axes[0].edges)).max() > 1.0  # without weights it is not


@pytest.mark.parametrize("method", ["time-dependent", "final-bias"])
def test_several_runs_are_put_together(walk, method):
    """Each with a bias of its own, one half as long; all frames of one with the weights of another would be wrong."""
    runs = [walk, make_walk(2, moves=60_000)]
    pooled = pool_metadynamics(runs, method=method, discard=0.4)
    assert [weights.sum() for weights in pooled.weights.runs] == pytest.approx([2 / 3, 1 / 3], abs=1e-3)
    found = pooled.free_energy(bins=18)
    away = found.absolute_kcal_mol - exact(found.axes[0].edges)
    assert np.sqrt((away**2).mean()) < 0.2
    alone = [one.free_energy(bins=18).error_kcal_mol for one in pooled.each]
    if method == "time-dependent":
        assert (np.abs(away) < 2.0 * found.error_kcal_mol).mean() > 0.8
        assert np.nanmedian(found.error_kcal_mol) < np.nanmedian(alone[1])
    crossed = [pooled.each[0].weights.runs[0][: len(pooled.each[1].frames)]]
    wrong = free_energy(
        [runs[1].values[pooled.each[1].frames]], TEMPERATURE_K, periods=[360.0], bins=18, weights=crossed
    )
    assert np.nanmax(np.abs(wrong.energy_kcal_mol - exact(found.axes[0].edges))) > 1.0


def test_runs_of_other_variables_or_temperature_are_not_put_together(walk):
    for other in (
        dataclasses.replace(walk, temperature_K=310.0),
        dataclasses.replace(walk, settings=settings(variables=[{"psi": "A 1", "width": "20 deg"}])),
    ):
        with pytest.raises(InputError, match="the same variables, ranges and temperature, got 2 different"):
            pool_metadynamics([walk, other])
    with pytest.raises(InputError, match="got none"):
        pool_metadynamics([])


def test_the_final_bias_gives_it_to_within_its_last_changes(walk):
    found = reweight_metadynamics(walk, method="final-bias", discard=0.5).free_energy(bins=18)
    away = found.absolute_kcal_mol - exact(found.axes[0].edges)
    assert np.sqrt((away**2).mean()) < 0.2
    first = reweight_metadynamics(walk).free_energy(bins=18)
    assert compare_free_energies(first, found).rms_kcal_mol < 0.25
    with pytest.raises(InputError, match="on the same bins"):
        compare_free_energies(first, free_energy([walk.values], TEMPERATURE_K, bins=10))


def test_the_history_must_give_the_bias_of_the_run(walk):
    other = dataclasses.replace(walk, settings=settings(height="0.3 kcal/mol"))
    with pytest.raises(InputError, match="differs from that of the run"):
        reweight_metadynamics(other)
    thinned = dataclasses.replace(
        walk, **{name: getattr(walk, name)[6::7] for name in ("step", "values", "bias_kcal_mol", "gaussians")}
    )
    with pytest.raises(InputError, match="take the method final-bias, or save_every such that 40 steps"):
        reweight_metadynamics(thinned)
    assert reweight_metadynamics(thinned, method="final-bias").free_energy(bins=12).known.all()
    with pytest.raises(InputError, match="time-dependent or final-bias"):
        reweight_metadynamics(walk, method="other")  # pyright: ignore[reportArgumentType]


def test_the_bias_of_a_run_of_this_program_is_made_again(tmp_path: Path, dipeptide_run):
    """Two dihedrals, Gaussians every 10 steps: the surface made again from the frames is that of the run."""
    sampling = {"method": "metadynamics", "every": 10, "variables": [{"phi": "A 1"}, {"psi": "A 1"}]}
    path = dipeptide_run(tmp_path / "run", time="400fs", save_every=5, sampling=sampling)
    run = read_metadynamics(path)
    assert run.gaussians[-1] == 40
    found = reweight_metadynamics(run, discard=0.0)
    assert found.weights.joined.sum() == pytest.approx(1.0)
    assert len(found.frames) == len(run.values) == 81
    between = bias_offsets(run)[1::2]  # frames at which no Gaussian was added
    assert (np.diff(between) > 0.0).all()
    turned = dataclasses.replace(run, values=run.values + 15.0)
    with pytest.raises(InputError, match="differs from that of the run"):
        reweight_metadynamics(turned)
    with pytest.raises(InputError, match="no replica exchange"):
        read_exchange_run(path)
