"""Density functional theory with PySCF, or with GPU4PySCF where it is installed and finds a GPU.

The SCF converges on a coarse grid whose Fock matrix is corrected, twice, by what it lacks of that on the method's grid;
on the latter one or two steps are left to do. Coulomb integrals of density fitting are computed once and kept, if they
fit into memory.
"""

import importlib
import importlib.util
import warnings
from functools import partial
from typing import Any

import numpy as np
import pyscf
from ase.data import chemical_symbols
from ase.units import Bohr, Hartree
from pyscf import dft, gto, lib
from pyscf.df.addons import make_auxmol

from potentials.quantum_chemistry.dispersion import Corrections, corrections
from potentials.quantum_chemistry.grid_potential import BlockIntegration
from potentials.quantum_chemistry.label import Engine, Label, QuantumChemistryError
from potentials.quantum_chemistry.memory import integrals_bytes, most_kept_integrals_bytes
from potentials.quantum_chemistry.methods import Method
from potentials.quantum_chemistry.nuclear_gradient import nuclear_gradient

_COARSE_GRID, _COARSE_GRADIENT = 0, 1e-2
_CORRECTED_GRADIENTS = (1e-3, 3e-5)
_MOST_CYCLES, _MOST_COARSE_CYCLES = 60, 30
_LEVEL_SHIFT_Eh = 0.3
_BUFFERS_MB = 800


def density_functional_engine(method: Method) -> Engine:
    """An engine that computes labels at this level."""
    return partial(_label, method)


def _label(method: Method, numbers: np.ndarray, positions_A: np.ndarray, charge: int) -> Label:
    molecule = gto.M(
        atom=[(chemical_symbols[number], row) for number, row in zip(numbers, positions_A, strict=True)],
        basis=method.basis,
        charge=charge,
        verbose=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySCF's advice on its own defaults
        field, rescued = _converged(molecule, method)
        nuclear = _gpu_gradient(field) if on_gpu() else nuclear_gradient(field)
        dipole = _array(field.dip_moment(unit="AU", verbose=0))
    extra = corrections(molecule, method)
    return Label(
        energy_eV=float(field.e_tot + extra.dispersion_Eh + extra.counterpoise_Eh) * Hartree,
        forces_eV_A=-(nuclear + extra.gradient) * Hartree / Bohr,
        dipole_eA=dipole * Bohr,
        record=_record(method, field, extra, rescued=rescued),
    )


def _converged(molecule: gto.Mole, method: Method) -> tuple[Any, str]:
    """The converged mean field, and what it took beyond the usual.

    Raises:
        QuantumChemistryError: occupied and empty orbitals are not in order, or neither DIIS, nor a level shift, nor
            second-order steps converge.
    """
    rescued = ""
    coarse = _mean_field(molecule, method, grid_level=_COARSE_GRID)
    coarse.conv_tol_grad = _COARSE_GRADIENT
    coarse.max_cycle = _MOST_COARSE_CYCLES
    coarse.kernel()
    if not coarse.converged:
        rescued, coarse.level_shift = "level shift", _LEVEL_SHIFT_Eh
        coarse.kernel()  # from the first guess: what swings is worse
        _require_gap(coarse, method)
    field = _mean_field(molecule, method, grid_level=method.grid_level)
    field.with_df, field.level_shift = coarse.with_df, coarse.level_shift
    core = coarse.get_hcore()
    for tolerance in _CORRECTED_GRADIENTS:
        _correct_grid(coarse, field, core)
        coarse.conv_tol_grad = tolerance
        coarse.kernel(dm0=coarse.make_rdm1())
    field.kernel(dm0=coarse.make_rdm1())
    if not field.converged:
        rescued, field.level_shift = "level shift", _LEVEL_SHIFT_Eh
        field.kernel(dm0=field.make_rdm1())
    if not field.converged:
        rescued, field.level_shift = "second-order steps", 0.0
        field = field.newton()
        field.kernel(dm0=field.make_rdm1())
    if not field.converged:
        raise QuantumChemistryError(
            f"{method.name}: the SCF does not converge in {_MOST_CYCLES} cycles, nor with a level shift, nor by "
            "second-order steps; is the charge right, and the molecule in one piece?"
        )
    _require_gap(field, method)
    return field, rescued


def _gap_Eh(field: Any) -> float:
    """Energy of the lowest empty orbital less that of the highest occupied one; below 0 they are not in order."""
    energies, occupied = _array(field.mo_energy), _array(field.mo_occ) > 0
    return float(energies[~occupied].min() - energies[occupied].max() - field.level_shift)


def _require_gap(field: Any, method: Method) -> None:
    gap_eV = _gap_Eh(field) * Hartree
    if gap_eV <= 0.0:
        raise QuantumChemistryError(
            f"{method.name}: no ground state: the highest occupied orbital lies {-gap_eV:.2f} eV above the lowest "
            "empty one. Opposite charges far apart in a vacuum do that to functionals with little exact exchange; "
            "leave the conformation out, or label it with wb97m-d3bj/def2-tzvppd"
        )


def _correct_grid(coarse: Any, field: Any, core: Any) -> None:
    """Add to the core Hamiltonian of `coarse` what its Fock matrix lacks of that of `field`, at its own density.

    That changes little with the density, so the coarse grid then leads to all but the solution on the fine one. The
    matrices are NumPy's, or CuPy's on a GPU.
    """
    density = coarse.make_rdm1()
    corrected = core + (field.get_veff(dm=density) - coarse.get_veff(dm=density))
    coarse.get_hcore = lambda *_: corrected


def _mean_field(molecule: gto.Mole, method: Method, *, grid_level: int) -> Any:
    field: Any = dft.RKS(molecule, xc=method.functional).density_fit(auxbasis=method.auxiliary_basis)
    field.nlc, field.disp = False, False
    field.grids.level = grid_level
    field.conv_tol, field.conv_tol_grad, field.conv_check = method.energy_tolerance_Eh, method.gradient_tolerance, False
    field.max_cycle = _MOST_CYCLES
    if on_gpu():
        return field.to_gpu()
    field._numint = BlockIntegration()
    kept = integrals_bytes(molecule.nao, make_auxmol(molecule, method.auxiliary_basis).nao)
    if kept <= most_kept_integrals_bytes():
        # PySCF keeps what takes less than 0.9 of its memory, and takes the rest for buffers
        field.max_memory = field.with_df.max_memory = lib.current_memory()[0] + kept / 0.9e6 + _BUFFERS_MB
        if grid_level == _COARSE_GRID:
            field.with_df.build()
    return field


def _gpu_gradient(field: Any) -> np.ndarray:
    gradient = field.nuc_grad_method()
    gradient.grid_response = True
    return _array(gradient.kernel())


def on_gpu() -> bool:
    """Whether labels are computed on a GPU: GPU4PySCF is installed, and CUDA has a device."""
    if importlib.util.find_spec("gpu4pyscf") is None:
        return False
    cupy = importlib.import_module("cupy")  # comes with GPU4PySCF
    return cupy.cuda.runtime.getDeviceCount() > 0


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.get() if hasattr(values, "get") else values, dtype=np.float64)


def _record(method: Method, field: Any, extra: Corrections, *, rescued: str) -> dict[str, Any]:
    return {
        "engine": "GPU4PySCF" if on_gpu() else "PySCF",
        "version": pyscf.__version__,
        "converged": bool(field.converged),
        "cycles": int(field.cycles),
        "rescued_by": rescued,
        "gap_eV": _gap_Eh(field) * Hartree,
        "basis_functions": int(field.mol.nao),
        "dispersion_eV": extra.dispersion_Eh * Hartree,
        "counterpoise_eV": extra.counterpoise_Eh * Hartree,
        "settings": method.record(),
    }
