"""log.csv: energies, temperature and speed, one row for each frame of the trajectory."""

import os
from pathlib import Path
from typing import Self

import numpy as np

from ai2bmd.engine import EngineState

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


class RunLog:
    """The log open for appending; rows reach the disk at `commit`."""

    def __init__(self, path: Path, *, keep_bytes: int | None = None) -> None:
        """Make a log, or continue one after its first `keep_bytes` bytes; what follows them stays until `commit`.

        Raises:
            OSError: the disk is full.
        """
        self._path, self._pending, self._stale = path, b"", False
        self._file = path.open("xb" if keep_bytes is None else "r+b", buffering=0)
        if keep_bytes is None:
            self._pending = (",".join(COLUMNS) + "\n").encode()
            self.size = 0
        else:
            stored = os.fstat(self._file.fileno()).st_size
            self.size = min(keep_bytes, stored)
            self._stale = stored > self.size

    def append(self, state: EngineState, *, ns_per_day: float) -> None:
        """Add a row."""
        potential, kinetic = state.potential_energy, state.kinetic_energy
        energies = (state.energy_environment, state.energy_correction, potential, kinetic, potential + kinetic)
        force = float(np.linalg.norm(state.forces_eV_per_A, axis=1).max())
        row = [f"{state.step}", f"{state.time_ps:.10g}", *(f"{energy:.8f}" for energy in energies)]
        density = "" if state.density_g_cm3 is None else f"{state.density_g_cm3:.6f}"
        row += [f"{state.temperature_K:.4f}", f"{force:.6f}", density, f"{ns_per_day:.4g}"]
        self._pending += (",".join(row) + "\n").encode()

    def truncate(self, size: int) -> None:
        """Drop the rows after the first `size` bytes, and those not yet committed."""
        self._pending = b""
        self._file.truncate(size)
        self.size, self._stale = size, False

    def commit(self) -> None:
        """Bring all rows to the disk, or none.

        Raises:
            OSError: it is full.
        """
        if self._stale:
            self._replace()
            return
        try:
            self._file.seek(self.size)
            rest = memoryview(self._pending)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self.size)
            raise
        self.size += len(self._pending)
        self._pending = b""

    def _replace(self) -> None:
        """Put a whole new file in the place of the one whose last rows were made again."""
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            with temporary.open("wb") as file:
                self._file.seek(0)
                file.write(self._file.read(self.size) + self._pending)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._file.close()
        self._file = self._path.open("r+b", buffering=0)
        self.size, self._pending, self._stale = self.size + len(self._pending), b"", False

    def close(self) -> None:
        """Close; what was not committed is dropped."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
