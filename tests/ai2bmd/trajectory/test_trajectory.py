"""Trajectories: other programs read them, what is committed is never lost, what is cut off is told and recovered."""

import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from ai2bmd.errors import InputError
from ai2bmd.trajectory.journal import JournaledFile, journal_path
from ai2bmd.trajectory.layout import dataset
from ai2bmd.trajectory.reader import Trajectory, read_trajectory
from ai2bmd.trajectory.recovery import recover_trajectory
from ai2bmd.trajectory.writer import Frame, TrajectoryWriter, append_trajectory, create_trajectory

ATOMS = 166
FRAMES = 150


def _frame(number: int) -> Frame:
    positions, velocities, forces = np.random.default_rng(number).normal(size=(3, ATOMS, 3))
    return Frame(10 * number, 0.01 * number, positions, velocities, forces, -5.0, 0.5 * number, 2.0, 300.0)


def _create(path: Path) -> TrajectoryWriter:
    numbers = np.full(ATOMS, 6)
    return create_trajectory(path, atomic_numbers=numbers, velocities=True, forces=True, parameters={"seed": 7})


def _write(path: Path, frames: int = FRAMES) -> Trajectory:
    with _create(path) as writer:
        for number in range(frames):
            writer.append(_frame(number))
            if number % 10 == 9:
                writer.commit()
        writer.commit()
    return read_trajectory(path)


def test_what_is_read_is_what_was_written(tmp_path):
    read = _write(tmp_path / "a.h5", 3)
    np.testing.assert_array_equal(read.step, [0, 10, 20])
    np.testing.assert_allclose(read.positions_A[2], _frame(2).positions_A, rtol=1e-6)
    assert read.forces_eV_per_A is not None
    np.testing.assert_allclose(read.forces_eV_per_A[1], _frame(1).forces_eV_per_A, rtol=1e-5)
    np.testing.assert_array_equal(read.energy_correction, [0.0, 0.5, 1.0])
    assert read.parameters == {"seed": 7}
    assert read_trajectory(tmp_path / "a.h5", stride=2).positions_A.shape == (2, ATOMS, 3)


def test_mdanalysis_opens_it_with_no_help(tmp_path, examples):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import MDAnalysis

        read = _write(tmp_path / "trajectory.h5", 3)
        universe = MDAnalysis.Universe(str(examples / "chignolin.pdb"), str(tmp_path / "trajectory.h5"), format="H5MD")
        assert len(universe.trajectory) == 3
        assert read.velocities_A_per_ps is not None
        assert read.forces_eV_per_A is not None
        for number, step in enumerate(universe.trajectory):
            np.testing.assert_array_equal(step.positions, read.positions_A[number])
            np.testing.assert_allclose(step.velocities, read.velocities_A_per_ps[number], rtol=1e-6)
            # MDAnalysis knows no electronvolt: kJ/(mol A)
            np.testing.assert_allclose(step.forces, read.forces_eV_per_A[number] * 96.485332, rtol=1e-5)
            assert step.time == pytest.approx(0.01 * number)
            assert step.data["step"] == 10 * number
            assert step.dimensions is None


def test_units_and_version_of_h5md(tmp_path):
    _write(tmp_path / "a.h5", 1)
    units = {
        "particles/protein/position/value": "Angstrom",
        "particles/protein/position/time": "ps",
        "particles/protein/velocity/value": "Angstrom ps-1",
        "particles/protein/force/value": "kJ mol-1 Angstrom-1",
        "observables/energy_environment/value": "eV",
    }
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["h5md"].attrs["version"], [1, 1])
        assert {path: dataset(file, path).attrs["unit"] for path in units} == units
        assert dataset(file, "particles/protein/force/step") == dataset(file, "particles/protein/position/step")


@pytest.mark.parametrize("cut", [1, 3_000, 30_000, 200_000, 600_000])
def test_a_trajectory_cut_off_is_told_and_recovered(tmp_path, cut):
    path = tmp_path / "a.h5"
    read = _write(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match="cut off in the middle of a frame"):
        read_trajectory(path)
    frames = recover_trajectory(path)
    assert FRAMES - frames <= 2 + cut / (9 * ATOMS)
    np.testing.assert_array_equal(read_trajectory(path).positions_A, read.positions_A[:frames])
    with append_trajectory(path) as writer:
        writer.append(_frame(frames))
        writer.commit()
    assert read.forces_eV_per_A is not None
    np.testing.assert_array_equal(read_trajectory(path).forces_eV_per_A, read.forces_eV_per_A[: frames + 1])


def test_what_is_no_trajectory_is_refused(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no")
    with pytest.raises(InputError, match="is not an HDF5 file"):
        read_trajectory(tmp_path / "a.h5")
    with pytest.raises(InputError, match="does not exist"):
        recover_trajectory(tmp_path / "b.h5")
    path = tmp_path / "c.h5"
    _write(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged beyond recovery"):
        recover_trajectory(path)


def test_truncation_drops_the_last_frames_only(tmp_path):
    read = _write(tmp_path / "a.h5", 12)
    with append_trajectory(tmp_path / "a.h5") as writer:
        writer.drop_after(45)
        writer.append(_frame(5))
        writer.commit()
    np.testing.assert_array_equal(read_trajectory(tmp_path / "a.h5").positions_A, read.positions_A[:6])


def test_uncommitted_frames_leave_the_file_untouched(tmp_path):
    path = tmp_path / "a.h5"
    _write(path, 3)
    before = path.read_bytes()
    with append_trajectory(path) as writer:
        for number in range(100):
            writer.append(_frame(number))
    assert path.read_bytes() == before


_FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from ai2bmd.trajectory.writer import Frame, append_trajectory
path = Path(sys.argv[1])
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5000, size + 5000))
zeros = np.zeros((166, 3))
with append_trajectory(path) as writer:
    writer.append(Frame(9, 9.0, zeros, zeros, zeros, 0.0, 0.0, 0.0, 0.0))
    try:
        writer.commit()
    except OSError as error:
        sys.exit(f"refused: {error.strerror}")
"""


def test_a_full_disk_costs_nothing_that_was_committed(tmp_path):
    read = _write(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, tmp_path / "a.h5"], capture_output=True, text=True)
    assert "refused: File too large" in done.stderr, done.stderr
    assert (tmp_path / "a.h5").read_bytes() == before
    assert len(read.step) == FRAMES
    assert not journal_path(tmp_path / "a.h5").exists()


def test_a_commit_killed_halfway_is_finished_later(tmp_path):
    path = tmp_path / "a"
    file = JournaledFile(path, create=True)
    file.write(b"a" * 10_000)
    file.commit()
    file.seek(4_000)
    file.write(b"b" * 200)
    file._write_journal()  # as a process killed before it overwrites
    file.close()
    assert b"b" not in path.read_bytes()
    JournaledFile(path).close()
    assert path.read_bytes()[4_000:4_200] == b"b" * 200

    whole = path.read_bytes()
    journal_path(path).write_bytes(b"half a journal")
    JournaledFile(path).close()
    assert path.read_bytes() == whole
