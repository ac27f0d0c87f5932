"""Order parameters against models that are solved: rigid bond, free rotor, diffusion in a cone; iRED beside them."""

import MDAnalysis as mda
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ai2bmd.analysis.chunks import Reference
from ai2bmd.analysis.nmr.bond_vectors import BondMomentsOf, bonds_of_residues, directions, moments_of_vectors
from ai2bmd.analysis.nmr.order import ired, order_parameters
from ai2bmd.analysis.stream import as_trajectories, stream
from ai2bmd.errors import InputError


def in_cone(half_angle_deg: float, frames: int, *, seed: int) -> np.ndarray:
    """Directions spread evenly over a cap about z."""
    generator = np.random.default_rng(seed)
    z = generator.uniform(np.cos(np.radians(half_angle_deg)), 1.0, size=frames)
    turn = generator.uniform(0.0, 2.0 * np.pi, size=frames)
    return np.stack([np.sqrt(1.0 - z**2) * np.cos(turn), np.sqrt(1.0 - z**2) * np.sin(turn), z], axis=1)


def on_rotor(tilt_deg: float, frames: int, *, seed: int) -> np.ndarray:
    """Directions on a cone's mantle about z, any turn alike."""
    turn = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, size=frames)
    tilt = np.radians(tilt_deg)
    return np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.full(frames, np.cos(tilt))], axis=1)


def cone_S2(half_angle_deg: float) -> float:
    cosine = np.cos(np.radians(half_angle_deg))
    return (cosine * (1.0 + cosine) / 2.0) ** 2


@pytest.mark.parametrize("half_angle_deg", [10.0, 30.0, 60.0, 90.0])
def test_diffusion_in_a_cone(half_angle_deg):
    vectors = [in_cone(half_angle_deg, 20_000, seed=seed)[:, None] for seed in range(2)]
    (found,) = order_parameters(moments_of_vectors(vectors))
    assert found.value == pytest.approx(cone_S2(half_angle_deg), abs=4.0 * found.error + 1e-4)
    assert 0.0 < found.error < 0.01


@pytest.mark.parametrize("tilt_deg", [20.0, 70.529, 54.736])
def test_free_rotor(tilt_deg):
    """P2(cos tilt) squared: 1/9 at the angle of a methyl group, 0 at the magic angle."""
    (found,) = order_parameters(moments_of_vectors([on_rotor(tilt_deg, 40_000, seed=1)[:, None]]))
    expected = (1.5 * np.cos(np.radians(tilt_deg)) ** 2 - 0.5) ** 2
    assert found.value == pytest.approx(expected, abs=0.002)


def test_rigid_and_isotropic_bonds():
    rigid = np.tile([0.0, 0.6, 0.8], (100, 1))[:, None]
    assert order_parameters(moments_of_vectors([rigid]))[0].value == pytest.approx(1.0)
    isotropic = np.random.default_rng(0).normal(size=(50_000, 1, 3))
    assert order_parameters(moments_of_vectors([isotropic]))[0].value == pytest.approx(0.0, abs=1e-3)


def test_error_bars_cover():
    """Of 100 runs of 1,000 frames, each frame kept for five, about 95 intervals hold the exact value."""
    covered = 0
    for repeat in range(100):
        vectors = np.repeat(in_cone(35.0, 1_000, seed=repeat), 5, axis=0)[:, None]
        low, high = order_parameters(moments_of_vectors([vectors]))[0].interval()
        covered += low <= cone_S2(35.0) <= high
    assert covered >= 88


def tumbling(vectors: np.ndarray, *, seed: int) -> np.ndarray:
    """Each frame turned anyhow, all its bonds alike."""
    turns = Rotation.random(len(vectors), rng=np.random.default_rng(seed)).as_matrix()
    return np.einsum("fij,fnj->fni", turns, vectors)


@pytest.mark.parametrize("bonds, tolerance", [(12, 0.30), (60, 0.08)])
def test_ired_without_a_frame_of_the_molecule(bonds, tolerance):
    """Bonds wobble in cones while the molecule tumbles; the more bonds, the less of that the modes of tumbling take."""
    frames, angles = 4_000, [15.0] * (bonds - 1) + [40.0]
    axes = Rotation.random(bonds, rng=np.random.default_rng(3)).as_matrix()
    cones = [in_cone(angle, frames, seed=bond) for bond, angle in enumerate(angles)]
    vectors = np.stack([cone @ axis.T for cone, axis in zip(cones, axes, strict=True)], axis=1)
    in_frame = [estimate.value for estimate in order_parameters(moments_of_vectors([vectors]))]
    found = ired([tumbling(vectors, seed=5)])
    values = np.array([estimate.value for estimate in found.order])
    assert values == pytest.approx(np.array(in_frame), abs=tolerance)
    assert np.argmin(values) == bonds - 1
    assert found.gap > 2.0
    lost = [estimate.value for estimate in order_parameters(moments_of_vectors([tumbling(vectors, seed=5)]))]
    assert max(lost) < 0.01  # without superposition nothing is left


def test_ired_of_a_rigid_molecule_is_one():
    rigid = np.tile(np.random.default_rng(2).normal(size=(1, 9, 3)), (3_000, 1, 1))
    found = ired([tumbling(rigid, seed=1)])
    assert [estimate.value for estimate in found.order] == pytest.approx([1.0] * 9, abs=1e-6)
    with pytest.raises(InputError, match="needs at least 7 bonds, not 3"):
        ired([rigid[:, :3]])


def test_through_trajectories_that_tumble(examples):
    """Chignolin tumbles while one N-H swings in a cone; superposition brings the frame back."""
    universe = mda.Universe(str(examples / "chignolin.pdb"))
    frames, first = 600, universe.atoms.positions.astype(np.float64)
    residues, pairs = bonds_of_residues(as_trajectories(universe)[0])
    assert len(residues) == 8  # ten less proline and the amino terminus
    positions = np.tile(first, (frames, 1, 1))
    nitrogen, hydrogen = pairs[3]
    axis, _ = Rotation.align_vectors(directions(first[None], pairs)[0, 3][None], [[0.0, 0.0, 1.0]])
    positions[:, hydrogen] = first[nitrogen] + in_cone(40.0, frames, seed=1) @ axis.as_matrix().T
    turns = Rotation.random(frames, rng=np.random.default_rng(7)).as_matrix()
    universe.load_new(np.einsum("fij,faj->fai", turns, positions).astype(np.float32), order="fac")
    (trajectory,) = as_trajectories(universe)
    alphas = trajectory.select("name CA")
    collector = BondMomentsOf([trajectory], Reference(first, alphas), pairs)
    stream([trajectory], [collector])
    values = [estimate.value for estimate in order_parameters(collector.result())]
    assert values[3] == pytest.approx(cone_S2(40.0), abs=0.05)
    assert values[:3] + values[4:] == pytest.approx([1.0] * 7, abs=1e-4)


def test_faulty_vectors_are_told():
    with pytest.raises(InputError, match="a vector of no length"):
        moments_of_vectors([np.zeros((4, 2, 3))])
    with pytest.raises(InputError, match="no run of bond vectors"):
        moments_of_vectors([])
