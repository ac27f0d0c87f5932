"""Held-out molecules: the right ones, whole trajectories, none of them trained on."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from potentials.training.dataset import Molecules, concatenate, load_clusters, load_units, select
from potentials.training.split import held_out


@pytest.fixture
def molecules(data_folder: Path) -> Molecules:
    return concatenate([load_units(data_folder / "units.h5"), load_clusters(data_folder / "clusters.h5")])


def _shared_trajectories(molecules: Molecules, held: np.ndarray) -> set[tuple[str, str, int]]:
    keys = [
        (molecules.origin_names[o], molecules.label_names[x] if molecules.origin_names[o] == "unit" else "", int(s))
        for o, x, s in zip(molecules.origin, molecules.label, molecules.start, strict=True)
    ]
    return {k for k, h in zip(keys, held, strict=True) if h} & {k for k, h in zip(keys, held, strict=True) if not h}


def test_no_trajectory_is_on_both_sides(molecules: Molecules) -> None:
    held = held_out(molecules)
    assert 0 < held.sum() < len(molecules)
    assert not _shared_trajectories(molecules, held)


def test_a_split_by_frames_would_be_noticed(molecules: Molecules) -> None:
    assert _shared_trajectories(molecules, np.arange(len(molecules)) % 7 == 0)


def test_the_last_starts_and_two_proteins_are_held_out(molecules: Molecules) -> None:
    held = held_out(molecules)
    origin = np.array(molecules.origin_names)[molecules.origin]
    assert held[origin == "xcr50"].all()
    assert not held[origin == "hewl"].any()
    assert set(molecules.start[held & (origin == "pair")]) == {4}
    assert set(molecules.start[held & (origin == "unit")]) == {17, 18, 19}


def test_selection_takes_each_molecules_own_atoms(molecules: Molecules) -> None:
    chosen = np.array([100, 3, 45])
    part = select(molecules, chosen)
    for place, index in enumerate(chosen):
        own = slice(*molecules.offsets[index : index + 2])
        assert np.array_equal(part.positions[slice(*part.offsets[place : place + 2])], molecules.positions[own])
    assert np.array_equal(part.energies, molecules.energies[chosen])


def test_real_data_has_the_published_size(shared: Path) -> None:
    units = load_units(shared / "data" / "units-so3lr.h5")
    held = held_out(units)
    assert len(units) == 107_480
    assert 0.15 <= held.mean() < 0.20
    assert not _shared_trajectories(units, held)


def test_labels_survive_concatenation(molecules: Molecules) -> None:
    both = concatenate([molecules, dataclasses.replace(molecules)])
    names = np.array(both.label_names)[both.label]
    assert np.array_equal(names[: len(molecules)], np.array(molecules.label_names)[molecules.label])
    assert np.array_equal(names[len(molecules) :], names[: len(molecules)])


def test_marks_of_the_file_count_instead_of_the_rule(molecules: Molecules) -> None:
    marked = dataclasses.replace(molecules, test=np.where(molecules.is_unit(), molecules.start % 5 == 4, -1))
    held = held_out(marked)
    unit = marked.is_unit()
    assert np.array_equal(held[unit], molecules.start[unit] % 5 == 4)
    assert np.array_equal(held[~unit], held_out(molecules)[~unit])
