"""`ai2bmd label STRUCTURES -o STORE.h5`: quantum-chemistry labels of conformations; goes on where it was stopped."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ai2bmd.errors import InputError

if TYPE_CHECKING:
    from ai2bmd.labelling.campaign import Outcome
    from ai2bmd.labelling.conformations import Task
    from ai2bmd.labelling.crew import Crew


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "structures", nargs="+", type=Path, metavar="STRUCTURES", help="conformations (HDF5), or files that ASE reads"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="STORE.h5", help="store to fill")
    parser.add_argument("--method", default="r2scan-3c", help="level of theory (default: %(default)s)")
    parser.add_argument("--workers", type=int, metavar="N", help="frames at a time, each in a process (default: 1)")
    parser.add_argument(
        "--memory", metavar="SIZE", help="of all workers on this machine, such as 6GB (default: what is free now)"
    )
    parser.add_argument(
        "--config", type=Path, metavar="YAML", help="file with the section cluster: of a run's settings"
    )
    parser.add_argument("--charge", type=int, metavar="Q", help="total charge of structures that do not say theirs")
    parser.add_argument(
        "--independent-frames",
        action="store_true",
        help="frames that do not say their trajectory are unrelated (default: those of a file are one trajectory)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="label at most N frames now")
    parser.add_argument("--retry-failures", action="store_true", help="try frames again that failed before")


def run(arguments: argparse.Namespace) -> int:
    """Label; 0 when all frames are done, 1 when some failed, 130 when stopped by a signal."""
    from ai2bmd.environment import FORCE_FIELD
    from ai2bmd.labelling.campaign import label_tasks
    from ai2bmd.labelling.conformations import read_tasks
    from ai2bmd.labelling.crew import make_crew, needed_memory_bytes
    from ai2bmd.simulation.interruption import Interruption
    from potentials.label_store import LabelStore

    _check(arguments)
    crew = make_crew(arguments.config, workers=arguments.workers, memory=arguments.memory)
    frames = "independent" if arguments.independent_frames else "trajectory"
    tasks = read_tasks(arguments.structures, charge=arguments.charge, frames_of_a_file=frames)
    method = arguments.method.lower() if not arguments.method.startswith("ase:") else arguments.method
    _try(method)
    store = LabelStore(arguments.output, level_of_theory=method, force_field=FORCE_FIELD)
    store.merge()
    failed, done = store.failed_keys(), store.keys()
    skipped = frozenset() if arguments.retry_failures else failed
    left = [task for task in tasks if task.key not in done and task.key not in skipped][: arguments.limit]
    _report_before(tasks, left, done=done, skipped=skipped)
    _check_molecules(left, store)
    if not left:
        return 0
    crew = replace(crew, workers=min(crew.workers, len(left)))
    needed = needed_memory_bytes(left, crew, method=method)
    _report_crew(crew, largest_bytes=max(needed.values()), folder=store.spool / "cluster")
    with Interruption() as request:
        outcome = label_tasks(left, store, method=method, crew=crew, needed_bytes=needed, request=request)
    _report(outcome, store=arguments.output)
    return 130 if outcome.stopped else int(bool(outcome.failures))


def _check(arguments: argparse.Namespace) -> None:
    for name in ("workers", "limit"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InputError(f"--{name}: expected a whole number from 1, got {value}")
    for path in arguments.structures:
        if path.resolve() == arguments.output.resolve():
            raise InputError(f"{path}: structures and store are the same file; choose another -o")


def _try(method: str) -> None:
    """Label hydrogen, so that a method that is unknown or not installed is told now and not of every frame."""
    import numpy as np

    from potentials import label_molecule

    label_molecule(np.array([1, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]), 0, method)


def _check_molecules(tasks: "Sequence[Task]", store) -> None:
    from ai2bmd.labelling.force_field import MoleculeForceField, has_templates

    bare = []
    for molecule in {task.molecule.name: task.molecule for task in tasks}.values():
        store.check_molecule(molecule)
        if has_templates(molecule):
            MoleculeForceField(molecule)
        else:
            bare.append(molecule.name)
    if bare:
        sys.stdout.write(f"no templates of the force field for {', '.join(bare)}: mm_* are not a number there\n")


def _report_before(
    tasks: "Sequence[Task]", left: "Sequence[Task]", *, done: frozenset[str], skipped: frozenset[str]
) -> None:
    from potentials.label_store import is_test

    before = sum(task.key in done for task in tasks)
    failed = sum(task.key in skipped for task in tasks)
    sys.stdout.write(f"{len(tasks)} frames: {before} labelled before, {len(left)} to label now")
    sys.stdout.write(f"; {failed} failed before (--retry-failures tries them again)\n" if failed else "\n")
    tests = sum(is_test(task.frame.start) for task in tasks)
    sys.stdout.write(f"{tests} of them are for testing, and never trained on\n")
    sys.stdout.flush()


def _report_crew(crew: "Crew", *, largest_bytes: int, folder: Path) -> None:
    if crew.on_slurm:
        sys.stdout.write(f"{crew.workers} jobs of Slurm; what they print is in {folder}\n")
    elif crew.workers * largest_bytes > crew.memory_bytes:
        together = int(crew.memory_bytes // largest_bytes)
        sys.stdout.write(
            f"memory of {crew.memory_bytes / 1e9:.1f} GB is enough for {together} of the largest molecules at a time "
            f"({largest_bytes / 1e9:.1f} GB each), and for as many of the others as fit\n"
        )
    sys.stdout.flush()


def _report(outcome: "Outcome", *, store: Path) -> None:
    sys.stdout.write(f"{outcome.labelled} labelled, {len(outcome.failures)} failed; {store}\n")
    if outcome.elsewhere:
        sys.stdout.write(f"{outcome.elsewhere} left to another process that is at work on them\n")
    for (name, reason), number in Counter(outcome.failures).items():
        sys.stderr.write(f"failed: {name}{f' ({number} frames)' * (number > 1)}: {reason}\n")
    if outcome.stopped:
        sys.stderr.write("stopped; what is finished is kept. Go on with the same command\n")
