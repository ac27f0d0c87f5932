"""Copies evaluated together: the numbers of a copy by itself, and nobody waits for one that does not come."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from ai2bmd.assembly import corrected_system
from ai2bmd.correction import Correction
from ai2bmd.replicas.advance import advance_batch
from ai2bmd.replicas.layout import create_replicas
from ai2bmd.replicas.shared_evaluation import SharedEvaluation
from ai2bmd.simulation.interruption import EndRequest
from ai2bmd.simulation.settings import make_settings
from ai2bmd.trajectory.reader import read_trajectory

from .conftest import QUICK


def correction(chignolin, model: str, coupling: str = "units") -> Correction:
    options = {"solvent": "gas", "coupling": coupling, "model": model, "device": torch.device("cpu")}
    found = corrected_system(chignolin[0], **options).correction
    assert found is not None
    return found


@pytest.mark.parametrize("coupling", ["units", "whole"])
def test_a_copy_has_the_same_forces_whoever_is_with_it(chignolin, model, coupling):
    alone, meeting = correction(chignolin, model, coupling), SharedEvaluation()
    random = np.random.default_rng(0)
    shaken = [chignolin[1] + random.normal(scale=0.05, size=chignolin[1].shape) for _ in range(3)]
    expected = [alone.evaluate(positions) for positions in shaken]
    together = [alone.exchanged(meeting.join) for _ in shaken]
    with ThreadPoolExecutor(3) as threads:
        for _ in range(100):  # until they meet, on a machine that is busy with other things
            found = list(threads.map(Correction.evaluate, together, shaken))
            if 3 in meeting.sizes:
                break
    assert 3 in meeting.sizes
    scale = np.abs(expected[0].forces).max()
    for one, other in zip(found, expected, strict=True):
        assert one.energy == pytest.approx(other.energy, abs=2e-6 * len(one.fragment_energies))
        np.testing.assert_allclose(one.forces, other.forces, atol=1e-5 * scale)
    assert np.abs(expected[0].forces - expected[1].forces).max() > 0.01 * scale  # it matters who gets which


def test_one_that_stays_away_is_waited_for_once(chignolin, model):
    alone, meeting = correction(chignolin, model), SharedEvaluation()
    present, absent = (alone.exchanged(meeting.join) for _ in range(2))
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(Correction.evaluate, (present, absent), (chignolin[1],) * 2))
    present.evaluate(chignolin[1])
    start = time.monotonic()
    for _ in range(3):
        present.evaluate(chignolin[1])
    seconds = time.monotonic() - start
    for _ in range(3):
        alone.evaluate(chignolin[1])
    assert seconds < 3.0 * (time.monotonic() - start - seconds) + 0.5


def test_an_error_reaches_the_copy_it_belongs_to(chignolin, model):
    alone, meeting = correction(chignolin, model), SharedEvaluation()
    sound, broken = (alone.exchanged(meeting.join) for _ in range(2))
    arrived = threading.Barrier(2)

    def evaluate(which: Correction, positions: np.ndarray) -> np.ndarray:
        arrived.wait(10)
        return which.evaluate(positions).forces

    fewer = correction(chignolin, model).exchanged(lambda potential: lambda positions: broken._potential(positions[1:]))
    with ThreadPoolExecutor(2) as threads:
        good, bad = threads.submit(evaluate, sound, chignolin[1]), threads.submit(evaluate, fewer, chignolin[1])
        np.testing.assert_allclose(good.result(20), alone.evaluate(chignolin[1]).forces, atol=1e-5)
        with pytest.raises(Exception, match="381"):
            bad.result(20)


def test_copies_in_a_batch_run_like_single_ones(tmp_path, prepared, model, single):
    changes = {"coupling": "whole", "model": model, "save_every": 5, "replicas": 2}
    settings = make_settings(QUICK | changes, where="test")
    directory = create_replicas(prepared, settings, output=tmp_path / "run", name="", say=lambda line: None)
    meeting = SharedEvaluation()
    broken = tmp_path / "nothing"
    ends = advance_batch((*directory.copies, broken), time="20fs", request=EndRequest(), meeting=meeting)
    assert [end.ending for end in ends] == ["finished", "finished", "failed"]
    assert "is not a directory" in ends[2].problem
    assert meeting.sizes[2] > 0
    for number, copy in enumerate(directory.copies, start=1):
        del changes["replicas"]
        alone = read_trajectory(single(tmp_path / f"single-{number}", number, **changes) / "trajectory.h5")
        found = read_trajectory(Path(copy) / "trajectory.h5")
        np.testing.assert_array_equal(found.step, alone.step)
        np.testing.assert_allclose(found.positions_A, alone.positions_A, atol=2e-4)
        np.testing.assert_allclose(found.energy_correction, alone.energy_correction, atol=1e-4)
        changes["replicas"] = 2
