"""What a report has only if the settings ask for it, from the command: umbrella windows, entropy, iRED, spectra."""

import csv
import html
import shutil
import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest

from ai2bmd import analysis, draw
from ai2bmd.analysis.kinetics.spectra import KB_U_A2_PS2_K
from ai2bmd.analysis.molecule import masses_u
from ai2bmd.analysis.nmr.bond_vectors import bonds_of_residues
from ai2bmd.analysis.nmr.order import ired_of
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.cli import main
from ai2bmd.simulation.settings import make_settings, write_settings
from ai2bmd.structure import read_prepared
from ai2bmd.trajectory.writer import Frame, create_trajectory

KT = thermal_energy(300.0)


def report(arguments: list[str], folder: Path, settings: str) -> tuple[Path, str]:
    """The folder of the report, and its text."""
    (folder / "a.yaml").write_text(settings)
    assert main(["analyze", *arguments, "--config", str(folder / "a.yaml"), "-o", str(folder / "out")]) == 0
    return folder / "out", html.unescape((folder / "out" / "report.html").read_text())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def files_of(dipeptide) -> list[str]:
    topology, paths = dipeptide
    return ["--topology", str(topology), "--trajectory", *map(str, paths)]


@pytest.fixture
def windows(tmp_path) -> Path:
    """Nine windows of two runs each along a distance whose potential is 3 x^2 kcal/mol."""
    generator, lines = np.random.default_rng(1), ["file,x_A_centre,x_A_stiffness"]
    for number, centre in enumerate(np.linspace(-1.2, 1.2, 9)):
        for run in range(2):
            middle, width = 10.0 * centre / 16.0, np.sqrt(KT / 16.0)
            (tmp_path / f"{number}-{run}.csv").write_text(
                "\n".join(["x_A", *(f"{x:.6g}" for x in generator.normal(middle, width, size=200))])
            )
            lines.append(f"{number}-{run}.csv,{centre:.6g},10")
    (tmp_path / "windows.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "windows.csv"


def test_umbrella_windows(dipeptide, windows, tmp_path):
    settings = "temperature: 300 K\nparts: [kinetics, thermodynamics]\nthermodynamics: {umbrella: windows.csv}\n"
    output, page = report(files_of(dipeptide), tmp_path, settings)
    profile = rows_of(output / "tables" / "free_energy_umbrella.csv")
    x, energy, error = (
        np.array([float(row[name]) for row in profile])
        for name in ("x_A", "free_energy_kcal_mol", "standard_error_kcal_mol")
    )
    away = energy - 3.0 * x**2
    away -= np.average(away, weights=error**-2)
    assert len(x) > 10
    assert (np.abs(away) < 3.0 * error + 0.03).all()  # bins have a width
    assert len(rows_of(output / "tables" / "overlap.csv")) == 9
    assert "Torrie, Valleau" in page
    assert "frames of umbrella windows say nothing of how fast things happen" in page
    assert "Free energy along" not in page  # of frames that are taken to be biased
    (tmp_path / "3-0.csv").write_text("y\n1\n")
    _, page = report(files_of(dipeptide), tmp_path, settings)
    assert "3-0.csv: has no column x_A" in page


def test_quasi_harmonic_entropy(dipeptide, tmp_path):
    settings = "temperature: 300 K\nparts: [thermodynamics]\nthermodynamics: {quasi_harmonic: not name H*}\n"
    output, page = report(files_of(dipeptide), tmp_path, settings)
    assert "Andricioaei" in page
    found = {row["quantity"]: row for row in rows_of(output / "tables" / "quantities.csv")}
    modes = rows_of(output / "tables" / "quasi_harmonic.csv")
    assert len(modes) == 3 * 10 - 6
    total = sum(float(row["entropy_cal_mol_K"]) for row in modes)
    assert float(found["quasi-harmonic entropy"]["value"]) == pytest.approx(total, rel=1e-5)
    topology, (first, *_) = dipeptide
    universe = analysis.open_files(topology, [first])[0].universe
    alone = analysis.quasi_harmonic_entropy(universe, 300.0)
    assert alone.andricioaei_karplus.value == pytest.approx(total, rel=0.1)
    assert draw.quasi_harmonic(alone).svg.startswith(b"<?xml")
    _, page = report(files_of(dipeptide), tmp_path, settings.replace("not name H*", "name XX"))
    assert "the selection 'name XX' fits no atom" in page


def test_order_parameters_by_ired(run_directory, dipeptide, tmp_path):
    output, page = report([str(run_directory)], tmp_path, "parts: [nmr]\nnmr: {ired: true}\n")
    trajectories = analysis.open_runs([run_directory])
    residues, pairs = bonds_of_residues(trajectories[0])
    labels = [row["residue"] for row in rows_of(output / "tables" / "order_parameters_ired.csv")]
    assert len(labels) == len(residues)
    picture = draw.order_parameters(labels, ired_of(trajectories, pairs).order)
    assert picture.svg == (output / "figures" / "order_parameters_ired.svg").read_bytes()
    assert "Prompers" in page
    _, page = report(files_of(dipeptide), tmp_path, "parts: [nmr]\nnmr: {ired: true}\n")
    assert "iRED takes five modes for tumbling and needs at least 7 bonds, not 2" in page


def moving(path: Path, examples: Path, *, seed: int, velocities: bool) -> Path:
    """A run of alanine dipeptide at rest whose velocities are Maxwell's, a frame every 4 fs."""
    path.mkdir()
    shutil.copy(examples / "alanine_dipeptide.pdb", path / "prepared.pdb")
    write_settings(make_settings({"time": "5ps"}, where="test"), path / "settings.yaml", comment="test")
    prepared, generator = read_prepared(path / "prepared.pdb"), np.random.default_rng(seed)
    masses = masses_u(analysis.open_files(path / "prepared.pdb", [path / "prepared.pdb"])[0].molecule)
    speeds = np.sqrt(KB_U_A2_PS2_K * 300.0 / masses)[:, None]
    numbers = np.array([atom.element.atomic_number for atom in prepared.topology.atoms()])
    with create_trajectory(
        path / "trajectory.h5",
        atomic_numbers=numbers,
        velocities=velocities,
        forces=False,
        parameters={"model_sha256": "abc", "system_atoms": len(numbers), "degrees_of_freedom": 3 * len(numbers)},
    ) as trajectory:
        for frame in range(1_300 if velocities else 50):
            trajectory.append(
                Frame(
                    step=4 * frame,
                    time_ps=0.004 * frame,
                    positions_A=prepared.positions_A + generator.normal(scale=0.02, size=(len(numbers), 3)),
                    velocities_A_per_ps=generator.normal(size=(len(numbers), 3)) * speeds,
                    forces_eV_per_A=prepared.positions_A,
                    energy_environment=0.0,
                    energy_correction=0.0,
                    kinetic_energy=1.0,
                    temperature=300.0,
                )
            )
        trajectory.commit()
    return path


def test_spectra_of_several_runs_are_pooled(examples, tmp_path):
    """One degree of freedom for each velocity, from the windows of both runs that have any."""
    runs = [moving(tmp_path / f"run{seed}", examples, seed=seed, velocities=seed < 3) for seed in (1, 2, 3)]
    output, page = report([str(run) for run in runs], tmp_path, "parts: [kinetics]\n")
    assert "Windows of 2 independent runs; 1 without velocities, or too long for memory, left out." in page
    assert "2 windows overlapping by half" in page
    table = rows_of(output / "tables" / "vibrational_density_of_states.csv")
    wavenumbers, density = (np.array([float(row[name]) for row in table]) for name in ("wavenumber_cm1", "density"))
    whole = 66.0 * wavenumbers[-1] * 2.0 * 4.0 * 2.99792458e-5  # white up to half of the sampling frequency
    assert (density.sum() * wavenumbers[1]) == pytest.approx(whole, rel=0.05)
    assert (output / "figures" / "infrared_spectrum.svg").is_file()


@pytest.fixture
def walks(examples, tmp_path) -> tuple[Path, list[Path]]:
    """Alanine dipeptide that walks at random (D = 0.1 A^2/ps) through a box which changes, put back into it."""
    universe, paths = mda.Universe(str(examples / "alanine_dipeptide.pdb")), []
    start = universe.atoms.positions - universe.atoms.positions.mean(0)
    for seed in range(3):
        generator = np.random.default_rng(seed)
        place = np.cumsum(generator.normal(scale=np.sqrt(0.2), size=(800, 3)), axis=0)
        paths.append(tmp_path / f"walk{seed}.dcd")
        with warnings.catch_warnings(), mda.Writer(str(paths[-1]), n_atoms=len(start), dt=1.0) as writer:
            warnings.simplefilter("ignore")
            for frame, centre in enumerate(place):
                edges = 24.0 + 0.1 * np.sin(frame)
                universe.dimensions = [edges, edges, edges, 90.0, 90.0, 90.0]
                moved = start + centre + generator.normal(scale=0.02, size=start.shape)
                universe.atoms.positions = moved - edges * np.floor(moved.mean(0) / edges)
                writer.write(universe.atoms)
    return examples / "alanine_dipeptide.pdb", paths


@pytest.mark.parametrize("wanted", ["molecule", "name CA"])
def test_diffusion_through_the_box(walks, tmp_path, wanted):
    output, page = report(files_of(walks), tmp_path, f"parts: [kinetics]\nkinetics: {{diffusion: {wanted}}}\n")
    found = {row["quantity"]: row for row in rows_of(output / "tables" / "quantities.csv")}
    name = "the molecule" if wanted == "molecule" else wanted
    coefficient = found[f"diffusion coefficient of {name}"]
    assert float(coefficient["low"]) < 0.1 < float(coefficient["high"])
    assert 0.05 < float(coefficient["value"]) < 0.2
    assert "Jumps through the periodic box were undone" in page
    assert "Yeh, Hummer" in page
    assert (output / "figures" / "displacement.svg").is_file()
