#!/usr/bin/env python
"""What `whole` needs to be trained on: three short trainings, alike but for the data, tested on the same molecules.

    python scripts/training_sets.py scripts/training/correction.yaml --data FOLDER [--steps 2000] [-o OUTPUT]

Trained on units alone, on units and pairs of residues in contact, and on units and all clusters. Errors are those of
held-out units and clusters, and of whole proteins with either coupling. A training that was stopped goes on; the table
is in docs/accuracy/training_sets.md, from where scripts/accuracy.py takes it.
"""

import argparse
from pathlib import Path

import numpy as np
from compare_couplings import compare, read_frames
from evaluate_model import held_out_rows
from label_curve import ALONE

from ai2bmd.process import prepare_process
from potentials.model_file import load_model
from potentials.training.config import RecordSettings, TrainingConfig, read_config
from potentials.training.dataset import select
from potentials.training.loop import CHECKPOINT, MODEL, train
from potentials.training.preparation import load_data, prepare_molecules
from potentials.training.split import held_out

TABLE = Path(__file__).parents[1] / "docs" / "accuracy" / "training_sets.md"
SETS = ("units", "units and pairs", "units, pairs and larger clusters")
HELD_OUT = RecordSettings(frames_per_unit=8, clusters=200)


def trained_on(name: str, config: TrainingConfig, data: Path, output: Path) -> Path:
    """A model trained on one of the sets, if it is not there already.

    Raises:
        SystemExit: it was stopped.
    """
    if (output / MODEL).is_file() and not (output / CHECKPOINT).is_file():
        return output / MODEL
    if name == "units":
        config = config.model_copy(update={"data": config.data.model_copy(update={"clusters": None})})
    molecules = load_data(config, data)
    if name == "units and pairs":
        origins = np.array(molecules.origin_names)[molecules.origin]
        molecules = select(molecules, np.flatnonzero(np.isin(origins, ("unit", "pair"))))
    print(f"{name}: {np.count_nonzero(~held_out(molecules))} molecules to train on")
    prepared = prepare_molecules(config, molecules, files=(), n_elements=config.visnet().max_atomic_number)
    output.mkdir(parents=True, exist_ok=True)
    resume = (output / CHECKPOINT).is_file()
    if not train(config, prepared, folder=data, output=output, processes=ALONE, resume=resume):
        raise SystemExit("stopped; the same command goes on")
    (output / CHECKPOINT).unlink()
    return output / MODEL


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="settings of the pretraining")
    parser.add_argument("--data", type=Path, required=True, help="folder of its data, and of proteins-so3lr.h5")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/training_sets"))
    arguments = parser.parse_args()
    prepare_process()
    config = read_config(arguments.config)
    schedule = config.schedule.model_copy(update={"steps": arguments.steps})
    record = config.record.model_copy(update={"validate_minutes": None})
    config = config.model_copy(update={"schedule": schedule, "record": record, "committee": None})
    frames = read_frames(arguments.data)
    columns = [f"{protein}, `{coupling}`" for protein in frames for coupling in ("units", "whole")]
    lines = ["| trained on | units | clusters | " + " | ".join(columns) + " |", "|---" * (3 + len(columns)) + "|"]
    for name in SETS:
        model = trained_on(name, config, arguments.data, arguments.output / name.replace(",", "").replace(" ", "-"))
        loaded = load_model(model, force_field=config.force_field)
        rows = {row.name: row.force_mae for row in held_out_rows(loaded, arguments.data, HELD_OUT)}
        errors = [rows["units, all"], rows["clusters, all"]]
        for protein, arrays in frames.items():
            table = compare(protein, arrays, model)
            errors += [table[coupling]["force_mae_kcal_mol_A"] for coupling in ("units", "whole")]
        lines.append(f"| {name} | " + " | ".join(f"{error:.2f}" for error in errors) + " |")
        print(lines[-1], flush=True)
    TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
