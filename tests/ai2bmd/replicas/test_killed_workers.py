"""Workers killed at random moments: every copy is whole in the end, and the same as if nothing had happened."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import psutil

from ai2bmd.replicas.standing import standing
from ai2bmd.trajectory.reader import read_trajectory

from .conftest import assert_same_run

LAST_STEP = 400


def kill_a_worker(run: Path, *, at_step: int) -> None:
    """As soon as a copy has come so far."""
    deadline = time.monotonic() + 300.0  # on a busy machine processes take long to start
    while time.monotonic() < deadline:
        if any(standing(run / f"replica-{number}").step >= at_step for number in (1, 2, 3)):
            working = [child for child in psutil.Process().children(recursive=True) if has_open(child, run)]
            if working:
                os.kill(random.choice(working).pid, signal.SIGKILL)
                return
        time.sleep(0.005)


def has_open(process: psutil.Process, folder: Path) -> bool:
    """Whether a process is at work on a copy; another one's death would be no test."""
    try:
        return any(Path(file.path).is_relative_to(folder) for file in process.open_files())
    except psutil.Error:  # it has ended meanwhile
        return False


def test_copies_outlive_their_workers_bit_for_bit(tmp_path, start, single, capsys):
    moment = random.randrange(20, LAST_STEP // 2)
    killer = threading.Thread(target=kill_a_worker, args=(tmp_path / "run",), kwargs={"at_step": moment})
    killer.start()
    changes = {"time": f"{LAST_STEP}fs", "save_every": 1, "checkpoint_every": 20}
    directory, ends = start(tmp_path / "run", **changes, replicas=3, cluster={"workers": 2})
    killer.join()
    assert "its process died" in capsys.readouterr().out, f"killed at step {moment}"
    assert [end.ending for end in ends.values()] == ["finished"] * 3
    for number, copy in enumerate(directory.copies, start=1):
        assert list(read_trajectory(copy / "trajectory.h5").step) == list(range(LAST_STEP + 1))
        assert_same_run(copy, single(tmp_path / f"single-{number}", number, **changes))
