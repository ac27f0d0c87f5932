"""Equilibration: stages of minimisation and dynamics, each in segments that can be continued after any interruption.

A segment starts from a snapshot and a seed of its own, so on CPU an interrupted equilibration ends where an
uninterrupted one does, bit for bit.
"""

import csv
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64
from tqdm import tqdm

from ai2bmd.analysis.superposition import superpose
from ai2bmd.engine import Engine, EngineState, Snapshot
from ai2bmd.errors import InputError
from ai2bmd.integrators import EngineSettings
from ai2bmd.minimisation import minimise
from ai2bmd.simulation.checkpoint import Identity, check_identity, checkpoint_at, read_checkpoint, write_checkpoint
from ai2bmd.simulation.interruption import EndRequest
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.simulation.shape_restraint import KJ_NM2_PER_KCAL_A2, STIFFNESS
from ai2bmd.simulation.stages import Stage

SEGMENTS = 20
"""Of a stage; ramps change from one to the next."""
_SAMPLES = 5  # rows of the table for a segment
_SAVE_EVERY_S = 5.0
_CORRECTED_STEPS = 30

MakeEngine = Callable[[EngineSettings, bool], Engine]
"""From settings, and whether the shape of the protein can be restrained."""


@dataclass(frozen=True)
class Sample:
    """A row of equilibration.csv: one instant; energies in eV."""

    stage: str
    segment: int
    time_ps: float
    """Since the start of equilibration."""
    temperature_K: float
    thermostat_K: float
    density_g_cm3: float | None
    energy_environment_eV: float
    energy_correction_eV: float
    rmsd_A: float
    """Of the C-alpha atoms (see `Watch`) to the prepared structure."""
    restraint_kcal_mol_A2: float
    correction: float


@dataclass(frozen=True, eq=False)
class Watch:
    """What is looked at while a system equilibrates."""

    atoms: Int64[np.ndarray, " chosen"]
    """Superposed for the RMSD."""
    reference_A: Float[np.ndarray, "atoms 3"]
    image: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
    problem: Callable[[EngineState], str | None]


@dataclass(frozen=True)
class _Segment:
    """One of the pieces in which equilibration is done and saved."""

    number: int
    stage: Stage
    steps: int
    timestep_fs: float
    temperature_K: float
    restraint: float
    correction: float

    @property
    def length_ps(self) -> float:
        return self.steps * self.timestep_fs / 1000.0


def equilibrate(
    make_engine: MakeEngine,
    start_A: Float[np.ndarray, "atoms 3"],
    *,
    settings: RunSettings,
    directory: RunDirectory,
    identity: Identity,
    watch: Watch,
    interruption: EndRequest,
    errors: tuple[type[Exception], ...],
    say: Callable[[str], None],
    progress_shown: bool = True,
) -> Snapshot | None:
    """Go through the stages of the settings, or through those that are left.

    Args:
        make_engine: builds the engine of a stage.
        start_A: the structure.
        settings: of the run.
        directory: equilibration.csv and the state are kept there.
        identity: of the run; a state of another one is refused.
        watch: what to look at.
        interruption: ends it after the present segment.
        errors: what the engine raises at coordinates that mean nothing.
        say: takes a line for each stage.
        progress_shown: whether there is a bar on a terminal.

    Returns:
        Where production starts; None if interrupted.

    Raises:
        InputError: the structure falls apart, or the saved state is damaged or of another run.
    """
    segments = list(plan_segments(settings))
    done, snapshot, samples = _saved(directory, identity)
    if done:
        say(f"Equilibration: continuing at segment {done + 1} of {len(segments)}")
    saved_at = time.perf_counter()
    engine: Engine | None = None
    hidden = None if progress_shown else True
    with tqdm(total=len(segments), initial=done, unit="segment", disable=hidden, dynamic_ncols=True) as bar:
        for segment in segments[done:]:
            if interruption.requested:
                break
            if engine is None or segment.number == 0 or segments[segment.number - 1].stage is not segment.stage:
                say(f"Equilibration: {_in_words(segment.stage)} ...")
                engine = make_engine(_engine_settings(segment, settings), _restrained(segment.stage))
            elapsed = sum(earlier.length_ps for earlier in segments[: segment.number])
            try:
                samples += _run(segment, engine, snapshot, settings, watch=watch, start_A=start_A, elapsed_ps=elapsed)
            except errors as error:
                raise InputError(
                    f"equilibration, stage {segment.stage.name}: {error}; look for clashes in the structure, or take a "
                    "shorter --timestep"
                ) from error
            snapshot, done = engine.snapshot(), segment.number + 1
            bar.set_postfix_str(f"{segment.stage.name}, {samples[-1].temperature_K:.0f} K", refresh=False)
            bar.update()
            ends = done == len(segments) or segments[done].stage is not segment.stage
            if ends or time.perf_counter() - saved_at > _SAVE_EVERY_S:
                _save(directory, identity, done, snapshot, samples)
                saved_at = time.perf_counter()
    if snapshot is not None:
        _save(directory, identity, done, snapshot, samples)
    if done < len(segments):
        return None
    return snapshot or Snapshot(start_A, np.zeros_like(start_A), None)


def plan_segments(settings: RunSettings) -> Iterator[_Segment]:
    """All segments of all stages; the last of a stage is at the end of its ramps."""
    timestep_fs = settings.timestep_fs / settings.substeps
    number = 0
    for stage in settings.equilibration:
        steps = 0 if stage.time_ps is None else max(1, round(1000.0 * stage.time_ps / timestep_fs))
        count = min(SEGMENTS, max(1, steps))
        temperature = stage.temperature_K or (settings.temperature_K, settings.temperature_K)
        for place in range(count):
            yield _Segment(
                number=number,
                stage=stage,
                steps=steps // count + (place < steps % count),
                timestep_fs=timestep_fs,
                temperature_K=_ramp(temperature, place, count),
                restraint=_ramp(stage.restraint, place, count),
                correction=_ramp(stage.correction, place, count),
            )
            number += 1


def _ramp(ends: tuple[float, float], place: int, count: int) -> float:
    return ends[0] + (ends[1] - ends[0]) * (place + 1) / count


def _restrained(stage: Stage) -> bool:
    return max(stage.restraint) > 0.0


def _in_words(stage: Stage) -> str:
    what = f"{stage.minimise} steps of minimisation" if stage.minimise else f"{stage.time_ps:g} ps, {stage.ensemble}"
    held = f", shape held by {stage.restraint[0]:g} to {stage.restraint[1]:g} kcal/mol/A2" if _restrained(stage) else ""
    first, last = stage.correction
    part = "" if first == last == 1.0 else f", correction {first:g} to {last:g}" if last else ", without correction"
    return f"{stage.name}: {what}{held}{part}"


def _engine_settings(segment: _Segment, settings: RunSettings) -> EngineSettings:
    seed = np.random.SeedSequence([settings.seed, segment.number]).generate_state(1)[0] % 2**31
    return replace(
        settings.engine,
        ensemble=segment.stage.ensemble if segment.stage.time_ps else "nvt",
        timestep_fs=segment.timestep_fs,
        substeps=1,
        temperature_K=segment.temperature_K,
        friction_per_ps=segment.stage.friction_per_ps or settings.friction_per_ps,
        seed=int(seed),
    )


def _run(
    segment: _Segment,
    engine: Engine,
    snapshot: Snapshot | None,
    settings: RunSettings,
    *,
    watch: Watch,
    start_A: Float[np.ndarray, "atoms 3"],
    elapsed_ps: float,
) -> list[Sample]:
    """Do one segment.

    Raises:
        ValueError: a geometry that cannot be.
    """
    engine_settings = _engine_settings(segment, settings)
    engine.restart(snapshot or Snapshot(start_A, np.zeros_like(start_A), None), engine_settings)
    if _restrained(segment.stage):
        engine.context.setParameter(STIFFNESS, segment.restraint * KJ_NM2_PER_KCAL_A2)
    engine.set_correction(segment.correction)
    if segment.stage.minimise:
        corrected = _CORRECTED_STEPS if segment.correction == 1.0 and not settings.explicit else 0
        minimise(engine, steps=segment.stage.minimise, corrected_steps=corrected)
        engine.set_correction(segment.correction)
        parts = [0]
    else:
        if snapshot is None or not snapshot.velocities_A_per_ps.any():
            engine.draw_velocities(engine_settings)
        bounds = np.linspace(0, segment.steps, min(_SAMPLES, segment.steps) + 1).astype(int)
        parts = np.diff(bounds).tolist()
    samples = []
    for steps in parts:
        engine.step(steps)
        state = engine.state()
        if not segment.stage.minimise and (problem := watch.problem(state)):
            raise ValueError(problem)
        samples.append(_sample(segment, state, watch, elapsed_ps=elapsed_ps))
    return samples


def _sample(segment: _Segment, state: EngineState, watch: Watch, *, elapsed_ps: float) -> Sample:
    whole = watch.image(state.positions_A, state.box_A)
    rmsd, _ = superpose(whole[None].astype(np.float32), watch.reference_A, atoms=watch.atoms)
    return Sample(
        stage=segment.stage.name,
        segment=segment.number,
        time_ps=elapsed_ps + state.time_ps,
        temperature_K=state.temperature_K,
        thermostat_K=segment.temperature_K,
        density_g_cm3=state.density_g_cm3,
        energy_environment_eV=state.energy_environment,
        energy_correction_eV=state.energy_correction,
        rmsd_A=float(rmsd[0]),
        restraint_kcal_mol_A2=segment.restraint,
        correction=segment.correction,
    )


def _save(directory: RunDirectory, identity: Identity, done: int, snapshot: Snapshot, samples: list[Sample]) -> None:
    """The table first: rows ahead of the state are made again."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Sample)])
    writer.writeheader()
    writer.writerows(asdict(sample) for sample in samples)
    temporary = directory.equilibration_table.with_name(f".{directory.equilibration_table.name}.new")
    temporary.write_text(text.getvalue(), encoding="utf-8")
    temporary.replace(directory.equilibration_table)
    arrays = {name: value for name, value in vars(snapshot).items() if value is not None}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_checkpoint(checkpoint_at(identity, done, buffer.getvalue()), directory.equilibration)


def _saved(directory: RunDirectory, identity: Identity) -> tuple[int, Snapshot | None, list[Sample]]:
    """How many segments are done, and where they led."""
    if not directory.equilibration.is_file():
        return 0, None, []
    checkpoint = read_checkpoint(directory.equilibration)
    check_identity(checkpoint, identity, path=directory.equilibration)
    with np.load(io.BytesIO(checkpoint.state)) as arrays:
        snapshot = Snapshot(arrays["positions_A"], arrays["velocities_A_per_ps"], arrays.get("box_A"))
    samples = read_samples(directory.equilibration_table)
    return checkpoint.step, snapshot, [sample for sample in samples if sample.segment < checkpoint.step]


def read_samples(path: Path) -> list[Sample]:
    """The rows of equilibration.csv.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_parse(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}); it belongs to the run and must stay as it is") from error


def _parse(row: dict[str, str]) -> Sample:
    numbers = {name: float(value) if value else None for name, value in row.items() if name not in ("stage", "segment")}
    return Sample(stage=row["stage"], segment=int(row["segment"]), **numbers)  # pyright: ignore[reportArgumentType]
