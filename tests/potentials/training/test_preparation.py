"""Data that nothing can be learned from, or tested on, is refused."""

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from potentials.errors import PotentialError
from potentials.training.config import DataSettings
from potentials.training.preparation import prepare_data


@pytest.fixture
def marked(data_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(data_folder, tmp_path / "data")
    file: Any
    with h5py.File(tmp_path / "data" / "units.h5", "a") as file:
        for name in file:
            file[name]["test"] = (file[name]["start"][:] % 5 == 4).astype(np.uint8)
    return tmp_path / "data"


def test_test_frames_of_a_store_are_not_trained_on(marked: Path, config) -> None:
    data = prepare_data(config, marked, n_elements=20)
    trained = data.training.molecules
    assert not (trained.start[trained.is_unit()] % 5 == 4).any()
    assert (data.validation.start[data.validation.is_unit()] % 5 == 4).all()


def test_units_of_several_files_belong_together(marked: Path, config) -> None:
    file: Any
    shutil.copy(marked / "units.h5", marked / "more.h5")
    with h5py.File(marked / "more.h5", "a") as file:
        del file["cterm-BBB"]
    several = config.model_copy(update={"data": DataSettings(units=["units.h5", "more.h5"])})  # pyright: ignore[reportArgumentType]
    one = config.model_copy(update={"data": DataSettings(units="units.h5")})  # pyright: ignore[reportArgumentType]
    both, alone = (prepare_data(c, marked, n_elements=20) for c in (several, one))
    names = alone.training.molecules.label_names
    assert both.training.molecules.label_names == names
    times = [2 if name == "mid-AAA" else 1 for name in names]
    counts = np.bincount(alone.training.molecules.label)
    np.testing.assert_array_equal(np.bincount(both.training.molecules.label), counts * times)
    assert [file["name"] for file in both.files] == ["units.h5", "more.h5"]


def test_values_that_are_no_numbers_are_refused(marked: Path, config) -> None:
    file: Any
    with h5py.File(marked / "units.h5", "a") as file:
        file["mid-AAA"]["mm_energy"][0] = np.nan
    with pytest.raises(PotentialError, match=r"energies for target correction are not finite"):
        prepare_data(config, marked, n_elements=20)
