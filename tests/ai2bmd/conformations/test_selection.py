"""What is chosen is unlike what is known; test frames are drawn without looking; a wrong choice of options is told."""

from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from ai2bmd.assembly import corrected_system
from ai2bmd.cli import main
from ai2bmd.conformations.farthest_points import Environments, choose_farthest
from ai2bmd.conformations.file import ConformationFile, record_of
from ai2bmd.conformations.model_view import ModelView
from ai2bmd.conformations.selection import Selector
from ai2bmd.conformations.sources import Sampled, SamplingSettings, sample_molecule
from ai2bmd.conformations.units import build_unit
from potentials.label_store import Frame, is_test

ELEMENTS = np.array([1, 6])


def frame_at(hydrogen: float, carbon: float = 0.0) -> Environments:
    return Environments(ELEMENTS, np.array([[hydrogen, 0.0], [carbon, 1.0]]))


def test_farthest_points_cover_the_pool_and_leave_what_is_known():
    places = [0.0, 0.1, 5.0, 5.1, 9.0, 9.1, 0.2]
    pool = [frame_at(place) for place in places]
    chosen = [places[number] for number in choose_farthest(pool, None, count=3)]
    assert {round(place / 4.5) for place in chosen} == {0, 1, 2}  # one of each heap
    chosen = [places[number] for number in choose_farthest(pool, frame_at(9.05), count=2)]
    assert {round(place / 4.5) for place in chosen} == {0, 1}
    # an environment of another element at the same place is no reason to leave a frame out
    other = Environments(np.array([6]), np.array([[9.05, 0.0]]))
    assert places[choose_farthest(pool, other, count=1)[0]] in (0.0, 9.1)
    assert sorted(choose_farthest(pool, None, count=99)) == list(range(7))


def test_weights_decide_between_frames_as_far():
    pool = [frame_at(-1.0), frame_at(1.0), frame_at(0.0)]
    assert choose_farthest(pool, None, count=1, weights=np.array([1.0, 3.0, 1.0])) == [1]
    assert choose_farthest(pool, None, count=1, weights=np.array([3.0, 1.0, 1.0])) == [0]


def test_kinds_keep_their_shares():
    places = [*np.linspace(0.0, 1.0, 12), *np.linspace(50.0, 90.0, 4)]  # ordinary and odd ones
    pool, kinds = [frame_at(place) for place in places], ["ordinary"] * 12 + ["odd"] * 4
    assert sum(number >= 12 for number in choose_farthest(pool, None, count=4)) >= 3
    assert sum(number >= 12 for number in choose_farthest(pool, None, count=4, kinds=kinds)) == 1
    assert sorted(choose_farthest(pool, None, count=16, kinds=kinds)) == list(range(16))


@pytest.fixture(scope="module")
def pool() -> Sampled:
    sampled = sample_molecule(build_unit("overlap-NMA"), SamplingSettings(20, 1, (300.0, 550.0)))
    assert sampled is not None
    return sampled


def test_equivalent_atoms_may_change_places(pool: Sampled, committee_model: Path):
    view, molecule = ModelView(committee_model), pool.molecule.constants
    positions = np.stack([pool.frames[0].positions, pool.frames[1].positions])
    turned = positions.copy()
    turned[0, [1, 2, 3]] = positions[0, [2, 3, 1]]  # hydrogens of a methyl group
    features, other = view.features(molecule, positions), view.features(molecule, turned)
    elements = molecule.atomic_numbers.astype(np.int64)
    frames = [Environments(elements, frame) for frame in [*features, other[0]]]
    assert choose_farthest([frames[2], frames[1]], frames[0], count=1) == [1]
    assert not np.allclose(features[0], other[0])  # atom by atom they differ


def test_expected_errors_are_those_of_the_correction(pool: Sampled, committee_model: Path):
    view, molecule = ModelView(committee_model), pool.molecule
    positions = np.stack([frame.positions for frame in pool.frames[:3]])
    parts = corrected_system(
        molecule.topology, solvent="gas", coupling="whole", model=committee_model, device=torch.device("cpu")
    )
    assert parts.correction is not None
    wanted = [np.sqrt((parts.correction.force_std(frame) ** 2).mean()) for frame in positions]
    assert view.expected_errors(molecule.constants, positions) == pytest.approx(wanted, rel=1e-4)


def chosen_of(pool: Sampled, model: Path | None, known=(), **changed) -> list[Frame]:
    options = {"count": 6, "by": "distance", "seed": 1} | changed
    (kept,) = Selector(ModelView(model), known=known, **options).choose([pool])
    assert len(kept.frames) == options["count"]
    return kept.frames


def test_frames_that_are_known_are_not_chosen(pool: Sampled, random_model: Path, tmp_path: Path):
    training = [frame for frame in chosen_of(pool, random_model) if not is_test(frame.start)]
    store = ConformationFile(tmp_path / "known.h5", {})
    store.add("known", [(pool.molecule.constants, training)], record_of([pool]))
    again = chosen_of(pool, random_model, known=[store.path])
    assert not {id(frame) for frame in training} & {id(frame) for frame in again}


def test_test_frames_are_drawn_without_the_model(pool: Sampled):
    shares = Counter(is_test(frame.start) for frame in pool.frames)
    ways = [
        chosen_of(pool, None),
        chosen_of(pool, None, by="both"),
        chosen_of(pool, None, seed=2),
    ]
    test = [{id(frame) for frame in way if is_test(frame.start)} for way in ways]
    assert len(test[0]) == round(6 * shares[True] / 20) >= 1
    assert test[0] == test[1]
    assert [id(frame) for frame in ways[0]] != [id(frame) for frame in ways[1]]
    assert test[0] != test[2]


def test_the_command_selects(random_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "c.h5"
    command = ["sample", "-o", str(path), "--units", "overlap-NMA", "--frames", "4", "--temperatures", "300"]
    for words, told in {
        ("--select", "5"): "from 1 to --frames, the size of the pool (4), got 5",
        ("--by", "both"): "say how many with --select N",
        ("--select", "2", "--by", "size"): "--by: expected distance or both, got 'size'",
        ("--select", "2", "--model", str(random_model)): "take --by distance",
        ("--select", "2", "--known", str(random_model)): "is neither a store of labels nor a file of conformations",
    }.items():
        assert main([*command, *words]) == 2
        assert told in capsys.readouterr().err
    assert main([*command, "--select", "2"]) == 0  # with the shipped model
    with h5py.File(path) as file:
        assert file["overlap-NMA/positions"].shape == (2, 12, 3)
    assert main([*command, "--select", "3"]) == 2
    assert "was made with selection" in capsys.readouterr().err
