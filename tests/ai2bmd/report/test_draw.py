"""Figures from Python: one line each, and the same as in the report, byte for byte."""

import subprocess
import sys

import numpy as np
import pytest

from ai2bmd import analysis, draw
from ai2bmd.analysis.kinetics.features import frame_interval_ps
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import AnalysisSettings
from ai2bmd.report.study_page import write_study


@pytest.fixture(scope="module")
def trajectories(dipeptide):
    topology, paths = dipeptide
    return analysis.open_files(topology, paths)


@pytest.fixture(scope="module")
def angles(trajectories):
    return analysis.dihedral_angles(trajectories)


@pytest.fixture(scope="module")
def kinetics(angles):
    settings = analysis.KineticsSettings(lag=2, microstates=20, macrostates=2)
    return analysis.analyse_kinetics(analysis.backbone_features(angles), settings=settings)


@pytest.fixture(scope="module")
def files(trajectories, tmp_path_factory):
    """Figures of the report, by name."""
    folder = tmp_path_factory.mktemp("report")
    made_up = folder / "j.csv"
    made_up.write_text("# Made up\nobservable,residue,value,error\n3J_HN_HA,1,6.0,0.5\n")
    settings = AnalysisSettings.model_validate(
        {"temperature": "300 K", "kinetics": {"lag": "2 ps", "states": 2, "microstates": 20, "hidden_states": 2}}
    )
    write_study(trajectories, folder, settings=settings, experiment=analysis.read_experiment(made_up))
    return {path.stem: path.read_bytes() for path in (folder / "figures").glob("*.svg")}


def test_every_figure_of_a_report(trajectories, angles, kinetics, files, tmp_path):
    names = [trajectory.name for trajectory in trajectories]
    (tmp_path / "j.csv").write_text("# Made up\nobservable,residue,value,error\n3J_HN_HA,1,6.0,0.5\n")
    residues = analysis.backbone_angles(trajectories)
    measured = analysis.read_experiment(tmp_path / "j.csv")
    rmsd, gyration = analysis.rmsd(trajectories), analysis.radius_of_gyration(trajectories)
    (_, phi), (_, psi) = angles.of("phi"), angles.of("psi")
    map_of = analysis.free_energy(
        [np.hstack(pair) for pair in zip(phi, psi, strict=True)],
        300.0,
        names=["\u03c6 ALA1 (\N{DEGREE SIGN})", "\u03c8 ALA1 (\N{DEGREE SIGN})"],
        periods=[360.0, 360.0],
    )
    structure = analysis.analyse_structure(trajectories)
    drawn = {
        "rmsd": draw.rmsd(rmsd, names),
        "radius_of_gyration": draw.radius_of_gyration(gyration, names),
        "rmsf": draw.rmsf(analysis.rmsf(trajectories)),
        "surface": draw.surface(analysis.surface(trajectories), names),
        "secondary_structure_2": draw.secondary_structure(structure.secondary, run=1, name=names[1]),
        "ramachandran": draw.ramachandran(angles),
        "contact_map": draw.contact_map(analysis.contact_map(trajectories)),
        "clusters": draw.clusters(analysis.find_clusters(trajectories)),
        "principal_components": draw.principal_components(analysis.principal_components(trajectories), names),
        "scalar_couplings": draw.scalar_couplings(analysis.scalar_couplings(residues)),
        "experiment_scalar_couplings": draw.experiment(analysis.compare_couplings(residues, measured)),
        "timescales": draw.timescales(kinetics),
        "hidden_timescales": draw.hidden_timescales(
            analysis.hidden_timescales(kinetics.microstates.runs, states=2, lag=2, frame_ps=kinetics.features.frame_ps)
        ),
        "states": draw.states(kinetics),
        "chapman_kolmogorov": draw.chapman_kolmogorov(kinetics),
        "committor": draw.committor(kinetics),
        "free_energy_ALA1": draw.free_energy(map_of),
        "free_energy_ALA1_error": draw.free_energy_error(map_of),
        "free_energy_rmsd": draw.free_energy(
            analysis.free_energy(rmsd.values, 300.0, names=[f"{rmsd.name} (\N{ANGSTROM SIGN})"])
        ),
    }
    frame_ps = frame_interval_ps([trajectory.time_ps for trajectory in trajectories])
    for series in (rmsd, gyration):
        memory = analysis.correlation_function(series.values, frame_ps=frame_ps)
        drawn[f"autocorrelation_{series.name.replace(' ', '_')}"] = draw.autocorrelation(series.name, memory)
    different = [name for name, picture in drawn.items() if files.get(name) != picture.svg]
    assert not different, (different, sorted(files))
    others = files.keys() - drawn.keys() - {"secondary_structure_1", "order_parameters"}
    assert all(name.startswith("free_energy_") for name in others), others


def test_figures_of_a_run(run_directory, tmp_path):
    write_study(analysis.open_runs([run_directory]), tmp_path)
    for name in ("energies", "temperature"):
        assert getattr(draw, name)(str(run_directory)).svg == (tmp_path / "figures" / f"{name}.svg").read_bytes()
    with pytest.raises(InputError, match="is not at constant pressure"):
        draw.density(run_directory)
    with pytest.raises(InputError, match="has one temperature"):
        draw.temperature_walk(run_directory)
    with pytest.raises(InputError, match="has no committee"):
        draw.expected_errors(run_directory)


def test_a_notebook_shows_it_and_it_can_be_saved(angles, tmp_path):
    picture = draw.ramachandran(angles)
    png, metadata = picture._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert metadata["width"] == round(96 * 6.4)
    for ending, head in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        picture.save(tmp_path / f"a{ending}")
        assert (tmp_path / f"a{ending}").read_bytes().startswith(head)
    with pytest.raises(InputError, match=r"expected a name ending in .svg, .png or .pdf, got 'a.jpg'"):
        picture.save(tmp_path / "a.jpg")


def test_what_there_is_not_cannot_be_drawn(trajectories):
    noise = [np.random.default_rng(0).normal(size=(40, 2))]
    nothing = analysis.analyse_kinetics(analysis.make_features(noise, frame_ps=1.0))
    assert nothing.model is None
    for function in (draw.chapman_kolmogorov, draw.committor, draw.states):
        with pytest.raises(InputError, match=nothing.remarks[0][:20]):
            function(nothing)
    with pytest.raises(InputError, match="no residue has 'nothing'"):
        draw.scalar_couplings(analysis.scalar_couplings(analysis.backbone_angles(trajectories)), "nothing")


def test_every_name_is_there_and_importing_is_light():
    assert list(draw._FUNCTIONS) == sorted(draw._FUNCTIONS) == dir(draw)
    for name in dir(draw):
        assert getattr(draw, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        draw.nothing  # noqa: B018
    code = "import sys; from ai2bmd import draw; print(*(set(sys.modules) & {'torch', 'openmm', 'matplotlib'}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
