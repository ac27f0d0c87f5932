"""The script of errors against the number of labels: nested subsets, the same test frames, nothing half-done kept."""

import csv
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import yaml

from potentials.model_file import ModelCard, save_model
from potentials.training.dataset import load_units
from potentials.training.split import held_out
from potentials.visnet import ViSNet, ViSNetConfig


@pytest.fixture(scope="module")
def script(load_script) -> ModuleType:
    return load_script("label_curve")


@pytest.fixture
def command(data_folder: Path, tmp_path: Path, settings: Callable[..., dict[str, object]]) -> list[str]:
    """Of a curve of two points, of small models."""
    shutil.copy(data_folder / "units.h5", tmp_path)
    shape = {"hidden_channels": 8, "num_layers": 1, "num_heads": 2, "num_radial": 8}
    torch.manual_seed(0)
    card = ModelCard(kind="correction", level_of_theory="springs", force_field="none at all", config={})
    save_model(tmp_path / "start.safetensors", ViSNet(ViSNetConfig(**shape)), card)  # pyright: ignore[reportArgumentType]
    config = settings(data={"units": "units.h5"}, model=shape, start_from="start.safetensors")
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(config))
    options = ["--data", str(tmp_path), "--labels", "5", "--repeats", "1", "--scratch-steps", "3"]
    return ["label_curve.py", str(tmp_path / "settings.yaml"), *options, "-o", str(tmp_path / "curve")]


def test_subsets_are_nested_and_tests_the_same(script: ModuleType, data_folder: Path) -> None:
    molecules = load_units(data_folder / "units.h5")
    small, large = (script.subset(molecules, count, 3) for count in (7, 20))
    trained = [set(part.energies[~held_out(part)]) for part in (small, large)]
    assert [len(part) for part in trained] == [7, 20]
    assert trained[0] < trained[1]
    for part in (small, large):
        np.testing.assert_array_equal(part.energies[held_out(part)], molecules.energies[held_out(molecules)])
    assert trained[1] != set(script.subset(molecules, 20, 4).energies[:20])  # another repeat, another subset


def test_a_run_that_was_stopped_is_no_point(
    script: ModuleType, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", command)
    train = script.train
    monkeypatch.setattr(script, "train", lambda *arguments, **options: train(*arguments, **options) and False)
    with pytest.raises(SystemExit, match="stopped; the same command goes on"):
        script.main()
    assert not (tmp_path / "curve.csv").exists()
    monkeypatch.setattr(script, "train", train)
    script.main()
    with (tmp_path / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["start"] for row in rows] == ["pretrained, no labels", "pretrained", "random"]
    assert (tmp_path / "curve.png").stat().st_size > 1000
    monkeypatch.setattr(script, "train", lambda *_, **__: pytest.fail("a run that is done was done again"))
    script.main()
