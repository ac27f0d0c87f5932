#!/usr/bin/env python
"""Speed as a markdown table, with hardware and versions.

    python scripts/benchmark.py [visnet] [training] [dynamics] [water] [prepare] [--threads 1] [--model MODEL]
        [--file FILE]

visnet: energies and forces of chignolin's fragments, against torch_geometric's ViSNet with the same weights.
training: a step with force loss on the same molecules, against the same. dynamics: a step of MD of both examples in
both couplings and without. water: what a step in explicit water takes beyond environment and correction. prepare:
time and peak memory from FILE to a plan of fragments. Contenders take turns, for other work on the machine then slows
all; the numbers are medians, the ratio is the median of the ratios of each turn. On a busy machine `--clock cpu` counts
processor time, with one thread the time that an idle one would take.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from contenders import EXAMPLES, chignolin_fragments, contenders, example, our_forces, their_forces
from torch import Tensor

from ai2bmd.assembly import corrected_system
from ai2bmd.correction import Coupling
from ai2bmd.device import torch_device
from ai2bmd.engine import Engine, EngineSettings
from ai2bmd.minimisation import minimise
from ai2bmd.process import prepare_process
from ai2bmd.solvation import Solvation, solvate

Row = tuple[str, str]


def visnet_rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Energies and forces."""
    molecules = chignolin_fragments(arguments.torch_device)
    size = f"{molecules.n_fragments} fragments of chignolin, {len(molecules.positions)} atoms"
    for lmax in (1, 2):
        ours, reference = contenders(molecules, lmax=lmax, device=arguments.torch_device)
        for model in (ours, reference):
            model.eval().requires_grad_(False)
        (_, a), (_, b) = our_forces(ours, molecules, differentiable=False), their_forces(reference, molecules)
        times = alternate(
            lambda ours=ours: our_forces(ours, molecules, differentiable=False),
            lambda reference=reference: their_forces(reference, molecules),
            turns=arguments.turns,
            clock=arguments.clock,
        )
        yield f"energies and forces, {size}, l = {lmax}", compared(times)
        yield "largest relative difference of the forces", f"{((a - b).abs().max() / b.abs().max()).item():.1e}"


def training_rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """A training step: energy and force loss, gradients, update."""
    molecules = chignolin_fragments(arguments.torch_device)
    atoms = len(molecules.positions)
    ours, reference = contenders(molecules, lmax=2, device=arguments.torch_device)
    times = alternate(
        training_step(ours, lambda: our_forces(ours, molecules, differentiable=True)),
        training_step(reference, lambda: their_forces(reference, molecules)),
        turns=max(5, arguments.turns // 2),
        clock=arguments.clock,
    )
    yield f"training step with force loss, the same {atoms} atoms, l = 2", compared(times)
    speeds = " against ".join(f"{atoms / statistics.median(each):.0f}" for each in times)
    yield "atoms per second of training", speeds


def training_step(model: torch.nn.Module, forces: Callable[[], tuple[Tensor, Tensor]]) -> Callable[[], object]:
    """Loss, its gradients through the forces, and an update too small to change the speed."""
    optimiser = torch.optim.AdamW(model.train().parameters(), lr=1e-6)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        energies, gradients = forces()
        (energies.square().mean() + gradients.square().mean()).backward()
        optimiser.step()

    return step


def dynamics_rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """A step of MD; both proteins and all couplings take turns."""
    engines = {
        (name, coupling): engine_of(name, coupling, arguments)
        for name in ("chignolin", "trpcage")
        for coupling in ("units", "whole", "off")
    }
    works = [lambda engine=engine: engine.step(5) for engine in engines.values()]
    times = alternate(*works, turns=arguments.turns, clock=arguments.clock)
    per_step = {key: [seconds / 5 for seconds in each] for key, each in zip(engines, times, strict=True)}
    for (name, coupling), each in per_step.items():
        seconds = statistics.median(each)
        per_day = EngineSettings().timestep_fs * 1e-6 * 86400 / seconds
        ratio = statistics.median(a / b for a, b in zip(each, per_step[name, "off"], strict=True))
        label = f"step of MD, {name}, {engines[name, coupling].topology.getNumAtoms()} atoms, GBn2, {coupling}"
        yield label, f"{1000 * seconds:.1f} ms, {per_day:.2f} ns/day; {ratio:.1f} times the force field alone"


def engine_of(name: str, coupling: Coupling | Literal["off"], arguments: argparse.Namespace) -> Engine:
    """Engine of an example, at rest."""
    topology, positions_A = example(name)
    built = corrected_system(
        topology, solvent="gbn2", coupling=coupling, model=arguments.model, device=arguments.torch_device
    )
    engine = Engine(
        topology,
        positions_A,
        built.system,
        correction=built.correction,
        protein=built.protein,
        settings=EngineSettings(),
        device=arguments.torch_device,
    )
    engine.set_velocities(np.zeros_like(positions_A))
    return engine


def water_rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """A step of chignolin in OPC water, 2 fs with constraints, against its two parts on their own."""
    protein, protein_A = example("chignolin")
    solvated = solvate(protein, protein_A, Solvation("opc"))
    engines, correction = [], None
    for coupling in ("whole", "off"):
        built = corrected_system(
            solvated.topology,
            solvent="opc",
            coupling=coupling,
            model=arguments.model,
            device=arguments.torch_device,
            constraints="h-bonds",
        )
        correction = correction or built.correction
        engine = Engine(
            solvated.topology,
            solvated.positions_A,
            built.system,
            correction=built.correction,
            protein=built.protein,
            settings=EngineSettings(timestep_fs=2.0),
            device=arguments.torch_device,
        )
        minimise(engine, steps=100)
        engine.draw_velocities()
        engine.step(100)
        engines.append(engine)
    assert correction is not None  # the first coupling has one
    (corrected, plain), evaluate, steps = engines, correction.evaluate, 5
    generator = np.random.default_rng(1)
    frames = protein_A + generator.normal(scale=0.02, size=(steps, *protein_A.shape))
    times = alternate(
        lambda: corrected.step(steps),
        lambda: plain.step(steps),
        lambda: [evaluate(frame) for frame in frames],
        turns=arguments.turns,
        clock=arguments.clock,
    )
    names = ("a step", "environment alone", "correction alone")
    milliseconds = [1000 * statistics.median(each) / steps for each in times]
    over = statistics.median(step / (one + other) for step, one, other in zip(*times, strict=True))
    label = f"chignolin in OPC water, {solvated.topology.getNumAtoms()} atoms, `whole`"
    yield label, ", ".join(f"{name} {each:.1f} ms" for name, each in zip(names, milliseconds, strict=True))
    yield "the step beyond its two parts", f"{100 * (over - 1):+.1f} %"


PREPARE = """
import sys, time
from pathlib import Path
from ai2bmd.structure import prepare_structure
from ai2bmd.protein import protein_topology
from fragmentation.plan import plan_fragments
began = time.perf_counter()
prepared = prepare_structure(sys.argv[1])
middle = time.perf_counter()
plan = plan_fragments(protein_topology(prepared.topology)[0])
end = time.perf_counter()
# not getrusage, whose peak counts the parent's memory too
peak = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
memory = int(peak[0].split()[1]) / 2**20
print(f"{prepared.topology.getNumResidues()} residues: prepare {middle - began:.1f} s, plan {end - middle:.2f} s, "
      f"{plan.n_fragments} fragments; at most {memory:.2f} GiB")
"""


def prepare_rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Preparation and plan, in a process of its own so that the memory is theirs."""
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, str(arguments.file)], capture_output=True, text=True, check=False
    )
    answer = (done.stdout or done.stderr).strip().splitlines()
    yield f"from {arguments.file.name} to a plan of fragments", answer[-1]


def alternate(*works: Callable[[], object], turns: int, clock: str) -> list[list[float]]:
    """Seconds of each repeat of works that take turns, after two to warm up."""
    now = time.process_time if clock == "cpu" else time.perf_counter
    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else (lambda: None)
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(-2, turns):
        for work, record in zip(works, seconds, strict=True):
            synchronise()
            began = now()
            work()
            synchronise()
            if turn >= 0:
                record.append(now() - began)
    return seconds


def compared(times: list[list[float]]) -> str:
    """Medians of both, and how many times faster the first is."""
    ours, theirs = (1000 * statistics.median(each) for each in times)
    ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
    return f"{ours:.1f} ms against {theirs:.1f} ms of torch_geometric: {ratio:.1f} times faster"


def hardware(threads: int) -> str:
    """Processor, GPU, threads, versions."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    gpu = f" and {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("ai2bmd", "torch", "openmm", "numba", "numpy"))
    used = f"{threads} of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} from other work"
    return f"{processor}{gpu}; {used}; Python {platform.python_version()}, {packages}"


PARTS = {
    "visnet": visnet_rows,
    "training": training_rows,
    "dynamics": dynamics_rows,
    "water": water_rows,
    "prepare": prepare_rows,
}


def main() -> None:
    """Print the table, each row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=PARTS, metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--threads", type=int, default=1, help="of torch and OpenMM (default: 1)")
    parser.add_argument("--turns", type=int, default=20, help="repeats of each measurement (default: 20)")
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"))
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--model", type=Path, help="model file of the dynamics (default: the shipped one)")
    parser.add_argument("--file", type=Path, default=EXAMPLES / "trpcage.pdb", help="structure to prepare")
    arguments = parser.parse_args()
    arguments.torch_device = torch_device(arguments.device)
    torch.set_num_threads(arguments.threads)
    prepare_process()
    print(hardware(arguments.threads), "\n\n| what | measured |\n|---|---|", flush=True)
    for part in arguments.parts or PARTS:
        for what, measured in PARTS[part](arguments):
            print(f"| {what} | {measured} |", flush=True)


if __name__ == "__main__":
    main()
