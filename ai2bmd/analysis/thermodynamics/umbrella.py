"""Umbrella sampling: windows with harmonic biases, put together.

    U_k(x) = U(x) + 1/2 sum_i stiffness_ki (x_i - centre_ki)^2,

differences of periodic variables within half a period. Torrie, Valleau, J. Comput. Phys. 23, 187 (1977).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.thermodynamics.blocks import memory_series
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.ensemble_estimates import ensemble_free_energy
from ai2bmd.analysis.thermodynamics.free_energy import FEWEST_SAMPLES, FreeEnergy
from ai2bmd.analysis.thermodynamics.mbar import Mbar, solve, thin
from ai2bmd.errors import InputError


@dataclass(frozen=True, eq=False)
class Windows:
    """The biases of all windows."""

    centres: Float64[np.ndarray, "windows variables"]
    stiffnesses_kcal_mol: Float64[np.ndarray, "windows variables"]
    """kcal/mol per square of the variable's unit; 0 does not bias."""
    names: tuple[str, ...]
    """Of the variables."""
    periods: tuple[float | None, ...]

    def energies_kcal_mol(self, values: Float[np.ndarray, "frames variables"]) -> Float64[np.ndarray, "windows frames"]:
        """Bias of each window at values of the variables."""
        energies = np.zeros((len(self.centres), len(values)))
        for number, period in enumerate(self.periods):
            away = np.asarray(values, np.float64)[:, number] - self.centres[:, number, None]
            if period is not None:
                away -= period * np.round(away / period)
            energies += 0.5 * self.stiffnesses_kcal_mol[:, number, None] * away**2
        return energies


@dataclass(frozen=True, eq=False)
class UmbrellaSampling:
    """Windows put together."""

    mbar: Mbar
    windows: Windows
    temperature_K: float
    samples: tuple[Float64[np.ndarray, "frames variables"], ...]
    """Of each window, all frames."""

    def free_energy(
        self, *, bins: int | Sequence[int] | None = None, fewest_samples: float = FEWEST_SAMPLES
    ) -> FreeEnergy:
        """Without bias, along the biased variables.

        Raises:
            InputError: there are more than two, or too few samples.
        """
        return ensemble_free_energy(
            self.mbar,
            self.samples,
            np.zeros(int(self.mbar.samples.sum())),
            self.temperature_K,
            names=self.windows.names,
            periods=self.windows.periods,
            bins=bins,
            fewest_samples=fewest_samples,
            what="the unbiased ensemble",
        )


def umbrella_sampling(
    runs: Sequence[Sequence[Float[np.ndarray, "frames ..."]]], windows: Windows, temperature_K: float
) -> UmbrellaSampling:
    """Put windows together.

    Args:
        runs: for each window its runs, each with (frames,) or (frames, variables).
        windows: their biases.
        temperature_K: of all.

    Raises:
        InputError: runs and windows do not fit, frames are too few, or windows do not overlap.
    """
    count, variables = windows.centres.shape
    if len(runs) != count:
        raise InputError(f"windows: expected runs of each of the {count} windows, got {len(runs)}")
    kT, samples, reduced, thinned = thermal_energy(temperature_K), [], [], []
    for number, own in enumerate(runs):
        shaped = [np.asarray(run, np.float64).reshape(len(run), -1) for run in own]
        if not shaped or any(run.shape[1] != variables for run in shaped):
            raise InputError(
                f"window {number}: expected frames of {variables} variables, got {list(map(np.shape, own))}"
            )
        values = np.concatenate(shaped)
        bias = windows.energies_kcal_mol(values) / kT
        samples.append(values)
        reduced.append(bias)
        thinned.append(thin([*memory_series(shaped, windows.periods), _split(bias[number], shaped)]))
    names = [f"window {number}" for number in range(count)]
    return UmbrellaSampling(solve(reduced, thinned, names=names), windows, temperature_K, tuple(samples))


def read_windows(path: Path, *, periods: dict[str, float] | None = None) -> tuple[Windows, tuple[str, ...]]:
    """Biases from a table with a row for each window.

    Columns: `file` (of the window's samples), and for each variable NAME `NAME_centre` and `NAME_stiffness`
    (kcal/mol per square of the variable's unit).

    Returns:
        The windows, and what stands under `file`.

    Raises:
        InputError: the table cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); give a CSV table of umbrella windows") from error
    columns = list(rows[0]) if rows else []
    names = tuple(column.removesuffix("_centre") for column in columns if column.endswith("_centre"))
    missing = [column for column in ("file", *(f"{name}_stiffness" for name in names)) if column not in columns]
    if not names or missing:
        raise InputError(
            f"{path}: expected columns file, NAME_centre, NAME_stiffness for each biased variable, got "
            f"{', '.join(columns) or 'no row'}; missing: {', '.join(missing) or 'a NAME_centre'}"
        )
    try:
        centres, stiffnesses = (
            np.array([[float(row[f"{name}_{what}"]) for name in names] for row in rows])
            for what in ("centre", "stiffness")
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a centre or stiffness is no number ({error})") from error
    if not np.isfinite(centres).all() or not (stiffnesses >= 0.0).all():
        raise InputError(f"{path}: expected finite centres and stiffnesses of 0 or more")
    chosen = tuple((periods or {}).get(name) for name in names)
    return Windows(centres, stiffnesses, names, chosen), tuple(row["file"] for row in rows)


def _split(values: np.ndarray, runs: list[np.ndarray]) -> Pieces:
    return np.split(values, np.cumsum([len(run) for run in runs])[:-1])
