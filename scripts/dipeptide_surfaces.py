"""Free energy of alanine dipeptide along phi and psi: metadynamics against plain runs of the same force field.

    python scripts/dipeptide_surfaces.py OUT [--time 1ns] [--plain 2] [--temperature 600K]

Both with the force field alone (coupling off) in implicit water. At 600 K a plain run crosses all barriers often enough
to know the surface; at 300 K it would take microseconds. Runs that are in OUT already are used as they are, those that
were broken off are continued. Prints by how much the surfaces differ, in kcal/mol and in errors, and writes pictures.
"""

import argparse
from pathlib import Path

import MDAnalysis
import numpy as np
from MDAnalysis.analysis.dihedrals import Dihedral

from ai2bmd.analysis.thermodynamics.comparison import Comparison, compare_free_energies, compare_with_bias
from ai2bmd.analysis.thermodynamics.free_energy import FreeEnergy, free_energy
from ai2bmd.analysis.thermodynamics.metadynamics import read_metadynamics, reweight_metadynamics
from ai2bmd.report.free_energies import draw_profile, draw_surface
from ai2bmd.simulation.launch import resume_run, start_run
from ai2bmd.simulation.quantities import parse_quantity
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure.files import read_prepared

STRUCTURE = Path(__file__).parents[1] / "examples" / "alanine_dipeptide.pdb"
SETTINGS = {
    "coupling": "off",
    "solvent": "gbn2",
    "device": "cpu",
    "constraints": "h-bonds",
    "timestep": "2 fs",
    "friction": "5/ps",
    "save_every": 50,
    "checkpoint_every": 10_000,
    "guard_every": 100,
}
METADYNAMICS = {
    "method": "metadynamics",
    "variables": [{"phi": "A 1"}, {"psi": "A 1"}],
    "height": "0.2 kcal/mol",
    "bias_factor": 5,
    "every": 200,
}
BINS = 12
AXES = {"names": ("phi_deg", "psi_deg"), "periods": (360.0, 360.0)}


def run(path: Path, *, time: str, temperature: str, seed: int, sampling: dict | None) -> Path:
    """Make a run, or continue it."""
    if path.is_dir():
        resume_run(path, time=time, say=print)
        return path
    values = SETTINGS | {"time": time, "temperature": temperature, "seed": seed}
    settings = make_settings(values | ({"sampling": sampling} if sampling else {}), where="dipeptide_surfaces.py")
    start_run(read_prepared(STRUCTURE), settings, output=path, name="dipeptide", say=print)
    return path


def dihedrals(path: Path) -> np.ndarray:
    """phi and psi (degrees) of the frames of a run."""
    universe = MDAnalysis.Universe(str(path / "prepared.pdb"), str(path / "trajectory.h5md"))
    residue = universe.select_atoms("resname ALA").residues[0]
    return Dihedral([residue.phi_selection(), residue.psi_selection()]).run().results.angles


def tell(name: str, found: Comparison) -> None:
    """A line of the table."""
    print(
        f"{name:44s} {found.bins:4d} bins   rms {found.rms_kcal_mol:.3f}   largest {found.largest_kcal_mol:.3f} "
        f"kcal/mol   rms error {error_of(found):.3f}   within two errors {100 * found.within_two_errors:.0f} %"
    )


def error_of(found: Comparison) -> float:
    """Root mean square of the errors of the differences, kcal/mol."""
    return float(np.sqrt(np.nanmean(found.error_kcal_mol**2)))


def main() -> None:
    """Run, compare, draw."""
    parser = argparse.ArgumentParser(description="Surfaces of alanine dipeptide from metadynamics and plain runs.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--time", default="1 ns", help="of each run")
    parser.add_argument("--plain", type=int, default=2, help="number of plain runs")
    parser.add_argument("--temperature", default="600 K")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    shared = {"time": options.time, "temperature": options.temperature}
    biased = run(options.output / "metadynamics", **shared, seed=1, sampling=METADYNAMICS)
    plain = [
        run(options.output / f"plain-{number}", **shared, seed=number + 1, sampling=None)
        for number in range(1, options.plain + 1)
    ]
    compare(options.output, biased, plain, temperature_K=parse_quantity(options.temperature, "K"))


def compare(output: Path, biased: Path, plain: list[Path], *, temperature_K: float) -> None:
    """Print by how much surfaces and profiles differ, and draw them."""
    angles = [dihedrals(path) for path in plain]
    metadynamics = read_metadynamics(biased)
    weighted = reweight_metadynamics(metadynamics)
    surfaces: list[FreeEnergy] = []
    for columns, name in ((slice(None), "surface"), (slice(0, 1), "phi"), (slice(1, 2), "psi")):
        axes = {key: value[columns] for key, value in AXES.items()}
        bins = BINS if name == "surface" else 2 * BINS
        known = free_energy([own[:, columns] for own in angles], temperature_K, bins=bins, **axes)
        values = [metadynamics.values[weighted.frames][:, columns]]
        found = free_energy(values, temperature_K, bins=bins, weights=weighted.weights.runs, **axes)
        tell(f"{name}: reweighted metadynamics, plain runs", compare_free_energies(known, found))
        if name == "surface":
            surfaces = [known, found]
            tell("surface: bias, reweighted metadynamics", compare_with_bias(found, metadynamics))
        else:
            drawing = draw_profile(known, other=found, labels=("plain runs", "metadynamics"))
            drawing.write_png(output / f"{name}.png")
    for surface, name in zip(surfaces, ("plain", "metadynamics"), strict=True):
        draw_surface(surface).write_png(output / f"{name}.png")
    unweighted = free_energy([metadynamics.values], temperature_K, bins=BINS, **AXES)
    tell("surface: metadynamics without weights, plain", compare_free_energies(surfaces[0], unweighted))


if __name__ == "__main__":
    main()
