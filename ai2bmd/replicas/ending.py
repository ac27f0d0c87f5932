"""The end of a run in several copies: how each ended, the reports, how to go on; the exit status."""

from collections.abc import Callable

from ai2bmd.replicas.launch import Ends
from ai2bmd.replicas.layout import ReplicaDirectory
from ai2bmd.simulation.ending import FINISHED, GUARDED, INTERRUPTED, TIME_IS_UP

FAILED = 4


def end_replicas(directory: ReplicaDirectory, ends: Ends, *, say: Callable[[str], None]) -> int:
    """Say how every copy ended and write the reports; interrupted ones end at once, without.

    Returns:
        Exit status: 0 only if all copies finished.
    """
    endings = [end.ending for end in ends.values()]
    for copy, end in ends.items():
        speed = f", {end.ns_per_day:.3g} ns/day" if end.ns_per_day else ""
        problem = f": {end.problem}" if end.problem else ""
        word = "given up" if end.ending == "failed" else end.ending
        say(f"  {copy.name}: {word} at step {end.step}{speed}{problem}")
    for ending, words, status in (
        ("interrupted", "Interrupted", INTERRUPTED),
        ("time is up", "The time is up", TIME_IS_UP),
    ):
        if ending in endings:
            say(f"{words}; everything is saved. Continue with: ai2bmd resume {directory.path}")
            return status
    from ai2bmd.report.overview import write_overview

    if any(end.step for end in ends.values()):
        say(f"Overview: {write_overview(directory)}")
    say(f"Finished: {endings.count('finished')} of {len(endings)} copies")
    if "failed" in endings:
        say(f"Try the others again with: ai2bmd resume {directory.path}")
        return FAILED
    return GUARDED if "guarded" in endings else FINISHED
