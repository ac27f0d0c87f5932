"""Pictures of kinetics: timescales, the test of the model, states, committor; each of what `analyse_kinetics` gives."""

import numpy as np

from ai2bmd.analysis.kinetics.analysis import Kinetics, frame_weights
from ai2bmd.analysis.kinetics.hidden_timescales import HiddenTimescales
from ai2bmd.analysis.kinetics.timescales import ImpliedTimescales
from ai2bmd.errors import InputError
from ai2bmd.report.figures import BLUE, GREEN, GREY, INK, ORANGE, Plot, plain_log, plot

_COLORS = (BLUE, ORANGE, GREEN, GREY, INK)
_BINS = 60
_HIGHEST_KT = 8.0


def draw_timescales(kinetics: Kinetics) -> Plot:
    """Timescales against lag time, with 95 % intervals; below the grey line a process is faster than the lag.

    Raises:
        InputError: there are none.
    """
    scales, choice = kinetics.timescales, kinetics.choice
    if scales is None:
        raise _absent("no timescales", kinetics)
    chosen = None if choice is None or choice.lag is None else choice.lag * scales.frame_ps
    return _against_lag("Implied timescales against lag time", scales, chosen_ps=chosen)


def draw_hidden_timescales(scales: HiddenTimescales) -> Plot:
    """Timescales of a hidden Markov model against lag time, with 95 % intervals; dashed: the lag of the model."""
    title = "Timescales of the hidden Markov model against lag time"
    return _against_lag(title, scales, chosen_ps=float(scales.lags_ps[scales.at]))


def _against_lag(title: str, scales: ImpliedTimescales | HiddenTimescales, *, chosen_ps: float | None) -> Plot:
    lags = scales.lags_ps
    with plot(title, x="lag time (ps)", y="timescale (ps)") as drawing:
        axes = drawing.axes
        axes.fill_between(lags, lags, lags.min() * 0.5, color=GREY, alpha=0.2, linewidth=0)
        lows, highs = scales.intervals_ps()
        for number, (times, low, high) in enumerate(zip(scales.timescales_ps.T, lows.T, highs.T, strict=True)):
            color = _COLORS[number % len(_COLORS)]
            axes.plot(lags, times, "o-", color=color, markersize=3, linewidth=1.4)
            axes.fill_between(lags, low, high, color=color, alpha=0.2, linewidth=0)
        if chosen_ps is not None:
            axes.axvline(chosen_ps, color=INK, linestyle="--", linewidth=1.0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5 * float(lags.min()))
        plain_log(axes.xaxis)
        plain_log(axes.yaxis)
    return drawing


def draw_test(kinetics: Kinetics) -> Plot:
    """Chance to be in each state again, foretold and counted.

    Raises:
        InputError: there was no test.
    """
    test = kinetics.test
    if test is None:
        raise _absent("no Chapman-Kolmogorov test", kinetics)
    steps = np.concatenate([[0.0], test.times_ps])
    with plot("Chapman-Kolmogorov test", x="time (ps)", y="probability to be there again") as drawing:
        for number, name in enumerate(test.names):
            color = _COLORS[number % len(_COLORS)]
            foretold = np.concatenate([[1.0], test.predicted[:, number, number]])
            drawing.axes.plot(steps, foretold, color=color, linewidth=1.6, label=name)
            counted, errors = (array[:, number, number] for array in (test.estimated, test.errors))
            drawing.axes.errorbar(test.times_ps, counted, errors, fmt="o", color=color, markersize=4, capsize=2)
        drawing.axes.set_ylim(-0.02, 1.05)
        drawing.figure.legend(loc="outside upper center", ncols=len(test.names))
    return drawing


def draw_map(kinetics: Kinetics) -> Plot:
    """Free energy over the slowest two components (or one) at equilibrium, by the weights of the model.

    Raises:
        InputError: there is no model.
    """
    weights = np.concatenate(frame_weights(kinetics))
    joined = np.concatenate(kinetics.projection.runs)
    label = "slow component {} ({})"
    method = kinetics.projection.method.upper()
    if joined.shape[1] == 1:
        counts, edges = np.histogram(joined[:, 0], bins=_BINS, weights=weights)
        x = label.format(1, method)
        with plot("Free energy along the slow component", x=x, y="free energy (kT)") as drawing:
            middles = (edges[1:] + edges[:-1]) / 2.0
            drawing.axes.plot(middles, _energy(counts), color=BLUE, linewidth=1.8)
        return drawing
    counts, *edges = np.histogram2d(joined[:, 0], joined[:, 1], bins=_BINS, weights=weights)
    x, y = (label.format(number, method) for number in (1, 2))
    with plot("Free energy over the slow components", x=x, y=y, height_in=4.2) as drawing:
        shown = drawing.axes.pcolormesh(
            *edges, _energy(counts).T, cmap="viridis", vmin=0.0, vmax=_HIGHEST_KT, rasterized=True
        )
        drawing.figure.colorbar(shown, ax=drawing.axes, label="free energy (kT)")
        _name_states(drawing, kinetics)
    return drawing


def draw_committor(kinetics: Kinetics) -> Plot:
    """Committor of each microstate along the slowest component.

    Raises:
        InputError: there is no model.
    """
    paths, model = kinetics.paths, kinetics.model
    if paths is None or model is None:
        raise _absent("no paths", kinetics)
    places = kinetics.microstates.centres[model.transitions.states, 0]
    x = f"slow component 1 ({kinetics.projection.method.upper()})"
    with plot("Committor", x=x, y=f"chance to reach {paths.target} before {paths.source}") as drawing:
        errors = np.nan_to_num(paths.committor_errors)
        drawing.axes.errorbar(places, paths.committor, errors, fmt="o", color=BLUE, markersize=4, capsize=2, alpha=0.8)
        drawing.axes.axhline(0.5, color=GREY, linestyle="--", linewidth=1.0)
        drawing.axes.set_ylim(-0.05, 1.05)
    return drawing


def _energy(counts: np.ndarray) -> np.ndarray:
    """In kT, from the lowest; nan where no frame is."""
    with np.errstate(divide="ignore"):
        energy = -np.log(counts / counts.max())
    return np.where(np.isfinite(energy), energy, np.nan)


def _name_states(drawing: Plot, kinetics: Kinetics) -> None:
    if kinetics.macrostates is None or kinetics.model is None:
        return
    states, pi = kinetics.model.transitions.states, kinetics.model.stationary
    for name, members in zip(kinetics.macrostates.names, kinetics.macrostates.members, strict=True):
        x, y = np.average(kinetics.microstates.centres[states[members], :2], axis=0, weights=pi[members])
        drawing.axes.annotate(
            name,
            (float(x), float(y)),
            ha="center",
            va="center",
            bbox={"boxstyle": "round", "fc": "white", "ec": GREY, "alpha": 0.85},
        )


def _absent(what: str, kinetics: Kinetics) -> InputError:
    """Why a picture cannot be drawn."""
    return InputError(f"there is {what}: {' '.join(kinetics.remarks)}".removesuffix("."))
