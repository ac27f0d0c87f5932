#!/usr/bin/env python
"""Errors against the number of labels, with and without pretraining: LABELS.csv and LABELS.png; resumable.

scripts/label_curve.py scripts/training/fine_tune.yaml --data data [--labels 25 50 100] [--repeats 3] [-o label_curve]

Each repeat trains on another random subset, the smaller ones within the larger; all are tested on all test frames.
"""

import argparse
import csv
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from ai2bmd.process import prepare_process
from potentials.errors import PotentialError
from potentials.model_file import load_model
from potentials.training.config import TrainingConfig, read_config
from potentials.training.dataset import Molecules, select
from potentials.training.distributed import Processes
from potentials.training.evaluation import error_row, model_deviations
from potentials.training.loop import MODEL, train
from potentials.training.preparation import load_data, prepare_molecules
from potentials.training.split import held_out
from potentials.visnet.model import ViSNet

ALONE = Processes(0, 1, torch.device("cpu"))


@dataclasses.dataclass(frozen=True)
class Point:
    """One training run and its errors on the test frames, kcal/mol/A and kcal/mol; no labels: nothing was trained."""

    start: str
    labels: int
    repeat: int
    force_mae: float
    energy_mae: float


def from_scratch(config: TrainingConfig, *, learning_rate: float, steps: int) -> TrainingConfig:
    """The same settings without pretraining, with a learning rate and length that suit a random start."""
    return config.model_copy(
        update={
            "start_from": None,
            "optimiser": config.optimiser.model_copy(update={"learning_rate": learning_rate}),
            "schedule": config.schedule.model_copy(update={"steps": steps, "passes": None, "time_limit_minutes": None}),
        }
    )


def subset(molecules: Molecules, count: int, repeat: int) -> Molecules:
    """`count` random molecules to train on, and all that are held out."""
    held = held_out(molecules)
    molecules = dataclasses.replace(molecules, test=held.astype(np.int64))  # the smaller set is split alike
    order = np.random.default_rng(repeat).permutation(np.flatnonzero(~held))
    return select(molecules, np.concatenate([order[:count], np.flatnonzero(held)]))


def trained(config: TrainingConfig, molecules: Molecules, folder: Path) -> ViSNet:
    """A model trained on the molecules that are not held out."""
    data = prepare_molecules(config, molecules, files=(), n_elements=config.visnet().max_atomic_number)
    with tempfile.TemporaryDirectory() as output:
        if not train(config, data, folder=folder, output=Path(output), processes=ALONE, resume=False):
            raise SystemExit("stopped; the same command goes on with the run that was not finished")
        return load_model(Path(output) / MODEL, force_field=config.force_field).model


def tested(model: ViSNet, molecules: Molecules, config: TrainingConfig, *, where: tuple[str, int, int]) -> Point:
    """Errors of a model on the held-out molecules."""
    test = select(molecules, np.flatnonzero(held_out(molecules)))
    deviations = model_deviations(model, test, target=config.target, device=ALONE.device)
    row = error_row("test", test, np.ones(len(test), bool), model=deviations)
    return Point(*where, row.force_mae, float("nan") if row.energy_mae is None else row.energy_mae)


def read_points(path: Path) -> list[Point]:
    """The runs that are done already."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [
            Point(r["start"], int(r["labels"]), int(r["repeat"]), float(r["force_mae"]), float(r["energy_mae"]))
            for r in csv.DictReader(file)
        ]


def write_points(points: list[Point], path: Path) -> None:
    """All runs so far."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[field.name for field in dataclasses.fields(Point)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(point) for point in points)


def plot(points: list[Point]) -> Figure:
    """Errors of every run, and their means, against the number of labels."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, key, name in zip(
        figure.subplots(1, 2),
        ("force_mae", "energy_mae"),
        ("force MAE / kcal/mol/Å", "relative energy MAE / kcal/mol"),
        strict=True,
    ):
        for start in sorted({point.start for point in points}):
            here = [point for point in points if point.start == start]
            if here[0].labels == 0:
                axes.axhline(getattr(here[0], key), linestyle=":", color="grey", label=start)
                continue
            counts = sorted({point.labels for point in here})
            means = [np.mean([getattr(point, key) for point in here if point.labels == count]) for count in counts]
            (line,) = axes.plot(counts, means, "-", label=start)
            axes.plot(
                [point.labels for point in here], [getattr(point, key) for point in here], ".", color=line.get_color()
            )
        axes.set(xlabel="labels trained on", ylabel=f"test {name}", xscale="log", yscale="log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
    return figure


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="settings of the fine-tuning, with start_from")
    parser.add_argument("--data", type=Path, required=True, help="folder of the labels")
    parser.add_argument("--labels", type=int, nargs="+", default=[10, 25, 50, 100, 200, 400])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scratch-learning-rate", type=float, default=3.5e-3)
    parser.add_argument("--scratch-steps", type=int, default=1000)
    parser.add_argument("-o", "--output", type=Path, default=Path("label_curve"))
    arguments = parser.parse_args()
    prepare_process()
    config = read_config(arguments.config).model_copy(update={"committee": None})
    if config.start_from is None:
        raise PotentialError(f"{arguments.config}: names no model under start_from")
    scratch = from_scratch(config, learning_rate=arguments.scratch_learning_rate, steps=arguments.scratch_steps)
    molecules = load_data(config, arguments.data)
    path = arguments.output.with_suffix(".csv")
    points = read_points(path)
    if not points:
        model = load_model(arguments.data / config.start_from, force_field=config.force_field).model
        points.append(tested(model, molecules, config, where=("pretrained, no labels", 0, 0)))
    available = int((~held_out(molecules)).sum())
    counts = sorted({min(count, available) for count in arguments.labels})
    runs = [
        (start, settings, count, repeat)
        for count in counts
        for repeat in range(arguments.repeats)
        for start, settings in (("pretrained", config), ("random", scratch))
    ]
    for start, settings, count, repeat in tqdm(runs, desc="runs"):
        if any((point.start, point.labels, point.repeat) == (start, count, repeat) for point in points):
            continue
        seeded = settings.model_copy(update={"seed": settings.seed + repeat})
        model = trained(seeded, subset(molecules, count, repeat), arguments.data)
        points.append(tested(model, molecules, config, where=(start, count, repeat)))
        write_points(points, path)
    plot(points).savefig(arguments.output.with_suffix(".png"), dpi=120)
    for point in points:
        print(f"{point.start:>22} {point.labels:5d} {point.force_mae:.3f} {point.energy_mae:.3f}")


if __name__ == "__main__":
    main()
