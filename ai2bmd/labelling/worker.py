"""What a worker does with one frame: label it, keep the label, and say how it went."""

import functools
import os
from pathlib import Path

from distributed import Worker, WorkerPlugin

from ai2bmd.environment import FORCE_FIELD
from ai2bmd.labelling.conformations import Task
from ai2bmd.labelling.force_field import MoleculeForceField, has_templates, without_force_field
from potentials.label_store import ForceFieldLabel, LabelStore, Molecule

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"), "1")


class PrepareWorker(WorkerPlugin):
    """Of a worker: settings of its process; signals to the group of processes are the parent's business."""

    name = "labelling"

    def setup(self, worker: Worker) -> None:
        """In the main thread of the worker's process."""
        import signal

        from ai2bmd.process import prepare_process
        from ai2bmd.simulation.interruption import SIGNALS

        prepare_process()
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def label_task(task: Task, store: Path, method: str) -> str | None:
    """Label a frame and put it into the store's spool; returns the reason where it failed.

    What the program of the level of theory raises is a failure of the frame, whatever it is: a campaign goes on.
    """
    from potentials import label_molecule

    labels = _store(store, method, os.getpid())
    molecule, frame = task.molecule, task.frame
    try:
        label = label_molecule(molecule.atomic_numbers, frame.positions, molecule.total_charge, method)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        labels.add_failure(molecule, frame, reason)
        return reason
    labels.add(molecule, frame, label, force_field_label(task))
    return None


def force_field_label(task: Task) -> ForceFieldLabel:
    """The force field's energy and forces of a frame, not a number where the molecule has no templates."""
    if not has_templates(task.molecule):
        return without_force_field(task.molecule)
    return _force_field(_Same(task.molecule)).evaluate(task.frame.positions)


class _Same:
    """A molecule as a key: every task brings its own copy of the arrays, and the templates are found once."""

    def __init__(self, molecule: Molecule) -> None:
        self.molecule = molecule
        self._key = (molecule.name, molecule.total_charge, molecule.atom_names.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@functools.cache
def _force_field(same: _Same) -> MoleculeForceField:
    return MoleculeForceField(same.molecule)


@functools.cache
def _store(path: Path, method: str, process: int) -> LabelStore:
    return LabelStore(path, level_of_theory=method, force_field=FORCE_FIELD)
