"""Claims that are touched, claims and files that nobody touches any more, and a process that was halted for long."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from potentials import label_locks, label_store
from potentials.label_locks import Claims, claim, holds, release
from potentials.label_owners import remove_leftovers, temporary_path, this_process
from potentials.training.dataset import load_units

from .test_label_store import MOLECULE, frame, labelled, open_store

ELSEWHERE = """
import socket, sys, time
from pathlib import Path
from potentials import label_locks
socket.gethostname = lambda: "another-machine"
label_locks._TOUCH_EVERY_S = 0.1
claims = label_locks.Claims()
assert {take}(Path(sys.argv[1]))
print("taken", flush=True)
time.sleep(60)
"""
STALE_S = 2.0


def _at_work_elsewhere(lock: Path, *, take: str) -> subprocess.Popen:
    """A process that says it is another machine's, and has the claim."""
    process = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE.format(take=take), lock],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    return process


def test_a_machine_that_died_blocks_no_frame_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_locks, "_STALE_ELSEWHERE_S", STALE_S)
    lock = tmp_path / "one.lock"
    with _at_work_elsewhere(lock, take="claims.take") as process:
        end = time.monotonic() + 1.5 * STALE_S
        while time.monotonic() < end:
            assert not claim(lock)
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        while not claim(lock):
            assert time.monotonic() < killed + 60.0
            time.sleep(0.05)
        assert time.monotonic() > killed + 0.5 * STALE_S


def test_a_claim_that_is_not_touched_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the last one: alive, but its claim is not touched."""
    monkeypatch.setattr(label_locks, "_STALE_ELSEWHERE_S", 0.5)
    lock = tmp_path / "one.lock"
    with _at_work_elsewhere(lock, take="label_locks.claim") as process:
        time.sleep(0.6)
        assert process.poll() is None
        assert claim(lock)
        process.kill()


@pytest.mark.parametrize(("age_s", "stale"), [(-3600.0, False), (500.0, False), (700.0, True)])
def test_age_is_by_the_clock_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: float, stale: bool
) -> None:
    lock = tmp_path / "one.lock"
    lock.write_text("another-machine 1\n")
    touched_s = lock.stat().st_mtime - age_s
    os.utime(lock, (touched_s, touched_s))
    monkeypatch.setattr(time, "time", lambda: touched_s + 1e6 * (not stale))  # a local clock that would mislead
    assert claim(lock) == stale


def test_what_another_process_took_over_is_neither_touched_nor_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_locks, "_TOUCH_EVERY_S", 0.02)
    claims, own, lost = Claims(), tmp_path / "own.lock", tmp_path / "lost.lock"
    assert claims.take(own)
    assert claims.take(lost)
    lost.write_text("another-machine 1\n")
    for lock in (own, lost):
        os.utime(lock, (1e9, 1e9))
    deadline = time.monotonic() + 30.0
    while own.stat().st_mtime == 1e9:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    assert lost.stat().st_mtime == 1e9
    for lock in (own, lost):
        claims.give_back(lock)
    assert not own.exists()
    assert lost.exists()
    release(lost)
    assert not holds(lost)
    assert lost.exists()


@pytest.mark.parametrize("looks", [True, False])
def test_a_process_halted_while_it_merges_takes_no_label_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    """As if it stood still within a merge for longer than ten minutes; if it did not look, a label would be lost."""
    first, second = open_store(tmp_path / "store.h5"), open_store(tmp_path / "store.h5")
    first.add(MOLECULE, frame(0), *labelled(0))
    copy = shutil.copyfile

    def copy_and_stand_still(*arguments: Any) -> Any:
        monkeypatch.setattr(shutil, "copyfile", copy)
        copied = copy(*arguments)
        lock = second.spool / "merge.lock"
        lock.unlink()  # taken over
        stored = (second.spool / next(second.spool.glob("*.npz")).name).read_bytes()
        second.add(MOLECULE, frame(1), *labelled(1))
        assert second.merge() == 2
        if not looks:  # and did not even need the file
            (second.spool / f"{label_store.frame_key(MOLECULE, frame(0).positions)}.npz").write_bytes(stored)
        return copied

    monkeypatch.setattr(shutil, "copyfile", copy_and_stand_still)
    if not looks:
        monkeypatch.setattr(label_store, "holds", lambda path: True)
    assert first.merge() == int(not looks)
    assert sorted(load_units(first.path).start.tolist()) == ([0, 1] if looks else [0])
    assert not list(first.spool.glob("*.tmp"))


def test_leftovers_of_the_dead_are_removed_when_they_are_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import os, sys
from pathlib import Path
from potentials.label_owners import temporary_path
for number in (1, 2):
    temporary_path(Path(sys.argv[1])).touch()
"""
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True, cwd=Path(__file__).parents[2])
    old_of_dead, new_of_dead = tmp_path.glob("*.tmp")
    own, nobodys, recent = temporary_path(tmp_path), tmp_path / "0123.tmp", tmp_path / "4567.tmp"
    monkeypatch.setattr(label_store.os, "getpid", lambda: 1)
    of_process_one = temporary_path(tmp_path)  # alive, and of another user where tests do not run as root
    monkeypatch.undo()
    machine, process = this_process()
    elsewhere = tmp_path / own.name.replace(f"{machine}.{process}", "a.b-1.4")
    for path in (own, nobodys, recent, of_process_one, elsewhere):
        path.touch()
    day_s = 86400.0
    for path, age_s in {
        old_of_dead: 700.0,
        new_of_dead: 500.0,
        own: 9 * day_s,
        of_process_one: 9 * day_s,
        nobodys: 1.1 * day_s,
        recent: 0.9 * day_s,
        elsewhere: 0.9 * day_s,
    }.items():
        os.utime(path, (path.stat().st_mtime - age_s,) * 2)
    remove_leftovers(tmp_path)
    assert set(tmp_path.glob("*.tmp")) == {new_of_dead, own, of_process_one, recent, elsewhere}
    os.utime(elsewhere, (elsewhere.stat().st_mtime - day_s,) * 2)
    remove_leftovers(tmp_path)
    assert not elsewhere.exists()
