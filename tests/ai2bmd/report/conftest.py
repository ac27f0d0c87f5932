"""Run directories made by hand, chignolin shaken and turned; and trajectories as of another program."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import RunSettings, make_settings, write_settings
from ai2bmd.structure.files import read_prepared
from ai2bmd.trajectory.writer import Frame, create_trajectory

CARD = {
    "kind": "correction",
    "level_of_theory": "PBE0+MBD <model>",
    "force_field": "amber19/ff19SB",
    "config": {"cutoff_A": 4.5},
    "errors": {"test_force_mae_kcal_mol_A": 1.75, "units, all": {"force_mae": 0.77}, "mid-GLY": {"force_mae": None}},
    "sha256": "abc",
}


@pytest.fixture(scope="session")
def make_run(examples, chignolin) -> Callable[..., Path]:
    """Make a run directory of so many frames, 10 steps of 1 fs apart."""
    topology, positions = chignolin

    def make(path: Path, *, frames: int, shaken_A: float = 0.1) -> Path:
        path.mkdir()
        shutil.copy(examples / "chignolin.pdb", path / "prepared.pdb")
        write_settings(make_settings({"time": "0.29ps"}, where="test"), path / "settings.yaml", comment="test")
        (path / "model.json").write_text(json.dumps(CARD))
        random = np.random.default_rng(1)
        numbers = np.array([atom.element.atomic_number for atom in topology.atoms()])
        with (
            create_trajectory(
                path / "trajectory.h5",
                atomic_numbers=numbers,
                velocities=False,
                forces=False,
                parameters={"model_sha256": "abc", "system_atoms": 166, "degrees_of_freedom": 498},
            ) as trajectory,
            (path / "log.csv").open("w") as log,
        ):
            log.write("step,time_ps,ns_per_day\n")
            for frame in range(frames):
                turn = Rotation.from_rotvec(random.normal(size=3))
                moved = turn.apply(positions + random.normal(scale=shaken_A, size=positions.shape)) + 5.0
                trajectory.append(_frame(frame, moved, temperature=300.0 + random.normal(scale=10.0)))
                log.write(f"{10 * frame},{0.01 * frame:.4g},{1.5 if frame else 0}\n")
            trajectory.commit()
        return path

    return make


@pytest.fixture(scope="session")
def run_dipeptide(examples) -> Callable[..., RunSettings]:
    """Run alanine dipeptide for a moment in gas, by the force field alone, a frame every 5 fs."""

    def run(path: Path, *, sampling: dict | None, time: str = "20fs", seed: int = 1) -> RunSettings:
        values = {
            "coupling": "off",
            "solvent": "gas",
            "device": "cpu",
            "equilibration": [],
            "time": time,
            "save_every": 5,
            "friction": "50/ps",
            "seed": seed,
        }
        extra = {} if sampling is None else {"sampling": {"every": 10} | sampling}
        settings = make_settings(values | extra, where="test")
        prepared = read_prepared(examples / "alanine_dipeptide.pdb")
        start_run(prepared, settings, output=path, name="test", say=lambda line: None)
        return settings

    return run


def _frame(number: int, positions: np.ndarray, *, temperature: float) -> Frame:
    return Frame(
        step=10 * number,
        time_ps=0.01 * number,
        positions_A=positions,
        velocities_A_per_ps=positions,
        forces_eV_per_A=positions,
        energy_environment=-10.0 + 0.01 * number,
        energy_correction=-5.0,
        kinetic_energy=6.0,
        temperature=temperature,
    )


@pytest.fixture(scope="session")
def run_directory(make_run, tmp_path_factory) -> Path:
    """A run of 30 frames."""
    return make_run(tmp_path_factory.mktemp("runs") / "shaken", frames=30)


@pytest.fixture(scope="session")
def dipeptide(examples, tmp_path_factory):
    """Two independent trajectories of alanine dipeptide, phi jumping between two values, as files of other programs."""
    folder = tmp_path_factory.mktemp("dipeptide")
    universe = mda.Universe(str(examples / "alanine_dipeptide.pdb"))
    start = universe.atoms.positions.copy()
    paths = []
    for number in range(2):
        random = np.random.default_rng(number)
        paths.append(folder / f"part{number}.dcd")
        turned = np.cumsum(random.random(600) < 0.1) % 2
        with warnings.catch_warnings(), mda.Writer(str(paths[-1]), n_atoms=len(universe.atoms), dt=1.0) as writer:
            warnings.simplefilter("ignore")  # that there is no box
            for state in turned:
                universe.atoms.positions = _turned(universe, start, 60.0 * state + random.normal(scale=8.0))
                universe.atoms.positions += random.normal(scale=0.03, size=start.shape)
                writer.write(universe.atoms)
    return examples / "alanine_dipeptide.pdb", paths


def _turned(universe, start, degrees):
    """The atoms beyond the bond N-CA turned about it."""
    from scipy.spatial.transform import Rotation

    alanine = universe.select_atoms("resname ALA")
    nitrogen, alpha = (start[alanine.select_atoms(f"name {name}").ix[0]] for name in ("N", "CA"))
    axis = (alpha - nitrogen) / np.linalg.norm(alpha - nitrogen)
    moving = np.concatenate([alanine.select_atoms("not name N H CA").ix, universe.select_atoms("resname NME").ix])
    moved = start.copy()
    moved[moving] = Rotation.from_rotvec(np.radians(degrees) * axis).apply(start[moving] - alpha) + alpha
    return moved
