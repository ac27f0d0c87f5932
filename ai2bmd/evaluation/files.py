"""What an evaluation writes: `errors.csv` with every number, `errors.md` to read, pictures."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai2bmd.evaluation.errors import KCAL_MOL, SetErrors
from ai2bmd.evaluation.frames import LabelledMolecule
from ai2bmd.evaluation.predictions import Prediction
from ai2bmd.report.figures import BLUE, GREEN, GREY, ORANGE, plot

_COLORS = (ORANGE, BLUE, GREEN, "#8e5ea2", "#b23b3b", GREY)
_COLUMNS = (
    "kind",
    "name",
    "frames",
    "trajectories",
    "contender",
    "force_mae_kcal_mol_A",
    "force_mae_standard_error",
    "force_rmse_kcal_mol_A",
    "relative_energy_mae_kcal_mol",
    "relative_energy_mae_standard_error",
)


def markdown(rows: Sequence[SetErrors], *, kinds: Sequence[str] | None = None) -> str:
    """A table: one line for each set, force MAE and, in brackets, relative energy MAE of each contender."""
    chosen = [row for row in rows if kinds is None or row.kind in kinds]
    contenders = list(dict.fromkeys(row.contender for row in chosen))
    lines = [f"| frames | number | {' | '.join(contenders)} |", "|---|---|" + "---|" * len(contenders)]
    for kind, name in dict.fromkeys((row.kind, row.name) for row in chosen):
        here = {row.contender: row for row in chosen if (row.kind, row.name) == (kind, name)}
        cells = [_cell(here[contender]) if contender in here else "" for contender in contenders]
        lines.append(f"| {name} | {next(iter(here.values())).frames} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_csv(rows: Sequence[SetErrors], path: Path) -> None:
    """All numbers, one line for each set and contender."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in rows:
            force, energy = row.force_mae, row.energy_mae
            numbers = (force.value, force.error, row.force_rmse, energy.value, energy.error)
            writer.writerow(
                [row.kind, row.name, row.frames, row.trajectories, row.contender, *(f"{n:.4f}" for n in numbers)]
            )


def write_errors_by_molecule(rows: Sequence[SetErrors], path: Path) -> None:
    """A picture: force error of each contender on each molecule, worst of the last contender first."""
    here = [row for row in rows if row.kind == "molecule"]
    contenders = list(dict.fromkeys(row.contender for row in here))
    best = {row.name: row.force_mae.value for row in here}  # of the last contender
    names = sorted(best, key=best.__getitem__)
    height = max(2.4, 0.22 * len(names) + 1.2)
    with plot("Force error by molecule", x="force MAE (kcal/mol/Å)", y="", height_in=height) as picture:
        for contender, color in zip(contenders, _cycle(len(contenders)), strict=True):
            chosen = [row for row in here if row.contender == contender]
            picture.axes.errorbar(
                [row.force_mae.value for row in chosen],
                [names.index(row.name) for row in chosen],
                xerr=np.nan_to_num([row.force_mae.error for row in chosen]),
                fmt="o",
                markersize=4.5,
                color=color,
                label=contender,
            )
        picture.axes.set_yticks(range(len(names)), names, fontsize=8.5)
        picture.axes.set_xlim(left=0)
        picture.axes.legend(loc="lower right")
        picture.write_png(path)


def write_energies(
    molecules: Sequence[LabelledMolecule], predictions: Sequence[dict[str, Prediction]], path: Path
) -> None:
    """A picture: predicted against reference energies less the mean of a molecule; none where no molecule has two."""
    several = [number for number, labelled in enumerate(molecules) if labelled.frames > 1]
    if not several:
        return
    contenders = list(dict.fromkeys(name for number in several for name in predictions[number]))
    with plot(
        "Relative energies",
        x="reference, less its mean (kcal/mol)",
        y="predicted, less its mean (kcal/mol)",
        width_in=5.6,
        height_in=5.0,
    ) as picture:
        for contender, color in zip(contenders, _cycle(len(contenders)), strict=True):
            pairs = [
                (_centred(molecules[n].energies), _centred(predictions[n][contender].energies))
                for n in several
                if contender in predictions[n]
            ]
            x, y = (np.concatenate(values) for values in zip(*pairs, strict=True))
            picture.axes.plot(x, y, ".", color=color, label=contender, markersize=5)
        low, high = picture.axes.get_xlim()
        picture.axes.axline((low, low), (high, high), color=GREY, linewidth=1, zorder=0)
        picture.axes.legend(loc="upper left")
        picture.write_png(path)


def write_spread(molecules: Sequence[LabelledMolecule], predictions: Sequence[Prediction], path: Path) -> None:
    """A picture: root mean square error of forces against the error that was expected, in bins of atoms."""
    expected = np.concatenate([p.force_std.ravel() for p in predictions if p.force_std is not None]) / KCAL_MOL
    true = np.concatenate(
        [
            np.linalg.norm(p.forces - labelled.forces, axis=-1).ravel()
            for labelled, p in zip(molecules, predictions, strict=True)
        ]
    )
    true /= KCAL_MOL
    order = np.argsort(expected)
    with plot(
        "Expected and true errors of forces",
        x="expected error of an atom's force (kcal/mol/Å)",
        y="true error (kcal/mol/Å)",
        width_in=5.6,
        height_in=4.6,
    ) as picture:
        picture.axes.plot(expected, true, ".", color=GREY, alpha=0.4, markersize=3, label="atoms")
        bins = np.array_split(order, min(10, len(order)))
        rms = [[np.sqrt(np.mean(values[chosen] ** 2)) for chosen in bins] for values in (expected, true)]
        picture.axes.plot(*rms, "o-", color=BLUE, label="root mean square of a tenth of the atoms")
        low = max(expected.min(), 1e-3)
        picture.axes.plot([low, expected.max()], [low, expected.max()], "--", color=ORANGE, label="as expected")
        picture.axes.set(xscale="log", yscale="log")
        picture.axes.legend()
        picture.write_png(path)


def _cell(row: SetErrors) -> str:
    energy = str(row.energy_mae)
    return f"{row.force_mae} ({energy})" if energy else str(row.force_mae)


def _centred(energies_eV: np.ndarray) -> np.ndarray:
    return (energies_eV - energies_eV.mean()) / KCAL_MOL


def _cycle(number: int) -> list[str]:
    return [_COLORS[index % len(_COLORS)] for index in range(number)]
