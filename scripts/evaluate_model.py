#!/usr/bin/env python
"""Errors of a model file on held-out data, as a markdown table and JSON; `--write-card` adds them to its card.

scripts/evaluate_model.py MODEL.safetensors --data FOLDER [--frames 40] [--clusters 400] [-o errors]
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from ai2bmd.process import prepare_process
from potentials.model_file import LoadedModel, card_path, load_model, save_model
from potentials.training.config import RecordSettings
from potentials.training.dataset import Molecules, concatenate, load_clusters, load_proteins, load_units, select
from potentials.training.evaluation import ErrorRow, error_row, error_table, model_deviations
from potentials.training.preparation import validation_part
from potentials.training.split import held_out


def held_out_rows(loaded: LoadedModel, folder: Path, record: RecordSettings) -> list[ErrorRow]:
    """Rows for units and clusters that no model of this project was trained on."""
    molecules = concatenate([load_units(folder / "units-so3lr.h5"), load_clusters(folder / "clusters-so3lr.h5")])
    tested = select(molecules, np.flatnonzero(held_out(molecules)))
    tested = select(tested, validation_part(tested, record))
    return error_table(tested, _deviations(loaded, tested))


def protein_rows(loaded: LoadedModel, folder: Path) -> list[ErrorRow]:
    """Rows for whole proteins, the model applied to each as one molecule (coupling `whole`)."""
    proteins = load_proteins(folder / "proteins-so3lr.h5")
    deviations = _deviations(loaded, proteins)
    return [
        error_row(f"whole protein {name}", proteins, proteins.label == index, model=deviations)
        for index, name in enumerate(proteins.label_names)
    ]


def markdown(rows: list[ErrorRow]) -> str:
    """A table: model, and plain force field in brackets."""
    lines = [
        "| held-out molecules | number | force MAE, kcal/mol/Å | force RMSE | relative energy MAE, kcal/mol |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        energy = "" if row.energy_mae is None else f"{row.energy_mae:.2f} ({row.mm_energy_mae:.2f})"
        force = f"{row.force_mae:.2f} ({row.mm_force_mae:.2f})"
        lines.append(f"| {row.name} | {row.molecules} | {force} | {row.force_rmse:.2f} | {energy} |")
    return "\n".join(lines) + "\n"


def _deviations(loaded: LoadedModel, molecules: Molecules):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return model_deviations(loaded.model.to(device), molecules, target=loaded.card.kind, device=device)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled molecules")
    parser.add_argument("--frames", type=int, default=40, help="held-out frames of each unit")
    parser.add_argument("--clusters", type=int, default=400, help="held-out clusters")
    parser.add_argument("--force-field", default="amber19/ff19SB")
    parser.add_argument("-o", "--output", type=Path, help="write OUTPUT.md and OUTPUT.json")
    parser.add_argument("--write-card", action="store_true", help="add the errors to the model card")
    arguments = parser.parse_args()
    prepare_process()
    loaded = load_model(arguments.model, force_field=arguments.force_field)
    record = RecordSettings(frames_per_unit=arguments.frames, clusters=arguments.clusters)
    rows = held_out_rows(loaded, arguments.data, record) + protein_rows(loaded, arguments.data)
    print(markdown(rows))
    errors = {row.name: dataclasses.asdict(row) for row in rows}
    if arguments.output is not None:
        arguments.output.with_suffix(".md").write_text(markdown(rows))
        arguments.output.with_suffix(".json").write_text(json.dumps(errors, indent=1) + "\n")
    if arguments.write_card:
        card = dataclasses.replace(loaded.card, errors={"unit": "kcal/mol and kcal/mol/A", **errors})
        save_model(arguments.model, loaded.model.cpu(), card)
        print(f"wrote {card_path(arguments.model)}")


if __name__ == "__main__":
    main()
