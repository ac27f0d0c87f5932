"""The report at the end of a run: a study of its cheap parts, which holds little of the run in memory."""

from pathlib import Path

from ai2bmd.analysis.structure.everything import Part
from ai2bmd.analysis.trajectories import open_runs
from ai2bmd.report.analysis_settings import AnalysisSettings
from ai2bmd.report.study import Study, make_study
from ai2bmd.report.study_page import write_page
from ai2bmd.sampling.settings import Metadynamics, ReplicaExchange
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import make_settings, read_settings

_STRUCTURE: tuple[Part, ...] = ("fluctuation", "dihedrals")


def analyse(run_directory: Path) -> Study:
    """Read and judge a run.

    Raises:
        InputError: the directory is no run, or a file of it is damaged.
    """
    trajectories = open_runs([run_directory])
    for trajectory in trajectories:  # the run may go on in this process
        trajectory.close()
    path = RunDirectory(run_directory).settings
    sampling = make_settings(read_settings(path), where=str(path)).sampling
    enhanced = isinstance(sampling, (Metadynamics, ReplicaExchange))  # their free energies cost little
    settings = AnalysisSettings(parts=("structure", "thermodynamics") if enhanced else ("structure",))
    return make_study(trajectories, settings, structure_parts=_STRUCTURE)


def write_report(run_directory: Path, *, study: Study | None = None) -> Path:
    """Write report.html, tables/*.csv and figures/*.svg into a run directory.

    Tables and figures of other names, of an earlier `ai2bmd analyze`, stay.

    Args:
        run_directory: of the run.
        study: of it, if there is one already.

    Returns:
        Path of the report.

    Raises:
        InputError: the directory is no run, or a file of it is damaged.
    """
    study = study or analyse(run_directory)
    return write_page(study, run_directory, earlier="keep", more="; for more: ai2bmd analyze")
