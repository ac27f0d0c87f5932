#!/usr/bin/env python
"""The closest contacts of hydrogens in the training data, by kinds of atoms: prints the tables of `ai2bmd/wall.py`.

scripts/closest_contacts.py --data FOLDER

An entry is the fifth closest contact of two kinds, so that no odd conformation sets it alone. Kinds that came within
reach less often, as two thiols, take the smallest entry of their elements.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.spatial import KDTree
from tqdm import tqdm

from ai2bmd.wall import KINDS, bonds_between, contact_kinds
from potentials.training.dataset import load_clusters

REACH_A, RANK = 3.0, 5
COVALENT_RADIUS_A = {1: 0.31, 6: 0.76, 7: 0.71, 8: 0.66, 16: 1.05}
"""Cordero et al., Dalton Trans. 2832 (2008)."""


def labelled_molecules(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Atomic numbers, bonds and (frames, atoms, 3) positions of each unit and each cluster."""
    with h5py.File(folder / "units-so3lr.h5") as units:
        for name in tqdm(units, desc="units"):
            unit: Any = units[name]
            yield unit["atomic_numbers"][:].astype(int), unit["bonds"][:].astype(int), unit["positions"][:]
    clusters = load_clusters(folder / "clusters-so3lr.h5")
    for first, last in tqdm(list(zip(clusters.offsets, clusters.offsets[1:], strict=False)), desc="clusters"):
        numbers, positions = clusters.atomic_numbers[first:last], clusters.positions[first:last]
        yield numbers, bonds_from_geometry(numbers, positions), positions[None]


def bonds_from_geometry(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(bonds, 2): atoms closer than 1.25 times the sum of their covalent radii, two hydrogens never."""
    radii = np.array([COVALENT_RADIUS_A[number] for number in numbers.tolist()])
    pairs = KDTree(positions).query_pairs(2.7, output_type="ndarray").astype(int)
    distances = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    hydrogens = (numbers[pairs] == 1).all(axis=1)
    return pairs[(distances < 1.25 * radii[pairs].sum(axis=1)) & ~hydrogens]


def contacts(folder: Path) -> dict[bool, dict[tuple[int, int], np.ndarray]]:
    """Distances below the reach, by kinds (hydrogen first), of pairs three bonds apart (True) and of those beyond."""
    found: dict[bool, dict[tuple[int, int], list[np.ndarray]]] = {True: defaultdict(list), False: defaultdict(list)}
    for numbers, bonds, positions in labelled_molecules(folder):
        kinds, count = contact_kinds(numbers, bonds), len(numbers)
        apart = np.full((count, count), 4)
        near = bonds_between(count, bonds)
        apart[near.coords] = near.data
        first, second = np.triu_indices(count, 1)
        hydrogen = (numbers[first] == 1) | (numbers[second] == 1)
        wanted = hydrogen & (apart[first, second] >= 3)
        first, second = first[wanted], second[wanted]
        distances = np.linalg.norm(positions[:, first] - positions[:, second], axis=2)
        for pair in np.flatnonzero((distances < REACH_A).any(axis=0)):
            one, other = sorted((int(kinds[first[pair]]), int(kinds[second[pair]])))
            close = distances[:, pair]
            found[bool(apart[first[pair], second[pair]] == 3)][one, other].append(close[close < REACH_A])
    return {three: {key: np.sort(np.concatenate(parts)) for key, parts in by.items()} for three, by in found.items()}


def table(found: dict[tuple[int, int], np.ndarray], *, fill: bool) -> dict[str, list[float]]:
    """Rows of the table; `fill` where there are too few contacts, else 0."""
    hydrogens = [index for index, kind in enumerate(KINDS) if kind.startswith("H")]
    entries = {key: float(close[RANK - 1]) for key, close in found.items() if len(close) >= RANK}

    def entry(first: int, second: int) -> float:
        key = (min(first, second), max(first, second))
        if key in entries or not fill:
            return entries.get(key, 0.0)
        element = KINDS[second][0]
        return min(
            distance for (one, other), distance in entries.items() if {KINDS[one][0], KINDS[other][0]} == {"H", element}
        )

    return {KINDS[first]: [entry(first, second) for second in range(len(KINDS))] for first in hydrogens}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled molecules")
    found = contacts(parser.parse_args().data)
    for title, three in (("four bonds or more apart", False), ("three bonds apart", True)):
        print(f"{title}\n           " + "  ".join(f"{kind:4}" for kind in KINDS))
        for kind, row in table(found[three], fill=not three).items():
            print(f'    "{kind}": (' + ", ".join(f"{distance:.2f}" for distance in row) + "),")


if __name__ == "__main__":
    main()
