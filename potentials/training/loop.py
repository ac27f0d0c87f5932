"""The training loop: draw, compute, update, average; now and then validate and save.

A run lasts a number of steps or a wall time; its progress, from 0 to 1, sets the learning rate. It stops after the
step in hand at Ctrl-C or SIGTERM, and what it saved continues exactly.
"""

import contextlib
import dataclasses
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from potentials.model_file import ModelCard, save_model
from potentials.training.averaging import update_average
from potentials.training.calibration import calibrate
from potentials.training.committee import make_committee
from potentials.training.config import ScheduleSettings, TrainingConfig
from potentials.training.curves import validation_row, write_curve
from potentials.training.distributed import Processes, agreed, sum_gradients
from potentials.training.losses import batch_losses
from potentials.training.optimisation import rate_factor, set_rate
from potentials.training.preparation import PreparedData
from potentials.training.state import (
    TrainingState,
    initial_state,
    load_checkpoint,
    save_checkpoint,
    trained_parameters,
)

logger = logging.getLogger(__name__)
CHECKPOINT, MODEL = "checkpoint.pt", "model.safetensors"


@dataclasses.dataclass
class _Means:
    """Running sums since the last row of the learning curve."""

    force_loss: float = 0.0
    energy_loss: float = 0.0
    steps: int = 0
    atoms: int = 0
    seconds: float = 0.0

    def row(self) -> dict[str, float]:
        steps = max(self.steps, 1)
        return {
            "train_force_loss_eV_A": self.force_loss / steps,
            "train_energy_loss": self.energy_loss / steps,
            "atoms_per_s": self.atoms / max(self.seconds, 1e-9),
        }


def train(
    config: TrainingConfig, data: PreparedData, *, folder: Path, output: Path, processes: Processes, resume: bool
) -> bool:
    """Train to the end of the schedule; True if it got there, False if a signal stopped it.

    Args:
        config: validated settings.
        data: from `prepare_data` with the same settings.
        folder: where `start_from` is looked up.
        output: folder for checkpoint, learning curve and model file; exists.
        processes: this process among those that train together.
        resume: continue from the checkpoint in `output`.
    """
    torch.set_num_threads(config.threads)
    torch.set_float32_matmul_precision(config.matmul_precision)
    state = initial_state(config, data, folder=folder, device=processes.device)
    if resume:
        load_checkpoint(output / CHECKPOINT, state, config)
    with _stop_requests() as stop_requested, _bar(config.schedule, state, processes) as bar:
        finished = _steps(config, data, state, output=output, processes=processes, stop=stop_requested, bar=bar)
    if processes.rank == 0:
        _save(output, state, config, data)
        if finished and config.committee is not None:
            _save_committee(output, state, config, data)
    return finished


def _steps(
    config: TrainingConfig,
    data: PreparedData,
    state: TrainingState,
    *,
    output: Path,
    processes: Processes,
    stop: Callable[[], bool],
    bar: tqdm,
) -> bool:
    means, began = _Means(), time.monotonic() - state.elapsed_s
    validated = saved = state.elapsed_s
    record = config.record
    while True:
        state.elapsed_s, stopping = agreed([time.monotonic() - began, float(stop())], processes)
        done = progress(state, config.schedule)
        finished = done >= 1.0
        due = record.validate_minutes is not None and state.elapsed_s - validated >= 60 * record.validate_minutes
        due |= record.validate_steps is not None and means.steps >= record.validate_steps
        if processes.rank == 0 and means.steps and (due or finished):
            _validate(state, config, data, means=means, device=processes.device)
            write_curve(state.rows, output)
            bar.set_postfix_str(f"force MAE {state.rows[-1]['unit_force_mae_kcal_mol_A']:.3f} kcal/mol/A")
        if due:
            means, validated = _Means(), state.elapsed_s
        if finished or stopping:
            return finished
        if processes.rank == 0 and state.elapsed_s - saved >= 60 * record.checkpoint_minutes:
            _save(output, state, config, data)
            saved = state.elapsed_s
        training_step(state, config, data, means=means, processes=processes, done=done)
        _advance(bar, state, config.schedule)


def progress(state: TrainingState, schedule: ScheduleSettings) -> float:
    """The part of the run that is done, 0 to 1."""
    if schedule.steps is not None:
        return state.step / schedule.steps
    if schedule.passes is not None:
        return state.sampler.passes() / schedule.passes
    assert schedule.time_limit_minutes is not None  # the settings have one of the three
    return state.elapsed_s / (60.0 * schedule.time_limit_minutes)


def training_step(
    state: TrainingState,
    config: TrainingConfig,
    data: PreparedData,
    *,
    means: _Means,
    processes: Processes,
    done: float,
) -> None:
    """One update of weights, offsets and average; `done` sets the learning rate."""
    began = time.perf_counter()
    drawn = state.sampler.draw()
    counts = (len(drawn), int(data.training.molecules.sizes[drawn].sum()))
    mine = drawn[processes.rank :: processes.count]
    state.optimiser.zero_grad(set_to_none=True)
    if len(mine):
        batch = data.training.batch(mine, state.model.config.cutoff_A, device=processes.device)
        losses = batch_losses(state.model, state.offsets, batch, settings=config.loss, counts=counts)
        losses.total.backward()
        means.force_loss += losses.force.item()
        means.energy_loss += losses.energy.item()
    weights = trained_parameters(state)
    sum_gradients(weights, processes)
    norm = torch.nn.utils.clip_grad_norm_(weights, config.optimiser.gradient_clip)
    set_rate(state.optimiser, rate_factor(done, config.schedule))
    if bool(torch.isfinite(norm)):
        state.optimiser.step()
    else:
        logger.warning("step %d: gradient is not finite; step left out", state.step)
    state.step += 1
    update_average(state.average, state.model, decay=config.optimiser.average_decay, step=state.step)
    means.steps += 1
    means.atoms += counts[1]
    means.seconds += time.perf_counter() - began


def _validate(
    state: TrainingState, config: TrainingConfig, data: PreparedData, *, means: _Means, device: torch.device
) -> None:
    row = {"step": float(state.step), "minutes": state.elapsed_s / 60, "passes": state.sampler.passes()}
    row |= {"learning_rate": state.optimiser.param_groups[0]["lr"]} | means.row()
    state.rows.append(row | validation_row(state.average, data.validation, target=config.target, device=device))


def _save(output: Path, state: TrainingState, config: TrainingConfig, data: PreparedData) -> None:
    """Checkpoint, and the averaged weights as a model file that can be used at once."""
    save_checkpoint(output / CHECKPOINT, state, config)
    save_model(output / MODEL, state.average, _card(state, config, data))


def _save_committee(output: Path, state: TrainingState, config: TrainingConfig, data: PreparedData) -> None:
    """The model file once more, with members and the scales of their spread."""
    assert config.committee is not None  # else there is none to make
    committee = make_committee(state.average, data.training, config.committee, seed=config.seed)
    device = committee.element_energies.device
    scales = calibrate(committee, data.validation, target=config.target, device=device)
    save_model(output / MODEL, committee, dataclasses.replace(_card(state, config, data), committee=scales))


def _card(state: TrainingState, config: TrainingConfig, data: PreparedData) -> ModelCard:
    errors = {key: value for key, value in (state.rows[-1] if state.rows else {}).items() if "_mae_" in key}
    return ModelCard(
        kind=config.target,
        level_of_theory=config.level_of_theory,
        force_field=config.force_field,
        config={},
        data=data.files,
        errors={key: round(value, 4) for key, value in errors.items() if value == value},
        pretraining=state.pretraining,
        training={"steps": state.step, "minutes": round(state.elapsed_s / 60, 1), "settings": config.model_dump()},
    )


@contextlib.contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and the first Ctrl-C into a request to stop; a second Ctrl-C interrupts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    previous: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, previous[number])

    for number in previous:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _bar(schedule: ScheduleSettings, state: TrainingState, processes: Processes) -> tqdm:
    return tqdm(
        total=1.0,
        initial=min(progress(state, schedule), 1.0),
        desc="training",
        bar_format="{desc}: {percentage:5.1f}%|{bar}| {elapsed}<{remaining}{postfix}",
        disable=processes.rank != 0,
        dynamic_ncols=True,
        mininterval=1.0,
    )


def _advance(bar: tqdm, state: TrainingState, schedule: ScheduleSettings) -> None:
    bar.update(min(progress(state, schedule), 1.0) - bar.n)
