"""log.csv: energies, temperature and speed, one row for each frame of the trajectory."""

from pathlib import Path

import numpy as np

from ai2bmd.engine import EngineState
from ai2bmd.simulation.table import GrowingTable

COLUMNS = (
    "step",
    "time_ps",
    "energy_environment_eV",
    "energy_correction_eV",
    "potential_energy_eV",
    "kinetic_energy_eV",
    "total_energy_eV",
    "temperature_K",
    "max_force_eV_per_A",
    "density_g_cm3",
    "ns_per_day",
)

_TAIL_BYTES = 4096
"""That hold a few rows."""
ERROR_BARS = ("correction_std_eV", "max_force_std_eV_per_A")
"""Further columns where the model has a committee; the second one is empty where it was not computed."""


class RunLog(GrowingTable):
    """The log open for appending."""

    def __init__(self, path: Path, *, error_bars: bool = False, keep_bytes: int | None = None) -> None:
        """Make a log, or continue one after its first `keep_bytes` bytes; what follows them stays until `commit`.

        Raises:
            OSError: the disk is full.
        """
        self._error_bars = error_bars
        super().__init__(path, (*COLUMNS, *ERROR_BARS) if error_bars else COLUMNS, keep_bytes=keep_bytes)

    def append(self, state: EngineState, *, ns_per_day: float) -> None:
        """Add a row."""
        potential, kinetic = state.potential_energy, state.kinetic_energy
        energies = (state.energy_environment, state.energy_correction, potential, kinetic, potential + kinetic)
        force = float(np.linalg.norm(state.forces_eV_per_A, axis=1).max())
        row = [f"{state.step}", f"{state.time_ps:.10g}", *(f"{energy:.8f}" for energy in energies)]
        density = "" if state.density_g_cm3 is None else f"{state.density_g_cm3:.6f}"
        row += [f"{state.temperature_K:.4f}", f"{force:.6f}", density, f"{ns_per_day:.4g}"]
        if self._error_bars:
            spread = state.force_std_eV_per_A
            row.append("" if state.correction_std_eV is None else f"{state.correction_std_eV:.6f}")
            row.append("" if spread is None else f"{spread.max():.6f}")
        self.append_row(row)


def last_step(path: Path) -> int | None:
    """The step of the last whole row; None where there is no log, or no row."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        *rows, _ = file.read().decode("utf-8", errors="replace").split("\n")  # the last one ends with a new line
    for row in reversed(rows):
        first, _, rest = row.partition(",")
        if first.isdigit() and rest:
            return int(first)
    return None
