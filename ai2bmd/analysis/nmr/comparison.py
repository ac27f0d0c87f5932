"""Predicted values against measured ones: how many standard deviations apart, chi2, RMSD, correlation.

The variance of a difference has three parts: that of the measurement, that of the relation between structure and
observable, and that of the average over correlated frames.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from scipy import stats

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.nmr.couplings import Couplings, ResidueAngles, scalar_couplings
from ai2bmd.analysis.nmr.experiment import Experiment, Measurement
from ai2bmd.analysis.nmr.karplus import COUPLINGS
from ai2bmd.errors import InputError

_FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Compared:
    """A measured value and its prediction."""

    measured: Measurement
    predicted: Estimate
    relation_error: float = 0.0
    """Standard deviation of the relation from structure to observable, in the unit of the value."""
    relation_name: str = ""
    relation_source: str = ""

    @property
    def difference(self) -> float:
        """Predicted less measured; from an upper bound only what exceeds it."""
        difference = self.predicted.value - self.measured.value
        return max(0.0, difference) if self.measured.observable == "NOE_upper" else difference

    @property
    def error(self) -> float:
        """Standard deviation that the difference should have, from those errors that are known."""
        errors = np.array([self.measured.error, self.relation_error, self.predicted.error])
        return float(np.sqrt(np.nansum(errors**2)))

    def __str__(self) -> str:
        measured = f"{self.measured.value:g} {self.measured.unit}".strip()
        apart = f"{self.difference / self.error:+.1f} errors apart" if self.error > 0.0 else "no error known"
        return f"{self.measured.label}: measured {measured}, predicted {self.predicted}, {apart}"


@dataclass(frozen=True)
class Comparison:
    """All that was compared, and what could not be."""

    source: str
    """Of the measured values."""
    pairs: tuple[Compared, ...]
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By label of the measurement: why it was not compared."""

    @property
    def chi2(self) -> float:
        """Mean squared difference in units of its expected variance; about 1 where prediction and experiment agree.

        Not a number without pairs.
        """
        return float(np.mean([(pair.difference / pair.error) ** 2 for pair in self.pairs])) if self.pairs else np.nan

    @property
    def chance(self) -> float:
        """Chance of a chi2 at least as large if prediction and experiment agreed, all differences being independent."""
        return float(stats.chi2.sf(self.chi2 * len(self.pairs), df=len(self.pairs))) if self.pairs else np.nan

    @property
    def rmsd(self) -> float:
        """Root of the mean squared difference, in the unit of the values."""
        return float(np.sqrt(np.mean([pair.difference**2 for pair in self.pairs]))) if self.pairs else np.nan

    @property
    def pearson(self) -> float:
        """Correlation coefficient; not a number for fewer than three pairs or values that are all the same."""
        values = np.array([(pair.measured.value, pair.predicted.value) for pair in self.pairs]).reshape(-1, 2)
        if len(values) < _FEWEST_PAIRS or (np.ptp(values, axis=0) == 0.0).any():
            return np.nan
        return float(np.corrcoef(values.T)[0, 1])

    @property
    def without_error(self) -> int:
        """Number of pairs whose average has no error bar, for want of independent frames; chi2 takes it as zero."""
        return sum(not np.isfinite(pair.predicted.error) for pair in self.pairs)

    def of(self, observable: str) -> "Comparison":
        """The part of one observable."""
        pairs = tuple(pair for pair in self.pairs if pair.measured.observable == observable)
        return Comparison(self.source, pairs, self.left_out)


def compare(
    predicted: Sequence[Estimate],
    measured: Sequence[Measurement],
    *,
    relation_errors: Sequence[float] | None = None,
    source: str = "",
) -> Comparison:
    """Compare predictions with measurements one by one.

    Args:
        predicted: in the order of the measurements and in their units.
        measured: the measurements.
        relation_errors: standard deviation of the relation from structure to observable; none if not given.
        source: of the measurements.

    Raises:
        InputError: their numbers differ, or a pair has no error at all to measure its difference by.
    """
    errors = [0.0] * len(measured) if relation_errors is None else list(relation_errors)
    if not len(predicted) == len(measured) == len(errors):
        raise InputError(
            f"{len(predicted)} predictions, {len(measured)} measurements, {len(errors)} errors of relations"
        )
    return _checked(Comparison(source, tuple(map(Compared, measured, predicted, errors))))


def compare_couplings(residues: Iterable[ResidueAngles], experiment: Experiment) -> Comparison:
    """Compare the couplings of a trajectory with a table, each by the parametrisation the table asks for.

    Raises:
        InputError: the table has no couplings.
    """
    measurements = experiment.of(*COUPLINGS)
    if not measurements:
        raise InputError(f"{experiment.name} has no scalar coupling; its observables are for another comparison")
    known, residues, pairs, left_out = {}, tuple(residues), [], {}
    for measured in measurements:
        name = measured.observable.replace("HA2", "HA").replace("HA3", "HA")
        key = name, measured.parametrisation
        if key not in known:
            parametrisations = {name: measured.parametrisation} if measured.parametrisation else None
            known[key] = scalar_couplings(residues, couplings=[name], parametrisations=parametrisations)
        try:
            pairs.append(_pair(measured, known[key]))
        except InputError as error:
            left_out[measured.label] = str(error)
    return _checked(Comparison(experiment.source, tuple(pairs), MappingProxyType(left_out)))


def _pair(measured: Measurement, couplings: Couplings) -> Compared:
    assert measured.residue is not None
    found = couplings.find(measured.observable, measured.residue, chain=measured.chain)
    relation = found.relation
    return Compared(measured, found.estimate, relation.deviation_Hz, relation.name, relation.source)


def _checked(comparison: Comparison) -> Comparison:
    for pair in comparison.pairs:
        if not pair.error > 0.0:
            raise InputError(
                f"{pair.measured.label}: neither measurement nor prediction has an error to judge their difference by; "
                "give the table a column error"
            )
    return comparison
