"""The NMR of a study: couplings, order parameters of N-H, and the comparison with measured values of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ai2bmd.analysis.nmr.backbone import by_residue
from ai2bmd.analysis.nmr.bond_vectors import BondMoments, BondMomentsOf, bonds_of_residues
from ai2bmd.analysis.nmr.comparison import Comparison, compare, compare_couplings
from ai2bmd.analysis.nmr.couplings import scalar_couplings
from ai2bmd.analysis.nmr.dipolar import fit_alignment, largest_coupling_Hz
from ai2bmd.analysis.nmr.experiment import DISTANCES, Experiment, Measurement
from ai2bmd.analysis.nmr.karplus import COUPLINGS
from ai2bmd.analysis.nmr.order import ired_of, order_parameters
from ai2bmd.analysis.nmr.overhauser import noe_distances
from ai2bmd.analysis.stream import stream, take_sample
from ai2bmd.analysis.structure.everything import Absent
from ai2bmd.analysis.structure.motion import chosen_atoms, first_frame_A, mean_structure
from ai2bmd.errors import InputError
from ai2bmd.report.nmr import IRED_TITLE, comparison_sections, coupling_sections, ired_section, order_section
from ai2bmd.report.sections import Section, paragraph, told

if TYPE_CHECKING:
    from ai2bmd.report.study import Study

_AMIDE_BOND_A = 1.04
"""Effective N-H distance of dipolar couplings in solution (Ottiger, Bax, J. Am. Chem. Soc. 120, 12334, 1998)."""


def nmr_part(study: Study) -> list[Section]:
    """Predictions, and beside them what was measured.

    Raises:
        InputError: the molecule has no backbone.
    """
    if isinstance(study.structure.dihedrals, Absent):
        raise InputError(study.structure.dihedrals.reason)
    residues = by_residue(study.structure.dihedrals, study.trajectories[0])
    couplings = scalar_couplings(residues, parametrisations=study.settings.parametrisations)
    sections = [*coupling_sections(couplings), *_amides(study)]
    if study.experiment is not None:
        for comparison in _comparisons(study, study.experiment, lambda table: compare_couplings(residues, table)):
            sections += comparison
    return sections


def _amides(study: Study) -> tuple[Section, ...]:
    """Order parameters of N-H; nothing for a molecule without."""
    try:
        found, pairs = bonds_of_residues(study.trajectories[0])
    except InputError:
        return ()
    if sum(study.structure.reading.frames) < 2:
        return ()
    labels = study.structure.dihedrals.residue_labels  # type: ignore[union-attr]
    names = [labels[residue] for residue in found]
    section = order_section(names, order_parameters(_moments(study, pairs)), superposed=study.structure.atoms_used)
    if not study.settings.nmr.ired:
        return (section,)
    return (section, *told(IRED_TITLE, lambda: (ired_section(names, ired_of(study.trajectories, pairs)),)))


def _moments(study: Study, pairs: np.ndarray) -> BondMoments:
    """Directions of bonds in the frame of the molecule, in a pass of its own."""
    chosen, _ = chosen_atoms(study.trajectories[0], study.settings.superpose_on)
    about = mean_structure(take_sample(study.trajectories), chosen)
    moments = BondMomentsOf(study.trajectories, about, pairs)
    stream(study.trajectories, [moments], text="bond directions")
    return moments.result()


def _comparisons(
    study: Study, experiment: Experiment, of_couplings: Callable[[Experiment], Comparison]
) -> Iterator[tuple[Section, ...]]:
    """One for each kind of value in the table; a kind that cannot be compared says why."""
    kinds: tuple[tuple[str, tuple[str, ...], Callable[[], Comparison]], ...] = (
        ("scalar couplings", tuple(COUPLINGS), lambda: of_couplings(experiment)),
        ("distances", DISTANCES, lambda: _distances(study, experiment)),
        ("order parameters", ("S2",), lambda: _order(study, experiment)),
        ("dipolar couplings", ("RDC",), lambda: _dipolar(study, experiment)),
    )
    for name, observables, make in kinds:
        if not experiment.of(*observables):
            continue
        try:
            yield comparison_sections(make(), kind=name)
        except InputError as error:
            yield (Section(f"Comparison with experiment: {name}", paragraph(f"Not possible: {error}.")),)


def _distances(study: Study, experiment: Experiment) -> Comparison:
    measured = experiment.of(*DISTANCES)
    for entry in measured:
        for column in ("atoms_1", "atoms_2"):
            study.trajectories[0].select(getattr(entry, column), setting=f"line {entry.line}, {column}")
    predicted = noe_distances(study.trajectories, [(entry.atoms_1, entry.atoms_2) for entry in measured])
    return compare(predicted, measured, source=experiment.source)


def _order(study: Study, experiment: Experiment) -> Comparison:
    measured = experiment.of("S2")
    return compare(order_parameters(_moments(study, _bonds(study, measured))), measured, source=experiment.source)


def _dipolar(study: Study, experiment: Experiment) -> Comparison:
    """The alignment is fitted to the very values that are compared: Q tells how well the structure can explain them."""
    measured = experiment.of("RDC")
    pairs = _bonds(study, measured)
    first_A = first_frame_A(study.trajectories[0])
    lengths_A = np.linalg.norm(first_A[pairs[:, 0]] - first_A[pairs[:, 1]], axis=1)
    elements = [(_element(entry.atoms_1), _element(entry.atoms_2)) for entry in measured]
    largest_Hz = np.array(
        [
            largest_coupling_Hz(*both, _AMIDE_BOND_A if set(both) == {"N", "H"} else float(length))
            for both, length in zip(elements, lengths_A, strict=True)
        ]
    )
    errors_Hz = np.array([entry.error for entry in measured])
    alignment = fit_alignment(
        _moments(study, pairs),
        np.array([entry.value for entry in measured]),
        largest_Hz=largest_Hz,
        errors_Hz=errors_Hz if np.isfinite(errors_Hz).all() else None,
    )
    return compare(alignment.predicted, measured, source=experiment.source)


def _bonds(study: Study, measured: tuple[Measurement, ...]) -> np.ndarray:
    """The two atoms of each measured bond.

    Raises:
        InputError: one is not there.
    """
    molecule = study.trajectories[0].molecule
    pairs = []
    for entry in measured:
        atoms = []
        for name in (entry.atoms_1, entry.atoms_2):
            places = [
                molecule.atom(residue, name)
                for residue in range(len(molecule.residue_names))
                if molecule.residue_numbers[residue].strip() == str(entry.residue)
                and entry.chain in ("", molecule.chain_ids[residue])
            ]
            found = [place for place in places if place is not None]
            if len(found) != 1:
                raise InputError(
                    f"line {entry.line}: residue {entry.chain}{entry.residue} has {len(found)} atoms {name}; one is "
                    "needed: check residue, chain and atom names against the structure"
                )
            atoms.append(found[0])
        pairs.append(atoms)
    return np.array(pairs, dtype=np.int64)


def _element(name: str) -> str:
    """Element of an atom by its name."""
    return name.lstrip("0123456789")[0]
