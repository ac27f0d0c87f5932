"""Markov state models of processes whose timescales, populations, rates and committors are known exactly."""

from dataclasses import replace

import numpy as np
import pytest
from deeptime.markov.tools.analysis import mfpt
from deeptime.markov.tools.estimation import transition_matrix

from ai2bmd.analysis.kinetics.chapman_kolmogorov import chapman_kolmogorov
from ai2bmd.analysis.kinetics.macrostates import find_macrostates, name_macrostates
from ai2bmd.analysis.kinetics.markov_model import markov_model
from ai2bmd.analysis.kinetics.passage import first_passage_times, passage_between, passages
from ai2bmd.analysis.kinetics.paths import committors, transition_paths
from ai2bmd.analysis.kinetics.random_lags import count_with_random_lags
from ai2bmd.analysis.kinetics.reversible import reversible
from ai2bmd.analysis.kinetics.timescales import choose_lag, implied_timescales
from ai2bmd.analysis.kinetics.transitions import count_transitions
from ai2bmd.errors import InputError

FRAME_PS = 2.0


@pytest.fixture(scope="module")
def copies(chain) -> np.ndarray:
    """100 runs of the three-state chain."""
    return chain.run(frames=10_000, copies=100, seed=1)


@pytest.fixture(scope="module")
def misplaced(double_well) -> list[np.ndarray]:
    """Runs in the double well, cut into two states at the wrong place: recrossings hide the slow process."""
    return list((double_well.places[double_well.chain.run(frames=20_000, copies=10, seed=4)] > -0.45).astype(int))


def test_reversible_matrix_is_that_of_deeptime():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 30, size=(4, 12, 12)).astype(float)
    matrices, stationaries = reversible(counts)
    for given, matrix, pi in zip(counts, matrices, stationaries, strict=True):
        assert matrix == pytest.approx(transition_matrix(given, reversible=True, maxerr=1e-12), abs=1e-7)
        flux = pi[:, None] * matrix
        assert flux == pytest.approx(flux.T, abs=1e-12)


@pytest.mark.parametrize("lag", [1, 10])
def test_intervals_cover_the_exact_values(chain, copies, lag):
    """Timescale, population and first-passage time within their 95 % intervals in most of 100 repeats."""
    exact = [chain.timescales(1)[0] * FRAME_PS, chain.stationary[2]]
    covered, halved = np.zeros(2), 0
    for states in copies:
        model = markov_model([states], lag=lag, frame_ps=FRAME_PS)
        estimates = [model.timescales(1)[0], model.populations()[2]]
        intervals = [estimate.interval() for estimate in estimates]
        covered += [low <= value <= high for (low, high), value in zip(intervals, exact, strict=True)]
        halved += abs(estimates[0].value - exact[0]) <= estimates[0].error / 2.0
    assert (covered >= 88).all(), covered
    assert halved < 60  # an error bar half as long must not do: the intervals are not simply too wide


def test_first_passage_times_cover_the_exact_ones(chain, copies):
    exact = chain.first_passage(0, 2) * FRAME_PS
    covered = 0
    for states in copies:
        model = markov_model([states], lag=1, frame_ps=FRAME_PS)
        masks = {name: [states == number] for number, name in enumerate("abc")}
        passage = passage_between(model, name_macrostates(model, [states], masks), "a", "c")
        low, high = passage.time_ps.interval()
        covered += low <= exact <= high
        assert passage.rate_per_us.value == pytest.approx(1e6 / passage.time_ps.value)
    assert covered >= 88


@pytest.mark.parametrize(("frames", "below_zero"), [(1_000, 30), (2_000, 0)])
def test_intervals_of_few_passages_stay_above_zero_and_cover(two_states, frames, below_zero):
    """100 runs with about 7 and 13 passages there and back. Times and rates in logarithms: their intervals never reach
    0 and are each other's inverse. Value and error alone (negative control) reach below 0."""
    exact = two_states.first_passage(0, 1) * FRAME_PS
    relaxation = two_states.timescales(1)[0] * FRAME_PS
    known, covered, beyond = 0, np.zeros(3), 0
    for states in two_states.run(frames=frames, copies=100, seed=21):
        model = markov_model([states], lag=1, frame_ps=FRAME_PS)
        named = name_macrostates(model, [states], {name: [states == number] for number, name in enumerate("ab")})
        passage = passage_between(model, named, "a", "b")
        if not np.isfinite(passage.time_ps.error):
            continue
        known += 1
        estimates = (passage.time_ps, passage.rate_per_us, model.timescales(1)[0])
        intervals = [estimate.interval() for estimate in estimates]
        assert all(low > 0.0 for low, _ in intervals)
        assert intervals[1][0] * intervals[0][1] == pytest.approx(1e6)
        truths = (exact, 1e6 / exact, relaxation)
        covered += [low <= truth <= high for (low, high), truth in zip(intervals, truths, strict=True)]
        beyond += replace(passage.time_ps, scale="linear").interval()[0] < 0.0
    assert known >= 95
    assert (covered >= 0.9 * known).all(), covered
    assert beyond >= below_zero


def test_short_runs_out_of_equilibrium_give_the_equilibrium(chain):
    """Many short runs, all started in one state: counted frames are wrong, the reversible model is not."""
    generator, runs = np.random.default_rng(3), []
    for _ in range(200):
        run = [2]
        for _ in range(199):
            run.append(int(generator.choice(3, p=chain.matrix[run[-1]])))
        runs.append(np.array(run))
    model = markov_model(runs, lag=1, frame_ps=FRAME_PS)
    for estimate, exact in zip(model.populations(), chain.stationary, strict=True):
        assert abs(estimate.value - exact) < 4.0 * estimate.error
    counted = np.bincount(np.concatenate(runs)) / 40_000
    assert abs(counted[2] - chain.stationary[2]) > 4.0 * model.populations()[2].error


def test_first_passage_as_deeptime_has_it(double_well):
    states = double_well.chain.run(frames=20_000, copies=1, seed=7)[0]
    model = markov_model([states], lag=3, frame_ps=FRAME_PS)
    times, copies = first_passage_times(model, np.array([4, 5, 6]))
    assert times == pytest.approx(mfpt(model.matrix, [4, 5, 6], tau=3) * FRAME_PS)
    assert copies.shape == (100, len(times))


def test_committor_of_a_birth_and_death_chain(chain):
    """q_n = sum over k < n of 1 / (pi_k up_k), divided by the sum over all."""
    up, down = np.array([0.2, 0.1, 0.3, 0.2, 0.4, 0.0]), np.array([0.0, 0.3, 0.2, 0.1, 0.2, 0.3])
    matrix = np.diag(up[:-1], 1) + np.diag(down[1:], -1)
    matrix += np.diag(1.0 - matrix.sum(1))
    pi = np.cumprod(np.concatenate([[1.0], up[:-1] / down[1:]]))
    steps = np.cumsum(1.0 / (pi[:-1] * up[:-1]))
    exact = np.concatenate([[0.0], steps / steps[-1]])
    run = replace(chain, matrix=matrix).run(frames=60_000, copies=1, seed=8)[0]
    model = markov_model([run], lag=1, frame_ps=1.0)
    committor, _ = committors(model, np.array([0]), np.array([5]))
    assert committor == pytest.approx(exact, abs=0.03)
    states = name_macrostates(model, [run], {"start": [run == 0], "end": [run == 5]})
    paths = transition_paths(model, states, "start", "end")
    assert paths.committor == pytest.approx(committor)
    assert paths.paths[0].microstates == (0, 1, 2, 3, 4, 5)
    assert paths.paths[0].share == pytest.approx(1.0)
    weights = pi / pi.sum()
    rate = 1.0 / (steps[-1] * pi.sum()) / (weights @ (1.0 - exact)) * 1e6
    assert abs(paths.rate_per_us.value - rate) < 3.0 * paths.rate_per_us.error


def test_lag_is_chosen_where_the_timescale_is_known_best(double_well, misplaced):
    """Of the projected process short lags give a wrong timescale, and are not chosen; what is left to rise is said."""
    exact = double_well.chain.timescales(1)[0] * FRAME_PS
    scales = implied_timescales(misplaced, frame_ps=FRAME_PS)
    assert scales.timescales_ps[0, 0] + 5.0 * scales.errors_ps[0, 0] < exact
    choice = choose_lag(scales)
    assert choice.lag is not None
    assert choice.lag > 30
    assert "may still rise" in choice.reason
    at = list(scales.lags).index(choice.lag)
    assert scales.timescales_ps[at, 0] * (1.0 + choice.rise) > exact
    model = markov_model(misplaced, lag=choice.lag, frame_ps=FRAME_PS, lag_rise=choice.rise)
    passage, other = passages(model, find_macrostates(model, count=2))
    for estimate in (model.timescales(1)[0], passage.time_ps, other.rate_per_us):
        assert estimate.error > choice.rise * estimate.value


@pytest.mark.parametrize("border", [-0.45, 0.0])
def test_timescale_at_the_chosen_lag_covers_the_exact_one(double_well, border):
    """60 repeats of a projected process, whose model is wrong at short lags: with what it may still rise the error bar
    is honest; the statistical one alone (negative control, by value and error) is not."""
    exact = double_well.chain.timescales(1)[0] * FRAME_PS
    walks = (double_well.places[double_well.chain.run(frames=16_000, copies=120, seed=11)] > border).astype(int)
    covered, statistical, chosen = 0, 0, 0
    for repeat in range(60):
        runs = list(walks[2 * repeat : 2 * repeat + 2])
        choice = choose_lag(implied_timescales(runs, frame_ps=FRAME_PS))
        if choice.lag is None:
            continue
        model = markov_model(runs, lag=choice.lag, frame_ps=FRAME_PS, lag_rise=choice.rise)
        alone = replace(replace(model, lag_rise=0.0).timescales(1)[0], scale="linear")
        intervals = [model.timescales(1)[0].interval(), alone.interval()]
        chosen += 1
        covered += intervals[0][0] <= exact <= intervals[0][1]
        statistical += intervals[1][0] <= exact <= intervals[1][1]
    assert chosen >= 25
    assert covered >= 0.88 * chosen
    assert statistical < 0.75 * chosen


def test_chapman_kolmogorov_fails_at_too_short_a_lag(copies, misplaced):
    passed = 0
    for states in copies[:20]:
        model = markov_model([states], lag=2, frame_ps=FRAME_PS)
        passed += chapman_kolmogorov(model, find_macrostates(model, count=2), [states]).passed
    assert passed >= 18
    model = markov_model(misplaced, lag=5, frame_ps=FRAME_PS)
    test = chapman_kolmogorov(model, find_macrostates(model, count=2), misplaced)
    assert not test.passed
    assert test.reason.startswith("Failed")


def test_a_model_is_shown_in_a_line(copies):
    shown = repr(markov_model([copies[0]], lag=2, frame_ps=FRAME_PS))
    assert shown.startswith("MarkovModel(3 states, lag 4 ps, timescales ")
    assert len(shown) < 120


def test_macrostates_are_the_wells(double_well):
    states = double_well.chain.run(frames=40_000, copies=1, seed=9)[0]
    model = markov_model([states], lag=4, frame_ps=FRAME_PS)
    found = find_macrostates(model)
    assert len(found.names) == 2
    places = double_well.places[model.transitions.states]
    assert sorted(np.sign(np.median(places[members])) for members in found.members) == [-1.0, 1.0]
    for population in found.populations:
        assert abs(population.value - 0.5) < 3.0 * population.error
    there, back = passages(model, found)
    assert (there.source, back.source) == ("A", "B")
    frames = found.of_frames(model, [states])[0]
    assert (double_well.places[states[frames == 0]] > 0).mean() in (
        pytest.approx(0.0, abs=0.1),
        pytest.approx(1.0, abs=0.1),
    )


def test_random_lags(chain, copies):
    """Timescales from the exact mean over the lags agree with those of a fixed lag; -lag / ln would be too long."""
    exact = chain.timescales(2)
    counted = count_with_random_lags(list(copies), mean_lag=20.0)
    assert counted.lag == pytest.approx(20.0, abs=0.1)
    matrix, _ = reversible(counted.counts)
    eigenvalues = np.sort(np.linalg.eigvals(matrix).real)[::-1][1:]
    assert counted.timescale(eigenvalues) == pytest.approx(exact, rel=0.03)
    naive = -counted.lag / np.log(eigenvalues)
    assert naive[1] > 1.04 * exact[1]


def test_what_the_data_do_not_tell(chain):
    states = chain.run(frames=50, copies=3, seed=1)
    with pytest.raises(InputError, match="longest of 3 runs has only 50"):
        markov_model(list(states), lag=50, frame_ps=FRAME_PS)
    with pytest.raises(InputError, match="never return"):
        count_transitions([np.array([0, 0, 1, 1, 2, 2])], lag=1)
    short = markov_model(list(states), lag=1, frame_ps=FRAME_PS)
    assert np.isnan(short.timescales(1)[0].error)
    assert choose_lag(implied_timescales(list(states), frame_ps=FRAME_PS)).lag is None
    model = markov_model([chain.run(frames=3000, copies=1, seed=2)[0]], lag=1, frame_ps=FRAME_PS)
    with pytest.raises(InputError, match="2 to 3"):
        find_macrostates(model, count=9)
    with pytest.raises(InputError, match="there is no state 'Z'"):
        passage_between(model, find_macrostates(model, count=2), "A", "Z")


def test_transitions_stay_within_their_run():
    """Two runs that each stay in one state are not connected by the seam between them."""
    with pytest.raises(InputError, match="never return"):
        count_transitions([np.zeros(10, int), np.ones(10, int), np.zeros(10, int)], lag=1)
