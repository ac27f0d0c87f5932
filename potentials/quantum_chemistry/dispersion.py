"""Corrections to a density functional that depend on the nuclei alone: dispersion and counterpoise (Hartree, Bohr)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from pyscf.dispersion.dftd3 import DFTD3Dispersion
from pyscf.dispersion.dftd4 import DFTD4Dispersion
from pyscf.dispersion.gcp import GCP
from pyscf.gto import Mole

from potentials.quantum_chemistry.methods import D4, Method


@dataclass(frozen=True, eq=False)
class Corrections:
    """Energies in Hartree, and the gradient of their sum in Hartree/Bohr."""

    dispersion_Eh: float
    counterpoise_Eh: float
    gradient: Float64[np.ndarray, "atoms 3"]


def corrections(molecule: Mole, method: Method) -> Corrections:
    """What the method adds to the functional's own energy."""
    dispersion, counterpoise, gradient = 0.0, 0.0, np.zeros((molecule.natm, 3))
    if method.dispersion is not None:
        result = _dispersion_model(molecule, method).get_dispersion(grad=True)
        dispersion, gradient = float(result["energy"]), gradient + result["gradient"]
    if method.counterpoise is not None:
        result = GCP(molecule, method=method.counterpoise).get_counterpoise(grad=True)
        counterpoise, gradient = float(result["energy"]), gradient + result["gradient"]
    return Corrections(dispersion, counterpoise, gradient)


def _dispersion_model(molecule: Mole, method: Method) -> DFTD3Dispersion | DFTD4Dispersion:
    dispersion = method.dispersion
    if not isinstance(dispersion, D4):
        assert dispersion is not None
        return DFTD3Dispersion(molecule, xc=dispersion.functional, version="d3bj", atm=False)
    model = DFTD4Dispersion(molecule, xc=dispersion.functional, ga=dispersion.ga, gc=dispersion.gc, wf=6.0)
    if dispersion.s8 is not None:
        model.set_param(dispersion.s8, dispersion.a1, dispersion.a2, s9=dispersion.s9)
    return model
