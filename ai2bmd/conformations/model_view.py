"""What a model makes of conformations: the features its last layer acts on, and how far its members disagree."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64

from ai2bmd.environment import FORCE_FIELD
from ai2bmd.shipped import default_model_path
from potentials.label_store import Molecule
from potentials.model_file import load_model
from potentials.neighbours import build_edges
from potentials.visnet.committee import member_gradients, spread

_ATOMS_AT_ONCE = 1000


class ModelView:
    """A model that is asked about frames of one molecule at a time; on CPU, in single precision."""

    def __init__(self, path: Path | None) -> None:
        """Load a model file; None takes the one that comes with the package.

        Raises:
            PotentialError: the file is unusable, or corrects another force field.
        """
        loaded = load_model(path or default_model_path(), force_field=FORCE_FIELD)
        self._model, self._committee = loaded.model.requires_grad_(False), loaded.card.committee
        self.sha256 = loaded.card.sha256

    @property
    def has_members(self) -> bool:
        """Whether it is a committee."""
        return self._committee is not None

    def features(
        self, molecule: Molecule, positions: Float32[np.ndarray, "frames atoms 3"]
    ) -> Float64[np.ndarray, "frames atoms channels"]:
        """Last features of each atom."""
        found = []
        for part, numbers, charges, index in self._parts(molecule, positions):
            edges = build_edges(part.numpy(), index.numpy(), self._model.config.cutoff_A)
            features = self._model.last_features(numbers, part, charges, [edges])
            found.append(features.reshape(-1, positions.shape[1], features.shape[1]).double().numpy())
        return np.concatenate(found)

    def expected_errors(
        self, molecule: Molecule, positions: Float32[np.ndarray, "frames atoms 3"]
    ) -> Float64[np.ndarray, " frames"]:
        """Expected error of the forces of each frame (eV/A), root of the mean square over atoms."""
        assert self._committee is not None  # the caller has looked
        found = []
        for part, numbers, charges, index in self._parts(molecule, positions):
            moving = part.requires_grad_()
            edges = build_edges(part.detach().numpy(), index.numpy(), self._model.config.cutoff_A)
            frames = len(part) // positions.shape[1]
            energies = self._model.member_energies(numbers, moving, index, charges, edges, frames)
            errors = spread(member_gradients(energies, moving)) * self._committee.force_scale
            found.append(errors.reshape(frames, -1).square().mean(dim=1).sqrt().double().numpy())
        return np.concatenate(found)

    def _parts(self, molecule: Molecule, positions: np.ndarray) -> Iterator[tuple[torch.Tensor, ...]]:
        """Positions, elements, charges and number of the frame of each atom, some frames at a time."""
        atoms = positions.shape[1]
        step = max(1, _ATOMS_AT_ONCE // atoms)
        elements = torch.from_numpy(molecule.atomic_numbers.astype(np.int64))
        charges = torch.from_numpy(molecule.mm_charges.astype(np.float32))
        for begin in range(0, len(positions), step):
            part = torch.from_numpy(positions[begin : begin + step].astype(np.float32))
            frames = len(part)
            index = torch.arange(frames).repeat_interleave(atoms)
            yield part.reshape(-1, 3), elements.repeat(frames), charges.repeat(frames), index
