"""The kinetics of a study: dihedral angles as features, states as the settings name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from ai2bmd.analysis.kinetics.analysis import Kinetics, KineticsSettings, analyse_kinetics
from ai2bmd.analysis.kinetics.correlation_times import correlation_function
from ai2bmd.analysis.kinetics.counted_rates import counted_rates
from ai2bmd.analysis.kinetics.features import Features, backbone_features, frame_interval_ps
from ai2bmd.analysis.kinetics.hidden_markov import hidden_markov_model
from ai2bmd.analysis.kinetics.hidden_timescales import hidden_timescales
from ai2bmd.analysis.kinetics.spectra import infrared_from_charges, vibrational_density
from ai2bmd.analysis.molecule import masses_u
from ai2bmd.analysis.series import Series
from ai2bmd.analysis.structure.everything import Absent
from ai2bmd.environment import build_environment, partial_charges
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import Kinetics as Wanted
from ai2bmd.report.dynamics import correlation_section, counted_rate_section, spectrum_section
from ai2bmd.report.kinetics import hidden_section, kinetics_sections
from ai2bmd.report.sections import Section, told
from ai2bmd.trajectory.reader import read_velocities

if TYPE_CHECKING:
    from ai2bmd.report.study import Study

_SLOWEST_FS = 4.0
"""Time between frames above which the stretching of bonds to hydrogen (about 9 fs) is not resolved."""
_MOST_VELOCITIES = 20_000_000
"""Held in memory at once; of longer runs there are no spectra."""


def kinetics_part(study: Study) -> tuple[Section, ...]:
    """Markov state model, counted rates where folded and unfolded are named, memory, and spectra of fast frames.

    Raises:
        InputError: the frames are not those of plain dynamics at equal intervals.
    """
    if not study.origin.plain:
        raise InputError("the frames are of enhanced sampling, which changes how fast things happen; give plain runs")
    interval_ps = frame_interval_ps([trajectory.time_ps for trajectory in study.trajectories])
    return (
        *told("Markov state model", lambda: _markov(study)),
        *_counted(study, interval_ps),
        *_memories(study, interval_ps),
        *_vibrations(study, interval_ps),
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


def _vibrations(study: Study, interval_ps: float) -> tuple[Section, ...]:
    """Vibrational and infrared spectrum, where a run has stored velocities often enough to see bonds to hydrogen."""
    temperature_K = study.origin.temperature_K
    if study.run is None or temperature_K is None or 1000.0 * interval_ps > _SLOWEST_FS:
        return ()
    run, (trajectory,) = study.run.run, study.trajectories
    velocities = read_velocities(run.directory.trajectory, most_values=_MOST_VELOCITIES)
    if velocities is None:
        return ()
    atoms = trajectory.atoms.indices
    own, frame_fs = [velocities[:, atoms]], 1000.0 * interval_ps

    def density() -> tuple[Section, ...]:
        masses = masses_u(trajectory.molecule)
        found = vibrational_density(own, masses, frame_fs=frame_fs, temperature_K=temperature_K)
        return (spectrum_section(found),)

    def infrared() -> tuple[Section, ...]:
        charges = partial_charges(build_environment(run.topology, solvent="gas"))[atoms]
        found = infrared_from_charges(own, charges, frame_fs=frame_fs, temperature_K=temperature_K)
        section = spectrum_section(found)
        return (replace(section, note=f"{section.note} Of the force field's fixed charges: heights are rough."),)

    return (*told("Vibrational density of states", density), *told("Infrared spectrum", infrared))
