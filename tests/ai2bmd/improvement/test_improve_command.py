"""`ai2bmd improve` with GFN2-xTB: a turn that is stopped and goes on, a second one, and what each learned from."""

import csv
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from ai2bmd.cli import main
from ai2bmd.environment import FORCE_FIELD
from ai2bmd.improvement.choosing import _kinds
from ai2bmd.improvement.folder import Turn, next_turn
from ai2bmd.improvement.labels import open_store
from ai2bmd.improvement.loop import make_turn
from ai2bmd.improvement.results import verdict
from ai2bmd.improvement.settings import ImprovementSettings, read_improvement
from ai2bmd.improvement.tuning import FINE_TUNING
from ai2bmd.simulation.interruption import EndRequest
from potentials.label_store import LabelStore, is_test
from potentials.model_file import load_model
from potentials.training.config import training_config
from potentials.training.preparation import prepare_data

UNITS = ["mid-GLY", "overlap-NMA"]
SETTINGS: dict[str, Any] = {
    "store": "labels.h5",
    "output": "out",
    "method": "gfn2-xtb",
    "units": UNITS,
    "pool": 15,
    "labels": 3,
    "temperatures": [300],
    "training": "training.yaml",
}
TRAINING: dict[str, Any] = FINE_TUNING | {
    "level_of_theory": "gfn2-xtb",
    "force_field": FORCE_FIELD,
    "data": {"units": "replaced"},
    "schedule": {"steps": 6},
    "committee": {"members": 2, "molecules": 4},
}


def write(folder: Path, **changed: object) -> Path:
    values = {key: value for key, value in (SETTINGS | changed).items() if value is not None}
    (folder / "improve.yaml").write_text(yaml.safe_dump(values))
    (folder / "training.yaml").write_text(yaml.safe_dump(TRAINING))
    return folder / "improve.yaml"


def positions(path: Path) -> dict[str, set[bytes]]:
    """Frames of each unit."""
    file: Any
    with h5py.File(path) as file:
        return {name: {frame.tobytes() for frame in file[name]["positions"][()]} for name in UNITS if name in file}


class EndWithin(EndRequest):
    """Asks for an end as soon as a file exists."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    @property
    def requested(self) -> bool:
        return self.path.exists()


@dataclass(frozen=True)
class Loop:
    """Two turns, the first of which was stopped while it chose."""

    settings: ImprovementSettings
    stopped_with: dict[str, set[bytes]]
    pool_of_stopped: bytes

    def turn(self, number: int) -> Turn:
        return Turn(number, self.settings.output, next_turn(self.settings).start)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    config = write(tmp_path_factory.mktemp("loop"))
    settings = read_improvement(config)
    turn = next_turn(settings)
    store = open_store(settings)
    assert not make_turn(turn, settings, store, request=EndWithin(turn.chosen))
    stopped = Loop(settings, positions(turn.chosen), turn.pool.read_bytes())
    assert not store.keys()
    assert main(["improve", str(config)]) == 0
    assert main(["improve", str(config)]) == 0
    return stopped


def test_goes_on_where_it_was_stopped(loop: Loop) -> None:
    assert set(loop.stopped_with) == {"mid-GLY"}
    assert loop.turn(1).pool.read_bytes() == loop.pool_of_stopped
    chosen = positions(loop.turn(1).chosen)
    assert chosen["mid-GLY"] == loop.stopped_with["mid-GLY"]
    assert set(chosen) == set(UNITS)
    assert next_turn(loop.settings).number == 3


def test_the_second_turn_takes_other_frames(loop: Loop, tmp_path: Path) -> None:
    first, second = (positions(loop.turn(number).chosen) for number in (1, 2))
    labelled = positions(loop.settings.store)
    for name in UNITS:
        assert len(first[name]) == len(second[name]) == 3
        assert not first[name] & second[name]
        assert labelled[name] == first[name] | second[name]
    # what is labelled is no longer in the pool, even of a turn that is made again; control: a store without labels
    empty = LabelStore(tmp_path / "s.h5", level_of_theory="gfn2-xtb", force_field=FORCE_FIELD)
    full = LabelStore(loop.settings.store, level_of_theory="gfn2-xtb", force_field=FORCE_FIELD)
    for name in UNITS:
        pools = [_kinds(loop.turn(1), store)[name] for store in (full, empty)]
        left, everything = ({frame.positions.tobytes() for frame in frames} for ((_, frames),) in pools)
        assert not left & first[name]
        assert first[name] < everything
        assert len(left) == 12


def test_each_turn_chooses_with_the_model_of_the_one_before(loop: Loop) -> None:
    file: Any
    for number in (1, 2):
        with h5py.File(loop.turn(number).chosen) as file:
            used = json.loads(file.attrs["settings"])["model"]
        assert used == load_model(loop.turn(number).before, force_field=FORCE_FIELD).card.sha256
    assert loop.turn(2).before == loop.turn(1).model
    card = load_model(loop.turn(2).model, force_field=FORCE_FIELD).card
    assert card.pretraining is not None
    # from the pretrained model, not from the turn before
    assert card.pretraining["sha256"] == load_model(loop.turn(1).start, force_field=FORCE_FIELD).card.sha256


def test_test_frames_are_not_trained_on(loop: Loop) -> None:
    file: Any
    with h5py.File(loop.settings.store) as file:
        starts = np.concatenate([file[name]["start"][()] for name in UNITS])
    held = [start for start in starts.tolist() if is_test(start)]
    assert len(held) == 4
    assert len(set(starts // 100_000)) == 2  # trajectories of two turns are not taken for one
    config = training_config(TRAINING | {"data": {"units": loop.settings.store.name}}, where="test")
    trained = prepare_data(config, loop.settings.store.parent, n_elements=20).training.molecules
    assert not set(trained.start.tolist()) & set(held)
    assert len(trained) == 8


def test_what_came_out_is_told(loop: Loop) -> None:
    with (loop.settings.output / "turns.csv").open() as file:
        first, second = csv.DictReader(file)
    counts = [(row["labels_before"], row["labels_after"], row["test_frames"]) for row in (first, second)]
    assert counts == [("0", "4", "2"), ("4", "8", "4")]
    for row in (first, second):
        assert float(row["force_gain"]) == pytest.approx(float(row["force_before"]) - float(row["force_after"]))
    assert first["force_start"] == first["force_before"]
    assert second["force_start"] != second["force_before"]
    assert (loop.settings.output / "turns.png").stat().st_size > 1000
    assert (loop.turn(2).errors / "errors.md").exists()
    assert not list(loop.turn(2).training.glob("*.h5"))


@pytest.mark.parametrize(
    ("gain", "error", "told"),
    [(0.3, 0.1, "is better"), (-0.3, 0.1, "is worse"), (0.3, 0.2, "neither"), (0.3, None, "too few trajectories")],
)
def test_better_means_beyond_the_uncertainty(gain: float, error: float | None, told: str) -> None:
    record = {"turn": 1, "labels_after": 9, "test_frames": 3, "force_before": 1.0, "force_after": 1.0 - gain}
    assert told in verdict(record | {"force_gain": gain, "force_gain_error": error})


def test_a_signal_ends_it_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, units=["overlap-NMA"])
    monkeypatch.setattr("ai2bmd.improvement.loop.begin", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert main(["improve", str(config)]) == 130
    assert f"stopped in turn 1; what is done is kept. Go on with: ai2bmd improve {config}" in capsys.readouterr().err


def test_a_turn_goes_on_as_it_began(loop: Loop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out" / "turn-1"
    folder.mkdir(parents=True)
    config = write(tmp_path)
    (folder / "settings.json").write_text(json.dumps(read_improvement(config).as_record()))
    assert main(["improve", str(write(tmp_path, labels=4))]) == 2
    assert "turn-1 was begun with labels 3, not 4; finish this turn as it began" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"labls": 3}, "unknown setting 'labls'; did you mean 'labels'?"),
        ({"store": None}, "store: is missing"),
        ({"units": ["mid-GLI"]}, "'mid-GLI'; did you mean mid-GLY?"),
        ({"units": "none"}, "there is nothing to sample"),
        ({"labels": 16}, "labels: expected at most the size of the pool (15), got 16"),
        ({"labels": "few"}, "labels: expected a whole number, got 'few'"),
        ({"temperatures": ["warm"]}, "expected a number and a unit like 1 K"),
        ({"method": "b3lip"}, "method: expected one of"),
        ({"method": "r2scan-3c"}, "has level_of_theory 'gfn2-xtb'; expected 'r2scan-3c'"),
        ({"training": "nowhere.yaml"}, "cannot be read"),
        ({"cluster": {"quue": "long"}}, "unknown setting 'cluster.quue'; did you mean 'queue'?"),
        ({"cluster": {"kind": "slurm", "memory": "8GB"}}, "cluster.workers: is missing"),
        ({"memory": "much"}, "memory: expected a number and a unit like 1 GB"),
    ],
)
def test_wrong_settings_are_told(
    changed: dict[str, object], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, **changed)
    if changed.get("method") == "b3lip":
        (tmp_path / "training.yaml").write_text(yaml.safe_dump(TRAINING | {"level_of_theory": "b3lip"}))
    assert main(["improve", str(config)]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.glob("out/turn-*"))


def test_shipped_settings(checkout: Path) -> None:
    settings = read_improvement(checkout / "scripts" / "improve.yaml")
    assert settings.store == checkout / "data" / "r2scan-3c.h5"
    assert all(protein.exists() for protein in settings.proteins)
    shipped = yaml.safe_load((checkout / "scripts" / "training" / "fine_tune.yaml").read_text())
    for name in ("level_of_theory", "force_field", "start_from", "data"):
        del shipped[name]
    assert shipped == FINE_TUNING
