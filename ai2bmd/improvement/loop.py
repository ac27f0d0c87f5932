"""A turn from beginning to end; each stage is left out where it is done, and stops at a signal with what it has."""

import sys

from ai2bmd.improvement.choosing import choose, sample_pool
from ai2bmd.improvement.folder import Turn, begin, finished_turns
from ai2bmd.improvement.labels import label_chosen
from ai2bmd.improvement.results import evaluate_turn, verdict, write_turns
from ai2bmd.improvement.settings import ImprovementSettings
from ai2bmd.improvement.tuning import fine_tune
from ai2bmd.simulation.interruption import EndRequest
from potentials.label_store import LabelStore


def make_turn(turn: Turn, settings: ImprovementSettings, store: LabelStore, *, request: EndRequest) -> bool:
    """Do what is left of a turn.

    Args:
        turn: stopped before, or new.
        settings: checked.
        store: takes the labels.
        request: asks for an end.

    Returns:
        Whether it is finished.

    Raises:
        InputError: it was begun with other settings, or a stage cannot be done.
        PotentialError: a stage cannot be done.
    """
    if begin(turn, settings):
        sys.stdout.write(f"turn {turn.number} goes on where it was stopped\n")
    stages = (
        (f"samples {settings.pool} frames of each unit", lambda: sample_pool(turn, settings, request=request)),
        (f"chooses {settings.labels} of each", lambda: choose(turn, settings, store, request=request)),
        (f"labels them by {settings.method}", lambda: label_chosen(turn, settings, store, request=request)),
        ("fine-tunes the pretrained model on all labels", lambda: fine_tune(turn, settings)),
    )
    for number, (what, stage) in enumerate(stages, 1):
        _tell(f"turn {turn.number}, {number} of {len(stages) + 1}: {what}")
        if request.requested or not stage():
            return False
    if request.requested:
        return False
    _tell(f"turn {turn.number}, {len(stages) + 1} of {len(stages) + 1}: compares it with the model before")
    record, comparison = evaluate_turn(turn, settings)
    write_turns(finished_turns(settings), settings.output)
    _tell("".join(f"{line}\n" for line in comparison.findings) + verdict(record))
    return True


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
