"""Which molecules are held out: whole trajectories, so that nothing tested was seen a few femtoseconds earlier."""

import math

import numpy as np
from jaxtyping import Bool

from potentials.training.dataset import UNIT, UNMARKED, Molecules

HELD_OUT_PROTEINS = ("xcr50", "NuG2")
HELD_OUT_OF_UNIT = 0.15
HELD_OUT_OF_PAIRS = 0.10


def held_out(molecules: Molecules) -> Bool[np.ndarray, " molecules"]:
    """True where a molecule must not be trained on.

    Of each unit the last 15 % of the start numbers, of the clusters two whole proteins, of the pairs the last 10 % of
    the start numbers; fractions are rounded up. Where the file marks its molecules, its marks count instead.
    """
    origin = np.array(molecules.origin_names)[molecules.origin]
    held = np.isin(origin, HELD_OUT_PROTEINS)
    held |= last_starts(molecules.start, origin == "pair", HELD_OUT_OF_PAIRS)
    unmarked_unit = (origin == UNIT) & (molecules.test == UNMARKED)
    for label in np.unique(molecules.label[unmarked_unit]):
        held |= last_starts(molecules.start, unmarked_unit & (molecules.label == label))
    return held | (molecules.test == 1)


def last_starts(start: np.ndarray, among: np.ndarray, fraction: float = HELD_OUT_OF_UNIT) -> np.ndarray:
    """Mask of the highest start numbers in `among`: this fraction of them, rounded up; none of a single one."""
    numbers = np.unique(start[among])
    if len(numbers) < 2:
        return np.zeros_like(among)
    return among & (start >= numbers[-math.ceil(fraction * len(numbers))])
