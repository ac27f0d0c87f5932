"""One call of the model for several copies of a protein: each asks from its own thread, and waits for the others.

A copy may stay away at any time: it saves a frame, is minimised without the correction, has ended, or has failed. So
nobody waits longer than the others usually take to come back, and who did not come is not waited for again until it
has come. Whoever finds the round complete, or the time over, evaluates for all that are there.

OpenMM gives up Python's lock while it computes and takes it back for its callbacks, so the copies' force fields are
evaluated side by side.

In float32 the last digits of a result depend on how many molecules are evaluated at once, so runs with shared
evaluation are reproducible in the statistical sense only; copies on their own are so bit for bit, on CPU.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ai2bmd.fragment_potential import FragmentPotential, ViSNetPotential

_FIRST_ABSENCE_S = 0.1
_LONGEST_ABSENCE_S = 2.0
"""Longer ones are exceptions that say nothing of the next."""
_PATIENCE = 2.0  # times the usual absence
_SMOOTHING = 0.2
_SHORTEST_WAIT_S = 0.005


class Member:
    """The potential of one copy; see `FragmentPotential`."""

    def __init__(self, meeting: "SharedEvaluation", number: int) -> None:
        self._meeting, self.number = meeting, number
        self.usual_absence_s = _FIRST_ABSENCE_S
        """From a result to the next question."""
        self.left_at = time.monotonic()

    def __call__(self, positions: Float[Tensor, "fragment_atoms 3"]) -> tuple[Tensor, Tensor]:
        """Energies and gradients, evaluated together with those of other copies that ask."""
        return self._meeting.evaluate(self, positions)

    def member_gradients(
        self, positions: Float[Tensor, "fragment_atoms 3"]
    ) -> Float[Tensor, "members fragment_atoms 3"]:
        """Gradients by the members of a committee; seldom asked for, so each copy computes its own."""
        return self._meeting.member_gradients(positions)

    def note_return(self) -> None:
        """Learn how long it stays away."""
        absence = min(time.monotonic() - self.left_at, _LONGEST_ABSENCE_S)
        self.usual_absence_s += _SMOOTHING * (absence - self.usual_absence_s)


@dataclass(eq=False)
class _Question:
    positions: Tensor
    answer: tuple[Tensor, Tensor] | None = None
    error: Exception | None = None
    came_at: float = field(default_factory=time.monotonic)

    @property
    def settled(self) -> bool:
        return self.answer is not None or self.error is not None


class SharedEvaluation:
    """Where the copies meet."""

    def __init__(self) -> None:
        """Nobody is there yet."""
        self._change = threading.Condition()
        self._expected: set[Member] = set()
        self._present: dict[Member, _Question] = {}
        self._evaluating = False
        self._free_since = self._seconds = 0.0
        self._lock = threading.Lock()
        self._potentials: dict[int, ViSNetPotential] = {}
        self._members = 0
        self.sizes: dict[int, int] = {}
        """How many calls there were for each number of copies."""

    def join(self, potential: FragmentPotential) -> Member:
        """A copy comes in; all have the same molecules.

        Args:
            potential: that of the copy, for its own molecules alone.
        """
        if not isinstance(potential, ViSNetPotential):
            raise TypeError(f"only a ViSNet evaluates several copies at once, got {type(potential).__name__}")
        with self._lock:
            self._potentials.setdefault(1, potential)
            self._members += 1
            return Member(self, self._members)

    def member_gradients(
        self, positions: Float[Tensor, "fragment_atoms 3"]
    ) -> Float[Tensor, "members fragment_atoms 3"]:
        """See `ViSNetPotential.member_gradients`; of one copy."""
        return self._potentials[1].member_gradients(positions)

    def leave(self, member: Member) -> None:
        """A copy has ended and is not waited for any more."""
        with self._change:
            self._expected.discard(member)
            self._change.notify_all()

    def evaluate(self, member: Member, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Energies and gradients of one copy; called in its thread.

        Raises:
            Exception: what the model raises at these positions; the other copies do not notice.
        """
        question = _Question(positions)
        member.note_return()
        with self._change:
            self._expected.add(member)
            self._present[member] = question
            self._change.notify_all()
            while not question.settled:
                if self._evaluating:
                    self._change.wait()
                elif (seconds := self._still_to_wait()) > 0.0:
                    self._change.wait(seconds)
                else:
                    self._evaluate_all()
        member.left_at = time.monotonic()
        if question.error is not None:
            raise question.error
        assert question.answer is not None  # else it is not settled
        return question.answer

    def _still_to_wait(self) -> float:
        """Seconds until those present are evaluated without the others."""
        missing = self._expected - self._present.keys()
        if not missing:
            return 0.0
        absence = max(member.usual_absence_s for member in missing)
        # to wait as long as an evaluation takes costs at most what a second one would
        patience = max(_PATIENCE * absence, self._seconds) + _SHORTEST_WAIT_S
        start = max(self._free_since, min(question.came_at for question in self._present.values()))
        return start + patience - time.monotonic()

    def _evaluate_all(self) -> None:
        """Answer all questions; called with the condition held, which is released meanwhile."""
        # always in the same order, or the list of neighbours would have to be searched anew each time
        questions = [self._present[member] for member in sorted(self._present, key=lambda member: member.number)]
        self._expected, self._present, self._evaluating = set(self._present), {}, True
        self._change.release()
        start = time.monotonic()
        try:
            _settle(questions, self._potential)
        finally:
            self._change.acquire()
            self._evaluating, self._free_since = False, time.monotonic()
            self._seconds = self._free_since - start
            self.sizes[len(questions)] = self.sizes.get(len(questions), 0) + 1
            self._change.notify_all()

    def _potential(self, copies: int) -> ViSNetPotential:
        if copies not in self._potentials:
            self._potentials[copies] = self._potentials[1].repeated(copies)
        return self._potentials[copies]


def _settle(questions: list[_Question], potential: Callable[[int], ViSNetPotential]) -> None:
    """Evaluate all at once; if that fails one by one, for one copy with an impossible geometry must not stop others."""
    try:
        energies, gradients = potential(len(questions))(torch.cat([question.positions for question in questions]))
    except Exception as error:
        if len(questions) == 1:
            questions[0].error = error
            return
        for question in questions:
            _settle([question], potential)
        return
    parts = zip(energies.chunk(len(questions)), gradients.chunk(len(questions)), strict=True)
    for question, answer in zip(questions, parts, strict=True):
        question.answer = answer
