"""Committees: they predict what the model did, and where the data say little their members disagree."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from potentials.errors import PotentialError
from potentials.model_file import CommitteeCard, card_path, load_model, save_model
from potentials.training.calibration import agreement, calibrate, measure_spreads
from potentials.training.committee import make_committee
from potentials.training.config import CommitteeSettings, training_config
from potentials.training.dataset import select
from potentials.training.distributed import Processes
from potentials.training.evaluation import model_deviations
from potentials.training.fine_tuning import starting_model
from potentials.training.loop import train
from potentials.training.preparation import PreparedData, prepare_data
from potentials.visnet.committee import mean_member, member_gradients, spread
from potentials.visnet.model import ViSNet

Settings = Callable[..., dict[str, object]]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(settings: Settings, data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file, trained for a moment, with a committee."""
    config = training_config(
        settings(
            data={"units": "units.h5"},
            model={"hidden_channels": 16, "num_layers": 1, "num_heads": 2, "num_radial": 16},
            optimiser={"learning_rate": 1e-2, "average_decay": 0.9},
            schedule={"steps": 150, "atoms_per_step": 60},
            record={"validate_minutes": None, "frames_per_unit": 12},
        ),
        where="test",
    )
    folder = tmp_path_factory.mktemp("committee")
    data = prepare_data(config, data_folder, n_elements=20)
    train(config, data, folder=data_folder, output=folder, processes=Processes(0, 1, CPU), resume=False)
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def committee(trained: Path) -> ViSNet:
    return load_model(trained, force_field="none at all").model


@pytest.fixture(scope="module")
def data(settings: Settings, data_folder: Path) -> PreparedData:
    return prepare_data(training_config(settings(data={"units": "units.h5"}), where="test"), data_folder, n_elements=20)


def test_training_ends_with_a_calibrated_committee(trained: Path) -> None:
    card = load_model(trained, force_field="none at all").card
    assert card.config["members"] == 8
    assert card.committee is not None
    assert card.committee.force_scale > 0
    assert card.committee.calibration["forces"]["spearman"] > 0.3


def test_a_committee_predicts_what_the_model_did(committee: ViSNet, data: PreparedData) -> None:
    model = mean_member(committee)
    other = make_committee(model, data.training, CommitteeSettings(members=5), seed=3)
    held = data.validation
    one, many = (model_deviations(m, held, target="correction", device=CPU) for m in (model, other))
    np.testing.assert_allclose(many.energies, one.energies, atol=2e-5)
    np.testing.assert_allclose(many.forces, one.forces, atol=2e-5)


def test_members_disagree_where_there_are_no_data(committee: ViSNet, data: PreparedData) -> None:
    held = data.validation
    stretched = dataclasses.replace(held, positions=held.positions * np.float32(1.25))
    usual, strange = (
        measure_spreads(committee, molecules, target="correction", device=CPU).force_spreads
        for molecules in (held, stretched)
    )
    assert np.median(strange) > 2.0 * np.median(usual)


def test_the_spread_is_of_the_size_of_the_residuals(committee: ViSNet, data: PreparedData) -> None:
    model = mean_member(committee).requires_grad_(False)
    for members in (2, 4, 12):  # more members than the last layer has channels, too
        made = make_committee(model, data.training, CommitteeSettings(members=members), seed=1)
        seen = measure_spreads(made, data.training.molecules, target="correction", device=CPU)
        ratio = np.sqrt(np.mean(seen.force_spreads**2) / np.mean(seen.force_errors**2))
        assert 0.3 < ratio < 3.0, members
        assert made.config.members == members


def test_an_element_alone_is_no_disagreement(committee: ViSNet, data: PreparedData) -> None:
    """Members' energies agree on the mean over the training data of each composition, but for what geometry adds."""
    model = mean_member(committee).requires_grad_(False)
    made = make_committee(model, data.training, CommitteeSettings(), seed=1)
    raw = ViSNet(made.config)
    raw.load_state_dict(
        made.state_dict() | {"element_energies": made.element_energies.mean(1, keepdim=True).expand(-1, 8)}
    )
    chosen = np.arange(len(data.training.molecules))
    batch = data.training.batch(chosen, model.config.cutoff_A, device=CPU)
    spreads = []
    for one in (made, raw):
        energies = one.member_energies(
            batch.atomic_numbers, batch.positions, batch.fragment_index, batch.charges, batch.edges, len(chosen)
        )
        spreads.append(energies.detach().mean(dim=0).std().item())
    assert spreads[0] < 0.2 * spreads[1]  # control: without the members' own reference energies


def test_member_gradients_are_those_of_the_members(committee: ViSNet, data: PreparedData) -> None:
    model = copy.deepcopy(committee).double()
    batch = data.training.batch(np.array([0, 25]), model.config.cutoff_A, device=CPU)

    def energies(positions: torch.Tensor) -> torch.Tensor:
        return model.member_energies(
            batch.atomic_numbers, positions, batch.fragment_index, batch.charges, batch.edges, len(batch.sizes)
        )

    positions = batch.positions.double().requires_grad_()
    found = member_gradients(energies(positions), positions)
    assert found.shape == (8, len(positions), 3)
    step = torch.zeros_like(positions)
    step[1, 2] = 1e-4
    with torch.no_grad():
        slope = (energies(positions + step) - energies(positions - step)).sum(dim=0) / 2e-4
    torch.testing.assert_close(found[:, 1, 2], slope, rtol=1e-6, atol=1e-7)
    assert slope.std() > 1e-4  # control: the members differ
    expected = ((found - found.mean(0)) ** 2).sum(dim=(0, 2)).div(7).sqrt()
    torch.testing.assert_close(spread(found), expected)


@pytest.mark.parametrize("wrong", [0.2, 5.0])
def test_calibration_finds_the_factor(committee: ViSNet, data: PreparedData, wrong: float) -> None:
    """Members moved apart or together by a factor are brought back by its inverse."""
    tested = data.training.molecules
    first = calibrate(committee, tested, target="correction", device=CPU)
    other = ViSNet(committee.config)
    state = committee.state_dict()
    for name, dim in (("energy.output.weight", 0), ("element_energies", 1)):
        mean = state[name].mean(dim, keepdim=True)
        state[name] = mean + wrong * (state[name] - mean)
    other.load_state_dict(state)
    second = calibrate(other, tested, target="correction", device=CPU)
    assert second.force_scale == pytest.approx(first.force_scale / wrong, rel=1e-3)
    assert second.calibration["forces"]["spearman"] == pytest.approx(first.calibration["forces"]["spearman"], abs=2e-3)
    judged = second.calibration["forces"]
    assert judged["miscalibration_after"] < 0.7 * judged["miscalibration_before"]


def test_few_molecules_serve_for_scales_and_judgement(committee: ViSNet, data: PreparedData) -> None:
    few = select(data.validation, np.array([0, 2, 4]))
    card = calibrate(committee, few, target="correction", device=CPU)
    assert (card.calibration["molecules"], card.calibration["judged_on"]) == (3, "the same")
    assert card.energy_scale == card.force_scale
    more = calibrate(committee, data.training.molecules, target="correction", device=CPU)
    assert more.calibration["judged_on"] >= 10
    assert more.energy_scale != more.force_scale


def test_agreement_tells_spread_that_knows_from_spread_that_does_not() -> None:
    generator = np.random.default_rng(0)
    spreads = np.exp(generator.normal(size=4000))
    errors = np.abs(spreads * generator.normal(size=4000))
    good = agreement(errors, spreads, scale=1.0)
    shuffled = agreement(errors, generator.permutation(spreads), scale=1.0)
    assert good["spearman"] > 0.5
    assert good["miscalibration_after"] < 0.1
    assert abs(shuffled["spearman"]) < 0.05
    assert shuffled["miscalibration_after"] > 0.5
    assert agreement(errors, spreads, scale=3.0)["miscalibration_after"] > 1.0


def test_fine_tuning_starts_from_the_mean(trained: Path, settings: Settings) -> None:
    config = training_config(settings(start_from=trained.name, model={}), where="test")
    loaded = starting_model(config, trained.parent)
    assert loaded.model.config.members == 1


def test_members_are_no_setting_of_the_model(settings: Settings) -> None:
    with pytest.raises(PotentialError, match=r"give committee\.members"):
        training_config(settings(model={"members": 4}), where="test")


def test_a_committee_without_scales_is_refused(trained: Path, tmp_path: Path) -> None:
    loaded = load_model(trained, force_field="none at all")
    with pytest.raises(PotentialError, match="make no sense"):
        save_model(tmp_path / "a.safetensors", loaded.model, dataclasses.replace(loaded.card, committee=None))
    path = tmp_path / "model.safetensors"
    save_model(path, loaded.model, loaded.card)
    card_path(path).write_text(
        card_path(path).read_text().replace('"committee": {', '"committee": null, "training": {')
    )
    with pytest.raises(PotentialError, match="the scales of its spread"):
        load_model(path, force_field="none at all")


def test_scales_are_positive_numbers(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected positive scales, got 0"):
        CommitteeCard(0.0, 1.0)
    loaded = load_model(trained, force_field="none at all")
    path = tmp_path / "model.safetensors"
    save_model(path, loaded.model, loaded.card)
    text = card_path(path).read_text()
    assert loaded.card.committee is not None
    card_path(path).write_text(
        text.replace(f'"force_scale": {loaded.card.committee.force_scale}', '"force_scale": -1.0')
    )
    with pytest.raises(PotentialError, match="expected positive scales"):
        load_model(path, force_field="none at all")
