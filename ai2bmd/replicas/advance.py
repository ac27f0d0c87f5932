"""Advancing copies from where they stand in this process, one or a batch of them, each in a thread of its own."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ai2bmd.errors import InputError
from ai2bmd.fragment_potential import FragmentPotential
from ai2bmd.process import prepare_process
from ai2bmd.replicas.shared_evaluation import Member, SharedEvaluation
from ai2bmd.simulation.driver import Ending
from ai2bmd.simulation.interruption import EndRequest
from ai2bmd.simulation.launch import Part, resume_run
from fragmentation.errors import FragmentationError
from potentials.errors import PotentialError

_LOGGER = logging.getLogger(__name__)
_HOPELESS = (InputError, FragmentationError, PotentialError)
"""What the user has to cure; to try again would end the same way."""


@dataclass(frozen=True)
class CopyEnd:
    """How a copy ended."""

    ending: Ending | Literal["failed"]
    step: int = 0
    """The last one that is saved."""
    ns_per_day: float = 0.0
    problem: str = ""
    """What the guard found, or why it failed."""
    hopeless: bool = False
    """Whether it is of no use to try again."""


def advance_batch(
    copies: Sequence[Path],
    *,
    time: str,
    request: EndRequest,
    meeting: SharedEvaluation | None = None,
) -> tuple[CopyEnd, ...]:
    """Advance copies to the end of their settings; those of a batch have their fragments evaluated together.

    What happens to one copy, exceptions included, does not touch the others.

    Args:
        copies: run directories.
        time: total length of each.
        request: to save and stop.
        meeting: where to evaluate; by default a batch has its own, and a single copy none.
    """
    if meeting is None and len(copies) > 1:
        meeting = SharedEvaluation()
    one = partial(_advance, time=time, request=request, meeting=meeting)
    if len(copies) == 1:
        return (one(copies[0]),)
    with ThreadPoolExecutor(len(copies), thread_name_prefix="copy") as threads:
        return tuple(threads.map(one, copies))


def _advance(path: Path, *, time: str, request: EndRequest, meeting: SharedEvaluation | None) -> CopyEnd:
    prepare_process()  # subnormal numbers are a matter of the thread
    joined: list[Member] = []

    def share(potential: FragmentPotential) -> FragmentPotential:
        assert meeting is not None  # else this is not called
        joined.append(meeting.join(potential))
        return joined[0]

    part = Part(request, share if meeting is not None else None)
    try:
        _, outcome = resume_run(path, time=time, say=partial(_LOGGER.info, "%s: %s", path.name), part=part)
    except _HOPELESS as error:
        return CopyEnd("failed", problem=str(error), hopeless=True)
    except Exception as error:
        _LOGGER.exception("%s", path)
        return CopyEnd("failed", problem=f"{type(error).__name__}: {' '.join(str(error).split())}")
    finally:
        if meeting is not None:
            for member in joined:
                meeting.leave(member)
    return CopyEnd(outcome.ending, outcome.step, outcome.ns_per_day, outcome.problem)
