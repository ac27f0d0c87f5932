"""Starting and resuming a run: from a structure or a run directory, through equilibration and the loop."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
import json
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Float
from openmm import app, unit

from ai2bmd import __version__
from ai2bmd.amoeba import NAME as AMOEBA
from ai2bmd.box_contents import check_box, system_atoms
from ai2bmd.engine import Engine
from ai2bmd.environment import FORCE_FIELD, WaterModel
from ai2bmd.errors import InputError
from ai2bmd.fragment_potential import FragmentPotential
from ai2bmd.protein import atomic_numbers
from ai2bmd.simulation.checkpoint import FREE_TO_CHANGE, Checkpoint, Identity, check_identity, read_checkpoint
from ai2bmd.simulation.driver import ENGINE_ERRORS, Outcome, Session, advance, full_disk_told
from ai2bmd.simulation.equilibration import equilibrate
from ai2bmd.simulation.interruption import EndRequest, Interruption
from ai2bmd.simulation.log import RunLog
from ai2bmd.simulation.run_directory import RunDirectory, create_run_directory, existing_run_directory
from ai2bmd.simulation.sampling_files import copy_references, open_sampling_files, remove_sampling_files
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings, write_settings
from ai2bmd.simulation.stability import stability_warning
from ai2bmd.simulation.workbench import Workbench, open_workbench
from ai2bmd.solvation import Solvation, solvate
from ai2bmd.structure.files import PreparedStructure, write_prepared
from ai2bmd.trajectory.layout import PROTEIN, SOLVENT, Parameters
from ai2bmd.trajectory.recovery import check_atoms, recover_trajectory
from ai2bmd.trajectory.writer import TrajectoryWriter, append_trajectory, create_trajectory

Say = Callable[[str], None]


def start_run(
    prepared: PreparedStructure,
    settings: RunSettings,
    *,
    output: Path | None,
    name: str,
    say: Say,
    crystal_water_A: Float[np.ndarray, "waters 3"] | None = None,
) -> tuple[RunDirectory, Outcome]:
    """Solvate, equilibrate and run a prepared structure in a new run directory.

    Args:
        prepared: the structure.
        settings: of the run.
        output: run directory to make; None takes a free one in runs/.
        name: of the run in runs/.
        say: takes one line at a time about what is done.
        crystal_water_A: oxygen of each water molecule to keep, in explicit water.

    Raises:
        InputError: the directory exists, a setting or the structure cannot be used, or the disk is full.
        FragmentationError: the protein cannot be cut.
        PotentialError: the model file cannot be used.
    """
    with Interruption(max_hours=settings.max_hours) as interruption:
        directory = create_run_directory(output, name=name)
        with directory.locked(), full_disk_told(directory.path):
            try:
                write_start(prepared, settings, directory, crystal_water_A=crystal_water_A, say=say)
                workbench = open_workbench(directory, settings)
                workbench.check()
            except BaseException:
                shutil.rmtree(directory.path)  # made above, and nothing was computed that is worth keeping
                raise
            _describe(workbench, say=say)
            try:
                return directory, _go(workbench, directory, interruption, say=say)
            except InputError:
                if not directory.equilibration.exists():  # as above
                    shutil.rmtree(directory.path)
                raise


def write_start(
    prepared: PreparedStructure,
    settings: RunSettings,
    directory: RunDirectory,
    *,
    crystal_water_A: Float[np.ndarray, "waters 3"] | None,
    say: Say,
) -> None:
    """Solvate, and write all that a run starts from into its new directory.

    Raises:
        InputError: the structure or a setting cannot be used.
    """
    if settings.explicit:
        atoms = system_atoms(prepared, settings)
        check_box(atoms, settings)
        say(f"Solvating: about {atoms:,} atoms ...")
    write_prepared(prepared, directory.prepared)
    if settings.explicit:
        _solvate(prepared, settings, directory, crystal_water_A=crystal_water_A, say=say)
    write_settings(settings, directory.settings, comment=_COMMENT)
    copy_references(directory, settings)


def check_and_describe(directory: RunDirectory, settings: RunSettings, *, say: Say) -> None:
    """Find out whether a run could start from its directory, and say what it is.

    Raises:
        InputError: the structure or a setting cannot be used.
        FragmentationError: the protein cannot be cut.
        PotentialError: the model file cannot be used.
    """
    workbench = open_workbench(directory, settings)
    workbench.check()
    _describe(workbench, say=say)


@dataclass(frozen=True)
class Part:
    """What a run gets from outside that is one of several copies."""

    interruption: EndRequest
    share: Callable[[FragmentPotential], FragmentPotential] | None = None
    """Gives the potential that evaluates the molecules together with those of other copies."""
    lock_patience_s: float = 120.0
    """How long to wait until the process is gone that had the run before."""

    def of(self, workbench: Workbench) -> Workbench:
        """The workbench of the copy."""
        corrected = workbench.corrected
        if self.share is not None and corrected.correction is not None:
            corrected = replace(corrected, correction=corrected.correction.exchanged(self.share))
        return replace(workbench, corrected=corrected, progress_shown=False)


def resume_run(path: Path, *, time: str | None, say: Say, part: Part | None = None) -> tuple[RunDirectory, Outcome]:
    """Continue a run from where it stands to the end of its settings, or to another total time.

    Args:
        path: run directory.
        time: total length; None keeps that of the settings.
        say: takes one line at a time about what is done.
        part: of a run that is one of several copies; others take the signals of this process.

    Raises:
        InputError: it is no run, its checkpoint is of another system, it is past the time asked for already, or the
            disk is full.
        PotentialError: the model file cannot be used.
    """
    directory = existing_run_directory(path)
    settings = _resumed_settings(directory, time)
    with (
        nullcontext(part.interruption) if part else Interruption(max_hours=settings.max_hours) as interruption,
        directory.locked(wait_s=part.lock_patience_s if part else 0.0),
        full_disk_told(path),
    ):
        checkpoint = read_checkpoint(directory.checkpoint) if directory.checkpoint.exists() else None
        if checkpoint and checkpoint.reached > settings.last_step:
            reached = checkpoint.reached * settings.timestep_fs / 1000.0
            raise InputError(f"{path} has reached {reached:g} ps already; give a --time longer than that")
        workbench = open_workbench(directory, settings)
        if part:
            workbench = part.of(workbench)
        if checkpoint:
            check_identity(checkpoint, workbench.identity, path=directory.checkpoint)
        _describe(workbench, say=say)
        if time is not None:
            write_settings(settings, directory.settings, comment=_COMMENT)
        if checkpoint is None:
            return directory, _go(workbench, directory, interruption, say=say)
        return directory, _continue(workbench, directory, checkpoint, interruption, say=say)


def _go(workbench: Workbench, directory: RunDirectory, interruption: EndRequest, *, say: Say) -> Outcome:
    """Equilibrate, or finish doing so, and run."""
    settings = workbench.settings
    start = equilibrate(
        workbench.engine,
        workbench.positions_A,
        settings=settings,
        directory=directory,
        identity=workbench.identity,
        watch=workbench.watch(),
        interruption=interruption,
        errors=ENGINE_ERRORS,
        say=say,
        progress_shown=workbench.progress_shown,
    )
    if start is None:
        return Outcome("time is up" if interruption.reason == "time" else "interrupted", 0, 0.0)
    engine = workbench.production_engine()
    engine.restart(workbench.in_one_piece(start) if engine.sampler else start, settings.engine)
    if not start.velocities_A_per_ps.any():
        try:
            engine.draw_velocities()
        except ENGINE_ERRORS as error:  # the first evaluation, if nothing was equilibrated
            raise InputError(f"the forces cannot be computed at the start: {error}") from error
    _forecast(engine, workbench, say=say)
    say(f"Running {settings.time_ps:g} ps in {directory.path}; Ctrl-C saves and stops.")
    _remove_false_start(directory)
    numbers = atomic_numbers(workbench.topology)

    def create(path: Path, temperature_K: float) -> TrajectoryWriter:
        lowest = path == directory.trajectory
        return create_trajectory(
            path,
            atomic_numbers=numbers[workbench.corrected.protein],
            periodic=settings.explicit,
            solvent=numbers[workbench.solvent] if settings.save_solvent_every and lowest else None,
            velocities=settings.save_velocities,
            forces=settings.save_forces,
            error_bars=workbench.has_error_bars,
            parameters=_parameters(workbench.identity, settings)
            | {
                "system_atoms": workbench.topology.getNumAtoms(),
                "system_mass_u": engine.mass_u,
                "degrees_of_freedom": engine.degrees_of_freedom,
            }
            | ({} if lowest else {"thermostat_K": temperature_K}),
        )

    trajectory = create(directory.trajectory, settings.temperature_K)
    directory.trajectory_alias.symlink_to(directory.trajectory.name)
    with (
        trajectory,
        RunLog(directory.log, error_bars=workbench.has_error_bars) as log,
        open_sampling_files(directory, engine.sampler, create) as sampled,
    ):
        return advance(Session(engine, workbench, directory, trajectory, log, sampled), interruption)


def _continue(
    workbench: Workbench, directory: RunDirectory, checkpoint: Checkpoint, interruption: EndRequest, *, say: Say
) -> Outcome:
    settings = workbench.settings
    at_ps = checkpoint.reached * settings.timestep_fs / 1000.0
    if checkpoint.reached == settings.last_step:
        say(f"The run is complete at {at_ps:g} ps; a longer --time continues it.")
        return Outcome("finished", checkpoint.reached, 0.0)
    engine = workbench.production_engine()
    engine.load_checkpoint(checkpoint.state)

    def open_again(path: Path, _: float = 0.0) -> TrajectoryWriter:
        solvent_every = settings.save_solvent_every if path == directory.trajectory else 0
        return _open_trajectory(path, workbench, step=checkpoint.step, solvent_every=solvent_every, say=say)

    trajectory = open_again(directory.trajectory)
    say(f"Continuing at {at_ps:g} ps to {settings.time_ps:g} ps in {directory.path}; Ctrl-C saves and stops.")
    with (
        trajectory,
        RunLog(directory.log, error_bars=workbench.has_error_bars, keep_bytes=checkpoint.log_bytes) as log,
        open_sampling_files(directory, engine.sampler, open_again, step=checkpoint.step) as sampled,
    ):
        if log.size < checkpoint.log_bytes:
            say(f"The log: rows before the checkpoint at step {checkpoint.step} are lost; it continues after them.")
        return advance(Session(engine, workbench, directory, trajectory, log, sampled), interruption, anchor=checkpoint)


def _remove_false_start(directory: RunDirectory) -> None:
    """Remove what a start left behind that was broken off between its first frame and its first checkpoint."""
    if directory.trajectory.exists():
        try:
            frames = recover_trajectory(directory.trajectory)
        except InputError:
            frames = 0
        if frames > 1:
            raise InputError(f"{directory.path} cannot be resumed: its checkpoint is missing; start the run anew")
    for leftover in (directory.trajectory, directory.trajectory_alias, directory.log):
        leftover.unlink(missing_ok=True)
    remove_sampling_files(directory)


_COMMENT = f"ai2bmd {__version__}; can be given to --config"


def _solvate(
    prepared: PreparedStructure,
    settings: RunSettings,
    directory: RunDirectory,
    *,
    crystal_water_A: Float[np.ndarray, "waters 3"] | None,
    say: Say,
) -> None:
    solvation = Solvation(
        cast(WaterModel, settings.solvent), settings.padding_A, settings.box, settings.salt_M, settings.seed
    )
    solvated = solvate(prepared.topology, prepared.positions_A, solvation, crystal_water_A=crystal_water_A)
    with directory.system.open("w", encoding="utf-8") as file:
        app.PDBxFile.writeFile(solvated.topology, solvated.positions_A * unit.angstrom, file, keepIds=True)
    say(f"Solvated: {solvated.summary()}")


def _describe(workbench: Workbench, *, say: Say) -> None:
    settings, prepared, card = workbench.settings, workbench.prepared, workbench.corrected.card
    topology = prepared.topology
    say(
        f"Structure: {topology.getNumAtoms()} atoms, {topology.getNumResidues()} residues, "
        f"chains: {topology.getNumChains()}; changes in preparation: {len(prepared.changes)} (prepared.json)"
    )
    environment = {"amber19": FORCE_FIELD, "amoeba2018": AMOEBA}[settings.environment]
    say(f"Energy: {environment}, {settings.solvent}")
    if card:
        name = Path(settings.model).name if settings.model else "the model that comes with ai2bmd"
        if settings.environment != "amber19" and card.force_field:
            say(f"  + {card.force_field} of the protein in its place")
        say(f"  + {card.level_of_theory} by {name}, SHA-256 {card.sha256[:12]}, {settings.coupling}")
    kinds = {
        "npt": f"Langevin, {settings.temperature_K:g} K, {settings.pressure_bar:g} bar",
        "nvt": f"Langevin, {settings.temperature_K:g} K",
        "nve": "constant energy",
    }
    held = ", bonds to hydrogen constrained" if settings.constraints == "h-bonds" else ""
    say(
        f"Dynamics: {kinds[settings.ensemble]}, {settings.timestep_fs:g} fs{held}, seed {settings.seed}; "
        f"on {workbench.device.type}, OpenMM {workbench.identity.platform}"
    )
    warning = stability_warning(settings)
    if warning:
        say(f"Warning: {warning}")


def _forecast(engine: Engine, workbench: Workbench, *, say: Say) -> None:
    """Time a few steps, and go back."""
    settings = workbench.settings
    checkpoint = engine.save_checkpoint()
    try:
        engine.step(2)
        start = time.perf_counter()
        engine.step(8)
        seconds = (time.perf_counter() - start) / 8
    except ENGINE_ERRORS:
        return  # the loop will meet it again, with the guard
    finally:
        engine.load_checkpoint(checkpoint)
        engine.renew(checkpoint)
    speed = settings.timestep_fs * 1e-6 * 86_400.0 / seconds
    minutes = seconds * settings.last_step / 60.0
    say(f"Forecast: {speed:.3g} ns/day, {minutes:.1f} minutes for {settings.time_ps:g} ps")


def _resumed_settings(directory: RunDirectory, total_time: str | None) -> RunSettings:
    values, where = read_settings(directory.settings), str(directory.settings)
    if total_time is not None:
        values, where = values | {"time": total_time}, f"{where} with --time {total_time}"
    settings = make_settings(values, where=where)
    if settings.replicas > 1:
        raise InputError(
            f"{directory.path} is of {settings.replicas} copies, and none of them is there, as a start that was broken "
            "off leaves it; remove the directory and start the run anew"
        )
    return settings


def _open_trajectory(path: Path, workbench: Workbench, *, step: int, solvent_every: int, say: Say) -> TrajectoryWriter:
    """The trajectory up to the step of the checkpoint: what was cut off is recovered, what is ahead dropped.

    What is dropped stays in the file until the first commit, when it has been made again.
    """
    settings, size = workbench.settings, path.stat().st_size
    frames = recover_trajectory(path)
    check_atoms(path, atomic_numbers(workbench.topology)[workbench.corrected.protein])
    trajectory = append_trajectory(path)
    trajectory.drop_after(step)
    if path.stat().st_size < size or trajectory.frames() <= step // settings.save_every:
        say(f"The trajectory was damaged: its first {frames} frames are whole and kept.")
    for group, every in ((PROTEIN, settings.save_every), (SOLVENT, solvent_every)):
        missing = step // every + 1 - trajectory.frames(group) if every else 0
        if missing:
            say(
                f"The {group.name}: {missing} frames before the checkpoint at step {step} are lost; the run continues "
                "after them."
            )
    return trajectory


def _parameters(identity: Identity, settings: RunSettings) -> Parameters:
    """What the trajectory says about its origin; a resumed run may change the total time, so it is left out."""
    kept = {key: _plain(value) for key, value in settings.as_text().items() if key not in FREE_TO_CHANGE}
    return kept | {
        "version": __version__,
        "structure_sha256": identity.structure,
        "model_sha256": identity.model,
        "openmm": identity.openmm,
        "platform": identity.platform,
    }


def _plain(value: object) -> str | int | float | bool:
    if value is None:
        return "default"
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)
