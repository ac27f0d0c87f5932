"""What a run will need: atoms, memory and speed, told before anything is built.

The size of the box follows from the protein's; the speed is measured on this machine, with a few evaluations of the
correction and a few steps of a small box of water, and scaled to the size.
"""

# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import openmm
import torch
from openmm import Vec3, app, unit

from ai2bmd.assembly import corrected_system, environment_system
from ai2bmd.box_contents import BYTES_PER_ENVIRONMENT_ATOM, solvent_molecules, system_atoms
from ai2bmd.device import openmm_platform, torch_device
from ai2bmd.environment import WaterModel
from ai2bmd.process import peak_memory_bytes
from ai2bmd.replicas.plan import Plan, plan_copies
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.solvation import TEMPLATE_BOX, placing_field
from ai2bmd.structure.files import PreparedStructure
from potentials.visnet.memory import Part

_SAMPLE_EDGE_NM = 2.5


@dataclass(frozen=True)
class Forecast:
    """Sizes, and what a step costs."""

    protein_atoms: int
    water_molecules: int
    ions: int
    atoms: int
    """Protein, water with its virtual sites, and ions."""
    memory_bytes: int
    """Of a process; of each, where there are several for several copies."""
    copies: Plan
    """How copies are spread."""
    correction_memory_bytes: int
    """What an evaluation of the model takes, on the GPU if there is one; on CPU part of `memory_bytes`."""
    correction_parts: int
    """In which it is done one after the other, to fit into memory."""
    correction_s: float
    environment_s: float
    timestep_fs: float
    substeps: int
    total_ps: float
    equilibration_s: float

    @property
    def step_s(self) -> float:
        """Seconds a step of production takes."""
        return self.correction_s + self.substeps * self.environment_s

    @property
    def ns_per_day(self) -> float:
        """Speed of production."""
        return self.timestep_fs * 1e-6 * 86_400.0 / self.step_s

    @property
    def production_s(self) -> float:
        """Seconds that production takes; copies evaluated together take less than one after the other, as is told."""
        return self.rounds * self.total_ps * 1000.0 / self.timestep_fs * self.step_s

    @property
    def rounds(self) -> int:
        """How many times a worker, with the others, has to go through the length of the run."""
        return math.ceil(len(self.copies.batches) / self.copies.workers) * len(self.copies.batches[0])


def forecast(prepared: PreparedStructure, settings: RunSettings) -> Forecast:
    """Forecast a run of a prepared structure.

    Raises:
        InputError: the structure, the model or a setting cannot be used.
    """
    torch.set_num_threads(settings.threads)
    waters, ions = solvent_molecules(prepared, settings)
    atoms = system_atoms(prepared, settings)
    copies = plan_copies([Path(str(number)) for number in range(settings.replicas)], settings)
    correction_s, parts = _correction_costs(prepared, settings)
    memory = peak_memory_bytes() + len(copies.batches[0]) * atoms * BYTES_PER_ENVIRONMENT_ATOM
    environment_s = _water_seconds(settings, atoms) if settings.explicit else _implicit_seconds(prepared, settings)
    return Forecast(
        protein_atoms=prepared.topology.getNumAtoms(),
        water_molecules=waters,
        ions=ions,
        atoms=atoms,
        memory_bytes=memory,
        copies=copies,
        correction_memory_bytes=max((part.memory_bytes for part in parts), default=0),
        correction_parts=sum(part.blocks if part.recompute else 1 for part in parts),
        correction_s=correction_s,
        environment_s=environment_s,
        timestep_fs=settings.timestep_fs,
        substeps=settings.substeps,
        total_ps=settings.time_ps,
        equilibration_s=_equilibration_seconds(settings, correction_s, environment_s),
    )


def _correction_costs(prepared: PreparedStructure, settings: RunSettings) -> tuple[float, list[Part]]:
    """Seconds of an evaluation, and its parts."""
    if settings.coupling == "off":
        return 0.0, []
    built = corrected_system(
        prepared.topology,
        solvent="gas",
        coupling=settings.coupling,
        model=settings.model,
        device=torch_device(settings.device),
        environment=settings.environment,
        memory_bytes=settings.memory_bytes,
    )
    assert built.correction is not None  # the coupling is not off
    times = []
    generator = np.random.default_rng(0)
    for _ in range(4):  # the first compiles
        start = time.perf_counter()
        built.correction.evaluate(prepared.positions_A + generator.normal(scale=0.01, size=prepared.positions_A.shape))
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:])), built.correction.parts(prepared.positions_A)


def _water_seconds(settings: RunSettings, atoms: int) -> float:
    """A step of this many atoms, from one of a small box of water."""
    water = cast(WaterModel, settings.solvent)
    modeller = app.Modeller(app.Topology(), [])
    modeller.addSolvent(
        placing_field(water),
        model=TEMPLATE_BOX[water],
        boxSize=Vec3(1, 1, 1) * _SAMPLE_EDGE_NM * unit.nanometer,
    )
    system = environment_system(modeller.topology, environment=settings.environment, solvent=water)
    steps = 2 if water == "amoeba" else 20
    return _step_seconds(system, modeller.positions, settings, steps=steps) * atoms / system.getNumParticles()


def _implicit_seconds(prepared: PreparedStructure, settings: RunSettings) -> float:
    system = environment_system(prepared.topology, environment=settings.environment, solvent=settings.solvent)
    return _step_seconds(system, prepared.positions_A / 10.0, settings)


def _step_seconds(system: openmm.System, positions: object, settings: RunSettings, *, steps: int = 20) -> float:
    platform = openmm_platform(torch_device(settings.device), threads=settings.threads)
    context = openmm.Context(system, openmm.VerletIntegrator(1e-5), *platform)
    context.setPositions(positions)
    context.computeVirtualSites()
    context.getIntegrator().step(2)
    context.getState(energy=True)
    start = time.perf_counter()
    context.getIntegrator().step(steps)
    context.getState(energy=True)
    return (time.perf_counter() - start) / steps


def _equilibration_seconds(settings: RunSettings, correction_s: float, environment_s: float) -> float:
    total = 0.0
    for stage in settings.equilibration:
        part = correction_s if max(stage.correction) > 0 else 0.0
        if stage.minimise:
            total += stage.minimise * environment_s * 2.0  # two evaluations a step, in the mean
        else:
            assert stage.time_ps is not None  # else it would be a minimisation
            total += 1000.0 * stage.time_ps / (settings.timestep_fs / settings.substeps) * (environment_s + part)
    return total
