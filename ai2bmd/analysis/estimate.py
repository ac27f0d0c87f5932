"""A number with its error: what every analysis returns, and what it is compared by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error, and how many independent samples stand behind it."""

    value: float
    error: float
    """Standard error, of the unit of the value; not a number where the data do not suffice for one."""
    effective_samples: float
    """Number of independent samples."""
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    """Log: of a time, a rate or the like, which is above 0 and known to a factor. Its error is the value times the
    standard error of its logarithm, and its interval lies about the value in logarithms: it never reaches 0."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval, of Student's t: few samples know their own spread badly."""
        logarithmic = self.scale == "log"
        if not np.isfinite(self.error) or self.effective_samples < 2.0 or (logarithmic and not self.value > 0.0):
            return 0.0 if logarithmic else float("-inf"), float("inf")
        quantile = float(stats.t.ppf(0.5 + level / 2.0, df=self.effective_samples - 1.0))
        if logarithmic:
            low, high = logarithmic_interval(np.array(self.value), quantile * self.error / self.value)
            return float(low), float(high)
        return self.value - quantile * self.error, self.value + quantile * self.error

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if not np.isfinite(self.value):
            return "unknown"
        if not np.isfinite(self.error):
            return f"{self.value:.3g}{unit}, error unknown"
        if self.error == 0.0:
            return f"{self.value:g}{unit}"
        if self.scale == "log":
            low, high = self.interval()
            return f"{_short(self.value)}{unit} (95 %: {_short(low)} to {_short(high)})"
        digits = 1 - int(np.floor(np.log10(self.error)))  # two digits of the error
        value, error = round(self.value, digits), round(self.error, digits)
        places = max(digits, 0)
        return f"{value:.{places}f} \N{PLUS-MINUS SIGN} {error:.{places}f}{unit}"


def logarithmic_interval(
    values: Float64[np.ndarray, "*shape"], half_widths: Float64[np.ndarray, "*shape"] | float
) -> Float64[np.ndarray, "2 *shape"]:
    """Lower and upper ends about values above 0, by half the width that intervals of their logarithms have."""
    factors = np.exp(np.minimum(half_widths, 700.0))  # beyond it is no number of double precision
    return np.array([values / factors, values * factors])


def _short(value: float) -> str:
    """Three digits, without an exponent where that can be read."""
    if not 1e-3 <= value < 1e6:
        return "unknown" if np.isinf(value) else f"{value:.3g}"
    places = max(0, 2 - int(np.floor(np.log10(value))))
    return f"{round(value, 2 - int(np.floor(np.log10(value)))):.{places}f}"
