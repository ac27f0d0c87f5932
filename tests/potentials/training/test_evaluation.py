"""Errors: those of the force field are the published ones, energies are relative within a molecule."""

from pathlib import Path

import numpy as np
import pytest

from potentials.training.dataset import load_clusters, load_proteins, load_units
from potentials.training.evaluation import (
    KCAL_MOL_PER_EV,
    Deviations,
    cluster_kinds,
    error_table,
    force_field_deviations,
    relative_energy_mae,
)


def test_amber19_has_its_published_error(shared: Path) -> None:
    proteins = load_proteins(shared / "data" / "proteins-so3lr.h5")
    rows = error_table(proteins, force_field_deviations(proteins))
    errors = {row.name: row.mm_force_mae for row in rows}
    assert errors["clusters of chignolin"] == pytest.approx(8.40, abs=0.01)
    assert errors["clusters of trpcage"] == pytest.approx(7.71, abs=0.01)


def test_an_offset_between_units_does_not_count() -> None:
    label = np.array([0, 0, 1, 1])
    deviations = np.array([5.0, 5.2, -3.0, -3.2])
    assert relative_energy_mae(deviations, label) == pytest.approx(0.1 * KCAL_MOL_PER_EV)
    assert relative_energy_mae(deviations, np.zeros(4, int)) > 10


def test_a_single_frame_says_nothing_of_relative_energies() -> None:
    deviations = np.array([5.0, 5.2, 7.0])
    assert relative_energy_mae(deviations, np.array([0, 0, 1])) == pytest.approx(0.1 * KCAL_MOL_PER_EV)
    assert np.isnan(relative_energy_mae(deviations, np.arange(3)))


def test_rows_separate_units_charges_and_clusters(data_folder: Path) -> None:
    units = load_units(data_folder / "units.h5")
    deviations = Deviations(np.zeros(80), np.where(units.atomic_numbers[:, None] == 7, 1.0, 0.0).repeat(3, 1))
    rows = {row.name: row for row in error_table(units, deviations)}
    assert rows["mid-AAA"].force_mae == 0
    assert rows["cterm-BBB"].force_mae == pytest.approx(KCAL_MOL_PER_EV / 3)
    assert rows["units, charge -1"].molecules == 40
    assert "clusters, all" not in rows


def test_kinds_of_clusters_partition_them(data_folder: Path) -> None:
    kinds = cluster_kinds(load_clusters(data_folder / "clusters.h5"))
    assert (np.stack(list(kinds.values())).sum(axis=0) == 1).all()
    assert kinds["pair"].sum() == 10
