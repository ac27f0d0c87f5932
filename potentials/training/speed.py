"""How fast training is: atoms per second of a whole step on one device, data made on the spot."""

import time

import numpy as np
import torch

from potentials.neighbours import build_edges
from potentials.training.batching import Batch
from potentials.training.config import LossSettings, OptimiserSettings
from potentials.training.losses import batch_losses
from potentials.training.optimisation import make_optimiser
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

_ATOMS_PER_MOLECULE = 25
_DENSITY = 0.095  # atoms per cubic Angstrom in a small peptide


def training_step_speed(config: ViSNetConfig, atoms: int, *, device: str = "cpu", repeats: int = 5) -> float:
    """Atoms per second of loss, gradients and update, for molecules of 25 random atoms at a peptide's density."""
    torch.manual_seed(0)
    model = ViSNet(config).to(device).train()
    batch = _random_batch(atoms, config.cutoff_A, device=torch.device(device))
    offsets = torch.nn.Parameter(torch.zeros(0, device=device))
    optimiser = make_optimiser(model, offsets, OptimiserSettings())
    counts, settings = (len(batch.sizes), len(batch.positions)), LossSettings()

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        batch_losses(model, offsets, batch, settings=settings, counts=counts).total.backward()
        optimiser.step()

    return counts[1] * repeats / _seconds(step, device=device, repeats=repeats)


def _seconds(step, *, device: str, repeats: int) -> float:
    for _ in range(2):
        step()
    synchronise = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    synchronise()
    began = time.perf_counter()
    for _ in range(repeats):
        step()
    synchronise()
    return time.perf_counter() - began


def _random_batch(atoms: int, cutoff_A: float, *, device: torch.device) -> Batch:
    generator = np.random.default_rng(0)
    molecules = max(1, round(atoms / _ATOMS_PER_MOLECULE))
    edge_A = (_ATOMS_PER_MOLECULE / _DENSITY) ** (1 / 3)
    positions = generator.uniform(0, edge_A, (molecules * _ATOMS_PER_MOLECULE, 3)).astype(np.float32)
    fragment_index = np.repeat(np.arange(molecules), _ATOMS_PER_MOLECULE)
    numbers = generator.choice([1, 1, 6, 7, 8], len(positions))
    return Batch(
        atomic_numbers=torch.from_numpy(numbers).to(device),
        positions=torch.from_numpy(positions).to(device),
        charges=torch.zeros(len(positions), device=device),
        fragment_index=torch.from_numpy(fragment_index).to(device),
        edges=build_edges(positions, fragment_index, cutoff_A).to(device),
        sizes=torch.full((molecules,), _ATOMS_PER_MOLECULE, device=device),
        energies=torch.zeros(molecules, dtype=torch.float64, device=device),
        forces=torch.zeros(len(positions), 3, device=device),
        features=torch.zeros(molecules, 0, device=device),
    )
