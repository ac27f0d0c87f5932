"""Exported files: MDAnalysis reads back the atoms, positions, times and boxes that the trajectory holds."""

import shutil
from pathlib import Path

import h5py
import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.analysis.rms import rmsd
from MDAnalysis.lib.mdamath import triclinic_box

from ai2bmd.cli import main
from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure.files import read_prepared
from ai2bmd.trajectory.layout import PROTEIN, SOLVENT, dataset
from ai2bmd.trajectory.reader import Trajectory, read_trajectory

pytestmark = pytest.mark.filterwarnings("ignore::Warning:MDAnalysis")
XTC_A = 0.0051
"""XTC rounds to 0.01 A."""
SETTINGS = {
    "coupling": "off",
    "device": "cpu",
    "equilibration": [{"name": "minimise", "minimise": 20}, {"name": "heat", "time": "20fs"}],
    "save_every": 5,
}


def _run(examples: Path, output: Path, **changes: object) -> Path:
    settings = make_settings(SETTINGS | changes, where="test")
    start_run(read_prepared(examples / "chignolin.pdb"), settings, output=output, name="test", say=lambda line: None)
    return output


@pytest.fixture(scope="module")
def wet(tmp_path_factory, examples) -> Path:
    """A run in water with virtual sites: 9 frames of the protein, 5 of the solvent."""
    folder = tmp_path_factory.mktemp("export") / "wet"
    return _run(examples, folder, solvent="opc", timestep="2fs", padding="4A", time="80fs", save_solvent_every=10)


@pytest.fixture(scope="module")
def trajectory(wet) -> Trajectory:
    return read_trajectory(wet / "trajectory.h5")


def _export(run: Path, output: Path, *words: str) -> None:
    assert main(["export", str(run), "-o", str(output), *words]) == 0


def _boxes(trajectory: Trajectory) -> np.ndarray:
    assert trajectory.box_A is not None
    return np.stack([triclinic_box(*box) for box in trajectory.box_A])


@pytest.mark.parametrize("ending", ["xtc", "dcd", "trr", "h5md", "pdb"])
def test_the_protein_in_every_format(tmp_path, wet, trajectory, ending, capsys):
    _export(wet, tmp_path / f"a.{ending}", "--stride", "2")
    said = capsys.readouterr().out
    assert "5 frames of 166 atoms, 0 to 0.08 ps" in said
    assert (f"Topology: {wet / 'prepared.pdb'}" in said) == (ending != "pdb")
    universe = MDAnalysis.Universe(wet / "prepared.pdb", tmp_path / f"a.{ending}")
    assert len(universe.trajectory) == 5
    boxes = _boxes(trajectory)[::2]
    for number, frame in enumerate(universe.trajectory):
        np.testing.assert_allclose(frame.positions, trajectory.positions_A[2 * number], atol=XTC_A)
        if ending != "pdb":  # which holds no times, and one box
            np.testing.assert_allclose(frame.dimensions, boxes[number], atol=1e-3)
            assert frame.time == pytest.approx(0.02 * number, abs=1e-6)
    if ending == "pdb":
        assert "CRYST1" + "".join(f"{edge:9.3f}" for edge in boxes[0, :3]) in (tmp_path / "a.pdb").read_text()
    assert np.ptp(trajectory.positions_A, axis=0).max() > 10 * XTC_A  # else any frame would do
    assert sorted(path.name for path in tmp_path.iterdir() if "offsets" not in path.name) == [f"a.{ending}"]


def test_the_whole_system_with_its_topology(tmp_path, wet, trajectory, capsys):
    _export(wet, tmp_path / "a.xtc", "--solvent")
    assert f"Topology: {tmp_path / 'a.pdb'}" in capsys.readouterr().out
    universe = MDAnalysis.Universe(tmp_path / "a.pdb", tmp_path / "a.xtc")
    with h5py.File(wet / "trajectory.h5") as hdf5:
        solvent_A = dataset(hdf5, SOLVENT.position.value)[:]
    assert len(universe.trajectory) == 5
    assert len(universe.atoms) == 166 + solvent_A.shape[1]
    assert set(universe.select_atoms("not protein").resnames) == {"HOH", "NA", "CL"}
    assert set(universe.select_atoms("resname HOH").elements) == {"O", "H"}
    for number, frame in enumerate(universe.trajectory):
        np.testing.assert_allclose(frame.positions[:166], trajectory.positions_A[2 * number], atol=XTC_A)
        np.testing.assert_allclose(frame.positions[166:], solvent_A[number], atol=XTC_A)
        np.testing.assert_allclose(frame.dimensions, _boxes(trajectory)[2 * number], atol=1e-3)
        assert frame.time == pytest.approx(0.02 * number, abs=1e-6)
    _export(wet, tmp_path / "models.pdb", "--solvent", "--from", "80fs")
    models = MDAnalysis.Universe(tmp_path / "models.pdb")
    np.testing.assert_allclose(models.atoms.positions, universe.trajectory[4].positions, atol=2 * XTC_A)
    assert models.atoms.names.tolist() == universe.atoms.names.tolist()
    universe.trajectory[0]
    waters = universe.select_atoms("resname HOH")
    assert waters.n_residues == len(waters) // 3
    bonds = np.array([bond.indices for bond in waters.bonds])
    assert len(bonds) == 2 * waters.n_residues
    lengths = np.linalg.norm(universe.atoms.positions[bonds[:, 0]] - universe.atoms.positions[bonds[:, 1]], axis=1)
    np.testing.assert_allclose(lengths, 0.8724, atol=3 * XTC_A)


def test_a_part_of_the_atoms_and_of_the_time(tmp_path, wet, trajectory):
    _export(wet, tmp_path / "a.dcd", "--selection", "name CA or resname NA", "--from", "20fs", "--to", "0.06ps")
    universe = MDAnalysis.Universe(tmp_path / "a.pdb", tmp_path / "a.dcd")
    whole = MDAnalysis.Universe(wet / "prepared.pdb")
    chosen = whole.select_atoms("name CA")
    assert universe.atoms.names.tolist() == ["CA"] * 10
    assert universe.residues.resids.tolist() == chosen.residues.resids.tolist()
    np.testing.assert_allclose([frame.time for frame in universe.trajectory], [0.02, 0.03, 0.04, 0.05, 0.06], atol=1e-6)
    for number, frame in enumerate(universe.trajectory):
        np.testing.assert_array_equal(frame.positions, trajectory.positions_A[number + 2][chosen.indices])
    _export(wet, tmp_path / "one.dcd", "--from", "50fs", "--to", "50fs")
    (time,) = (frame.time for frame in MDAnalysis.Universe(wet / "prepared.pdb", tmp_path / "one.dcd").trajectory)
    assert time == pytest.approx(0.05)


def test_residues_keep_their_numbers(tmp_path, wet, trajectory):
    run = Path(shutil.copytree(wet, tmp_path / "run", symlinks=True))
    lines = (run / "prepared.pdb").read_text().splitlines(keepends=True)
    moved = [
        line[:22] + f"{int(line[22:26]) + 400:4}" + line[26:] if line.startswith(("ATOM", "TER")) else line
        for line in lines
    ]
    (run / "prepared.pdb").write_text("".join(moved))
    _export(run, tmp_path / "a.trr", "--selection", "resid 403 and name CA and segid A and chainID A")
    (atom,) = MDAnalysis.Universe(tmp_path / "a.pdb", tmp_path / "a.trr").atoms
    assert (atom.resid, atom.resname, atom.chainID) == (403, "ASP", "A")
    where = MDAnalysis.Universe(wet / "prepared.pdb").select_atoms("resid 3 and name CA").indices
    np.testing.assert_allclose(atom.position, trajectory.positions_A[0][where[0]], atol=1e-4)


def test_superposed_frames_lie_on_the_prepared_structure(tmp_path, wet, trajectory, capsys):
    run = Path(shutil.copytree(wet, tmp_path / "run", symlinks=True))
    with h5py.File(run / "trajectory.h5", "r+") as hdf5:  # turned by a quarter, and moved
        for group in (PROTEIN, SOLVENT):
            values = dataset(hdf5, group.position.value)
            values[:] = values[:][:, :, [1, 0, 2]] * np.float32([1, -1, 1]) + np.float32([5, 0, 0])
        solvent_A = dataset(hdf5, SOLVENT.position.value)[:]
    _export(run, tmp_path / "a.trr", "--superpose", "--solvent")
    assert "Without the box" in capsys.readouterr().out
    universe = MDAnalysis.Universe(tmp_path / "a.pdb", tmp_path / "a.trr")
    reference = MDAnalysis.Universe(wet / "prepared.pdb").select_atoms("name CA").positions
    alphas = universe.select_atoms("name CA")
    oxygen = universe.select_atoms("resname HOH and name O")
    before = read_trajectory(run / "trajectory.h5").positions_A
    for number, frame in enumerate(universe.trajectory):
        assert frame.dimensions is None
        best = rmsd(alphas.positions, reference, superposition=True)
        assert rmsd(alphas.positions, reference) == pytest.approx(best, abs=1e-4)
        assert rmsd(before[2 * number][alphas.indices], reference) > best + 3.0
        distances = np.linalg.norm(oxygen.positions - alphas.positions[0], axis=1)  # water has moved along
        expected = solvent_A[number][oxygen.indices - 166] - before[2 * number][alphas.indices[0]]
        np.testing.assert_allclose(distances, np.linalg.norm(expected, axis=1), atol=1e-3)


def test_frames_at_uneven_times_go_to_xtc_and_not_to_dcd(tmp_path, wet, capsys):
    run = Path(shutil.copytree(wet, tmp_path / "run", symlinks=True))
    with h5py.File(run / "trajectory.h5", "r+") as hdf5:
        dataset(hdf5, PROTEIN.time)[4:] += 1.0  # as after frames that were lost
    assert main(["export", str(run), "-o", str(tmp_path / "a.dcd")]) == 2
    assert "frames are missing after 0.03 ps, and DCD holds one interval" in capsys.readouterr().err
    _export(run, tmp_path / "b.dcd", "--from", "1ps")
    _export(run, tmp_path / "a.xtc")
    times = [frame.time for frame in MDAnalysis.Universe(run / "prepared.pdb", tmp_path / "a.xtc").trajectory]
    np.testing.assert_allclose(times[3:6], [0.03, 1.04, 1.05], atol=1e-5)


@pytest.mark.parametrize(
    "words, reason",
    [
        (["-o", "a.xyz"], "expected a name that ends in .xtc, .dcd, .trr, .pdb, .h5md, got '.xyz'"),
        (["-o", "none/a.xtc"], "the directory {folder}/none does not exist"),
        (["-o", "there.xtc"], "there.xtc exists; give --overwrite"),
        (["-o", "there.dcd", "--selection", "name CA"], "there.pdb exists; give --overwrite"),
        (["-o", "run/prepared.pdb", "--overwrite"], "belongs to the run and is never written over"),
        (["-o", "run/trajectory.h5md", "--overwrite"], "belongs to the run"),
        (["-o", "a.xtc", "--selection", "nme CA"], "--selection 'nme CA' is no selection of MDAnalysis"),
        (["-o", "a.xtc", "--selection", "name CA and ("], "is no selection of MDAnalysis"),
        (["-o", "a.xtc", "--selection", ""], "--selection '' chooses none of the 166 atoms"),
        (["-o", "a.xtc", "--selection", "resname HOH"], "chooses none of the 166 atoms"),
        (["-o", "a.xtc", "--from", "1ns"], "--from 1000 ps: no frame is there; the 9 of"),
        (["-o", "a.xtc", "--to", "soon"], "--to: expected a number and a unit like 1 ps, got 'soon'"),
        (["-o", "a.xtc", "--stride", "0"], "--stride: expected a number of frames, 1 or more, got 0"),
    ],
)
def test_what_cannot_be_exported(tmp_path, wet, words, reason, capsys):
    run = shutil.copytree(wet, tmp_path / "run", symlinks=True)
    for name in ("there.xtc", "there.pdb"):
        (tmp_path / name).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(["export", str(run), "-o", str(tmp_path / words[1]), *words[2:]]) == 2
    assert reason.format(folder=tmp_path) in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "there.xtc").read_text() == "mine"


def test_files_are_replaced_on_request_and_as_a_whole(tmp_path, wet, monkeypatch, capsys):
    (tmp_path / "a.xtc").write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr("ai2bmd.trajectory.frames.FrameReader.box_A", _full_disk)
        assert main(["export", str(wet), "-o", str(tmp_path / "a.xtc"), "--overwrite"]) == 2
    assert "a.xtc cannot be written" in capsys.readouterr().err
    assert (tmp_path / "a.xtc").read_text() == "mine"
    _export(wet, tmp_path / "a.xtc", "--overwrite")
    assert [path.name for path in tmp_path.iterdir()] == ["a.xtc"]
    assert len(MDAnalysis.Universe(wet / "prepared.pdb", tmp_path / "a.xtc").trajectory) == 9


def _full_disk(reader: object, frame: int) -> None:
    if frame == 5:
        raise OSError(28, "No space left on device")


def test_a_run_without_box_or_solvent(tmp_path, examples, capsys):
    run = _run(examples, tmp_path / "run", solvent="gas", time="20fs")
    _export(run, tmp_path / "a.xtc", "--superpose")
    assert "Without the box" not in capsys.readouterr().out
    assert MDAnalysis.Universe(run / "prepared.pdb", tmp_path / "a.xtc").trajectory[1].dimensions is None
    assert main(["export", str(run), "-o", str(tmp_path / "b.xtc"), "--solvent"]) == 2
    assert "holds no solvent; it is saved in explicit water" in capsys.readouterr().err
    prepared = (run / "prepared.pdb").read_text()
    half = "\n".join(line for line in prepared.splitlines() if not line.startswith("ATOM") or int(line[22:26]) < 6)
    for damaged, reason in (("", "is missing or damaged"), (half, "are of different runs")):
        (run / "prepared.pdb").write_text(damaged)
        assert main(["export", str(run), "-o", str(tmp_path / "b.xtc")]) == 2
        assert reason in capsys.readouterr().err
    (run / "trajectory.h5").unlink()
    assert main(["export", str(run), "-o", str(tmp_path / "b.xtc")]) == 2
    assert "is not a run directory with a trajectory: trajectory.h5 is missing" in capsys.readouterr().err
    (tmp_path / "several").mkdir()
    run.rename(tmp_path / "several" / "replica-1")
    assert main(["export", str(tmp_path / "several"), "-o", str(tmp_path / "b.xtc")]) == 2
    assert f"give one of its copies, such as {tmp_path / 'several' / 'replica-1'}" in capsys.readouterr().err
