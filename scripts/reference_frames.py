#!/usr/bin/env python
"""Frames that only test: helices in dynamics, and alanine and proline dipeptide with held backbone angles.

    python scripts/reference_frames.py -o data/reference-frames.h5 [--molecules ala5 ...]
    ai2bmd label data/reference-frames.h5 -o data/reference-r2scan-3c.h5

ACE-AAAAA-NME, ACE-AAAAK-NME with one charge and ACE-EAAAK-NME, which has a charge at either end, start as alpha helices
and are simulated by amber19 in GBn2 at 300 K; so is chignolin, a hairpin, with `--molecules chignolin`. The dipeptides
are minimised by amber19 in vacuum with phi and psi (proline: psi) held on a grid.
"""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
import argparse
from itertools import product
from pathlib import Path

import numpy as np
import openmm
from openmm import unit
from tqdm import tqdm

from ai2bmd.conformations.file import ConformationFile
from ai2bmd.conformations.gas_phase import GasPhase
from ai2bmd.conformations.molecules import CappedMolecule, capped_molecule
from ai2bmd.conformations.torsions import backbone_torsions, with_angle, with_backbone
from ai2bmd.conformations.units import build_unit
from ai2bmd.environment import build_environment
from ai2bmd.process import prepare_process
from ai2bmd.structure import prepare_structure
from potentials.label_store import Frame

HELICES = {"ala5": "AAAAA", "aaaak": "AAAAK", "eaaak": "EAAAK"}
HELIX_DEGREES = {"phi": -62.0, "psi": -43.0}
TEMPERATURE_K, FRAMES, APART_PS = 300.0, 4, 5.0
MAPS = {"mid-ALA": 45.0, "mid-PRO": 30.0}
HAIRPIN = Path(__file__).parents[1] / "examples" / "chignolin.pdb"


def helix(name: str, sequence: str) -> CappedMolecule:
    """A capped alpha helix, as built."""
    prepared = prepare_structure(sequence=sequence, caps="acetyl")
    molecule = capped_molecule(name, prepared.topology, prepared.positions_A)
    positions = molecule.positions_A
    for residue in backbone_torsions(molecule.protein):
        for angle, quadruple, turn in zip(residue.names, residue.quadruples, residue.turns, strict=True):
            positions = with_angle(positions, quadruple, turn, degrees=HELIX_DEGREES[angle])
    return CappedMolecule(name, molecule.topology, molecule.protein, positions, molecule.charges)


def dynamics(molecule: CappedMolecule, seed: int) -> list[Frame]:
    """Frames of a trajectory each `APART_PS`, after minimisation."""
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE_K, 1.0, 0.001)
    integrator.setRandomNumberSeed(seed)
    system = build_environment(molecule.topology, solvent="gbn2")
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"), {"Threads": "1"})
    context.setPositions(molecule.positions_A / 10.0)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(TEMPERATURE_K, seed)
    frames = []
    for number in range(FRAMES):
        integrator.step(round(APART_PS / 0.001))
        positions = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        origin = f"amber19 in GBn2, {(number + 1) * APART_PS:g} ps"
        frames.append(_frame(positions, number, TEMPERATURE_K, origin))
    return frames


def held(molecule: CappedMolecule, spacing_degrees: float) -> list[Frame]:
    """Minima with the backbone angles held on a grid."""
    gas, frames = GasPhase(molecule), []
    (backbone,) = gas.backbone
    grid = np.arange(-180.0, 180.0, spacing_degrees)
    for number, angles in enumerate(product(grid, repeat=len(backbone.names))):
        gas.hold(backbone, angles)
        positions = gas.minimised(with_backbone(molecule.positions_A, backbone, angles))
        words = ", ".join(f"{name} {angle:g}" for name, angle in zip(backbone.names, angles, strict=True))
        frames.append(_frame(positions, number, 0.0, f"amber19 minimum with {words} held"))
    return frames


def made(name: str, seed: int) -> tuple[CappedMolecule, list[Frame]]:
    """A molecule and its frames."""
    if name in MAPS:
        molecule = build_unit(name)
        return molecule, held(molecule, MAPS[name])
    if name in HELICES:
        molecule = helix(name, HELICES[name])
    else:
        prepared = prepare_structure(HAIRPIN)
        molecule = capped_molecule(name, prepared.topology, prepared.positions_A)
    return molecule, dynamics(molecule, seed)


def _frame(positions_A: np.ndarray, number: int, temperature_K: float, origin: str) -> Frame:
    # each a trajectory of its own, of those that are never trained on
    return Frame(positions_A.astype(np.float32), 5 * number + 4, temperature_K, origin)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--molecules", nargs="+", default=[*HELICES, *MAPS], choices=[*HELICES, *MAPS, "chignolin"])
    arguments = parser.parse_args()
    prepare_process()
    file = ConformationFile(arguments.output, {"seed": arguments.seed, "helices": HELICES, "maps": MAPS})
    finished = file.finished()
    for name in tqdm(arguments.molecules):
        if name not in finished:
            molecule, frames = made(name, arguments.seed)
            file.add(name, [(molecule.constants, frames)], {"frames": len(frames)})


if __name__ == "__main__":
    main()
