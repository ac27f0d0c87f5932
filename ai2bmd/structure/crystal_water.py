"""The water molecules of a deposited structure, to be kept in explicit water."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ai2bmd.errors import InputError
from ai2bmd.structure.records import read_records
from ai2bmd.structure.selection import WATERS


def crystal_water_oxygens_A(path: Path) -> Float64[np.ndarray, "waters 3"]:
    """Position of the oxygen of each water molecule of a file, in its first or best occupied place.

    Raises:
        InputError: the file cannot be read, or holds no water.
    """
    best: dict[tuple[str, str], tuple[float, tuple[float, ...]]] = {}
    for atom in read_records(path).atoms:
        if atom.residue_name in WATERS and atom.element in ("O", "D"):
            place = best.get(atom.residue_key)
            if place is None or atom.occupancy > place[0]:
                best[atom.residue_key] = atom.occupancy, tuple(atom.position_A)
    if not best:
        raise InputError(f"{path}: holds no water molecules to keep; leave out --crystal-waters keep")
    return np.array([place for _, place in best.values()], dtype=np.float64)
