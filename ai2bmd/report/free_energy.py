"""Pictures of a free energy: a curve, a map, or for three variables the map of each pair."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ai2bmd.report.figures import BLUE, Plot, plot
from ai2bmd.sampling.free_energy import FreeEnergySurface

KCAL_LABEL = "free energy (kcal/mol)"
_HIGHEST_KCAL_MOL = 12.0
_KT_KCAL_MOL = 0.593  # 298 K; only to join points of a third variable


def draw_free_energy(surface: FreeEnergySurface) -> Plot:
    """A curve for one variable, a map for the first two; a third is summed over."""
    labels = [readable(column) for column in surface.columns]
    energy = surface.energy_kcal_mol
    if energy.ndim == 1:
        with plot("Free energy", x=labels[0], y=KCAL_LABEL) as drawing:
            drawing.axes.plot(surface.axes[0], energy, color=BLUE, linewidth=1.8)
            drawing.axes.set_ylim(bottom=0.0)
        return drawing
    if energy.ndim == 3:
        energy = _without_last(energy)
    with plot("Free energy", x=labels[0], y=labels[1], height_in=4.6) as drawing:
        levels = np.linspace(0.0, float(np.clip(energy.max(), 1e-3, _HIGHEST_KCAL_MOL)), 25)
        shown = drawing.axes.contourf(*surface.axes[:2], energy.T, levels=levels, cmap="viridis", extend="max")
        drawing.figure.colorbar(shown, ax=drawing.axes, label=KCAL_LABEL)
    return drawing


def write_picture(surface: FreeEnergySurface, path: Path) -> None:
    """Replace a picture of it (PNG)."""
    temporary = path.with_name(f".{path.name}.new")
    draw_free_energy(surface).write_png(temporary)
    temporary.replace(path)


def readable(column: str) -> str:
    """A column's name with its unit in brackets."""
    for unit, shown in (
        ("_deg", "\N{DEGREE SIGN}"),
        ("_A", "\N{ANGSTROM SIGN}"),
        ("_kcal_mol", "kcal/mol"),
        ("_K", "K"),
    ):
        if column.endswith(unit):
            return f"{column.removesuffix(unit).replace('_', ' ')} ({shown})"
    return column.replace("_", " ")


def _without_last(energy: Float[np.ndarray, "first second third"]) -> Float[np.ndarray, "first second"]:
    summed = -_KT_KCAL_MOL * np.log(np.exp(-energy / _KT_KCAL_MOL).sum(2))
    return summed - summed.min()
