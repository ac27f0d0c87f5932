"""The free energy of metadynamics on disk: a table."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ai2bmd.errors import InputError

COLUMN = "free_energy_kcal_mol"


@dataclass(frozen=True, eq=False)
class FreeEnergySurface:
    """Free energy on a grid; its minimum is 0."""

    columns: tuple[str, ...]
    """Names of the variables with their units, such as phi_A3_deg."""
    axes: tuple[Float[np.ndarray, " points"], ...]
    """Values of each variable."""
    energy_kcal_mol: Float[np.ndarray, "..."]
    """One axis for each variable, in their order."""


def write_free_energy(surface: FreeEnergySurface, table: Path) -> None:
    """Write the grid as CSV, one row a point."""
    points = np.stack([grid.ravel() for grid in np.meshgrid(*surface.axes, indexing="ij")], axis=1)
    values = np.column_stack([points, surface.energy_kcal_mol.ravel()])
    temporary = table.with_name(f".{table.name}.new")
    header = ",".join((*surface.columns, COLUMN))
    np.savetxt(temporary, values, fmt="%.6g", delimiter=",", header=header, comments="")
    temporary.replace(table)


def read_free_energy(path: Path) -> FreeEnergySurface:
    """Read the table.

    Raises:
        InputError: it is damaged.
    """
    try:
        header = path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")
        values = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
        if values.shape[1] != len(header):
            raise ValueError(f"{values.shape[1]} columns under {len(header)} names")
        axes = tuple(np.unique(values[:, number]) for number in range(len(header) - 1))
        energy = values[:, -1].reshape([len(axis) for axis in axes])
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path} is damaged ({error}); `ai2bmd resume` of the run writes it anew") from error
    return FreeEnergySurface(tuple(header[:-1]), axes, energy)
