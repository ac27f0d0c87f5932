"""Starting and resuming a run: from a structure or a run directory to an open session, and through the loop."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from openmm import app

from ai2bmd import __version__
from ai2bmd.assembly import CorrectedSystem, corrected_system
from ai2bmd.device import torch_device
from ai2bmd.engine import Engine
from ai2bmd.errors import InputError
from ai2bmd.simulation.checkpoint import Identity, check_identity, identify, read_checkpoint
from ai2bmd.simulation.driver import ENGINE_ERRORS, Outcome, Session, advance, full_disk_told
from ai2bmd.simulation.guard import Guard, Limits
from ai2bmd.simulation.interruption import Interruption
from ai2bmd.simulation.log import RunLog
from ai2bmd.simulation.run_directory import RunDirectory, create_run_directory, existing_run_directory
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings, write_settings
from ai2bmd.structure.files import PreparedStructure, read_prepared, write_prepared
from ai2bmd.trajectory.layout import Parameters
from ai2bmd.trajectory.recovery import recover_trajectory
from ai2bmd.trajectory.writer import append_trajectory, create_trajectory
from potentials.model_file import ModelCard

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Assembly:
    """A prepared structure with its engine."""

    prepared: PreparedStructure
    engine: Engine
    identity: Identity
    card: ModelCard | None


def start_run(
    prepared: PreparedStructure, settings: RunSettings, *, output: Path | None, name: str, say: Say
) -> tuple[RunDirectory, Outcome]:
    """Minimise, heat and run a prepared structure in a new run directory.

    Args:
        prepared: the structure.
        settings: of the run.
        output: run directory to make; None takes a free one in runs/.
        name: of the run in runs/.
        say: takes one line at a time about what is done.

    Raises:
        InputError: the directory exists, a setting or the structure cannot be used, or the disk is full.
        FragmentationError: the protein cannot be cut.
        PotentialError: the model file cannot be used.
    """
    with Interruption() as interruption:
        directory = create_run_directory(output, name=name)
        try:
            with full_disk_told(directory.path):
                write_prepared(prepared, directory.prepared)
                write_settings(settings, directory.settings, comment=f"ai2bmd {__version__}; can be given to --config")
            assembly = _assemble(directory, settings, say=say)
            if assembly.card:
                with full_disk_told(directory.path):
                    directory.model_card.write_text(json.dumps(asdict(assembly.card), indent=1) + "\n")
            _equilibrate(assembly.engine, settings, say=say)
        except BaseException:
            shutil.rmtree(directory.path)  # made above, and nothing was computed that is worth keeping
            raise
        say(f"Running {settings.time_ps:g} ps in {directory.path}; Ctrl-C saves and stops.")
        with directory.locked(), full_disk_told(directory.path):
            trajectory = create_trajectory(
                directory.trajectory,
                atomic_numbers=_atomic_numbers(prepared.topology),
                velocities=settings.save_velocities,
                forces=settings.save_forces,
                parameters=_parameters(assembly.identity, settings),
            )
            directory.trajectory_alias.symlink_to(directory.trajectory.name)
            with trajectory, RunLog(directory.log) as log:
                guard = Guard(assembly.prepared.topology, Limits.at(settings.temperature_K))
                session = Session(assembly.engine, settings, directory, trajectory, log, guard, assembly.identity)
                return directory, advance(session, interruption)


def resume_run(path: Path, *, time: str | None, say: Say) -> tuple[RunDirectory, Outcome]:
    """Continue a run from its checkpoint to the end of its settings, or to another total time.

    Raises:
        InputError: it is no run, its checkpoint is of another system, it is past the time asked for already, or the
            disk is full.
        PotentialError: the model file cannot be used.
    """
    directory = existing_run_directory(path)
    settings = _resumed_settings(directory, time)
    with Interruption() as interruption, directory.locked(), full_disk_told(path):
        checkpoint = read_checkpoint(directory.checkpoint)
        if checkpoint.step > settings.last_step:
            reached = checkpoint.step * settings.timestep_fs / 1000.0
            raise InputError(f"{path} has reached {reached:g} ps already; give a --time longer than that")
        assembly = _assemble(directory, settings, say=say)
        check_identity(checkpoint, assembly.identity, path=directory.checkpoint)
        assembly.engine.load_checkpoint(checkpoint.state)
        _cut_trajectory(directory.trajectory, step=checkpoint.step, save_every=settings.save_every, say=say)
        if time is not None:
            write_settings(settings, directory.settings, comment=f"ai2bmd {__version__}; can be given to --config")
        at_ps = checkpoint.step * settings.timestep_fs / 1000.0
        if checkpoint.step == settings.last_step:
            say(f"The run is complete at {at_ps:g} ps; a longer --time continues it.")
        else:
            say(f"Continuing at {at_ps:g} ps to {settings.time_ps:g} ps in {path}; Ctrl-C saves and stops.")
        with (
            append_trajectory(directory.trajectory) as trajectory,
            RunLog(directory.log, keep_bytes=checkpoint.log_bytes) as log,
        ):
            guard = Guard(assembly.prepared.topology, Limits.at(settings.temperature_K))
            session = Session(assembly.engine, settings, directory, trajectory, log, guard, assembly.identity)
            return directory, advance(session, interruption)


def _assemble(directory: RunDirectory, settings: RunSettings, *, say: Say) -> _Assembly:
    """Everything starts from the file, so that start and resume see the same digits of the coordinates."""
    prepared = read_prepared(directory.prepared)
    torch.set_num_threads(settings.threads)
    device = torch_device(settings.device)
    system = corrected_system(
        prepared.topology, solvent=settings.solvent, coupling=settings.coupling, model=settings.model, device=device
    )
    engine = Engine(
        prepared.topology,
        prepared.positions_A,
        system.system,
        correction=system.correction,
        protein=system.protein,
        settings=settings.engine,
        device=device,
    )
    _describe(prepared, system, settings, device=f"{device.type}, OpenMM {engine.platform_name}", say=say)
    sha256 = system.card.sha256 if system.card else None
    identity = identify(directory.prepared, settings, model_sha256=sha256, platform=engine.platform_name)
    return _Assembly(prepared, engine, identity, system.card)


def _describe(
    prepared: PreparedStructure, system: CorrectedSystem, settings: RunSettings, *, device: str, say: Say
) -> None:
    topology = prepared.topology
    say(
        f"Structure: {topology.getNumAtoms()} atoms, {topology.getNumResidues()} residues, "
        f"chains: {topology.getNumChains()}; changes in preparation: {len(prepared.changes)} (prepared.json)"
    )
    say(f"Energy: amber19/ff19SB, {settings.solvent}")
    if system.card:
        name = Path(settings.model).name if settings.model else "the model that comes with ai2bmd"
        say(f"  + {system.card.level_of_theory} by {name}, SHA-256 {system.card.sha256[:12]}, {settings.coupling}")
    thermostat = f"Langevin, {settings.temperature_K:g} K" if settings.ensemble == "nvt" else "constant energy"
    say(f"Dynamics: {thermostat}, {settings.timestep_fs:g} fs, seed {settings.seed}; on {device}")


def _equilibrate(engine: Engine, settings: RunSettings, *, say: Say) -> None:
    try:
        if settings.minimise_steps:
            say("Minimising ...")
            engine.minimise(steps=settings.minimise_steps)
        say(f"Heating to {settings.temperature_K:g} K in {settings.heat_steps} steps ...")
        start = time.perf_counter()
        engine.heat(steps=settings.heat_steps)
    except ENGINE_ERRORS as error:
        raise InputError(
            f"the structure cannot be relaxed ({error}); look for clashes in it, or take a shorter --timestep"
        ) from error
    if settings.heat_steps:
        seconds = (time.perf_counter() - start) / settings.heat_steps
        speed = settings.timestep_fs * 1e-6 * 86_400.0 / seconds
        minutes = seconds * settings.last_step / 60.0
        say(f"Forecast: {speed:.3g} ns/day, {minutes:.1f} minutes for {settings.time_ps:g} ps")


def _resumed_settings(directory: RunDirectory, total_time: str | None) -> RunSettings:
    values = read_settings(directory.settings)
    if total_time is None:
        return make_settings(values, where=str(directory.settings))
    return make_settings(values | {"time": total_time}, where=f"{directory.settings} with --time {total_time}")


def _cut_trajectory(path: Path, *, step: int, save_every: int, say: Say) -> None:
    """Bring the trajectory to the step of the checkpoint: recover what was cut off, drop what is ahead."""
    size = path.stat().st_size
    frames = recover_trajectory(path)
    with append_trajectory(path) as trajectory:
        kept = int(np.searchsorted(trajectory.steps(), step, side="right"))
        if kept < trajectory.frames:
            trajectory.truncate(kept)
            trajectory.commit()
    missing = step // save_every + 1 - kept
    if path.stat().st_size < size or missing:
        say(f"The trajectory was damaged: its first {frames} frames are whole and kept.")
    if missing:
        say(f"{missing} frames before the checkpoint at step {step} are lost; the run continues after them.")


def _atomic_numbers(topology: app.Topology) -> np.ndarray:
    return np.array([atom.element.atomic_number for atom in topology.atoms()])


def _parameters(identity: Identity, settings: RunSettings) -> Parameters:
    """What the trajectory says about its origin; a resumed run may change the total time, so it is left out."""
    kept = {key: "default" if value is None else value for key, value in settings.as_text().items() if key != "time"}
    return kept | {
        "version": __version__,
        "structure_sha256": identity.structure,
        "model_sha256": identity.model,
        "openmm": identity.openmm,
        "platform": identity.platform,
    }
