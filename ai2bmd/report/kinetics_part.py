"""The kinetics of a study: dihedral angles as features, states as the settings name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from ai2bmd.analysis.kinetics.analysis import Kinetics, KineticsSettings, analyse_kinetics
from ai2bmd.analysis.kinetics.correlation_times import correlation_function
from ai2bmd.analysis.kinetics.counted_rates import counted_rates
from ai2bmd.analysis.kinetics.features import Features, backbone_features, frame_interval_ps
from ai2bmd.analysis.kinetics.hidden_markov import hidden_markov_model
from ai2bmd.analysis.kinetics.hidden_timescales import hidden_timescales
from ai2bmd.analysis.series import Series
from ai2bmd.analysis.structure.everything import Absent
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import Kinetics as Wanted
from ai2bmd.report.diffusion_part import diffusion_sections
from ai2bmd.report.dynamics import correlation_section, counted_rate_section
from ai2bmd.report.kinetics import hidden_section, kinetics_sections
from ai2bmd.report.sections import Section, told
from ai2bmd.report.vibrations_part import vibrations

if TYPE_CHECKING:
    from ai2bmd.report.study import Study


def kinetics_part(study: Study) -> tuple[Section, ...]:
    """Markov state model, counted rates where folded and unfolded are named, memory, and spectra of fast frames.

    Raises:
        InputError: the frames are not those of plain dynamics of one ensemble at equal intervals.
    """
    if not study.origin.plain:
        raise InputError("the frames are of enhanced sampling, which changes how fast things happen; give plain runs")
    if study.settings.thermodynamics.umbrella is not None:
        raise InputError("frames of umbrella windows say nothing of how fast things happen; give plain runs")
    study.origin.check_alike()
    interval_ps = frame_interval_ps([trajectory.time_ps for trajectory in study.trajectories])
    return (
        *told("Markov state model", lambda: _markov(study)),
        *_counted(study, interval_ps),
        *_memories(study, interval_ps),
        *diffusion_sections(study, interval_ps),
        *vibrations(study, interval_ps),
    )


def _markov(study: Study) -> tuple[Section, ...]:
    features, wanted = _features(study), study.settings.kinetics
    lag = None if wanted.lag_ps is None else max(1, round(wanted.lag_ps / features.frame_ps))
    settings = KineticsSettings(
        projection=wanted.projection,
        dimensions=wanted.dimensions,
        microstates=wanted.microstates,
        lag=lag,
        macrostates=wanted.states,
        random_lags=wanted.lags == "random",
    )
    kinetics = analyse_kinetics(features, settings=settings, states=_states(study))
    return (*kinetics_sections(kinetics), *_hidden(kinetics, wanted))


def _hidden(kinetics: Kinetics, wanted: Wanted) -> tuple[Section, ...]:
    states = wanted.hidden_states
    if states is None:
        return ()

    def make() -> tuple[Section, ...]:
        runs, frame_ps = kinetics.microstates.runs, kinetics.features.frame_ps
        lag = None if kinetics.choice is None else kinetics.choice.lag
        if wanted.hidden_lag_ps is not None:
            lag = max(1, round(wanted.hidden_lag_ps / frame_ps))
        if lag is None:
            raise InputError("there is no lag time to trust; give `kinetics: {hidden_lag: 50 ps}` in the settings")
        model = hidden_markov_model(runs, states=states, lag=lag, frame_ps=frame_ps)
        return (hidden_section(model, hidden_timescales(runs, states=states, lag=lag, frame_ps=frame_ps)),)

    return told("Hidden Markov model", make)


def _memories(study: Study, interval_ps: float) -> tuple[Section, ...]:
    """How long size and shape remember themselves."""
    sections = []
    for series in (study.structure.radius_of_gyration, study.structure.rmsd):

        def make(series: Series = series) -> tuple[Section, ...]:
            return (correlation_section(series.name, correlation_function(series.values, frame_ps=interval_ps)),)

        sections += told(f"Memory of {series.name}", make)
    return tuple(sections)


def _features(study: Study) -> Features:
    dihedrals = study.structure.dihedrals
    if isinstance(dihedrals, Absent):
        raise InputError(dihedrals.reason)
    return backbone_features(dihedrals, angles_of="all" if "side" in study.settings.kinetics.features else "backbone")


def folding_series(study: Study) -> Series:
    """The quantity that tells folded from unfolded.

    Raises:
        InputError: there is none.
    """
    assert study.settings.folding is not None
    if study.settings.folding.by == "rmsd":
        return study.structure.rmsd
    contacts = study.structure.native_contacts
    if isinstance(contacts, Absent):
        raise InputError(f"folding by native contacts: {contacts.reason}")
    return contacts.series


def _states(study: Study) -> Mapping[str, Sequence[Bool[np.ndarray, " frames"]]] | None:
    """Frames that are folded and unfolded, at the stride of the dihedral angles."""
    folding, dihedrals = study.settings.folding, study.structure.dihedrals
    if folding is None or isinstance(dihedrals, Absent):
        return None
    runs = [run[:: dihedrals.angles.stride] for run in folding_series(study).values]
    above = folding.folded > folding.unfolded
    return {
        "folded": [run >= folding.folded if above else run <= folding.folded for run in runs],
        "unfolded": [run <= folding.unfolded if above else run >= folding.unfolded for run in runs],
    }


def _counted(study: Study, interval_ps: float) -> tuple[Section, ...]:
    folding = study.settings.folding
    if folding is None:
        return ()
    low, high = sorted((folding.folded, folding.unfolded))
    names = ("unfolded", "folded") if folding.folded > folding.unfolded else ("folded", "unfolded")

    def make() -> tuple[Section, ...]:
        rates = counted_rates(folding_series(study).values, low=low, high=high, frame_ps=interval_ps, names=names)
        return (counted_rate_section(rates),)

    return told("Transitions counted", make)
