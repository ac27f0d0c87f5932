"""A molecule's integration grid in blocks of points, each with the basis functions that reach it.

What is computed on the grid is computed block by block, small enough for the cache, over those functions only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Integer
from pyscf import gto
from pyscf.gto.eval_gto import BLKSIZE, make_screen_index

_BLOCK_POINTS = 16 * BLKSIZE
_SMALLEST_FUNCTION = 1e-11
"""Leaving out smaller ones changes energy, potential and gradient by less than 1e-11 in atomic units."""
_ROWS = {"LDA": 1, "GGA": 4, "MGGA": 5}
"""Rows of the density and its derivatives, (rho, grad rho, tau), that a functional depends on."""


@dataclass(frozen=True, eq=False)
class GridBlock:
    """Points close to each other, and the part of the molecule that reaches them.

    Attributes:
        part: the molecule with only the shells that are not negligible here.
        functions: of each function of `part`, its place in the molecule's.
        screening: PySCF's, for each group of points and shell of `part`.
        within: where the points are in the grid.
    """

    points: Float64[np.ndarray, "points 3"]
    part: gto.Mole
    functions: Integer[np.ndarray, " functions"]
    screening: np.ndarray
    within: slice


def grid_blocks(molecule: Any, grids: Any) -> Iterator[GridBlock]:
    """The grid's points in its order, in which neighbours in space follow each other."""
    first_function = molecule.ao_loc_nr()
    screening = make_screen_index(molecule, grids.coords, cutoff=_SMALLEST_FUNCTION)
    for first in range(0, len(grids.weights), _BLOCK_POINTS):
        within = slice(first, min(first + _BLOCK_POINTS, len(grids.weights)))
        here = screening[first // BLKSIZE : -(-within.stop // BLKSIZE)]
        shells = np.flatnonzero(here.any(axis=0))
        if not len(shells):
            continue
        part = molecule.copy(deep=False)
        part._bas = molecule._bas[shells]
        functions = np.concatenate([np.arange(*first_function[shell : shell + 2]) for shell in shells])
        yield GridBlock(grids.coords[within], part, functions, np.ascontiguousarray(here[:, shells]), within)


def occupied_orbitals(
    coefficients: Float64[np.ndarray, "functions orbitals"], occupations: Float64[np.ndarray, " orbitals"]
) -> Float64[np.ndarray, "occupied functions"]:
    """Orbitals, each times the root of its occupation, so that the sum of their squares is the density."""
    occupied = occupations > 0
    return np.ascontiguousarray((coefficients[:, occupied] * np.sqrt(occupations[occupied])).T)


def functional_of_orbitals(
    numerical: Any,
    functional: str,
    orbitals: Float64[np.ndarray, "4 orbitals points"],
    *,
    weights: Float64[np.ndarray, " points"],
) -> tuple[
    Float64[np.ndarray, " points"],
    Float64[np.ndarray, " points"],
    Float64[np.ndarray, "5 points"],
]:
    """Electrons, energy and potential (v, v_x, v_y, v_z, v_tau) of each point, weights included.

    Args:
        numerical: PySCF's numerical integration.
        functional: its name in PySCF.
        orbitals: with the root of their occupation, and their first derivatives.
        weights: of the points.
    """
    density = np.einsum("ip,xip->xp", orbitals[0], orbitals)
    density[1:] *= 2.0
    electrons, padded = weights * density[0], np.zeros((5, len(weights)))
    kind = numerical._xc_type(functional)
    if kind not in _ROWS:
        return electrons, np.zeros(len(weights)), padded  # exact exchange alone
    tau = 0.5 * np.einsum("xip,xip->p", orbitals[1:], orbitals[1:])
    rows = np.concatenate([density, tau[None]])[: _ROWS[kind]]
    argument = rows[0] if kind == "LDA" else rows
    energy, potential = numerical.eval_xc_eff(functional, argument, deriv=1, xctype=kind)[:2]
    padded[: len(potential)] = weights * potential
    return electrons, electrons * energy, padded
