"""`ai2bmd analyze RUN`: write the report of a run, finished or not, into its directory."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="directory made by `ai2bmd run`")


def run(arguments: argparse.Namespace) -> int:
    """Analyse and write."""
    from ai2bmd.analysis.report import write_report

    report = write_report(arguments.run_directory)
    sys.stdout.write(f"Report: {report} ({report.stat().st_size / 1e6:.1f} MB); open it in a browser\n")
    return 0
