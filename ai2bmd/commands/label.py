"""`ai2bmd label STRUCTURES -o STORE.h5`: quantum-chemistry labels of conformations; goes on where it was stopped."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ai2bmd.errors import InputError

if TYPE_CHECKING:
    from ai2bmd.labelling.campaign import Outcome
    from ai2bmd.labelling.conformations import Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "structures", nargs="+", type=Path, metavar="STRUCTURES", help="conformations (HDF5), or files that ASE reads"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="STORE.h5", help="store to fill")
    parser.add_argument("--method", default="r2scan-3c", help="level of theory (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes of one thread (default: 1)")
    parser.add_argument("--charge", type=int, metavar="Q", help="total charge of structures that do not say theirs")
    parser.add_argument("--limit", type=int, metavar="N", help="label at most N frames now")
    parser.add_argument("--retry-failures", action="store_true", help="try frames again that failed before")


def run(arguments: argparse.Namespace) -> int:
    """Label; 0 when all frames are done, 1 when some failed, 130 when stopped by a signal."""
    from ai2bmd.environment import FORCE_FIELD
    from ai2bmd.labelling.campaign import label_tasks
    from ai2bmd.labelling.conformations import read_tasks
    from ai2bmd.simulation.interruption import Interruption
    from potentials.label_store import LabelStore

    _check(arguments)
    tasks = read_tasks(arguments.structures, charge=arguments.charge)
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
    with Interruption() as request:
        outcome = label_tasks(left, store, method=method, workers=min(arguments.workers, len(left)), request=request)
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
    before = sum(task.key in done for task in tasks)
    failed = sum(task.key in skipped for task in tasks)
    sys.stdout.write(f"{len(tasks)} frames: {before} labelled before, {len(left)} to label now")
    sys.stdout.write(f"; {failed} failed before (--retry-failures tries them again)\n" if failed else "\n")
    sys.stdout.flush()


def _report(outcome: "Outcome", *, store: Path) -> None:
    sys.stdout.write(f"{outcome.labelled} labelled, {len(outcome.failures)} failed; {store}\n")
    if outcome.elsewhere:
        sys.stdout.write(f"{outcome.elsewhere} left to another process that is at work on them\n")
    for (name, reason), number in Counter(outcome.failures).items():
        sys.stderr.write(f"failed: {name}{f' ({number} frames)' * (number > 1)}: {reason}\n")
    if outcome.stopped:
        sys.stderr.write("stopped; what is finished is kept. Go on with the same command\n")
