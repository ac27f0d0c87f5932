"""The store of labels: nothing lost by a kill, nothing twice, no mixing, readable for training."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from potentials import label_locks
from potentials.errors import PotentialError
from potentials.label_locks import claim, release
from potentials.label_store import FAILURES, ForceFieldLabel, Frame, LabelStore, Molecule, frame_key
from potentials.quantum_chemistry.label import Label
from potentials.training.dataset import load_units
from potentials.training.split import held_out

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, "tests/potentials")
from test_label_store import MOLECULE, frame, labelled, open_store
store = open_store(Path(sys.argv[1]))
for number in range(100_000):
    store.add(MOLECULE, frame(number), *labelled(number))
    print(number, flush=True)
    if number % 3 == 2:
        store.merge()
"""
WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]], np.float32)
MOLECULE = Molecule(
    name="H2O",
    total_charge=0,
    atomic_numbers=np.array([8, 1, 1], np.uint8),
    mm_charges=np.array([-0.8, 0.4, 0.4], np.float32),
    atom_names=np.array([b"O", b"H1", b"H2"], "S4"),
    residue_names=np.array([b"HOH"] * 3, "S4"),
    residue_index=np.zeros(3, np.uint8),
    bonds=np.array([[0, 1], [0, 2]], np.uint8),
)


def frame(number: int) -> Frame:
    return Frame(WATER + np.float32(1e-3 * number), number, 300.0, "test")


def labelled(number: int) -> tuple[Label, ForceFieldLabel]:
    label = Label(-5.0 - number, np.full((3, 3), float(number)), np.zeros(3), {"method": "m"})
    return label, ForceFieldLabel(1.0, np.zeros((3, 3)))


def open_store(path: Path, **changed: str) -> LabelStore:
    return LabelStore(path, **({"level_of_theory": "m", "force_field": "f"} | changed))


def _fill(store: LabelStore, numbers: range) -> None:
    for number in numbers:
        store.add(MOLECULE, frame(number), *labelled(number))


def test_labels_are_read_for_training_and_every_fifth_trajectory_is_held_out(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.h5")
    _fill(store, range(10))
    store.add_failure(MOLECULE, frame(99), "did not converge")
    assert store.merge() == 11
    molecules = load_units(store.path)
    assert np.array_equal(np.sort(molecules.energies), -5.0 - np.arange(10)[::-1])
    assert np.array_equal(molecules.forces[::3, 0], (-5.0 - molecules.energies).astype(np.float32))
    assert set(molecules.start[held_out(molecules)]) == {4, 9}
    # without the marks the last 15 % would be held out
    unmarked = dataclasses.replace(molecules, test=np.full(10, -1))
    assert set(molecules.start[held_out(unmarked)]) == {8, 9}


def test_a_label_is_kept_once_and_counts_before_it_is_merged(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.h5")
    _fill(store, range(2))
    assert len(store.keys()) == 2
    store.merge()
    _fill(store, range(3))
    store.merge()
    assert len(store.keys()) == 3
    assert len(load_units(store.path)) == 3
    assert not list(store.spool.iterdir())


def test_a_failure_is_kept_until_the_frame_has_a_label(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.h5")
    key = frame_key(MOLECULE, frame(0).positions)
    store.add_failure(MOLECULE, frame(0), "did not converge")
    store.merge()
    assert store.failed_keys() == {key}
    file: Any
    with h5py.File(store.path) as file:
        assert file[FAILURES][key].attrs["reason"] == "did not converge"
        assert np.array_equal(file[FAILURES][key]["positions"], frame(0).positions)
    _fill(store, range(1))
    store.merge()
    assert not store.failed_keys()
    assert store.keys() == {key}


def test_key_tells_positions_and_charge_apart() -> None:
    charged = dataclasses.replace(MOLECULE, total_charge=2)
    keys = {frame_key(MOLECULE, WATER), frame_key(charged, WATER), frame_key(MOLECULE, frame(1).positions)}
    assert len(keys) == 3
    assert frame_key(MOLECULE, WATER.copy()) in keys


def test_one_process_has_a_frame_and_a_dead_one_has_none(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.h5")
    key = frame_key(MOLECULE, WATER)
    lock = store.spool / f"{key}.lock"
    script = "import sys; from pathlib import Path; from potentials.label_locks import claim; claim(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", script, lock], check=True, cwd=Path(__file__).parents[2])
    assert lock.exists()
    assert store.claim(key)  # of the process that has ended
    assert not store.claim(key)
    store.release(key)
    lock.write_text("another-machine 1\n")
    assert not claim(lock)
    os.utime(lock, (0, 0))
    assert claim(lock)
    store.release(key)
    _fill(store, range(1))
    assert not store.claim(key)


def test_a_claim_without_an_owner_is_retaken(tmp_path: Path) -> None:
    (tmp_path / "empty.lock").touch()
    assert claim(tmp_path / "empty.lock")
    assert not claim(tmp_path / "empty.lock")


def test_a_claim_given_back_goes_to_one_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, look, looks, others = tmp_path / "one.lock", label_locks._stale, [], []

    def look_while_others_act(path: Path) -> bool:
        looks.append(path)
        if len(looks) == 1:
            release(path)  # its owner, just before the first look
        stale = look(path)
        if len(looks) == 2:
            others.append(label_locks._create(path))  # a third process, just after the second
        return stale

    assert claim(lock)
    monkeypatch.setattr(label_locks, "_stale", look_while_others_act)
    assert [claim(lock), *others].count(True) <= 1
    assert looks
    monkeypatch.undo()
    release(lock)
    assert claim(lock)


@pytest.mark.parametrize("delay_s", [0.0, 0.013, 0.04])
def test_a_killed_process_loses_nothing_finished(tmp_path: Path, delay_s: float) -> None:
    path = tmp_path / "store.h5"
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path], cwd=checkout, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(8)]
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    finished = [int(line) for line in lines if line.endswith("\n")]
    store = open_store(path)
    store.merge()
    starts = load_units(path).start.tolist()
    assert set(finished) <= set(starts)
    assert len(starts) == len(set(starts)) <= len(finished) + 1
    assert len(finished) >= 8


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    script = WRITER.replace("range(100_000)", "range(int(sys.argv[2]), int(sys.argv[2]) + 8)")
    processes = [
        subprocess.Popen([sys.executable, "-c", script, path, str(first)], cwd=Path(__file__).parents[2])
        for first in (0, 5)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    open_store(path).merge()
    assert sorted(load_units(path).start.tolist()) == list(range(13))


def test_other_theories_and_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.h5"
    open_store(path)
    with pytest.raises(PotentialError, match=r"level of theory m, not other; they cannot be mixed"):
        open_store(path, level_of_theory="other")
    with pytest.raises(PotentialError, match=r"force field f, not g"):
        open_store(path, force_field="g")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(PotentialError, match=r"damaged"):
        open_store(path)
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["positions"] = np.zeros(3)
    with pytest.raises(PotentialError, match=r"is no store of labels"):
        open_store(tmp_path / "foreign.h5")


def test_another_molecule_of_the_same_name_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.h5")
    _fill(store, range(1))
    store.merge()
    store.check_molecule(MOLECULE)
    other = dataclasses.replace(MOLECULE, atomic_numbers=np.array([16, 1, 1], np.uint8))
    with pytest.raises(PotentialError, match=r"group H2O holds another molecule"):
        store.check_molecule(other)


def test_bonds_may_be_listed_in_any_order(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.h5")
    store.add(MOLECULE, frame(0), *labelled(0))
    store.merge()
    store.check_molecule(dataclasses.replace(MOLECULE, bonds=np.array([[2, 0], [1, 0]], np.uint8)))
    with pytest.raises(PotentialError, match="holds another molecule"):
        store.check_molecule(dataclasses.replace(MOLECULE, bonds=np.array([[0, 1], [1, 2]], np.uint8)))
