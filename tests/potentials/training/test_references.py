"""Element references and nuisance offsets take away what depends on composition alone."""

from pathlib import Path

import numpy as np

from potentials.training.dataset import concatenate, load_clusters, load_units
from potentials.training.references import element_counts, element_references, nuisance_features, nuisance_offsets


def test_element_energies_are_recovered(data_folder: Path) -> None:
    molecules = load_units(data_folder / "units.h5")
    truth = np.zeros(20)
    truth[[1, 6, 7, 8]] = -0.5, -38.0, -54.0, -75.0
    energies = element_counts(molecules, 20) @ truth
    fitted = element_references(molecules, energies, 20)
    assert np.allclose(element_counts(molecules, 20) @ fitted, energies)
    assert fitted[16] == 0


def test_offsets_of_units_and_residues_are_taken_away(data_folder: Path) -> None:
    molecules = concatenate([load_units(data_folder / "units.h5"), load_clusters(data_folder / "clusters.h5")])
    features = nuisance_features(molecules)
    energies = features @ np.random.default_rng(1).normal(size=features.shape[1])
    rest = energies - features @ nuisance_offsets(features, energies)
    assert np.std(rest) < 0.05 * np.std(energies)


def test_free_termini_are_counted(data_folder: Path) -> None:
    clusters = load_clusters(data_folder / "clusters.h5")
    features = nuisance_features(clusters)
    capped, free = features[0], features[10]
    assert clusters.label_names[clusters.label[10]] == "ACE-GLY"
    # columns: ACE ALA GLY NME, free N, free C, ...
    assert capped[:6].tolist() == [1, 1, 0, 1, 0, 0]
    assert free[:6].tolist() == [1, 0, 1, 0, 0, 1]
