"""The own exchange-correlation gradient is PySCF's, and the derivative of the energy on a coarse grid."""

import numpy as np
import pytest
from pyscf import dft, gto

from potentials.quantum_chemistry import grid_blocks
from potentials.quantum_chemistry import grid_gradient as module
from potentials.quantum_chemistry.grid_potential import BlockIntegration
from potentials.quantum_chemistry.nuclear_gradient import nuclear_gradient
from potentials.quantum_chemistry.weight_gradient import weight_gradient

THIOFORMAMIDE = (  # twisted, so that nothing is zero by symmetry
    "S 0.1 0.0 0.0; C 1.75 0.1 0.0; N 2.4 1.2 0.2; H 2.3 -0.85 0.1; H 3.4 1.2 0.35; H 1.9 2.1 0.2",
    0,
)
FORMATE = "C 0.0 0.0 0.0; O 1.13 0.0 0.57; O -1.13 0.1 0.57; H 0.0 0.0 -1.13", -1
AMMONIUM = "N 0.0 0.0 0.0; H 0.6 0.6 0.65; H -0.6 -0.6 0.6; H -0.6 0.6 -0.6; H 0.6 -0.6 -0.55", +1


def _field(molecule: tuple[str, int], functional: str, *, grid_level: int = 0, **build):
    atoms, charge = molecule
    described = gto.M(atom=atoms, charge=charge, basis="6-31g*", verbose=0, **build)
    field = dft.RKS(described, xc=functional).density_fit(auxbasis="def2-universal-jkfit")
    field.nlc, field.conv_tol, field.conv_tol_grad, field.grids.level = False, 1e-11, 1e-6, grid_level
    return field


def _pyscf_gradient(field) -> np.ndarray:
    gradient = field.nuc_grad_method()
    gradient.grid_response = True
    return gradient.kernel()


@pytest.mark.parametrize(
    "molecule, functional",
    [
        (THIOFORMAMIDE, "r2scan"),
        (THIOFORMAMIDE, "wb97m-v"),
        (FORMATE, "m06-2x"),
        (FORMATE, "lda,vwn"),
        (AMMONIUM, "pbe0"),
        (AMMONIUM, "pbe"),
        (AMMONIUM, "hf"),
    ],
)
def test_the_gradient_is_that_of_pyscf(molecule, functional):
    field = _field(molecule, functional)
    field.max_cycle = 3  # the two are equal for any density
    field.kernel()
    own = nuclear_gradient(field)
    np.testing.assert_allclose(own, _pyscf_gradient(field), rtol=0, atol=1e-10)
    assert np.abs(own).max() > 1e-2


def test_functions_that_do_not_reach_a_point_are_left_out(monkeypatch):
    """Two molecules far apart: the blocks of one have nothing of the other, and the numbers stay those of PySCF."""
    far = AMMONIUM[0] + "; O 30.0 0.0 0.0; H 30.9 0.1 0.0; H 29.7 0.9 0.0"
    field = _field((far, AMMONIUM[1]), "r2scan")
    field.max_cycle = 1
    field.kernel()
    evaluated = [len(block.functions) for block in grid_blocks.grid_blocks(field.mol, field.grids)]
    assert min(evaluated) < 0.5 * field.mol.nao
    expected = _pyscf_gradient(field)
    np.testing.assert_allclose(nuclear_gradient(field), expected, rtol=0, atol=1e-9)
    monkeypatch.setattr(grid_blocks, "_SMALLEST_FUNCTION", 1e-2)
    assert np.abs(nuclear_gradient(field) - expected).max() > 1e-6  # negative control: too much is left out


@pytest.fixture(scope="module")
def converged():
    field = _field(THIOFORMAMIDE, "r2scan")
    field.kernel()
    assert field.converged
    return field


def test_the_gradient_is_the_derivative_of_the_energy(converged):
    place = converged.mol.atom_coords()
    direction = np.random.default_rng(2).normal(size=place.shape)
    energies = []
    for step in (1e-3, -1e-3):
        atoms = list(zip(converged.mol.elements, place + step * direction, strict=True))
        moved = _field((atoms, 0), "r2scan", unit="Bohr")
        energies.append(moved.kernel(dm0=converged.make_rdm1()))
    numerical = (energies[0] - energies[1]) / 2e-3
    assert np.sum(nuclear_gradient(converged) * direction) == pytest.approx(numerical, abs=2e-6)
    frozen = converged.nuc_grad_method().kernel()  # negative control: PySCF's, as if the grid stood still
    assert abs(np.sum(frozen * direction) - numerical) > 1e-4


def test_no_net_force_and_without_the_weights_there_is_one(converged, monkeypatch):
    own = nuclear_gradient(converged)
    np.testing.assert_allclose(own.sum(axis=0), 0.0, atol=1e-9)
    monkeypatch.setattr(module, "weight_gradient", lambda grids, *_, **__: np.zeros((grids.mol.natm, 3)))
    lacking = nuclear_gradient(converged)
    assert np.abs(lacking - own).max() > 1e-4


def test_torque_vanishes_with_the_grid():
    """The angular points keep their axes when the molecule turns, so what torque there is comes from the grid."""
    torques = []
    for grid_level in (0, 2):
        field = _field(FORMATE, "r2scan", grid_level=grid_level)
        field.kernel()
        torques.append(np.abs(np.cross(field.mol.atom_coords(), nuclear_gradient(field)).sum(axis=0)).max())
    assert torques[1] < 1e-4 < 5e-4 < torques[0]


@pytest.mark.parametrize("functional", ["lda,vwn", "pbe0", "m06-2x", "r2scan", "wb97m-v"])
def test_the_potential_is_that_of_pyscf(functional):
    field = _field(THIOFORMAMIDE, functional)
    field.max_cycle = 0
    field.kernel()
    arguments = field.mol, field.grids, functional, field.make_rdm1()
    own, expected = BlockIntegration().nr_rks(*arguments), dft.numint.NumInt().nr_rks(*arguments)
    assert own[0] == pytest.approx(expected[0], abs=1e-10)
    assert own[1] == pytest.approx(expected[1], abs=1e-10)
    np.testing.assert_allclose(own[2], expected[2], rtol=0, atol=1e-10)
    plain = np.asarray(field.make_rdm1()).copy()  # knows no orbitals
    np.testing.assert_allclose(BlockIntegration().nr_rks(*arguments[:3], plain)[2], expected[2], rtol=0, atol=1e-10)


def test_weights_of_another_partition_are_refused():
    grids = dft.gen_grid.Grids(gto.M(atom="He", verbose=0))
    grids.becke_scheme = dft.gen_grid.stratmann
    with pytest.raises(NotImplementedError, match="expected original_becke"):
        weight_gradient(grids, np.zeros((1, 3)), np.zeros(1, dtype=int), energies=np.zeros(1))
