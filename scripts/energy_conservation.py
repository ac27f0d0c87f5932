"""How well each way of integrating conserves energy: NVE in a box of water, drift per degree of freedom.

    python scripts/energy_conservation.py examples/chignolin.pdb --time 10 --output docs/energy_conservation

Writes OUTPUT.csv, a row for each way as it is done (those already there are kept), and draws OUTPUT.png.
"""

import argparse
import csv
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from openmm import OpenMMException

from ai2bmd.assembly import CorrectedSystem, corrected_system
from ai2bmd.engine import Engine, Snapshot, degrees_of_freedom
from ai2bmd.environment import WATER_MODELS, Constraints, WaterModel, build_environment
from ai2bmd.integrators import EngineSettings, Ensemble
from ai2bmd.minimisation import minimise
from ai2bmd.solvation import SolvatedStructure, Solvation, solvate, with_virtual_sites
from ai2bmd.structure import load_or_prepare

CPU = torch.device("cpu")
BOLTZMANN_EV_K = 8.617333262e-5


@dataclass(frozen=True, eq=False)
class Box:
    """A protein in water, and what corrects its force field."""

    water: WaterModel
    solvated: SolvatedStructure
    correction: CorrectedSystem


@dataclass(frozen=True)
class Way:
    """A way of integrating."""

    name: str
    timestep_fs: float
    constraints: Constraints = "h-bonds"
    hydrogen_mass_u: float | None = None
    substeps: int = 1
    corrected: bool = True


WAYS = (
    Way("amber19, constraints, 2 fs", 2.0, corrected=False),
    Way("corrected, constraints, 2 fs", 2.0),
    Way("corrected, constraints, 3 u, 3 fs", 3.0, hydrogen_mass_u=3.0),
    Way("corrected, constraints, 3 u, 4 fs", 4.0, hydrogen_mass_u=3.0),
    Way("amber19, constraints, 3 u, 4 fs", 4.0, hydrogen_mass_u=3.0, corrected=False),
    Way("corrected, flexible, 1 fs", 1.0, constraints="none"),
    Way("corrected, flexible, 2 fs outside, 1 fs inside", 2.0, constraints="none", substeps=2),
    Way("corrected, flexible, 2 fs outside, 0.5 fs inside", 2.0, constraints="none", substeps=4),
    Way("corrected, constraints, 4 fs outside, 2 fs inside", 4.0, substeps=2),
)


def main() -> None:
    """Measure every way that is not in the table yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--time", type=float, default=10.0, help="ps of each (default: 10)")
    parser.add_argument("--water", choices=WATER_MODELS, default="opc", help="multiple time steps need three sites")
    parser.add_argument("--output", type=Path, default=Path("energy_conservation"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    prepared = load_or_prepare(arguments.file)
    solvated = solvate(prepared.topology, prepared.positions_A, Solvation(arguments.water))
    correction = corrected_system(prepared.topology, solvent="gas", coupling="whole", model=None, device=CPU)
    table = arguments.output.with_suffix(".csv")
    done = list(csv.DictReader(table.open())) if table.exists() else []
    box = Box(arguments.water, solvated, correction)
    start = equilibrated(box)
    for way in WAYS:
        impossible = way.substeps > 1 and with_virtual_sites(arguments.water)
        if impossible or way.name in [row["name"] for row in done]:
            continue
        row = measure(way, box, start, length_ps=arguments.time)
        done.append({key: str(value) for key, value in row.items()})
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerows(done)
        print(f"{way.name}: {row['drift_kT_per_ns_dof']:+.4f} +- {row['error']:.4f} kT/ns/dof", flush=True)
    draw(done, arguments.output.with_suffix(".png"))


def make_engine(way: Way, box: Box, *, ensemble: Ensemble, friction_per_ps: float = 1.0) -> Engine:
    """An engine that integrates in this way."""
    system = build_environment(
        box.solvated.topology, solvent=box.water, constraints=way.constraints, hydrogen_mass_u=way.hydrogen_mass_u
    )
    return Engine(
        box.solvated.topology,
        box.solvated.positions_A,
        system,
        correction=box.correction.correction if way.corrected else None,
        protein=box.correction.protein,
        settings=EngineSettings(
            ensemble=ensemble, timestep_fs=way.timestep_fs, substeps=way.substeps, friction_per_ps=friction_per_ps
        ),
        device=CPU,
    )


def equilibrated(box: Box) -> Snapshot:
    """30 ps at constant pressure with amber19, then 1 ps with the correction coming on."""
    plain = Way("", 2.0, corrected=False)
    engine = make_engine(plain, box, ensemble="npt", friction_per_ps=5.0)
    minimise(engine, steps=500)
    engine.draw_velocities()
    engine.step(15_000)
    snapshot = engine.snapshot()
    engine = make_engine(Way("", 1.0, constraints="none"), box, ensemble="nvt", friction_per_ps=10.0)
    engine.restore(snapshot)
    for fraction in np.linspace(0.1, 1.0, 10):
        engine.set_correction(float(fraction))
        engine.step(100)
    return engine.snapshot()


def measure(way: Way, box: Box, start: Snapshot, *, length_ps: float) -> dict:
    """A picosecond of Langevin dynamics in this way, then constant energy; the drift is a fitted slope."""
    engine = make_engine(way, box, ensemble="nvt", friction_per_ps=10.0)
    engine.restore(start)
    engine.step(round(1000.0 / way.timestep_fs))
    snapshot = engine.snapshot()
    engine = make_engine(way, box, ensemble="nve")
    engine.restore(snapshot)
    steps = round(40.0 / way.timestep_fs)
    times, energies, temperatures = [], [], []
    clock = time.process_time()
    try:
        while (state := engine.state()).time_ps < length_ps:
            times.append(state.time_ps)
            energies.append(state.potential_energy + state.kinetic_energy)
            temperatures.append(state.temperature_K)
            engine.step(steps)
    except OpenMMException:  # particles flew apart: a result too, told by the length it held
        length_ps, energies = times[-1], [np.nan] * len(energies)
    seconds = (time.process_time() - clock) / (len(times) * steps)
    scale = 1000.0 / (degrees_of_freedom(engine.context.getSystem()) * BOLTZMANN_EV_K * 300.0)
    slope, error = slope_with_error(np.array(times), np.array(energies))
    fluctuation = np.sqrt(np.var(energies) - slope**2 * np.var(times))  # about the fitted line
    return asdict(way) | {
        "length_ps": length_ps,
        "drift_kT_per_ns_dof": slope * scale,
        "error": error * scale,
        "fluctuation_eV": float(fluctuation),
        "temperature_K": float(np.mean(temperatures)),
        "ms_per_step": 1000.0 * seconds,
        "ns_per_day": way.timestep_fs * 1e-6 * 86_400.0 / seconds,
    }


def slope_with_error(times: np.ndarray, values: np.ndarray, *, blocks: int = 5) -> tuple[float, float]:
    """Slope of a straight line, and its standard error from the slopes with one block left out (jackknife)."""
    if np.isnan(values).any():
        return np.nan, np.nan
    slope = float(np.polyfit(times, values, 1)[0])
    parts = np.array_split(np.arange(len(times)), blocks)
    left_out = [np.polyfit(np.delete(times, part), np.delete(values, part), 1)[0] for part in parts]
    return slope, float(np.sqrt((blocks - 1) / blocks * np.sum((np.array(left_out) - np.mean(left_out)) ** 2)))


def draw(rows: list[dict], path: Path) -> None:
    """Bars of the absolute drift with errors; those of the force field alone in grey."""
    figure = Figure(figsize=(8.0, 0.42 * len(rows) + 1.0), layout="constrained")
    axes = figure.subplots()
    names = [row["name"] for row in rows][::-1]
    drifts = [abs(float(row["drift_kT_per_ns_dof"])) for row in rows][::-1]
    errors = [float(row["error"]) for row in rows][::-1]
    lengths, whiskers = np.nan_to_num(drifts), np.nan_to_num(errors)
    axes.barh(names, lengths, xerr=whiskers, color=["#8c98a4" if "amber19" in name else "#2f6fb5" for name in names])
    for place in np.flatnonzero(np.isnan(drifts)).tolist():
        axes.text(0.0, place, f" fell apart after {float(rows[::-1][place]['length_ps']):.1f} ps", va="center")
    reference = next(float(row["drift_kT_per_ns_dof"]) for row in rows if row["name"] == WAYS[0].name)
    axes.axvline(abs(reference), color="#d9772b", linestyle="--", label="amber19, 2 fs")
    axes.set_xlabel("drift of the total energy, kT per ns and degree of freedom (absolute value)")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
