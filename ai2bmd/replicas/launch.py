"""Starting and resuming a run in several copies: where they are computed, and seeing them through."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ai2bmd.errors import InputError
from ai2bmd.replicas.advance import CopyEnd
from ai2bmd.replicas.layout import ReplicaDirectory, create_replicas
from ai2bmd.replicas.plan import plan_copies
from ai2bmd.replicas.standing import CombinedProgress, standing
from ai2bmd.replicas.supervisor import Supervisor
from ai2bmd.simulation.interruption import Interruption
from ai2bmd.simulation.launch import Say
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings, write_settings
from ai2bmd.structure.files import PreparedStructure

Ends = dict[Path, CopyEnd]


def start_replicas(
    prepared: PreparedStructure,
    settings: RunSettings,
    *,
    output: Path | None,
    name: str,
    say: Say,
    crystal_water_A: Float[np.ndarray, "waters 3"] | None = None,
) -> tuple[ReplicaDirectory, Ends]:
    """Run copies of a prepared structure in a new directory; see `start_run` for arguments and errors.

    Returns:
        The directory, and how each copy ended.
    """
    with Interruption(max_hours=settings.max_hours) as interruption:
        directory = create_replicas(
            prepared, settings, output=output, name=name, say=say, crystal_water_A=crystal_water_A
        )
        with directory.whole.locked():
            return directory, _see_through(directory, settings, interruption, say=say)


def resume_replicas(path: Path, *, time: str | None, say: Say) -> tuple[ReplicaDirectory, Ends]:
    """Continue all copies from where they stand to the end of their settings, or to another total time.

    Raises:
        InputError: copies or settings are missing, or a copy is past the time asked for already.
    """
    directory = ReplicaDirectory(path)
    settings = directory.settings()
    if time is not None:
        where = f"{directory.whole.settings} with --time {time}"
        settings = make_settings(read_settings(directory.whole.settings) | {"time": time}, where=where)
        for copy in directory.copies:
            if (step := standing(copy).step) > settings.last_step:
                reached = step * settings.timestep_fs / 1000.0
                raise InputError(f"{copy} has reached {reached:g} ps already; give a --time longer than that")
    with Interruption(max_hours=settings.max_hours) as interruption, directory.whole.locked():
        if time is not None:
            write_settings(settings, directory.whole.settings, comment="can be given to --config")
        return directory, _see_through(directory, settings, interruption, say=say)


def _see_through(directory: ReplicaDirectory, settings: RunSettings, interruption: Interruption, *, say: Say) -> Ends:
    steps = {copy: standing(copy).step for copy in directory.copies}
    ends = {copy: CopyEnd("finished", step) for copy, step in steps.items() if step >= settings.last_step}
    left = [copy.resolve() for copy in directory.copies if copy not in ends]
    if not left:
        say(f"All copies are complete at {settings.time_ps:g} ps; a longer --time continues them.")
        return ends
    plan = plan_copies(left, settings)
    say(f"Copies: {plan.in_words()}")
    say(f"Running {settings.time_ps:g} ps in {directory.path}; Ctrl-C saves and stops.")
    with plan.pool(directory.path.resolve()) as pool, CombinedProgress(left, settings) as progress:
        supervisor = Supervisor(pool, failures=plan.cluster.failures, note=progress.note)
        ended = supervisor.see_through(
            plan.batches,
            total_time=settings.as_text()["time"],  # a copy may not have heard of it, if this process was killed
            interruption=interruption,
            each_round=lambda: progress.show(ended=len(supervisor.ends)),
        )
        say(f"Speed: {progress.ns_per_day:.3g} ns/day in sum, from first to last")
    return {copy: ends.get(copy) or ended[copy.resolve()] for copy in directory.copies}
