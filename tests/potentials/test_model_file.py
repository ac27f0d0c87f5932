"""Model files: what is read is what was written, and everything else is refused with a reason."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from potentials.errors import PotentialError
from potentials.model_file import ModelCard, card_path, load_model, save_model
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

FORCE_FIELD = "amber19/ff19SB"
CARD = ModelCard(
    kind="correction", level_of_theory="test", force_field=FORCE_FIELD, config={}, data=({"name": "a", "sha256": "b"},)
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = ViSNet(ViSNetConfig(hidden_channels=8, num_layers=1, num_heads=2, num_radial=8))
    model.set_element_energies(torch.arange(20, dtype=torch.float64) / 7)
    save_model(tmp_path / "model.safetensors", model, CARD)
    return tmp_path / "model.safetensors"


def _edit_card(path: Path, **changes: object) -> None:
    card = json.loads(card_path(path).read_text())
    card_path(path).write_text(json.dumps(card | changes))


def test_weights_and_card_come_back_exactly(saved: Path) -> None:
    loaded = load_model(saved, force_field=FORCE_FIELD)
    again = save_model(saved.with_name("again.safetensors"), loaded.model, loaded.card)
    assert again == loaded.card
    assert saved.with_name("again.safetensors").read_bytes() == saved.read_bytes()
    assert loaded.model.element_energies.dtype == torch.float64
    assert loaded.model.element_energies[3] == 3 / 7
    assert not loaded.model.training


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_refused_unread_whatever_its_name(saved: Path, zipped: bool) -> None:
    torch.save({"weights": torch.zeros(2)}, saved, _use_new_zipfile_serialization=zipped)
    with pytest.raises(PotentialError, match="is a pickle"):
        load_model(saved, force_field=FORCE_FIELD)


@pytest.mark.parametrize("content", [b"", b"abc", b"\x10\x00\x00\x00\x00\x00\x00\x00[1]", b"\xff" * 100])
def test_what_is_no_safetensors_file_is_refused(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    with pytest.raises(PotentialError, match="is not a safetensors file"):
        load_model(saved, force_field=FORCE_FIELD)


def test_a_changed_bit_is_noticed(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(PotentialError, match="SHA-256"):
        load_model(saved, force_field=FORCE_FIELD)


def test_a_file_cut_off_is_noticed(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-20])
    with pytest.raises(PotentialError, match="SHA-256"):
        load_model(saved, force_field=FORCE_FIELD)


@pytest.mark.parametrize("other", ["charmm36", None])
def test_another_force_field_is_refused(saved: Path, other: str | None) -> None:
    with pytest.raises(PotentialError, match="corrects the force field amber19/ff19SB"):
        load_model(saved, force_field=other)


def test_missing_files_are_named(saved: Path) -> None:
    card_path(saved).unlink()
    with pytest.raises(PotentialError, match=r"model card .*model\.json is missing"):
        load_model(saved, force_field=FORCE_FIELD)
    with pytest.raises(PotentialError, match="does not exist"):
        load_model(saved.with_name("absent.safetensors"), force_field=FORCE_FIELD)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"chanels": 8}}, "unknown model setting chanels"),
        ({"config": {"lmax": 7}}, "lmax"),
        ({"config": {"hidden_channels": 16}}, "weights do not fit"),
        ({"version": 99}, "version 99"),
        ({"kind": "guess"}, "'guess'"),
        ({"colour": "red"}, "cannot be read"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(saved: Path, changes: dict[str, object], message: str) -> None:
    _edit_card(saved, **changes)
    with pytest.raises(PotentialError, match=message):
        load_model(saved, force_field=FORCE_FIELD)


def test_a_card_that_is_not_json_is_refused(saved: Path) -> None:
    card_path(saved).write_text("{")
    with pytest.raises(PotentialError, match="cannot be read"):
        load_model(saved, force_field=FORCE_FIELD)


def test_a_correction_to_nothing_cannot_be_saved(saved: Path) -> None:
    model = load_model(saved, force_field=FORCE_FIELD).model
    with pytest.raises(PotentialError, match="makes no sense"):
        save_model(saved, model, dataclasses.replace(CARD, force_field=None))
