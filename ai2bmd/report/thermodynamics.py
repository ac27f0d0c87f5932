"""Thermodynamics of runs with enhanced sampling: temperatures put together, metadynamics reweighted.

What the data do not suffice for is said in its place.
"""

from collections.abc import Sequence
from pathlib import Path

from ai2bmd.report.analysis_settings import Folding
from ai2bmd.report.exchange import exchange_sections
from ai2bmd.report.metadynamics import metadynamics_sections
from ai2bmd.report.sections import Section, told
from ai2bmd.sampling.settings import Metadynamics, ReplicaExchange, Sampling


def enhanced_sections(
    runs: Sequence[Path], sampling: Sampling | None, folding: Folding | None = None
) -> tuple[Section, ...]:
    """Of independent runs with the same kind of sampling, put together.

    Args:
        runs: directories.
        sampling: of the first.
        folding: what counts as folded, for melting in replica exchange.
    """
    if isinstance(sampling, ReplicaExchange):
        return told("Temperatures together", lambda: exchange_sections(runs, sampling, folding))
    if isinstance(sampling, Metadynamics):
        return told("Metadynamics, reweighted", lambda: metadynamics_sections(runs))
    return ()
