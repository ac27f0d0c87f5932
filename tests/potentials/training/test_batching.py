"""Batches: every molecule once a pass, the number of atoms asked for, and a sampler that continues exactly."""

from pathlib import Path

import numpy as np
import torch

from potentials.training.batching import Sampler, plain_set
from potentials.training.dataset import Molecules, concatenate, load_clusters, load_units


def _molecules(folder: Path) -> Molecules:
    return concatenate([load_units(folder / "units.h5"), load_clusters(folder / "clusters.h5")])


def test_a_pass_shows_every_unit_once(data_folder: Path) -> None:
    units = load_units(data_folder / "units.h5")
    sampler = Sampler(units, atoms_per_step=28, cluster_share=0.5, seed=1)
    seen = np.concatenate([sampler.draw() for _ in range(10)])
    assert sorted(seen) == list(range(80))


def test_steps_have_the_atoms_and_the_share_asked_for(data_folder: Path) -> None:
    molecules = _molecules(data_folder)
    sampler = Sampler(molecules, atoms_per_step=50, cluster_share=0.4, seed=1)
    drawn = [sampler.draw() for _ in range(40)]
    atoms = np.array([molecules.sizes[step].sum() for step in drawn])
    clusters = np.array([molecules.sizes[step][~molecules.is_unit()[step]].sum() for step in drawn])
    assert abs(atoms.mean() - 50) < 1
    assert np.abs(atoms - 50).max() <= 8
    assert abs(clusters.sum() / atoms.sum() - 0.4) < 0.01


def test_a_restored_sampler_continues(data_folder: Path) -> None:
    def fresh() -> Sampler:
        return Sampler(_molecules(data_folder), atoms_per_step=50, cluster_share=0.4, seed=1)

    first, second = fresh(), fresh()
    for _ in range(17):
        first.draw()
    second.restore(first.state())
    assert all(np.array_equal(first.draw(), second.draw()) for _ in range(20))


def test_molecules_of_a_batch_do_not_see_each_other(data_folder: Path) -> None:
    batch = plain_set(_molecules(data_folder), "correction").batch(
        np.array([90, 2, 50]), 4.5, device=torch.device("cpu")
    )
    index = batch.fragment_index
    assert torch.equal(index[batch.edges.source], index[batch.edges.target])
    assert batch.sizes.tolist() == [3, 3, 4]
