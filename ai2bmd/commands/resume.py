"""`ai2bmd resume RUN`: continue an interrupted run, or a finished one to a longer total time."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("directory", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("--time", metavar="TIME", help="total length, such as 20ps (default: as the run was started)")


def run(arguments: argparse.Namespace) -> int:
    """Resume; 0 finished, 2 unusable input, 3 stopped by the guard, 4 a copy failed, 75 time is up, 130 interrupted."""
    from ai2bmd.process import prepare_process
    from ai2bmd.replicas.layout import is_replica_directory
    from ai2bmd.simulation.ending import end_run
    from ai2bmd.simulation.launch import resume_run

    prepare_process()
    if is_replica_directory(arguments.directory):
        from ai2bmd.replicas.ending import end_replicas
        from ai2bmd.replicas.launch import resume_replicas

        copies, ends = resume_replicas(arguments.directory, time=arguments.time, say=_say)
        return end_replicas(copies, ends, say=_say)
    directory, outcome = resume_run(arguments.directory, time=arguments.time, say=_say)
    return end_run(directory, outcome, say=_say)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
