"""From features to rates in one call; what the data do not allow is left out and said.

Features -> slow components -> microstates -> timescales -> lag time -> Markov model -> macrostates -> test, passage
times, paths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64

from ai2bmd.analysis.kinetics.chapman_kolmogorov import ChapmanKolmogorov, chapman_kolmogorov
from ai2bmd.analysis.kinetics.features import Features
from ai2bmd.analysis.kinetics.macrostates import Macrostates, find_macrostates, name_macrostates
from ai2bmd.analysis.kinetics.markov_model import MarkovModel, markov_model, model_of
from ai2bmd.analysis.kinetics.microstates import Clustering, Microstates, cluster_frames
from ai2bmd.analysis.kinetics.passage import Passage, passages
from ai2bmd.analysis.kinetics.paths import TransitionPaths, transition_paths
from ai2bmd.analysis.kinetics.projection import Method, Projection, project
from ai2bmd.analysis.kinetics.random_lags import count_with_random_lags
from ai2bmd.analysis.kinetics.timescales import (
    ImpliedTimescales,
    LagChoice,
    choose_lag,
    implied_timescales,
    rise_beyond,
)
from ai2bmd.errors import InputError

_CONNECTED = 0.98


@dataclass(frozen=True)
class KineticsSettings:
    """How to go from features to rates; None leaves a choice to the data."""

    projection: Method = "tica"
    projection_lag: int | None = None
    """In frames."""
    dimensions: int | None = None
    clustering: Clustering = "kmeans"
    microstates: int | None = None
    spacing: float | None = None
    lag: int | None = None
    """Of the Markov model, in frames."""
    macrostates: int | None = None
    random_lags: bool = False
    """Count with random lags about that lag."""


@dataclass(frozen=True, eq=False)
class Kinetics:
    """All that could be found; None from where the data did not suffice, with the reason in `remarks`."""

    features: Features
    projection: Projection
    microstates: Microstates
    timescales: ImpliedTimescales | None = None
    choice: LagChoice | None = None
    model: MarkovModel | None = None
    macrostates: Macrostates | None = None
    test: ChapmanKolmogorov | None = None
    passages: tuple[Passage, ...] = ()
    paths: TransitionPaths | None = None
    """From the second to the first macrostate: the most populated one is the target."""
    remarks: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether the lag time was found by the data and the model passed its test."""
        return self.model is not None and self.test is not None and self.test.passed and not self.remarks


def analyse_kinetics(
    features: Features,
    *,
    settings: KineticsSettings | None = None,
    states: Mapping[str, Sequence[Bool[np.ndarray, " frames"]]] | None = None,
) -> Kinetics:
    """Everything, as far as the data go.

    Args:
        features: of all runs.
        settings: of the steps.
        states: frames of named states, such as {"unfolded": ..., "folded": ...}; the slowest are found if None.

    Raises:
        InputError: features or settings cannot be used at all.
    """
    settings = settings or KineticsSettings()
    lag, dimensions = settings.projection_lag, settings.dimensions
    projection = project(features, lag=lag, dimensions=dimensions, method=settings.projection)
    microstates = cluster_frames(
        projection.runs, count=settings.microstates, method=settings.clustering, spacing=settings.spacing
    )
    result = Kinetics(features, projection, microstates)
    for step in (_choose, _model, _macrostates, _test, _passages):
        try:
            result = step(result, settings, states)
        except InputError as error:
            return replace(result, remarks=(*result.remarks, f"{error}."[:1].upper() + f"{error}."[1:]))
    return result


def frame_weights(kinetics: Kinetics) -> tuple[Float64[np.ndarray, " frames"], ...]:
    """Share of each frame in equilibrium: its microstate's, divided among its frames; 0 outside of the model.

    Raises:
        InputError: there is no model.
    """
    if kinetics.model is None:
        raise InputError("without a Markov model there are no weights: " + " ".join(kinetics.remarks))
    states, pi = kinetics.model.transitions.states, kinetics.model.stationary
    joined = np.concatenate(kinetics.microstates.runs)
    visits = np.bincount(joined, minlength=len(kinetics.microstates.centres))
    share = np.zeros(len(visits))
    share[states] = pi / visits[states]
    return tuple(share[run] for run in kinetics.microstates.runs)


def _choose(result: Kinetics, settings: KineticsSettings, _) -> Kinetics:
    frame_ps = result.features.frame_ps
    timescales = implied_timescales(result.microstates.runs, frame_ps=frame_ps)
    choice, remarks = choose_lag(timescales), result.remarks
    if settings.lag is not None:
        nearest = int(np.abs(np.log(timescales.lags / settings.lag)).argmin())
        rise = rise_beyond(timescales, nearest)
        given = f"{settings.lag * frame_ps:.4g} ps was given as the lag time. By the data: {choice.reason}"
        choice = LagChoice(settings.lag, given, rise)
        if not np.isfinite(rise):
            remarks += (
                "How far times still rise at lags longer than the one given is not known; their errors are statistical "
                "alone.",
            )
    return replace(result, timescales=timescales, choice=choice, remarks=remarks)


def _model(result: Kinetics, settings: KineticsSettings, _) -> Kinetics:
    assert result.choice is not None
    if result.choice.lag is None:
        raise InputError("no rates, for there is no lag time to trust. " + result.choice.reason.removesuffix("."))
    runs, lag, frame_ps = result.microstates.runs, result.choice.lag, result.features.frame_ps
    rise = float(np.nan_to_num(result.choice.rise))
    if settings.random_lags:
        counted = count_with_random_lags(runs, mean_lag=float(lag))
        model = model_of(counted, runs, frame_ps=frame_ps, lag_rise=rise)
    else:
        model = markov_model(runs, lag=lag, frame_ps=frame_ps, lag_rise=rise)
    remarks = result.remarks
    if model.transitions.share_of_frames < _CONNECTED:
        share = 100.0 * (1.0 - model.transitions.share_of_frames)
        remarks += (
            f"{share:.2g} % of the frames are in states that were not both entered and left again; they are left out, "
            "and populations are of the rest.",
        )
    return replace(result, model=model, remarks=remarks)


def _macrostates(result: Kinetics, settings: KineticsSettings, states) -> Kinetics:
    assert result.model is not None
    if states is None:
        found = find_macrostates(result.model, count=settings.macrostates)
    else:
        found = name_macrostates(result.model, result.microstates.runs, states)
    return replace(result, macrostates=found)


def _test(result: Kinetics, settings: KineticsSettings, _) -> Kinetics:
    """A test that cannot be done costs no rates, but is said."""
    assert result.model is not None
    assert result.macrostates is not None
    if settings.random_lags:
        return replace(result, remarks=(*result.remarks, "With random lags there is no Chapman-Kolmogorov test."))
    try:
        test = chapman_kolmogorov(result.model, result.macrostates, result.microstates.runs)
    except InputError as error:
        return replace(result, remarks=(*result.remarks, f"No Chapman-Kolmogorov test: {error}."))
    remark = "The model fails its Chapman-Kolmogorov test: do not trust its rates."
    return replace(result, test=test, remarks=result.remarks if test.passed else (*result.remarks, remark))


def _passages(result: Kinetics, _settings, _states) -> Kinetics:
    assert result.model is not None
    assert result.macrostates is not None
    target, source, *_ = result.macrostates.names
    return replace(
        result,
        passages=passages(result.model, result.macrostates),
        paths=transition_paths(result.model, result.macrostates, source, target),
    )
