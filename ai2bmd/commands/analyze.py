"""`ai2bmd analyze RUN ...`: the report of runs, finished or not, or of the trajectories of any other program."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="directories made by `ai2bmd run`")
    parser.add_argument(
        "--topology", type=Path, metavar="FILE", help="of trajectories of other programs: PDB, PSF, PRMTOP, GRO ..."
    )
    parser.add_argument(
        "--trajectory", type=Path, nargs="+", metavar="FILE", help="XTC, DCD, TRR, NetCDF, H5MD ...; each independent"
    )
    parser.add_argument("--experiment", type=Path, metavar="CSV", help="measured values to compare with")
    parser.add_argument("--config", type=Path, metavar="YAML", help="settings of the analysis; see docs/analysis.md")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="folder of the report (default: RUN, if there is one alone)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Analyse and write."""
    from ai2bmd.analysis.nmr.experiment import read_experiment
    from ai2bmd.analysis.trajectories import open_files, open_runs
    from ai2bmd.report.analysis_settings import AnalysisSettings, read_analysis_settings
    from ai2bmd.report.exports import check_folder
    from ai2bmd.report.study_page import write_study

    output = _output(arguments)
    check_folder(output)
    settings = AnalysisSettings() if arguments.config is None else read_analysis_settings(arguments.config)
    experiment = None if arguments.experiment is None else read_experiment(arguments.experiment)
    if arguments.runs:
        trajectories = open_runs(arguments.runs, selection=settings.selection)
    else:
        trajectories = open_files(arguments.topology, arguments.trajectory, selection=settings.selection)
    report = write_study(trajectories, output, settings=settings, experiment=experiment)
    sys.stdout.write(f"Report: {report} ({report.stat().st_size / 1e6:.1f} MB); open it in a browser\n")
    return 0


def _output(arguments: argparse.Namespace) -> Path:
    """Where the report goes, once it is clear what is analysed."""
    from ai2bmd.errors import InputError

    foreign = arguments.topology is not None or arguments.trajectory is not None
    if bool(arguments.runs) == foreign:
        raise InputError("name run directories, or --topology and --trajectory" + (", not both" if foreign else ""))
    if foreign and (arguments.topology is None or arguments.trajectory is None):
        missing = "--topology" if arguments.topology is None else "--trajectory"
        raise InputError(f"{missing} is missing; trajectories of other programs need a topology and a trajectory")
    if arguments.output is not None:
        return arguments.output
    if len(arguments.runs) != 1:
        raise InputError("say with -o OUT where the report of several trajectories is to go")
    return arguments.runs[0]
