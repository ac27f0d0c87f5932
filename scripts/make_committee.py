#!/usr/bin/env python
"""Gives a trained model members for its error bars, anew if it has some; what it predicts stays the same.

scripts/make_committee.py MODEL.safetensors scripts/training/correction.yaml --data FOLDER [--members 8] [--clusters 60]

The settings are those the model was trained with: members disagree on what its training data leave undecided.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import torch

from ai2bmd.process import prepare_process
from potentials.model_file import load_model, save_model
from potentials.training.calibration import calibrate
from potentials.training.committee import make_committee
from potentials.training.config import CommitteeSettings, RecordSettings, read_config
from potentials.training.preparation import prepare_data
from potentials.visnet.committee import mean_member


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("config", type=Path, help="settings of its training")
    parser.add_argument("--data", type=Path, required=True, help="folder of its training data")
    parser.add_argument("--members", type=int, default=CommitteeSettings().members)
    parser.add_argument("--frames", type=int, default=RecordSettings().frames_per_unit, help="held-out, of each unit")
    parser.add_argument("--clusters", type=int, default=RecordSettings().clusters, help="held-out")
    arguments = parser.parse_args()
    prepare_process()
    config = read_config(arguments.config)
    record = config.record.model_copy(update={"frames_per_unit": arguments.frames, "clusters": arguments.clusters})
    config = config.model_copy(update={"record": record})
    loaded = load_model(arguments.model, force_field=config.force_field)
    model = mean_member(loaded.model).requires_grad_(False)
    data = prepare_data(config, arguments.data, n_elements=model.config.max_atomic_number)
    committee = make_committee(model, data.training, CommitteeSettings(members=arguments.members), seed=config.seed)
    scales = calibrate(committee, data.validation, target=config.target, device=torch.device("cpu"))
    save_model(arguments.model, committee, dataclasses.replace(loaded.card, committee=scales))
    print(json.dumps(dataclasses.asdict(scales), indent=1))


if __name__ == "__main__":
    main()
