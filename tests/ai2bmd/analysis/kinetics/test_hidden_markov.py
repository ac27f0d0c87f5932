"""Hidden Markov models of two states that are seen through errors, whose timescale and populations are known."""

import numpy as np
import pytest

from ai2bmd.analysis.kinetics.hidden_markov import hidden_markov_model
from ai2bmd.analysis.kinetics.hidden_timescales import hidden_timescales
from ai2bmd.analysis.kinetics.markov_model import markov_model
from ai2bmd.errors import InputError

FRAME_PS = 2.0
SEEN_AS_FIRST = np.array([0.85, 0.2])


def blurred(hidden: np.ndarray, *, seed: int) -> np.ndarray:
    """What is seen of hidden states: the wrong one in 15 and 20 % of the frames."""
    return (np.random.default_rng(seed).random(hidden.shape) > SEEN_AS_FIRST[hidden]).astype(int)


@pytest.fixture(scope="module")
def walks(double_well) -> np.ndarray:
    """In the double well, cut in two beside the barrier."""
    return (double_well.places[double_well.chain.run(frames=10_000, copies=8, seed=6)] > -0.45).astype(int)


def test_intervals_cover_where_those_of_a_markov_model_do_not(two_states):
    """30 repeats; the Markov model of the visible states forgets within a frame (negative control)."""
    exact, covered, visible = two_states.timescales(1)[0] * FRAME_PS, np.zeros(2), 0
    for seen in blurred(two_states.run(frames=10_000, copies=30, seed=1), seed=1):
        model = hidden_markov_model([seen], states=2, lag=1, frame_ps=FRAME_PS)
        estimates = (model.timescales_ps[0], model.populations[0])
        intervals = [estimate.interval() for estimate in estimates]
        truths = (exact, two_states.stationary[0])
        covered += [low <= truth <= high for (low, high), truth in zip(intervals, truths, strict=True)]
        visible += markov_model([seen], lag=1, frame_ps=FRAME_PS).timescales(1)[0].interval()[1] > exact / 2.0
    assert (covered >= 26).all(), covered
    assert visible == 0


def test_overlap_is_found_at_long_lags(two_states):
    """From states that hardly overlap the search would end at the timescale of the visible ones."""
    seen = blurred(two_states.run(frames=4_000, copies=6, seed=5), seed=3)
    model = hidden_markov_model(list(seen), states=2, lag=8, frame_ps=FRAME_PS)
    exact = two_states.timescales(1)[0] * FRAME_PS
    slowest = model.timescales_ps[0]
    assert slowest.interval()[0] < exact < slowest.interval()[1]
    assert markov_model(list(seen), lag=8, frame_ps=FRAME_PS).timescales(1)[0].value < exact / 3.0


def test_states_that_are_seen_as_they_are(two_states):
    """Nothing is hidden: both models agree, and the light is green."""
    seen = list(two_states.run(frames=10_000, copies=2, seed=4))
    model = hidden_markov_model(seen, states=2, lag=2, frame_ps=FRAME_PS)
    plain = markov_model(seen, lag=2, frame_ps=FRAME_PS).timescales(1)[0]
    assert model.timescales_ps[0].value == pytest.approx(plain.value, rel=0.1)
    assert hidden_timescales(seen, states=2, lag=2, frame_ps=FRAME_PS).grade == "good"


def test_the_light_tells_too_short_a_lag(double_well, walks):
    """Two hidden states do not describe how walkers recross the border: right at long lags, and red at short ones."""
    exact = double_well.chain.timescales(1)[0] * FRAME_PS
    short = hidden_timescales(list(walks), states=2, lag=2, frame_ps=FRAME_PS)
    assert short.grade == "poor"
    assert "still rises" in short.reason
    assert short.timescales_ps[short.at, 0] < 0.6 * exact
    long = hidden_timescales(list(walks), states=2, lag=20, frame_ps=FRAME_PS)
    assert long.grade == "good"
    assert long.lags_ps[long.at] == 40.0
    low, high = long.intervals_ps()[:, long.at, 0]
    assert low < exact < high


def test_what_the_data_do_not_tell(two_states):
    seen = list(two_states.run(frames=60, copies=3, seed=4))
    found = hidden_timescales(seen, states=2, lag=10, frame_ps=FRAME_PS)
    assert found.grade == "look"
    assert "longer runs are needed" in found.reason
    assert np.isnan(found.errors_ps).all()
    for states, message in ((1, "give 2 or more"), (5, "5 hidden states of 2 microstates")):
        with pytest.raises(InputError, match=message):
            hidden_timescales(seen, states=states, lag=1, frame_ps=FRAME_PS)
