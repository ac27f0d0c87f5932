"""Opening trajectories of runs and of other programs, whole and faulty."""

import warnings
from pathlib import Path

import h5py
import MDAnalysis
import numpy as np
import pytest
from openmm import app

from ai2bmd.analysis.kinetics.features import frame_interval_ps
from ai2bmd.analysis.molecule import analysed_atoms
from ai2bmd.analysis.stream import stream, take_sample
from ai2bmd.analysis.structure.motion import rmsd
from ai2bmd.analysis.trajectories import from_universe, open_files, open_runs
from ai2bmd.errors import InputError
from ai2bmd.simulation.settings import make_settings, write_settings
from ai2bmd.trajectory.writer import Frame, create_trajectory


def make_run(path: Path, universe: MDAnalysis.Universe, *, prepared: Path) -> Path:
    """A run directory with the frames of a universe."""
    path.mkdir(parents=True)
    (path / "prepared.pdb").write_bytes(prepared.read_bytes())
    write_settings(make_settings({"time": "0.29ps"}, where="test"), path / "settings.yaml", comment="test")
    numbers = {"H": 1, "C": 6, "N": 7, "O": 8}
    species = np.array([numbers[element] for element in universe.atoms.elements])
    writer = create_trajectory(
        path / "trajectory.h5", atomic_numbers=species, velocities=False, forces=False, parameters={}
    )
    with writer:
        for number, state in enumerate(universe.trajectory):
            positions = state.positions.astype(np.float64)
            writer.append(Frame(number, 0.5 * number, positions, positions, positions, 0.0, 0.0, 1.0, 300.0))
        writer.commit()
    return path


def read_all(trajectory) -> np.ndarray:
    return np.concatenate([chunk.positions_A for chunk in trajectory.chunks()])


def test_a_run_has_the_frames_that_were_written(shaken, examples, tmp_path):
    universe = shaken(7)
    run = make_run(tmp_path / "run", universe, prepared=examples / "chignolin.pdb")
    (opened,) = open_runs([run])
    assert opened.frames == 7
    assert opened.time_ps == pytest.approx(0.5 * np.arange(7))
    assert opened.remarks == ()
    assert len(opened.molecule.bonds) == 171  # 166 atoms in a tree, and 6 rings
    written = np.stack([state.positions.copy() for state in universe.trajectory])
    assert np.abs(read_all(opened) - written).max() == 0.0
    assert len(opened.universe.trajectory) == 7
    (alphas,) = open_runs([run], selection="name CA and resid 2:5")
    assert read_all(alphas).shape == (7, 4, 3)
    assert np.abs(read_all(alphas) - read_all(opened)[:, opened.select("name CA and resid 2:5")]).max() == 0.0


def test_a_replica_directory_counts_as_its_copies(shaken, examples, tmp_path):
    for number in (1, 2, 10):
        make_run(tmp_path / f"replica-{number}", shaken(3, seed=number), prepared=examples / "chignolin.pdb")
    opened = open_runs([tmp_path])
    assert [one.name.split("/")[1] for one in opened] == ["replica-1", "replica-2", "replica-10"]
    assert [len(values) for values in rmsd(opened).values] == [3, 3, 3]
    sample = take_sample(opened, frames=5)
    assert sample.piece.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("ending", ["dcd", "xtc", "trr", "nc", "pdb"])
def test_formats_of_other_programs(ending, shaken, examples, tmp_path, write_frames):
    universe = shaken(5)
    file = write_frames(universe, tmp_path / f"frames.{ending}")
    (opened,) = open_files(examples / "chignolin.pdb", [file])
    written = np.stack([state.positions.copy() for state in universe.trajectory])
    assert np.abs(read_all(opened) - written).max() < 0.006  # XTC rounds to 0.01 A
    assert bool(opened.remarks) == (ending == "pdb")
    if ending in ("xtc", "trr"):
        assert opened.time_ps == pytest.approx([0, 2, 4, 6, 8])


@pytest.mark.parametrize("ending", ["dcd", "xtc", "trr", "nc", "pdb"])
def test_what_can_be_read_of_a_cut_off_file_is_used_and_told(ending, shaken, examples, tmp_path, write_frames):
    whole = write_frames(shaken(20), tmp_path / f"whole.{ending}")
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole.read_bytes()[: int(0.52 * whole.stat().st_size)])
    (opened,) = open_files(examples / "chignolin.pdb", [cut])
    reading = stream([opened], [])
    assert 9 <= reading.frames[0] <= 11
    told = [text for text in (*opened.remarks, *reading.remarks) if "cut.pdb" in text or cut.name in text]
    assert len(told) == 1
    assert f"cut off; its first {reading.frames[0]} of 20" in told[0] or "ends before frame" in told[0]
    assert len(rmsd(opened).values[0]) == reading.frames[0]


def test_a_run_that_was_cut_off_gives_its_whole_frames(shaken, examples, tmp_path):
    run = make_run(tmp_path / "run", shaken(200), prepared=examples / "chignolin.pdb")
    expected = read_all(open_runs([run])[0])
    file = run / "trajectory.h5"
    data = file.read_bytes()
    file.write_bytes(data[: int(0.7 * len(data))])
    (opened,) = open_runs([run])
    assert 20 < opened.frames < 190
    assert f"its first {opened.frames} of 200 frames" in opened.remarks[0]
    assert np.array_equal(read_all(opened), expected[: opened.frames])
    assert file.read_bytes() == data[: int(0.7 * len(data))]  # left as it is
    file.write_bytes(data[:5000])
    with pytest.raises(InputError, match=r"trajectory.h5 (holds no whole frame|cannot be read)"):
        open_runs([run])


def test_frames_that_the_log_tells_of_and_the_trajectory_lacks(shaken, examples, tmp_path):
    run = make_run(tmp_path / "run", shaken(20), prepared=examples / "chignolin.pdb")
    (run / "log.csv").write_text("step,time_ps\n18,9\n19,9.5\n2")  # its last row is being written
    assert open_runs([run])[0].remarks == ()
    (run / "log.csv").write_text("step,time_ps\n19,9.5\n24,12\n")
    (opened,) = open_runs([run])
    assert "it ends at step 19, log.csv at step 24" in opened.remarks[0]
    assert len(read_all(opened)) == 20


def test_frames_end_where_positions_are_not_finite(shaken, examples, tmp_path):
    run = make_run(tmp_path / "run", shaken(30), prepared=examples / "chignolin.pdb")
    with h5py.File(run / "trajectory.h5", "r+") as file:
        file["particles/protein/position/value"][12, 3] = np.nan
    opened = open_runs([run])
    reading = stream(opened, [])
    assert reading.frames == (12,)
    assert "ends before frame 13 of 30: its positions are not finite" in reading.remarks[0]
    opened[0].universe.trajectory.close()
    with h5py.File(run / "trajectory.h5", "r+") as file:
        file["particles/protein/position/value"][0, 3] = np.inf
    with pytest.raises(InputError, match="first frame has undefined positions"):
        open_runs([run])


def test_mmcif_is_a_topology_as_pdb_is(examples, tmp_path):
    structure, cif = examples / "chignolin.pdb", tmp_path / "chignolin.cif"
    pdb = app.PDBFile(str(structure))
    with cif.open("w") as file:
        app.PDBxFile.writeFile(pdb.topology, pdb.positions, file, keepIds=True)
    (by_pdb,), (by_cif,) = open_files(structure, [structure]), open_files(cif, [cif])
    for column in ("atom_names", "residue_names", "residue_numbers"):
        assert getattr(by_cif.molecule, column) == getattr(by_pdb.molecule, column)
    np.testing.assert_array_equal(by_cif.molecule.bonds, by_pdb.molecule.bonds)


def test_frames_end_where_atoms_lie_on_each_other(shaken):
    universe = shaken(30)
    frames = universe.trajectory.get_array()
    frames[20, 7, :2] = frames[20, 90, :2]  # negative control: the same x and y, another z
    frames[25, 7] = frames[25, 90]
    opened = from_universe(universe, name="a.xtc")
    reading = stream([opened], [])
    assert reading.frames == (25,)
    assert reading.remarks == ("a.xtc: ends before frame 26 of 30: atoms lie on each other",)
    frames[0] = 0.0
    with pytest.raises(InputError, match=r"a\.xtc: atoms lie on each other in the first frame"):
        from_universe(universe, name="a.xtc")


def test_times_that_stand_still_tell_nothing_of_time():
    assert frame_interval_ps([np.arange(5.0), np.arange(3.0)]) == 1.0
    with pytest.raises(InputError, match="times that are stored do not increase"):
        frame_interval_ps([np.zeros(5)])
    with pytest.raises(InputError, match="the frames are 1 to 2 ps apart"):
        frame_interval_ps([np.array([0.0, 1.0, 3.0])])


def test_faulty_files_are_told_in_one_sentence(shaken, examples, tmp_path, write_frames):
    topology, other = examples / "chignolin.pdb", examples / "trpcage.pdb"
    frames = write_frames(shaken(3), tmp_path / "frames.dcd")
    empty, text, short = tmp_path / "empty.dcd", tmp_path / "text.txt", tmp_path / "short.dcd"
    empty.touch()
    text.write_text("no trajectory")
    short.write_bytes(frames.read_bytes()[:100])
    first_model = tmp_path / "first_model.pdb"
    first_model.write_text("".join(topology.read_text().splitlines(keepends=True)[:90]))
    for files, words in (
        ((topology, tmp_path), "is a directory; name a file in it"),
        ((topology, empty), "empty.dcd is empty"),
        ((topology, tmp_path / "none.dcd"), "none.dcd does not exist"),
        ((topology, text), "text.txt cannot be read as a trajectory"),
        ((topology, short), "short.dcd cannot be read as a trajectory"),
        ((text, frames), "text.txt cannot be read as a topology"),
        ((topology, first_model), "has other atoms than .*, or is cut off within its first frame"),
        ((other, frames), "has other atoms than the 272 of .*trpcage.pdb"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            open_files(files[0], [files[1]])
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="fits no atom"):
        open_files(topology, [frames], selection="name XX")
    with pytest.raises(InputError, match="no selection that MDAnalysis understands"):
        open_files(topology, [frames], selection="names CA")
    with pytest.raises(InputError, match=r"prepared.pdb is missing"):
        open_runs([tmp_path])
    with pytest.raises(InputError, match="no trajectory was given"):
        open_runs([])
    with pytest.raises(InputError, match="analyse different systems one by one"):
        rmsd([shaken(2), shaken(2, name="trpcage.pdb")])


def test_molecules_are_made_whole_in_their_box(shaken):
    """Chignolin wrapped atom by atom into a skewed box comes out with its own distances; without a box it does not."""
    universe = shaken(6)
    whole = np.stack([state.positions.copy() for state in universe.trajectory])
    box = np.array([[24.0, 0, 0], [7.0, 23.0, 0], [-6.0, 8.0, 22.0]])
    wrapped = whole - np.floor(whole @ np.linalg.inv(box)) @ box
    lengths = MDAnalysis.lib.mdamath.triclinic_box(*box)
    universe.trajectory[0]
    universe.add_bonds(from_universe(universe).molecule.bonds)
    universe.load_new(wrapped.astype(np.float32), order="fac", dimensions=lengths)
    (first, last) = (0, 100)
    positions = read_all(from_universe(universe))
    distance = np.linalg.norm(positions[:, first] - positions[:, last], axis=1)
    assert distance == pytest.approx(np.linalg.norm(whole[:, first] - whole[:, last], axis=1), abs=1e-3)
    broken = np.linalg.norm(wrapped[:, first] - wrapped[:, last], axis=1)
    assert np.abs(broken - distance).max() > 1.0


def test_atoms_analysed_by_default(shaken, examples):
    """Any residue with a backbone is protein, whatever its name; without protein all but water and ions."""
    universe = shaken(1)
    universe.select_atoms("resid 3").residues.resnames = ["DAS"]
    assert len(from_universe(universe).atoms) == 166
    universe.atoms.residues.resnames = ["LIG"] * 5 + ["HOH"] * 5
    universe.atoms.names = [f"X{number}" for number in range(166)]
    opened = from_universe(universe)
    assert set(opened.molecule.residue_names) == {"LIG"}
    nameless = MDAnalysis.Universe.empty(3, trajectory=True)
    assert len(analysed_atoms(nameless, None, where="a.xyz")) == 3
    universe.atoms.residues.resnames = ["HOH"] * 10
    with pytest.raises(InputError, match="nothing but water and ions"):
        from_universe(universe)


def test_elements_and_bonds_that_a_topology_lacks(examples):
    """From names and distances the same come out as are known: CA is no calcium here, HG no mercury."""
    universe = MDAnalysis.Universe(str(examples / "trpcage.pdb"))
    known = from_universe(universe).molecule
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe.del_TopologyAttr("elements")
    guessed = from_universe(universe).molecule
    assert np.array_equal(known.atomic_numbers, guessed.atomic_numbers)
    assert np.array_equal(known.bonds, guessed.bonds)
    assert len(known.bonds) == 272 - 1 + 7  # of one molecule with rings: 1 Tyr, 2 of Trp, 4 Pro


def test_bonds_of_a_trajectory_without_a_calm_frame(shaken, examples):
    """Noise far above that of vibration, in every frame: the average over a few of them still tells the bonds."""
    universe, calm = shaken(50), from_universe(shaken(1)).molecule
    frames = np.stack([state.positions.copy() for state in universe.trajectory])
    frames += np.random.default_rng(5).normal(scale=0.12, size=frames.shape)
    universe.load_new(frames.astype(np.float32), order="fac")
    assert np.array_equal(from_universe(universe).molecule.bonds, calm.bonds)
