"""The first two stages of a turn: a pool of conformations, and those of it that are to be labelled."""

import dataclasses
from collections.abc import Sequence

from tqdm import tqdm

from ai2bmd.conformations.campaign import sample_proteins, sample_units
from ai2bmd.conformations.file import ConformationFile
from ai2bmd.conformations.model_view import ModelView
from ai2bmd.conformations.proteins import read_protein
from ai2bmd.conformations.selection import CLUSTER, MoleculeFrames, Selector
from ai2bmd.conformations.sources import SamplingSettings
from ai2bmd.errors import InputError
from ai2bmd.improvement.folder import Turn
from ai2bmd.improvement.settings import ImprovementSettings
from ai2bmd.labelling.conformations import read_tasks
from ai2bmd.simulation.interruption import EndRequest
from potentials.label_store import Frame, LabelStore

_STARTS_OF_A_TURN = 100_000
"""Trajectories of turns have numbers of their own; a multiple of 5, so that they stay on their side of the split."""
_FIRST_START_OF_PROTEINS = 2**30
"""A protein keeps its number in all turns: it is trained on or tested with, never both."""


def sample_pool(turn: Turn, settings: ImprovementSettings, *, request: EndRequest) -> bool:
    """Fill `pool.h5`, with a seed of this turn; whether it is whole.

    Raises:
        InputError: a file of a protein cannot be used.
    """
    if turn.chosen.exists():
        return True
    sampling = SamplingSettings(
        frames=settings.pool,
        seed=settings.seed + turn.number - 1,
        temperatures_K=settings.temperatures_K,
        snapshots=settings.snapshots,
        clusters=settings.clusters,
        cluster_atoms=settings.cluster_atoms,
    )
    file = ConformationFile(turn.pool, sampling.as_record())
    return sample_units(settings.units, file, sampling, request=request) and sample_proteins(
        [read_protein(path) for path in settings.proteins], file, sampling, request=request
    )


def choose(turn: Turn, settings: ImprovementSettings, store: LabelStore, *, request: EndRequest) -> bool:
    """Fill `chosen.h5` from the pool by the model of the turn before; whether it is whole.

    Frames that the store has already are no longer in the pool.

    Raises:
        InputError: the model has no members that could disagree.
        PotentialError: it is unusable.
    """
    if turn.training.exists():
        return True
    kinds = _kinds(turn, store)
    view = ModelView(turn.before)
    file = ConformationFile(turn.chosen, {"model": view.sha256, "labels": settings.labels, "by": settings.by})
    left = {kind: molecules for kind, molecules in kinds.items() if kind not in file.finished()}
    counts = {kind: settings.cluster_labels if kind == CLUSTER else settings.labels for kind in left}
    selectors = {
        count: Selector(view, count=count, by=settings.by, known=[store.path], seed=settings.seed + turn.number - 1)
        for count in set(counts.values())
    }
    for kind, molecules in tqdm(left.items(), desc="choosing", unit="unit", disable=None, dynamic_ncols=True):
        if request.requested:
            return False
        kept = selectors[counts[kind]].choose_frames(molecules)
        additions = [
            (molecule, [_of_turn(frame, turn.number) for frame in frames])
            for (molecule, _), frames in zip(molecules, kept, strict=True)
        ]
        file.add(kind, additions, {"frames": sum(map(len, kept)), "pool": sum(len(frames) for _, frames in molecules)})
    return True


def _kinds(turn: Turn, store: LabelStore) -> dict[str, Sequence[MoleculeFrames]]:
    """What is chosen from together: each unit, and all clusters; less the frames that the store has."""
    has = store.keys() | store.failed_keys()
    molecules: dict[str, tuple] = {}
    for task in read_tasks([turn.pool], charge=None):
        _, frames = molecules.setdefault(task.molecule.name, (task.molecule, []))
        if task.key not in has:
            frames.append(task.frame)
    kinds: dict[str, list[MoleculeFrames]] = {}
    for name, pair in molecules.items():
        kinds.setdefault(CLUSTER if name.startswith(CLUSTER) else name, []).append(pair)
    if not any(frames for _, frames in molecules.values()):
        raise InputError(f"{turn.pool}: the store has all of its frames already; take another seed, or a larger pool")
    return dict(kinds)


def _of_turn(frame: Frame, number: int) -> Frame:
    if frame.start >= _FIRST_START_OF_PROTEINS:
        return frame
    return dataclasses.replace(frame, start=frame.start + _STARTS_OF_A_TURN * number)
