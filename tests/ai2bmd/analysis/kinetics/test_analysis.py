"""From features to rates: a double well hidden in mixed, noisy features."""

import numpy as np
import pytest

from ai2bmd.analysis.kinetics.analysis import KineticsSettings, analyse_kinetics, frame_weights
from ai2bmd.analysis.kinetics.features import dihedral_features, join_features, make_features
from ai2bmd.analysis.kinetics.hidden_markov import hidden_markov_model
from ai2bmd.analysis.kinetics.microstates import cluster_frames
from ai2bmd.analysis.kinetics.projection import project
from ai2bmd.errors import InputError

FRAME_PS = 2.0


@pytest.fixture(scope="module")
def walks(double_well) -> np.ndarray:
    """Ten runs."""
    return double_well.places[double_well.chain.run(frames=3_000, copies=10, seed=4)]


@pytest.fixture(scope="module")
def features(walks):
    """The walk and five fast coordinates of larger variance, mixed."""
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(6, 6))
    runs = [np.column_stack([walk, 3.0 * generator.normal(size=(len(walk), 5))]) @ mixing for walk in walks]
    return make_features(runs, frame_ps=FRAME_PS)


@pytest.fixture(scope="module")
def kinetics(features):
    return analyse_kinetics(features)


@pytest.mark.parametrize("method", ["tica", "vamp"])
def test_slow_coordinate_is_found(features, walks, method):
    found = project(features, lag=5, dimensions=1, method=method)
    joined = np.concatenate([run[:, 0] for run in found.runs])
    assert abs(np.corrcoef(joined, np.concatenate(walks))[0, 1]) > 0.99
    assert found.eigenvalues[0] > 5.0 * found.eigenvalues[1]
    largest = np.concatenate(features.runs)
    largest = largest @ np.linalg.svd(largest - largest.mean(0), full_matrices=False)[2][0]
    assert abs(np.corrcoef(largest, np.concatenate(walks))[0, 1]) < 0.5  # the largest variance is another coordinate


def test_lagged_pairs_stay_within_their_run():
    """Runs that each sit still at another place hold no information on transitions, whatever their order."""
    runs = [np.random.default_rng(number).normal(number % 2, 0.1, size=40) for number in range(10)]
    features = make_features(runs, frame_ps=1.0)
    assert project(features, lag=1).eigenvalues[0] > 0.9
    joined = make_features([np.concatenate([run[:2] for run in runs * 2])], frame_ps=1.0)
    assert project(joined, lag=1).eigenvalues[0] < 0.5


def test_everything_in_one_call(double_well, kinetics):
    exact = double_well.chain.timescales(1)[0] * FRAME_PS
    assert kinetics.choice.lag is not None
    assert kinetics.test.passed
    assert kinetics.trusted
    slowest = kinetics.model.timescales(1)[0]
    assert abs(slowest.value - exact) < 3.0 * slowest.error
    assert kinetics.macrostates.names == ("A", "B")
    assert (kinetics.paths.source, kinetics.paths.target) == ("B", "A")
    weights = np.concatenate(frame_weights(kinetics))
    assert weights.sum() == pytest.approx(1.0)


def test_named_states_and_rates(double_well, features, walks):
    states = {"left": [walk <= -0.95 for walk in walks], "right": [walk >= 0.95 for walk in walks]}
    result = analyse_kinetics(features, settings=KineticsSettings(dimensions=1, lag=6), states=states)
    exact = double_well.first_passage(-1.0, 1.0) * FRAME_PS
    passage = result.passages[0]
    assert (passage.source, passage.target) == ("left", "right")
    assert abs(passage.time_ps.value - exact) < 3.0 * passage.time_ps.error
    assert result.choice.reason.startswith("12 ps was given")


def test_random_lags_and_regular_centres(double_well, features):
    settings = KineticsSettings(dimensions=1, lag=10, random_lags=True, clustering="regular", spacing=0.15)
    result = analyse_kinetics(features, settings=settings)
    slowest = result.model.timescales(1)[0]
    assert abs(slowest.value - double_well.chain.timescales(1)[0] * FRAME_PS) < 3.0 * slowest.error
    assert result.remarks == ("With random lags there is no Chapman-Kolmogorov test.",)
    assert not result.trusted


def test_too_little_data_give_partial_results(features):
    short = make_features([features.runs[0][:150], features.runs[1][:150]], frame_ps=FRAME_PS)
    result = analyse_kinetics(short)
    assert result.model is None
    assert result.passages == ()
    assert len(result.remarks) == 1
    with pytest.raises(InputError, match="without a Markov model"):
        frame_weights(result)
    single = analyse_kinetics(
        make_features([np.arange(10.0)], frame_ps=FRAME_PS), settings=KineticsSettings(microstates=5)
    )
    assert "never return" in single.remarks[0]


def test_hidden_model_forgives_a_misplaced_border(double_well):
    """Its timescale is right at a lag at which a Markov model of the same two states is far off."""
    exact = double_well.chain.timescales(1)[0] * FRAME_PS
    places = double_well.places[double_well.chain.run(frames=10_000, copies=10, seed=6)]
    model = hidden_markov_model(list((places > -0.45).astype(int)), states=2, lag=20, frame_ps=FRAME_PS)
    slowest = model.timescales_ps[0]
    assert abs(slowest.value - exact) < 3.0 * slowest.error
    assert slowest.error < 0.15 * exact
    assert abs(model.populations[0].value - 0.5) < 3.0 * model.populations[0].error
    assert model.memberships.sum(1) == pytest.approx(1.0)
    with pytest.raises(InputError, match="give 2 or more"):
        hidden_markov_model([np.zeros(100, int)], states=1, lag=1, frame_ps=FRAME_PS)


def test_dihedrals_do_not_jump_at_180():
    angles = np.array([[179.0], [-179.0]])
    features = dihedral_features([angles], frame_ps=1.0, names=["phi 2"])
    assert features.names == ("cos phi 2", "sin phi 2")
    assert np.abs(np.diff(features.runs[0], axis=0)).max() < 0.04
    both = join_features(features, make_features([np.array([0.0, 100.0])], frame_ps=1.0, names=["distance"]))
    assert both.names == ("cos phi 2", "sin phi 2", "distance")
    assert both.runs[0].std(0)[1:] == pytest.approx([1.0, 1.0], rel=1e-4)


def test_refusals(features):
    with pytest.raises(InputError, match="not finite"):
        make_features([np.array([0.0, np.nan])], frame_ps=1.0)
    with pytest.raises(InputError, match="ever changes"):
        make_features([np.zeros(5), np.zeros(4)], frame_ps=1.0)
    with pytest.raises(InputError, match="same features"):
        make_features([np.zeros((5, 2)), np.zeros((4, 3))], frame_ps=1.0)
    with pytest.raises(InputError, match="no frame"):
        make_features([], frame_ps=1.0)
    with pytest.raises(InputError, match="longest run has 3000"):
        project(features, lag=3000)
    with pytest.raises(InputError, match="more than 1000 states"):
        cluster_frames([np.arange(3000.0, dtype=np.float32)[:, None]], method="regular", spacing=1.0)
    with pytest.raises(InputError, match="7 frames, 7 of them different, are too few for the 10 states"):
        cluster_frames([np.arange(7.0, dtype=np.float32)[:, None]])
    with pytest.raises(InputError, match="8 states from 7 frames"):
        cluster_frames([np.arange(7.0, dtype=np.float32)[:, None]], count=8)
    with pytest.raises(InputError, match="different frames"):
        join_features(features, make_features([np.arange(5.0)], frame_ps=FRAME_PS))
