"""What comes with the package: its models far from what they were trained on, and their error bars."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from ai2bmd.assembly import corrected_system
from ai2bmd.correction import Correction
from ai2bmd.environment import FORCE_FIELD
from ai2bmd.shipped import default_model_path, pretrained_model_path
from potentials.model_file import load_model, save_model
from potentials.visnet import ViSNet

DISPLACED_A = 0.12
"""Standard deviation per coordinate: four times what bonds have at 300 K."""


def _correction(chignolin, path: Path) -> Correction:
    found = corrected_system(
        chignolin[0], solvent="gas", coupling="whole", model=path, device=torch.device("cpu"), dtype=torch.float64
    )
    assert found.correction is not None
    return found.correction


def _largest_change_eV_per_atom(chignolin, path: Path) -> float:
    correction, (_, positions) = _correction(chignolin, path), chignolin
    generator, at_rest = np.random.default_rng(3), correction.evaluate(positions).energy
    changes = []
    for _ in range(5):
        moved = correction.evaluate(positions + generator.normal(scale=DISPLACED_A, size=positions.shape))
        assert np.isfinite(moved.forces).all()
        changes.append(abs(moved.energy - at_rest) / len(positions))
    return max(changes)


@pytest.mark.parametrize("path", [default_model_path(), pretrained_model_path()], ids=lambda path: path.stem)
def test_energies_stay_bounded_far_from_the_data(chignolin, tmp_path, path):
    assert _largest_change_eV_per_atom(chignolin, path) < 0.3
    loaded = load_model(path, force_field=FORCE_FIELD)
    unlimited = ViSNet(dataclasses.replace(loaded.model.config, vector_limit=None))
    unlimited.load_state_dict(loaded.model.state_dict())
    save_model(tmp_path / "unlimited.safetensors", unlimited, loaded.card)
    assert _largest_change_eV_per_atom(chignolin, tmp_path / "unlimited.safetensors") > 100.0  # negative control


def test_the_shipped_models_have_error_bars(chignolin):
    for path in (default_model_path(), pretrained_model_path()):
        assert _correction(chignolin, path).has_members
