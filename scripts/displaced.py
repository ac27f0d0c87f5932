#!/usr/bin/env python
"""Units far from equilibrium for the pretraining: frames of a file of units with every atom displaced.

    python scripts/displaced.py --data FOLDER_OF_THE_DATA -o FOLDER_OF_THE_DATA/displaced-so3lr.h5

Dynamics hardly ever stretches or squeezes several bonds at once, so that a model of its frames alone knows nothing of
such geometries. Labels of the level of the file are continued there by GFN2-xTB: its difference between the displaced
frame and the frame itself is added to the label of the frame, so that the label is exact at no displacement.
"""

import argparse
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.spatial.distance import pdist
from tqdm import tqdm

from ai2bmd.labelling.force_field import MoleculeForceField
from ai2bmd.process import prepare_process
from potentials.label_store import read_molecule
from potentials.quantum_chemistry.label import QuantumChemistryError, label_molecule

LARGEST_A, OF_ONE_ATOM_A = 0.15, 0.25
"""Standard deviations per coordinate: of all atoms at most, and of one atom more."""
CLOSEST_A = 0.6
METHOD = "gfn2-xtb"
KEPT = ("atomic_numbers", "atom_names", "residue_names", "residue_index", "bonds", "mm_charges")


def displaced(positions_A: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(atoms, 3) positions with noise of a random size on all atoms, and more on one of them."""
    while True:
        noise = generator.normal(size=positions_A.shape) * generator.uniform(0.0, LARGEST_A)
        noise[generator.integers(len(positions_A))] += generator.normal(size=3) * OF_ONE_ATOM_A
        moved = (positions_A + noise).astype(np.float32)
        if pdist(moved).min() > CLOSEST_A:
            return moved


def continued(group: Any, name: str, *, parents: int, copies: int, seed: int) -> dict[str, np.ndarray]:
    """Displaced copies of evenly spread frames of one unit, with their labels."""
    molecule, charge = read_molecule(name, group), int(group.attrs["total_charge"])
    force_field, generator = MoleculeForceField(molecule), np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {
        key: [] for key in ("positions", "energy", "forces", "mm_energy", "mm_forces", "start")
    }
    frames = len(group["energy"])
    for frame in np.unique(np.linspace(0, frames - 1, min(parents, frames)).round().astype(int)):
        at_rest = group["positions"][frame]
        before = label_molecule(molecule.atomic_numbers, at_rest, charge=charge, method=METHOD)
        for _ in range(copies):
            positions = displaced(at_rest, generator)
            try:
                after = label_molecule(molecule.atomic_numbers, positions, charge=charge, method=METHOD)
            except QuantumChemistryError:
                continue  # torn apart so far that its electrons find no ground state
            mm = force_field.evaluate(positions)
            rows["positions"].append(positions)
            rows["energy"].append(group["energy"][frame] + after.energy_eV - before.energy_eV)
            rows["forces"].append(group["forces"][frame] + after.forces_eV_A - before.forces_eV_A)
            rows["mm_energy"].append(mm.energy_eV)
            rows["mm_forces"].append(mm.forces_eV_A)
            rows["start"].append(group["start"][frame])
    return {key: np.array(values) for key, values in rows.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--units", default="units-so3lr.h5")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--parents", type=int, default=30, help="frames of each unit")
    parser.add_argument("--copies", type=int, default=3, help="of each frame")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    prepare_process()
    source: Any
    target: Any
    with h5py.File(arguments.data / arguments.units) as source, h5py.File(arguments.output, "a") as target:
        for number, name in enumerate(tqdm(list(source))):
            if name in target:
                continue
            rows = continued(
                source[name], name, parents=arguments.parents, copies=arguments.copies, seed=arguments.seed + number
            )
            group = target.create_group(f".{name}")
            group.attrs["total_charge"] = source[name].attrs["total_charge"]
            for key in KEPT:
                group[key] = source[name][key][()]
            for key, values in rows.items():
                group[key] = values.astype(source[name][key].dtype)
            target.move(f".{name}", name)  # whole from the first moment it has its name


if __name__ == "__main__":
    main()
