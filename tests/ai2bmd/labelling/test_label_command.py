"""`ai2bmd label` with GFN2-xTB: real workers, real labels; ends, goes on, and a killed worker's frame is done again."""

from pathlib import Path
from typing import Any

import ase.io
import h5py
import numpy as np
import pytest
from ase.build import molecule

from ai2bmd.cli import main
from ai2bmd.labelling.conformations import FramesOfAFile, read_tasks
from ai2bmd.labelling.worker import force_field_label
from potentials.label_store import FAILURES
from potentials.training.dataset import load_units

PER_FRAME = {"positions", "energy", "forces", "mm_energy", "mm_forces", "start"}


@pytest.fixture
def water(tmp_path: Path) -> Path:
    """Four waters, the second with an atom almost on another."""
    frames = [molecule("H2O") for _ in range(4)]
    for number, atoms in enumerate(frames):
        atoms.positions[1] += 0.02 * number
    frames[1].positions[2] = frames[1].positions[1] + [0.1, 0.0, 0.0]
    ase.io.write(tmp_path / "water.xyz", frames)
    return tmp_path / "water.xyz"


def test_labels_structures_and_goes_on(water: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["label", str(water), "-o", str(tmp_path / "s.h5"), "--method", "gfn2-xtb", "--charge", "0"]
    assert main([*command, "--limit", "1"]) == 0
    assert main(command) == 1
    assert "2 labelled, 1 failed" in capsys.readouterr().out
    file: Any
    with h5py.File(tmp_path / "s.h5") as file:
        (name,) = set(file) - {FAILURES}
        assert name.startswith("H2O-")
        assert len(file[name]["energy"]) == 3
        # GFN2-xTB of water, about -5.07 Eh (Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 15, 1652, 2019)
        assert np.allclose(file[name]["energy"], -137.97, atol=0.1)
        assert np.isnan(file[name]["mm_energy"][:]).all()
        (failure,) = file[FAILURES].values()
        assert "apart" in failure.attrs["reason"]
    assert main(command) == 0
    assert "3 labelled before, 0 to label now; 1 failed before" in capsys.readouterr().out
    assert main([*command, "--retry-failures"]) == 1


def test_wrong_input_is_told(water: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(tmp_path / "s.h5")
    assert main(["label", str(water), "-o", store, "--method", "gfn2-xtb"]) == 2
    assert "give it with --charge" in capsys.readouterr().err
    assert main(["label", str(water), "-o", store, "--method", "b3lip", "--charge", "0"]) == 2
    assert "method: expected one of" in capsys.readouterr().err
    assert not Path(store).exists()


@pytest.mark.parametrize("name", ["mid-ALA", "mid-ARG", "cterm-ASP", "nterm-LYS", "disulfide", "overlap-NMA"])
def test_force_field_is_that_of_the_units(name: str, shared: Path, tmp_path: Path) -> None:
    source: Any
    file: Any
    with h5py.File(shared / "data" / "units-so3lr.h5") as source, h5py.File(tmp_path / "one.h5", "w") as file:
        group = file.create_group(name)
        group.attrs.update(source[name].attrs)
        for key in source[name]:
            data = source[name][key]
            group[key] = data[:3] if key in PER_FRAME else data[()]
        energies, forces = group["mm_energy"][:], group["mm_forces"][:]
    # (of one trajectory, so in the order of the file)
    for task, energy, force in zip(read_tasks([tmp_path / "one.h5"], charge=None), energies, forces, strict=True):
        label = force_field_label(task)
        assert label.energy_eV == pytest.approx(energy, abs=1e-3)
        assert np.allclose(label.forces_eV_A, force, atol=1e-3)


def test_molecules_and_trajectories_take_turns(tmp_path: Path) -> None:
    frames = [molecule(name) for name in ("H2O", "H2O", "H2O", "NH3", "NH3")]
    for number, atoms in enumerate(frames):
        atoms.positions[0, 0] += 0.01 * number
        atoms.info.update(charge=0, start=(7, 7, 8, 7, 7)[number])
    ase.io.write(tmp_path / "all.xyz", [*frames, frames[0]])
    tasks = read_tasks([tmp_path / "all.xyz"], charge=None)
    order = [(len(task.molecule.atomic_numbers), task.frame.start) for task in tasks]
    assert order == [(3, 7), (4, 7), (3, 8), (4, 7), (3, 7)]


@pytest.fixture
def dynamics(tmp_path: Path) -> list[ase.Atoms]:
    """Twelve frames, each almost the one before."""
    frames = [molecule("CH3CH2OH") for _ in range(12)]
    for number, atoms in enumerate(frames):
        atoms.positions[0, 0] += 0.001 * number
    ase.io.write(tmp_path / "one.xyz", frames)
    return frames


def test_frames_of_a_file_are_one_trajectory_for_ever(dynamics: list[ase.Atoms], tmp_path: Path) -> None:
    (start,) = _starts(tmp_path / "one.xyz")
    assert 0 <= start < 2**31
    (tmp_path / "other").mkdir()
    ase.io.write(tmp_path / "other" / "longer.xyz", [*dynamics, molecule("H2O")])
    assert _starts(tmp_path / "other" / "longer.xyz") == [start]
    second = [atoms.copy() for atoms in dynamics]
    for atoms in second:
        atoms.positions[0, 1] += 0.1
    ase.io.write(tmp_path / "second.xyz", second)
    assert _starts(tmp_path / "second.xyz") != [start]
    assert set(_starts(tmp_path / "second.xyz", tmp_path / "one.xyz")) == {start, *_starts(tmp_path / "second.xyz")}
    dynamics[3].info["start"] = 7  # it says so
    ase.io.write(tmp_path / "one.xyz", dynamics)
    assert _starts(tmp_path / "one.xyz") == [7, start]


def test_independent_frames_are_each_their_own(dynamics: list[ase.Atoms], tmp_path: Path) -> None:
    starts = _starts(tmp_path / "one.xyz", frames_of_a_file="independent")
    assert len(starts) == 12
    ase.io.write(tmp_path / "fewer.xyz", dynamics[4:])
    assert set(_starts(tmp_path / "fewer.xyz", frames_of_a_file="independent")) < set(starts)


def test_neighbours_in_time_are_on_one_side(dynamics: list[ase.Atoms], tmp_path: Path) -> None:
    command = ["label", str(tmp_path / "one.xyz"), "--method", "gfn2-xtb", "--charge", "0", "-o"]
    sides = []
    for store, options in (("whole.h5", []), ("apart.h5", ["--independent-frames"])):
        assert main([*command, str(tmp_path / store), *options]) == 0
        sides.append(len(np.unique(load_units(tmp_path / store).test)))
    assert sides == [1, 2]


def _starts(*paths: Path, frames_of_a_file: FramesOfAFile = "trajectory") -> list[int]:
    tasks = read_tasks(paths, charge=0, frames_of_a_file=frames_of_a_file)
    return sorted({task.frame.start for task in tasks})
