"""A number with its error: what every analysis returns, and what it is compared by."""

from dataclasses import dataclass

import numpy as np
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

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval, of Student's t: few samples know their own spread badly."""
        if not np.isfinite(self.error) or self.effective_samples < 2.0:
            return float("-inf"), float("inf")
        width = float(stats.t.ppf(0.5 + level / 2.0, df=self.effective_samples - 1.0)) * self.error
        return self.value - width, self.value + width

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if not np.isfinite(self.value):
            return "unknown"
        if not np.isfinite(self.error):
            return f"{self.value:.3g}{unit}, error unknown"
        if self.error == 0.0:
            return f"{self.value:g}{unit}"
        digits = 1 - int(np.floor(np.log10(self.error)))  # two digits of the error
        value, error = round(self.value, digits), round(self.error, digits)
        places = max(digits, 0)
        return f"{value:.{places}f} \N{PLUS-MINUS SIGN} {error:.{places}f}{unit}"
