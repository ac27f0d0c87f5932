"""The thermodynamics of a study: free energies along what the structure part has measured, folding, entropy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ai2bmd.analysis.structure.everything import Absent
from ai2bmd.analysis.sufficiency import judge_estimate
from ai2bmd.analysis.thermodynamics.dihedral_entropy import dihedral_entropy
from ai2bmd.analysis.thermodynamics.folding import Side, assign_folded, unfolding_free_energy
from ai2bmd.analysis.thermodynamics.free_energy import free_energy
from ai2bmd.errors import InputError
from ai2bmd.report.free_energies import free_energy_section
from ai2bmd.report.kinetics_part import folding_series
from ai2bmd.report.level_part import TITLE, level_part
from ai2bmd.report.quasi_harmonic import TITLE as quasi_harmonic_title
from ai2bmd.report.quasi_harmonic import quasi_harmonic_of, quasi_harmonic_section
from ai2bmd.report.sections import Section, paragraph, told
from ai2bmd.report.thermodynamics import enhanced_sections
from ai2bmd.report.umbrella import TITLE as umbrella_title
from ai2bmd.report.umbrella import umbrella_sections
from ai2bmd.simulation.settings import RunSettings

if TYPE_CHECKING:
    from ai2bmd.report.study import Study

_MOST_MAPS = 3
"""Residues with a map of phi and psi; more would fill pages, and the Ramachandran plot has them all."""
_METHODS = (
    "They are -kT ln of the density of frames in bins; errors are from resampled blocks of frames, and bins with "
    "too few independent samples are left out."
)
_ANGSTROM = "\N{ANGSTROM SIGN}"


@dataclass(frozen=True, eq=False)
class Variables:
    """One or two quantities of each frame."""

    title: str
    file: str
    names: tuple[str, ...]
    runs: tuple[Float[np.ndarray, "frames ..."], ...]
    periods: tuple[float | None, ...]


def thermodynamics_part(study: Study) -> list[Section]:
    """Of enhanced sampling, its own sections; of plain runs, free energies from how often frames are where.

    Raises:
        InputError: the temperature is not known, or runs of different sampling are mixed.
    """
    if not study.origin.plain:
        return [*_enhanced(study), *_level(study)]
    study.origin.check_alike()
    temperature_K, wanted = study.origin.temperature_K, study.settings.thermodynamics
    if temperature_K is None:
        raise InputError("the temperature of the frames is not known; give `temperature: 300 K` in the settings")
    if (umbrella := wanted.umbrella) is not None:
        return [*told(umbrella_title, lambda: umbrella_sections(umbrella, temperature_K))]
    sections = [_profile(variables, temperature_K) for variables in _variables(study)]
    found = [section for section in sections if section.figures]
    if found:  # one sentence for all
        methods = f"Free energies are at {temperature_K:g} K. {_METHODS}"
        sections = [replace(section, methods=methods if section is found[0] else "") for section in sections]
    return [
        *sections,
        *_folding(study, temperature_K),
        *_entropy(study),
        *_quasi_harmonic(study, temperature_K),
        *_level(study),
    ]


def _enhanced(study: Study) -> tuple[Section, ...]:
    methods = {_sampling(one) for one in study.origin.settings}
    if len(methods) > 1:
        raise InputError(
            f"runs of different sampling ({', '.join(sorted(methods))}) are not put together; analyse each kind alone"
        )
    (method,) = methods
    if method == "simulated-tempering":
        raise InputError(
            "of simulated tempering only the weights of its temperatures and what was seen at the lowest are shown, "
            "with the run; free energies over all temperatures are of replica exchange"
        )
    first = study.origin.settings[0]
    assert first is not None
    paths = [one.run.path for one in study.trajectories if one.run is not None]
    return enhanced_sections(paths, first.sampling, study.settings.folding)


def _sampling(settings: RunSettings | None) -> str:
    return "none" if settings is None or settings.sampling is None else settings.sampling.method


def _variables(study: Study) -> Iterator[Variables]:
    structure = study.structure
    dihedrals = structure.dihedrals
    if not isinstance(dihedrals, Absent):
        (with_phi, phi), (with_psi, psi) = dihedrals.of("phi"), dihedrals.of("psi")
        both = sorted(set(with_phi.tolist()) & set(with_psi.tolist()))
        for residue in both if len(both) <= _MOST_MAPS else ():
            first, second = (int(np.flatnonzero(column == residue)[0]) for column in (with_phi, with_psi))
            runs = tuple(
                np.column_stack([one[:, first], other[:, second]]) for one, other in zip(phi, psi, strict=True)
            )
            label = dihedrals.residue_labels[residue]
            names = (f"\u03c6 {label} (\N{DEGREE SIGN})", f"\u03c8 {label} (\N{DEGREE SIGN})")
            yield Variables(f"\u03c6 and \u03c8 of {label}", f"free_energy_{label}", names, runs, (360.0, 360.0))
    for series, file in ((structure.rmsd, "rmsd"), (structure.radius_of_gyration, "radius_of_gyration")):
        yield Variables(series.name, f"free_energy_{file}", (f"{series.name} ({_ANGSTROM})",), series.values, (None,))
    if not isinstance(structure.native_contacts, Absent):
        series = structure.native_contacts.series
        yield Variables(series.name, "free_energy_native_contacts", (series.name,), series.values, (None,))
    if not isinstance(structure.components, Absent) and structure.components.projections.values[0].shape[1] > 1:
        runs = tuple(run[:, :2] for run in structure.components.projections.values)
        names = (f"component 1 ({_ANGSTROM})", f"component 2 ({_ANGSTROM})")
        yield Variables("principal components", "free_energy_components", names, runs, (None, None))


def _profile(variables: Variables, temperature_K: float) -> Section:
    title = f"Free energy along {variables.title}"
    try:
        found = free_energy(variables.runs, temperature_K, names=variables.names, periods=variables.periods)
    except InputError as error:
        return Section(title, paragraph(f"Not possible: {error}."))
    return free_energy_section(title, found, name=variables.file.replace(":", "_"), origin="From all frames.")


def _assigned(study: Study) -> tuple[Float[np.ndarray, " frames"], ...]:
    """1 for each frame that is folded.

    Raises:
        InputError: the settings do not say what folded is, or the quantity that tells is not there.
    """
    folding = study.settings.folding
    if folding is None:
        raise InputError("folding: is missing in the settings; say what counts as folded")
    side: Side = "above" if folding.folded > folding.unfolded else "below"
    cut, margin = (folding.folded + folding.unfolded) / 2.0, abs(folding.folded - folding.unfolded) / 2.0
    return assign_folded(folding_series(study).values, cut, folded=side, margin=margin)


def _folding(study: Study, temperature_K: float) -> tuple[Section, ...]:
    folding, title = study.settings.folding, "Free energy of unfolding"
    if folding is None:
        return ()
    try:
        assigned = _assigned(study)
        unfolding = unfolding_free_energy(assigned, temperature_K)
    except InputError as error:
        return (Section(title, paragraph(f"Not possible: {error}.")),)
    share = float(np.concatenate(assigned).mean())
    text = f"{unfolding} at {temperature_K:g} K; {100 * share:.1f} % of the frames are folded."
    note = "Two states: folded until the threshold of unfolded is passed, and back. Positive: folded is more stable."
    quantity = judge_estimate("free energy of unfolding", unfolding)
    methods = f"Frames were called folded by {folding.by} ({folding.folded:g}, unfolded {folding.unfolded:g})."
    return (Section(title, paragraph(text), note, methods=methods, quantities=(quantity,)),)


def _level(study: Study) -> tuple[Section, ...]:
    wanted = study.settings.level
    if wanted is None:
        return ()
    if not study.origin.plain:
        reason = "frames of enhanced sampling are not reweighted to another level; give plain runs"
        return (Section(TITLE, paragraph(f"Not possible: {reason}.")),)
    folded = None if study.settings.folding is None else (lambda: _assigned(study))
    return told(TITLE, lambda: level_part(study, wanted, variables=_variables(study), folded=folded))


def _quasi_harmonic(study: Study, temperature_K: float) -> tuple[Section, ...]:
    selection = study.settings.thermodynamics.quasi_harmonic
    if selection is None:
        return ()

    def make() -> tuple[Section, ...]:
        found = quasi_harmonic_of(study, selection, temperature_K)
        return (quasi_harmonic_section(found, selection=selection),)

    return told(quasi_harmonic_title, make)


def _entropy(study: Study) -> tuple[Section, ...]:
    dihedrals = study.structure.dihedrals
    if isinstance(dihedrals, Absent):
        return ()
    title = "Entropy of the dihedral angles"
    try:
        found = dihedral_entropy(dihedrals.angles.values)
    except InputError as error:
        return (Section(title, paragraph(f"Not possible: {error}.")),)
    note = (
        f"Of {len(dihedrals.dihedrals)} dihedral angles, each on its own: what they share is not taken out, so it is "
        "an upper bound, and only differences between states of one molecule mean anything."
    )
    quantity = judge_estimate("entropy of dihedral angles", found.total)
    return (Section(title, paragraph(f"{found.total}."), note, quantities=(quantity,)),)
