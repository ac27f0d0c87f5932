#!/usr/bin/env python
"""Errors of the force field and of both couplings on whole proteins with reference energies and forces.

    python scripts/compare_couplings.py [MODEL] --data FOLDER [--card]

FOLDER holds proteins-so3lr.h5. Force error: mean absolute error of the components, kcal/mol/A. Energy error: mean
absolute error of the energies less their mean over the frames, kcal/mol. --card writes them into the model's card.
"""

import argparse
import json
from pathlib import Path

import ase.units
import h5py
import numpy as np
import torch
from openmm import app

from ai2bmd.assembly import corrected_system
from ai2bmd.shipped import default_model_path
from potentials.model_file import card_path

KCAL_MOL = ase.units.kcal / ase.units.mol
EXAMPLES = Path(__file__).parents[1] / "examples"


def errors(energies: np.ndarray, forces: np.ndarray, reference: dict[str, np.ndarray]) -> dict[str, float]:
    """Force MAE (kcal/mol/A) and relative energy MAE (kcal/mol)."""
    difference = energies - reference["energy"]
    return {
        "force_mae_kcal_mol_A": float(np.abs(forces - reference["forces"]).mean() / KCAL_MOL),
        "relative_energy_mae_kcal_mol": float(np.abs(difference - difference.mean()).mean() / KCAL_MOL),
    }


def read_frames(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Frames of both proteins, with energies and forces of the reference and of the force field."""
    with h5py.File(folder / "proteins-so3lr.h5") as data:
        keys = ("positions", "energy", "forces", "mm_energy", "mm_forces")
        return {name: {key: np.array(data[f"{name}/{key}"]) for key in keys} for name in ("chignolin", "trpcage")}


def compare(name: str, frames: dict[str, np.ndarray], model: Path) -> dict[str, dict[str, float]]:
    """Errors of amber19, units and whole on the frames of one protein."""
    topology = app.PDBFile(str(EXAMPLES / f"{name}.pdb")).topology
    classical, classical_forces = frames["mm_energy"], frames["mm_forces"]
    table = {"amber19": errors(classical, classical_forces, frames)}
    for coupling in ("units", "whole"):
        built = corrected_system(
            topology, solvent="gas", coupling=coupling, model=model, device=torch.device("cpu"), dtype=torch.float32
        )
        assert built.correction is not None  # the coupling is not off
        results = [built.correction.evaluate(positions) for positions in frames["positions"]]
        table[coupling] = errors(
            classical + [result.energy for result in results],
            classical_forces + np.array([result.forces for result in results]),
            frames,
        )
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="model file (default: the shipped one)")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--card", action="store_true", help="write the errors into the model's card")
    arguments = parser.parse_args()
    model = arguments.model or default_model_path()
    tables = {name: compare(name, arrays, model) for name, arrays in read_frames(arguments.data).items()}
    print("| force MAE, kcal/mol/A (relative energy MAE, kcal/mol) | " + " | ".join(tables) + " |")
    print("|---|" + "---|" * len(tables))
    for row in ("amber19", "units", "whole"):
        cells = (tuple(table[row].values()) for table in tables.values())
        print(f"| {row} | " + " | ".join(f"{force:.2f} ({energy:.1f})" for force, energy in cells) + " |")
    if arguments.card:
        path = card_path(model)
        card = json.loads(path.read_text())
        rounded = {
            name: {row: {key: round(value, 3) for key, value in cell.items()} for row, cell in table.items()}
            for name, table in tables.items()
        }
        card["errors"]["whole_proteins"] = rounded
        path.write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
