#!/usr/bin/env python
"""Cost of the correction against the size of the protein: a table, a CSV file, a plot and the slope.

    python scripts/scaling.py FILE ... [--copies 2 4 8] [--memory 6GB] [-o docs/scaling]

Each FILE, raw or prepared, is a protein; of the last one also so many copies, side by side as chains, make larger ones.
Energy and forces in both couplings, one thread, in a process of its own each; the median of three evaluations after one
that compiles, in processor time (on an idle machine the time on the clock). Memory is the peak of the process.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from openmm import app, unit

from ai2bmd.correction import model_correction
from ai2bmd.environment import FORCE_FIELD, build_environment, partial_charges
from ai2bmd.process import prepare_process
from ai2bmd.protein import protein_topology
from ai2bmd.shipped import default_model_path
from ai2bmd.simulation.quantities import parse_quantity
from ai2bmd.structure import load_or_prepare
from potentials.model_file import load_model

GAP_A = 1.0
"""Between the boxes that hold two copies."""
COLUMNS = ("residues", "atoms", "coupling", "seconds", "plan_seconds", "peak_MB", "parts")


def side_by_side(path: Path, copies: int) -> tuple[app.Topology, np.ndarray]:
    """Topology and positions (A) of so many copies in a compact block."""
    prepared = load_or_prepare(path)
    size_A = prepared.positions_A.max(0) - prepared.positions_A.min(0) + GAP_A
    edge = int(np.ceil(copies ** (1 / 3)))
    modeller = None
    for copy in range(copies):
        place = np.array([copy % edge, copy // edge % edge, copy // edge**2])
        positions = (prepared.positions_A + place * size_A) * unit.angstrom
        if modeller is None:
            modeller = app.Modeller(prepared.topology, positions)
        else:
            modeller.add(prepared.topology, positions)
    assert modeller is not None  # there is one copy at least
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.angstrom))


def measure(path: Path, copies: int, coupling: str, memory_bytes: int | None) -> dict[str, float | str]:
    """One row of the table."""
    prepare_process()
    torch.set_num_threads(1)
    topology, positions = side_by_side(path, copies)
    start = time.process_time()
    protein, atoms = protein_topology(topology)
    correction = model_correction(
        protein,
        load_model(default_model_path(), force_field=FORCE_FIELD),
        charges=partial_charges(build_environment(topology, solvent="gas"))[atoms],
        coupling=coupling,  # type: ignore[arg-type]
        device=torch.device("cpu"),
        memory_bytes=memory_bytes,
    )
    plan_seconds = time.process_time() - start
    generator, times = np.random.default_rng(0), []
    for _ in range(4):
        moved = positions + generator.normal(scale=0.01, size=positions.shape)
        start = time.process_time()
        correction.evaluate(moved)
        times.append(time.process_time() - start)
    parts = sum(part.blocks if part.recompute else 1 for part in correction.parts(positions))
    size = topology.getNumResidues(), topology.getNumAtoms()
    values = (*size, coupling, float(np.median(times[1:])), plan_seconds, peak_MB(), parts)
    return dict(zip(COLUMNS, values, strict=True))


def peak_MB() -> float:
    """Largest resident memory of this process; getrusage would start from that of the process before it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6


def slope(rows: list[dict]) -> float:
    """Exponent p of seconds ~ atoms^p, least squares in logarithms."""
    atoms, seconds = (np.log([row[name] for row in rows]) for name in ("atoms", "seconds"))
    return float(np.polyfit(atoms, seconds, 1)[0])


def plot(rows: list[dict], path: Path) -> None:
    """Seconds against residues, logarithmic."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.0, 3.6), layout="constrained")
    for coupling, marker in (("units", "s"), ("whole", "o")):
        chosen = [row for row in rows if row["coupling"] == coupling]
        axes.loglog(
            [row["residues"] for row in chosen],
            [row["seconds"] for row in chosen],
            marker=marker,
            label=f"{coupling}, slope {slope(chosen):.2f}",
        )
    axes.set(xlabel="residues", ylabel="energy and forces, s (one core)")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure each in a process of its own, so that its peak of memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--copies", nargs="*", type=int, default=[2, 4, 8])
    parser.add_argument("--couplings", nargs="+", default=["units", "whole"], choices=["units", "whole"])
    parser.add_argument("--memory", help="limit of an evaluation, such as 6GB")
    parser.add_argument("-o", "--output", type=Path, help="write OUTPUT.csv and OUTPUT.png")
    parser.add_argument("--one", nargs=2, metavar=("COPIES", "COUPLING"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    limit = None if arguments.memory is None else int(parse_quantity(arguments.memory, "GB") * 1e9)
    if arguments.one:
        row = measure(arguments.files[0], int(arguments.one[0]), arguments.one[1], limit)
        sys.stdout.write("\n" + json.dumps(row) + "\n")
        return
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, one thread"
    )
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    rows = []
    jobs = [(file, 1) for file in arguments.files] + [(arguments.files[-1], copies) for copies in arguments.copies]
    with tempfile.TemporaryDirectory() as folder:
        for file, copies in jobs:
            for coupling in arguments.couplings:
                command = [
                    sys.executable,
                    str(Path(__file__).resolve()),
                    str(file.resolve()),
                    "--one",
                    str(copies),
                    coupling,
                ]
                command += ["--memory", arguments.memory] if arguments.memory else []
                done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
                rows.append(json.loads(done.stdout.splitlines()[-1]))
                print("| " + " | ".join(f"{x:.3g}" if isinstance(x, float) else str(x) for x in rows[-1].values()), "|")
                sys.stdout.flush()
    if len(jobs) > 1:
        for coupling in arguments.couplings:
            print(f"{coupling}: seconds ~ atoms^{slope([row for row in rows if row['coupling'] == coupling]):.2f}")
    if arguments.output:
        with arguments.output.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
        plot(rows, arguments.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
