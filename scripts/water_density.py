#!/usr/bin/env python
"""Density of the water around a protein in a run, far from it and from ions, against that of the pure water model.

    python scripts/water_density.py RUN [--time 60ps]

RUN needs frames of the solvent (`save_solvent_every`). Its water is counted where every atom of the protein is 6 A and
every ion 5 A away, in the volume that random points find there. The pure water, a box of 34 A of the same model, is run
at the temperature and the pressure of RUN with the force field alone.
"""

# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
import argparse
from pathlib import Path
from typing import cast

import h5py
import numpy as np
import torch
from MDAnalysis.lib.distances import capped_distance
from MDAnalysis.lib.mdamath import triclinic_box
from openmm import Vec3, app, unit

from ai2bmd.engine import G_CM3_PER_U_A3, Engine
from ai2bmd.environment import WaterModel, build_environment, force_field
from ai2bmd.integrators import EngineSettings
from ai2bmd.minimisation import minimise
from ai2bmd.simulation.quantities import parse_quantity
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings
from ai2bmd.solvation import TEMPLATE_BOX
from ai2bmd.trajectory.layout import PROTEIN, SOLVENT, dataset

EDGE_NM = 3.4
SAMPLE_STEPS = 50
BLOCKS = 10
FROM_PROTEIN_A, FROM_IONS_A = 6.0, 5.0
POINTS = 20_000
WATER_U = 18.0153


def main() -> None:
    """Print both densities."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--time", default="60ps", help="of pure water, of which the first third is left out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = make_settings(read_settings(arguments.run / "settings.yaml"), where=str(arguments.run))
    densities = around_protein(arguments.run / "trajectory.h5")
    around, error = mean_with_error(densities)
    print(
        f"{settings.solvent} around the protein: {around:.4f} +- {error:.4f} g/cm3, {len(densities)} frames", flush=True
    )
    pure, error = mean_with_error(pure_water(settings, length_ps=parse_quantity(arguments.time, "ps")))
    print(f"pure {settings.solvent}: {pure:.4f} +- {error:.4f} g/cm3; difference {100 * (around / pure - 1):+.2f} %")


def around_protein(path: Path) -> np.ndarray:
    """Density (g/cm3) of the water away from protein and ions in each frame of the solvent."""
    generator = np.random.default_rng(0)
    densities = []
    with h5py.File(path, "r") as hdf5:
        steps, solvent_steps = dataset(hdf5, PROTEIN.step)[:], dataset(hdf5, SOLVENT.step)[:]
        species = dataset(hdf5, SOLVENT.species)[:]
        ions = (species != 1) & (species != 8)
        for frame, place in enumerate(np.searchsorted(steps, solvent_steps)):
            edges = dataset(hdf5, SOLVENT.edges.value)[frame]
            solvent = dataset(hdf5, SOLVENT.position.value)[frame]
            obstacles = (dataset(hdf5, PROTEIN.position.value)[place], FROM_PROTEIN_A), (solvent[ions], FROM_IONS_A)
            points = (generator.random((POINTS, 3)) @ edges).astype(np.float32)
            share = away(points, obstacles, edges).mean()
            molecules = away(solvent[species == 8], obstacles, edges).sum()
            densities.append(molecules * WATER_U / (share * np.linalg.det(edges)) * G_CM3_PER_U_A3)
    return np.array(densities)


def away(points: np.ndarray, obstacles: tuple[tuple[np.ndarray, float], ...], edges: np.ndarray) -> np.ndarray:
    """Which points are farther from the atoms of every obstacle than its distance, over all periodic images."""
    free = np.ones(len(points), dtype=bool)
    for atoms, distance in obstacles:
        if len(atoms):
            near = capped_distance(points, atoms, distance, box=triclinic_box(*edges), return_distances=False)
            free[near[:, 0]] = False
    return free


def pure_water(settings: RunSettings, *, length_ps: float) -> np.ndarray:
    """Density (g/cm3) of the water model every 0.1 ps, after equilibration."""
    water = cast(WaterModel, settings.solvent)
    modeller = app.Modeller(app.Topology(), [])
    modeller.addSolvent(force_field(water), model=TEMPLATE_BOX[water], boxSize=Vec3(1, 1, 1) * EDGE_NM * unit.nanometer)
    engine = Engine(
        modeller.topology,
        np.array(modeller.positions.value_in_unit(unit.angstrom)),
        build_environment(modeller.topology, solvent=water),
        correction=None,
        protein=np.zeros(0, dtype=np.int64),
        settings=EngineSettings(
            "npt", 2.0, temperature_K=settings.temperature_K, pressure_bar=settings.pressure_bar, friction_per_ps=5.0
        ),
        device=torch.device("cpu"),
    )
    minimise(engine, steps=200)
    engine.draw_velocities()
    densities = []
    for _ in range(round(length_ps * 1000.0 / 2.0 / SAMPLE_STEPS)):
        engine.step(SAMPLE_STEPS)
        densities.append(engine.state().density_g_cm3)
    return np.array(densities[len(densities) // 3 :])


def mean_with_error(values: np.ndarray) -> tuple[float, float]:
    """Mean, and its standard error from blocks."""
    blocks = [block.mean() for block in np.array_split(values, BLOCKS)]
    return float(values.mean()), float(np.std(blocks, ddof=1) / np.sqrt(BLOCKS))


if __name__ == "__main__":
    main()
