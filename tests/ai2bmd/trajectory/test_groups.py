"""Protein and solvent in one file, each with frames of its own: MDAnalysis sees the protein, no group loses a frame."""

import shutil
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from ai2bmd.errors import InputError
from ai2bmd.trajectory.layout import SOLVENT, dataset
from ai2bmd.trajectory.reader import read_trajectory
from ai2bmd.trajectory.recovery import recover_trajectory
from ai2bmd.trajectory.writer import Frame, SolventFrame, append_trajectory, create_trajectory

ATOMS, WATERS = 166, 900
SOLVENT_EVERY = 40


def _box_A(step: int) -> np.ndarray:
    return (30.0 + 0.01 * step) * np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, np.sqrt(0.5)]])


def _solvent_A(step: int) -> np.ndarray:
    return np.random.default_rng(step).normal(size=(3 * WATERS, 3)).astype(np.float32)


def _write(path: Path, frames: int) -> Path:
    """Frames of the protein every 10 steps, of the solvent every 40."""
    solvent = np.tile([8, 1, 1], WATERS)
    with create_trajectory(
        path,
        atomic_numbers=np.full(ATOMS, 6),
        periodic=True,
        solvent=solvent,
        velocities=False,
        forces=False,
        parameters={},
    ) as writer:
        for step in range(0, 10 * frames, 10):
            _append(writer, step)
            if step % 50 == 0:
                writer.commit()
        writer.commit()
    return path


def _append(writer, step: int) -> None:
    positions = np.random.default_rng(step + 1).normal(size=(ATOMS, 3))
    writer.append(Frame(step, 0.002 * step, positions, positions, positions, 1.0, 2.0, 3.0, 300.0, _box_A(step)))
    if step % SOLVENT_EVERY == 0:
        writer.append_solvent(SolventFrame(step, 0.002 * step, _solvent_A(step), _box_A(step)))


def _solvent_steps(path: Path) -> list[int]:
    """Of the solvent's frames, each of which must be whole."""
    with h5py.File(path) as hdf5:
        steps = dataset(hdf5, SOLVENT.step)[:].tolist()
        for place, step in enumerate(steps):
            np.testing.assert_array_equal(dataset(hdf5, SOLVENT.position.value)[place], _solvent_A(step))
            np.testing.assert_array_equal(dataset(hdf5, SOLVENT.edges.value)[place], _box_A(step))
        return steps


def test_each_group_has_its_own_stride_and_its_box(tmp_path):
    path = _write(tmp_path / "a.h5", 13)
    assert _solvent_steps(path) == [0, 40, 80, 120]
    read = read_trajectory(path)
    assert read.step.tolist() == list(range(0, 130, 10))
    assert read.box_A is not None
    np.testing.assert_array_equal(read.box_A[5], _box_A(50))
    with h5py.File(path) as hdf5:
        for group in ("protein", "solvent"):
            assert hdf5[f"particles/{group}/box"].attrs["boundary"].tolist() == [b"periodic"] * 3
            for name in ("step", "time"):  # as H5MD demands of a box that changes
                assert hdf5[f"particles/{group}/box/edges/{name}"] == hdf5[f"particles/{group}/position/{name}"]


def test_mdanalysis_opens_the_protein_with_no_help(tmp_path, examples):
    path = _write(tmp_path / "a.h5md", 5)
    read = read_trajectory(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import MDAnalysis
        from MDAnalysis.lib.mdamath import triclinic_box

        universe = MDAnalysis.Universe(str(examples / "chignolin.pdb"), str(path))
        for number, frame in enumerate(universe.trajectory):
            np.testing.assert_array_equal(frame.positions, read.positions_A[number])
            np.testing.assert_allclose(frame.dimensions, triclinic_box(*_box_A(10 * number)), rtol=1e-6)
            assert frame.time == pytest.approx(0.02 * number)
        assert len(universe.trajectory) == 5
        # it takes the first group by name: under one that comes before `protein` the solvent would be in the way
        with h5py.File(shutil.copy(path, tmp_path / "b.h5md"), "r+") as hdf5:
            hdf5.move("particles/solvent", "particles/bath")
        with pytest.raises(ValueError, match="number of atoms"):
            MDAnalysis.Universe(str(examples / "chignolin.pdb"), str(tmp_path / "b.h5md"))


@pytest.mark.parametrize("cut", [1, 10_000, 50_000, 300_000])
def test_both_groups_of_a_file_cut_off_are_recovered(tmp_path, cut):
    path = _write(tmp_path / "a.h5", 60)
    positions_A = read_trajectory(path).positions_A
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match="cut off"):
        read_trajectory(path)
    frames = recover_trajectory(path)
    assert 60 - 10 - cut / (12 * ATOMS) < frames <= 60
    np.testing.assert_array_equal(read_trajectory(path).positions_A, positions_A[:frames])
    solvent = _solvent_steps(path)
    assert solvent == list(range(0, SOLVENT_EVERY * len(solvent), SOLVENT_EVERY))
    assert 15 - 2 - cut / (36 * WATERS) < len(solvent) <= 15
    assert min(frames, 4 * len(solvent)) < 60


def test_frames_of_both_groups_are_dropped_and_made_again(tmp_path):
    path = _write(tmp_path / "a.h5", 13)
    before = path.read_bytes()
    with append_trajectory(path) as writer:
        writer.drop_after(70)
    assert path.read_bytes() == before  # without a commit nothing is lost
    with append_trajectory(path) as writer:
        writer.drop_after(70)
        assert (writer.frames(), writer.frames(SOLVENT)) == (8, 2)
        for step in range(80, 130, 10):
            _append(writer, step)
        writer.commit()
    whole = _write(tmp_path / "b.h5", 13)
    np.testing.assert_array_equal(read_trajectory(path).positions_A, read_trajectory(whole).positions_A)
    assert _solvent_steps(path) == _solvent_steps(whole)


def test_solvent_needs_a_box(tmp_path):
    with pytest.raises(ValueError, match="solvent: expected None"):
        create_trajectory(
            tmp_path / "a.h5",
            atomic_numbers=np.ones(2),
            solvent=np.ones(3),
            velocities=False,
            forces=False,
            parameters={},
        )
    with append_trajectory(_write(tmp_path / "b.h5", 1)) as writer, pytest.raises(ValueError, match="expected box"):
        writer.append(Frame(9, 0.0, *[np.zeros((ATOMS, 3))] * 3, 0.0, 0.0, 0.0, 0.0))
