"""The end of a run: the report, where things are, how to go on; the exit status."""

from collections.abc import Callable

from ai2bmd.simulation.driver import Outcome
from ai2bmd.simulation.run_directory import RunDirectory

FINISHED, GUARDED, TIME_IS_UP, INTERRUPTED = 0, 3, 75, 130
"""75 is EX_TEMPFAIL of sysexits.h: try again later, as a batch script does that requeues its job."""


def end_run(directory: RunDirectory, outcome: Outcome, *, say: Callable[[str], None]) -> int:
    """Say how the run ended and write its report; an interrupted one ends at once, without.

    Returns:
        Exit status.
    """
    path = directory.path
    if outcome.ending == "interrupted":
        say(f"Interrupted at step {outcome.step}; everything is saved. Continue with: ai2bmd resume {path}")
        return INTERRUPTED
    if outcome.ending == "time is up":
        say(f"The time is up at step {outcome.step}; everything is saved. Continue with: ai2bmd resume {path}")
        return TIME_IS_UP
    if outcome.ending == "guarded":
        say(f"Stopped by the guard: {outcome.problem}.")
        say(f"The geometry is in {directory.guard}; try a shorter --timestep, or look at the structure there.")
    if directory.checkpoint.is_file():  # else the guard stopped before the first frame
        from ai2bmd.report.report import write_report

        report = write_report(path)
        say(f"Trajectory: {directory.trajectory}")
        say(f"Report: {report}")
    word = "Finished" if outcome.ending == "finished" else "Saved"
    say(f"{word}: {outcome.step} steps, {outcome.ns_per_day:.3g} ns/day")
    return FINISHED if outcome.ending == "finished" else GUARDED
