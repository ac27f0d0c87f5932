"""The third stage of a turn: labels of what was chosen, into the store."""

import sys
from dataclasses import replace
from typing import Any

import h5py
import numpy as np

from ai2bmd.environment import FORCE_FIELD
from ai2bmd.errors import InputError
from ai2bmd.improvement.folder import Turn
from ai2bmd.improvement.settings import ImprovementSettings
from ai2bmd.labelling.campaign import label_tasks
from ai2bmd.labelling.conformations import read_tasks
from ai2bmd.labelling.crew import Crew, crew_of, needed_memory_bytes
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.interruption import EndRequest
from potentials import label_molecule
from potentials.label_store import FAILURES, LabelStore, is_test

_HYDROGEN_A = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]])


def open_store(settings: ImprovementSettings) -> LabelStore:
    """Open or make the store, after a label of hydrogen that shows whether the method works here.

    Raises:
        PotentialError: the method is unknown or not installed, or the store is of another one.
    """
    label_molecule(np.array([1, 1]), _HYDROGEN_A, 0, settings.method)
    settings.store.parent.mkdir(parents=True, exist_ok=True)
    store = LabelStore(settings.store, level_of_theory=settings.method, force_field=FORCE_FIELD)
    store.merge()
    return store


def make_crew(settings: ImprovementSettings) -> Crew:
    """Who labels.

    Raises:
        InputError: `cluster` cannot be used for labels.
    """
    memory = None if settings.memory_GB is None else 1e9 * settings.memory_GB
    cluster = settings.cluster or ClusterSettings()
    return crew_of(cluster, workers=settings.workers, memory_bytes=memory, where="settings")


def label_chosen(turn: Turn, settings: ImprovementSettings, store: LabelStore, *, request: EndRequest) -> bool:
    """Label the frames of `chosen.h5` that have no label; whether all have one, or have failed.

    Raises:
        InputError: memory is too small, nothing could be tested with, or another process labels some of the frames.
    """
    if turn.training.exists():
        return True
    tasks = read_tasks([turn.chosen], charge=None)
    for molecule in {task.molecule.name: task.molecule for task in tasks}.values():
        store.check_molecule(molecule)
    has = store.keys() | store.failed_keys()
    left = [task for task in tasks if task.key not in has]
    tests = sum(is_test(task.frame.start) for task in tasks)
    if not tests and not _has_tests(store):
        raise InputError(
            f"{turn.chosen}: none of the frames is for testing (every fifth trajectory is), nor any in {store.path}, "
            f"so no model could be judged; remove {turn.folder}, and take a larger pool or more labels"
        )
    sys.stdout.write(f"{len(tasks)} frames, {tests} of them for testing; {len(left)} are left to label\n")
    sys.stdout.flush()
    if not left:
        return True
    crew = make_crew(settings)
    crew = replace(crew, workers=min(crew.workers, len(left)))
    needed = needed_memory_bytes(left, crew, method=settings.method)
    outcome = label_tasks(left, store, method=settings.method, crew=crew, needed_bytes=needed, request=request)
    for name, reason in outcome.failures:
        sys.stderr.write(f"failed: {name}: {reason}\n")
    if outcome.elsewhere and not outcome.stopped:
        raise InputError(
            f"{outcome.elsewhere} frames are left to another process that labels them into {store.path}; when it is "
            "done, go on with the same command"
        )
    return not outcome.stopped


def _has_tests(store: LabelStore) -> bool:
    file: Any
    with h5py.File(store.path) as file:
        return any(file[name]["test"][()].any() for name in file if name != FAILURES)
