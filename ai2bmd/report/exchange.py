"""Replica exchange of one or several runs: temperatures put together, free energies at the lowest, melting."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.thermodynamics.exchange_melting import melting_of_exchange
from ai2bmd.analysis.thermodynamics.exchange_run import ExchangeRun, join_exchange_runs, read_exchange_run
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import Folding
from ai2bmd.report.ensembles import heat_capacities, heat_capacity_section, overlap_section
from ai2bmd.report.free_energies import free_energy_section
from ai2bmd.report.free_energy import readable
from ai2bmd.report.melting import melting_section
from ai2bmd.report.sections import Section, told
from ai2bmd.sampling.settings import ReplicaExchange

_KINDS = {"native-contacts": "native_contacts", "rmsd": "rmsd"}


def exchange_sections(
    paths: Sequence[Path], settings: ReplicaExchange, folding: Folding | None = None
) -> tuple[Section, ...]:
    """Of run directories with the same temperatures.

    Args:
        paths: of the runs.
        settings: of the first.
        folding: what counts as folded; None for no melting.

    Raises:
        InputError: a run cannot be read, or they cannot be put together.
    """
    whole = [read_exchange_run(path) for path in paths]
    runs = [one.at_rest() for one in whole]
    melting = () if folding is None else told("Melting", lambda: _melting(runs, settings, folding))
    return (*told("Temperatures together", lambda: _joined(whole, runs)), *melting)


def _joined(whole: Sequence[ExchangeRun], runs: Sequence[ExchangeRun]) -> tuple[Section, ...]:
    ensembles = join_exchange_runs(runs)
    lowest = runs[0].temperatures_K[0]
    sections = [overlap_section(ensembles.mbar), heat_capacity_section(*heat_capacities(ensembles))]
    origin = f"At {lowest:g} K from the frames of all temperatures{_of(runs)}, without {_left(whole, runs)}."
    for name in runs[0].variables:
        title = f"Free energy along {readable(name)}"
        sections += told(
            title,
            lambda name=name, title=title: (
                free_energy_section(
                    title,
                    ensembles.free_energy(
                        _by_temperature(runs, name),
                        lowest,
                        names=[name],
                        periods=[360.0 if name.endswith("_deg") else None],
                    ),
                    name=f"free_energy_{name}",
                    origin=origin,
                ),
            ),
        )
    return tuple(sections)


def _by_temperature(runs: Sequence[ExchangeRun], name: str) -> list[Float64[np.ndarray, " frames"]]:
    """Of each temperature the values in all runs, one after the other."""
    return [
        np.concatenate([run.variables[name][number] for run in runs]) for number in range(len(runs[0].temperatures_K))
    ]


def _of(runs: Sequence[ExchangeRun]) -> str:
    return "" if len(runs) == 1 else f" of {len(runs)} independent runs"


def _left(whole: Sequence[ExchangeRun], runs: Sequence[ExchangeRun]) -> str:
    counts = [
        one.energies_kcal_mol.shape[1] - rest.energies_kcal_mol.shape[1] for one, rest in zip(whole, runs, strict=True)
    ]
    return f"the first {' and '.join(map(str, counts))} before they came to rest"


def _melting(runs: Sequence[ExchangeRun], settings: ReplicaExchange, folding: Folding) -> tuple[Section, ...]:
    """Frames on either side of the middle between both thresholds, for frames at one temperature are in no order."""
    columns = [one.column for one in settings.variables if one.kind == _KINDS[folding.by]]
    if not columns:
        seen = ", ".join(one.column for one in settings.variables) or "none"
        raise InputError(
            f"folding by {folding.by} at all temperatures needs `{_KINDS[folding.by]}` among the `variables` of the "
            f"run's sampling, which looked at {seen}; run again with it"
        )
    side = "above" if folding.folded > folding.unfolded else "below"
    cut = (folding.folded + folding.unfolded) / 2.0
    melting = melting_of_exchange(runs, columns[0], cut, folded=side)
    return (melting_section(melting, folded=f"{readable(columns[0])} {side} {cut:g}{_of(runs)}"),)
