"""The learning curve: one row per validation, as CSV and as a plot."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from potentials.training.dataset import Molecules, Target
from potentials.training.evaluation import error_row, model_deviations
from potentials.visnet.model import ViSNet

Row = dict[str, float]
_FORCES = ("unit_force_mae_kcal_mol_A", "cluster_force_mae_kcal_mol_A")
_ENERGY = "unit_energy_mae_kcal_mol"


def validation_row(model: ViSNet, molecules: Molecules, *, target: Target, device: torch.device) -> Row:
    """Force MAE of units and clusters and relative energy MAE of units; NaN for what the data lacks."""
    deviations = model_deviations(model, molecules, target=target, device=device)
    row: Row = dict.fromkeys((*_FORCES, _ENERGY), float("nan"))
    unit = molecules.is_unit()
    for key, mask in zip(_FORCES, (unit, ~unit), strict=True):
        if mask.any():
            errors = error_row(key, molecules, mask, model=deviations)
            row[key] = errors.force_mae
            if key == _FORCES[0] and errors.energy_mae is not None:
                row[_ENERGY] = errors.energy_mae
    return row


def write_curve(rows: Sequence[Row], folder: Path) -> None:
    """Write `curve.csv` and `curve.png`, replacing older ones."""
    if not rows:
        return
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[-1]))
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    _plot(rows).savefig(folder / "curve.png", dpi=120)


def _plot(rows: Sequence[Row]) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    force, energy = figure.subplots(1, 2)
    minutes = [row["minutes"] for row in rows]
    for key, label in zip(_FORCES, ("units", "clusters"), strict=True):
        force.plot(minutes, [row[key] for row in rows], ".-", label=label)
    energy.plot(minutes, [row[_ENERGY] for row in rows], ".-", label="units, relative")
    force.set_ylabel("held-out force MAE / kcal/mol/Å")
    energy.set_ylabel("held-out energy MAE / kcal/mol")
    for axes in (force, energy):
        axes.set_xlabel("minutes of training")
        if np.isfinite([line.get_ydata() for line in axes.lines]).any():
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("{x:g}")
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
    return figure
