"""The last stage of a turn: the new model beside the one before, and what came of all turns."""

import csv
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ai2bmd.evaluation.comparison import Comparison, compare
from ai2bmd.evaluation.errors import Estimate, gain
from ai2bmd.improvement.folder import Turn
from ai2bmd.improvement.settings import ImprovementSettings
from ai2bmd.improvement.tuning import copy_of_store
from ai2bmd.report.figures import BLUE, GREY, plot
from potentials.label_store import FAILURES

_SURE = 2.0
"""Standard errors from which on a difference is called one."""
_QUANTITIES = (
    "force_start",
    "force_before",
    "force_after",
    "force_gain",
    "energy_before",
    "energy_after",
    "energy_gain",
)


def evaluate_turn(turn: Turn, settings: ImprovementSettings) -> tuple[dict[str, Any], Comparison]:
    """Compare with the test frames of the store, write `errors/`, and note the turn as finished; its record.

    Compared are the new model, that of the turn before and the pretrained one, all on the same frames.
    """
    data = copy_of_store(turn, settings)
    comparison = compare(list(dict.fromkeys((turn.model, turn.before, turn.start))), [data])
    comparison.write(turn.errors)
    record = _record(turn, comparison, data)
    turn.finish(record)
    data.unlink()
    return record, comparison


def verdict(record: Mapping[str, Any]) -> str:
    """Whether the model became better, with the uncertainty."""
    gained, error = record["force_gain"], record["force_gain_error"]
    sure = error is not None and abs(gained) > _SURE * error
    how = ("better" if gained > 0 else "worse") if sure else "neither better nor worse beyond the uncertainty"
    uncertainty = "unknown: too few trajectories" if error is None else f"{error:.3f}, standard error"
    return (
        f"turn {record['turn']}: the model is {how}: force MAE {record['force_before']:.3f} before, "
        f"{record['force_after']:.3f} after {record['labels_after']} training labels, gain {gained:.3f} "
        f"kcal/mol/Å ({uncertainty}), on {record['test_frames']} test frames"
    )


def write_turns(records: Sequence[Mapping[str, Any]], output: Path) -> None:
    """`turns.csv`, a line for each turn, and `turns.png`, errors against number of labels."""
    with (output / "turns.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    with plot("Errors over the turns", x="training labels", y="force MAE (kcal/mol/Å)") as picture:
        for number, record in enumerate(records):
            label = number == 0
            labels = [record["labels_before"], record["labels_after"]]
            for color, heights, name in (
                (GREY, ("force_start", "force_start"), "pretrained model, on the same test frames"),
                (BLUE, ("force_before", "force_after"), "before and after a turn, on its test frames"),
            ):
                picture.axes.errorbar(
                    labels,
                    [record[height] for height in heights],
                    yerr=[record[f"{height}_error"] or 0.0 for height in heights],
                    fmt="o-",
                    markersize=4.5,
                    color=color,
                    label=name if label else None,
                )
        picture.axes.set_ylim(bottom=0)
        picture.axes.legend()
        picture.write_png(output / "turns.png")


def _record(turn: Turn, comparison: Comparison, data: Path) -> dict[str, Any]:
    names = comparison.models
    after, before, start = names[0], names[1], names[-1]
    everything = {row.contender: row for row in comparison.rows if row.kind == "all"}
    force_gain, energy_gain = gain(comparison.table, before, after)
    numbers = (
        everything[start].force_mae,
        everything[before].force_mae,
        everything[after].force_mae,
        force_gain,
        everything[before].energy_mae,
        everything[after].energy_mae,
        energy_gain,
    )
    values: dict[str, Any] = {
        "turn": turn.number,
        "labels_before": _labels_before(turn),
        "labels_after": _training_labels(data),
        "test_frames": everything[after].frames,
    }
    for name, estimate in zip(_QUANTITIES, numbers, strict=True):
        value, error = _finite(estimate)
        values |= {name: value, f"{name}_error": error}
    return values


def _finite(estimate: Estimate) -> tuple[float | None, ...]:
    return tuple(float(number) if np.isfinite(number) else None for number in dataclasses.astuple(estimate))


def _labels_before(turn: Turn) -> int:
    """That the model before was fine-tuned on: of the first turn none."""
    if turn.number == 1:
        return 0
    return json.loads(Turn(turn.number - 1, turn.output, turn.start).record.read_text())["labels_after"]


def _training_labels(path: Path) -> int:
    file: Any
    with h5py.File(path) as file:
        return sum(int((file[name]["test"][()] == 0).sum()) for name in file if name != FAILURES)
