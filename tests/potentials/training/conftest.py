"""A tiny data set made on the spot: harmonic molecules, in the layout of the real files."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from potentials.training.config import TrainingConfig, training_config

_SPRING = 8.0  # eV/A^2


def _harmonic(positions: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces of springs between all pairs of atoms, (frames, atoms, 3) positions."""
    difference = positions[:, :, None] - positions[:, None, :]
    length = np.linalg.norm(difference, axis=-1) + np.eye(positions.shape[1])
    stretch = (length - rest) * (1 - np.eye(positions.shape[1]))
    forces = -_SPRING * (stretch / length)[..., None] * difference
    return 0.25 * _SPRING * (stretch**2).sum((1, 2)), forces.sum(2)


def _frames(numbers: list[int], frames: int, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    shape = 1.1 * np.array([[0, 0, 0], [1, 0.2, 0], [-0.4, 1, 0], [0, -0.6, 1]])[: len(numbers)]
    rest = np.linalg.norm(shape[:, None] - shape[None], axis=-1)
    positions = (shape + 0.1 * generator.normal(size=(frames, len(numbers), 3))).astype(np.float32)
    energy, forces = _harmonic(positions.astype(np.float64), rest)
    return {
        "atomic_numbers": np.array(numbers, np.uint8),
        "mm_charges": np.linspace(-0.1, 0.1, len(numbers)).astype(np.float32),
        "positions": positions,
        "forces": forces.astype(np.float32),
        "mm_forces": np.zeros_like(positions),
        "energy": energy - 10.0 * seed,
        "mm_energy": np.full(frames, 3.0),
        "start": np.repeat(np.arange(frames // 2), 2).astype(np.int32),
    }


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with units.h5 (two units, 40 frames each) and clusters.h5 (three proteins, ragged)."""
    folder = tmp_path_factory.mktemp("harmonic")
    with h5py.File(folder / "units.h5", "w") as file:
        for seed, (name, numbers) in enumerate([("mid-AAA", [6, 1, 8, 1]), ("cterm-BBB", [7, 1, 1])]):
            group = file.create_group(name)
            group.attrs["total_charge"] = -seed
            for key, values in _frames(numbers, 40, seed).items():
                group[key] = values
    with h5py.File(folder / "clusters.h5", "w") as file:
        _write_clusters(file)
    return folder


def _write_clusters(file: h5py.File) -> None:
    parts = [("hewl", "ACE-ALA-NME", [6, 1, 8, 1]), ("xcr50", "ACE-GLY", [6, 1, 1]), ("pair", "ACE-ALA-NME", [8, 1, 1])]
    frames = [(protein, residues, _frames(numbers, 10, 5)) for protein, residues, numbers in parts]
    sizes = [len(data["atomic_numbers"]) for _, _, data in frames for _ in range(10)]
    file["offsets"] = np.concatenate([[0], np.cumsum(sizes)])
    file["atomic_numbers"] = np.concatenate([np.tile(data["atomic_numbers"], 10) for _, _, data in frames])
    file["mm_charges"] = np.concatenate([np.tile(data["mm_charges"], 10) for _, _, data in frames])
    for key in ("positions", "forces", "mm_forces"):
        file[key] = np.concatenate([data[key].reshape(-1, 3) for _, _, data in frames])
    for key in ("energy", "mm_energy", "start"):
        file[key] = np.concatenate([data[key] for _, _, data in frames])
    file["total_charge"] = np.zeros(30, np.int8)
    file["residues"] = [residues for _, residues, _ in frames for _ in range(10)]
    file["protein"] = [protein for protein, _, _ in frames for _ in range(10)]


def _settings(**changes: object) -> dict[str, object]:
    """Settings of a short run of a small model."""
    return {
        "level_of_theory": "springs",
        "force_field": "none at all",
        "device": "cpu",
        "data": {"units": "units.h5", "clusters": "clusters.h5"},
        "model": {"hidden_channels": 8, "num_layers": 1, "num_heads": 2, "num_radial": 8},
        "schedule": {"steps": 6, "atoms_per_step": 40},
        "record": {"validate_minutes": None, "frames_per_unit": 3, "clusters": 4},
        **changes,
    }


@pytest.fixture(scope="session")
def settings() -> Callable[..., dict[str, object]]:
    """Makes settings of a short run of a small model, with changes at the top level."""
    return _settings


@pytest.fixture
def config() -> TrainingConfig:
    """The validated form of `settings()`."""
    return training_config(_settings(), where="test")
