"""How often each part of the phi/psi plane has been visited, and where it is thin."""

from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np
from jaxtyping import Float

from ai2bmd.conformations.torsions import BackboneTorsions, angle_of

BIN_DEGREES = 60.0
_BINS = round(360.0 / BIN_DEGREES)
_JITTER_DEGREES = 20.0
_Bin = tuple[int, ...]


class BackboneGrid:
    """Visits of the bins of the backbone angles of each residue of one molecule."""

    def __init__(self, residues: Sequence[BackboneTorsions]) -> None:
        self._residues = residues
        self._visits: Counter[tuple[int, _Bin]] = Counter()

    def visit(self, positions_A: Float[np.ndarray, "atoms 3"]) -> None:
        """Count a conformation."""
        for number in range(len(self._residues)):
            self._visits[number, self.bin_of(positions_A, number)] += 1

    def bin_of(self, positions_A: Float[np.ndarray, "atoms 3"], residue: int) -> _Bin:
        """Where the angles of a residue are."""
        angles = [angle_of(positions_A, quadruple) for quadruple in self._residues[residue].quadruples]
        return tuple(int((angle + 180.0) // BIN_DEGREES) % _BINS for angle in angles)

    def draw_thin(self, generator: np.random.Generator) -> tuple[BackboneTorsions, list[float]]:
        """A residue, and angles (degrees) in a bin of it that has been visited as seldom as any.

        The draw counts as a visit, so that a bin which the molecule cannot reach is not drawn for ever.
        """
        bins = [
            (number, place)
            for number, residue in enumerate(self._residues)
            for place in product(range(_BINS), repeat=len(residue.names))
        ]
        fewest = min(self._visits[place] for place in bins)
        thin = [place for place in bins if self._visits[place] == fewest]
        number, place = thin[generator.integers(len(thin))]
        self._visits[number, place] += 1
        centres = (np.array(place) + 0.5) * BIN_DEGREES - 180.0
        return self._residues[number], (centres + generator.uniform(-1, 1, len(place)) * _JITTER_DEGREES).tolist()
