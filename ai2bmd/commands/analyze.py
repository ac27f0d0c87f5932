"""`ai2bmd analyze RUN`: write the report of a run, finished or not, into its directory."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="directory made by `ai2bmd run`")


def run(arguments: argparse.Namespace) -> int:
    """Analyse and write."""
    from ai2bmd.replicas.layout import ReplicaDirectory, is_replica_directory
    from ai2bmd.report.overview import write_overview
    from ai2bmd.report.report import write_report

    if is_replica_directory(arguments.run_directory):
        report = write_overview(ReplicaDirectory(arguments.run_directory))
    else:
        report = write_report(arguments.run_directory)
    sys.stdout.write(f"Report: {report} ({report.stat().st_size / 1e6:.1f} MB); open it in a browser\n")
    return 0
