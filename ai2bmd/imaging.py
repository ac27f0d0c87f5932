"""The protein in one piece in a periodic box, whatever images an engine keeps its atoms in.

Nothing here is remembered from step to step: the same positions, moved by any box vectors, give the same molecule.
"""

import numpy as np
from jaxtyping import Float, Float64, Int64
from openmm import app
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components


class ProteinImaging:
    """Brings bonded atoms together, then molecules next to each other."""

    def __init__(self, count: int, bonds: Int64[np.ndarray, "bonds 2"]) -> None:
        """Plan for `count` atoms with these bonds."""
        graph = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(count, count)).tocsr()
        self._molecules, self._molecule = connected_components(graph, directed=False)
        self.molecules = [np.flatnonzero(self._molecule == molecule) for molecule in range(self._molecules)]
        """Atoms of each molecule."""
        tree = [_tree(graph, int(np.argmax(self._molecule == molecule))) for molecule in range(self._molecules)]
        self._parent, self._child = np.concatenate(tree, axis=1)

    def __call__(
        self, positions_A: Float[np.ndarray, "atoms 3"], box_A: Float[np.ndarray, "3 3"]
    ) -> Float64[np.ndarray, "atoms 3"]:
        """Positions moved by box vectors so that bonds are short and molecules stand at their nearest images.

        Args:
            positions_A: Angstrom.
            box_A: box vectors as rows, in OpenMM's reduced form (lower triangle).

        Returns:
            The first atom stays where it is. Molecules follow in the order of the distance of their centres from the
            nearest one already placed, so a complex that fits into the box comes out as it stands.
        """
        positions = np.array(positions_A, dtype=np.float64)
        if not np.isfinite(positions).all():
            return positions  # the guard has the word
        self._join_bonds(positions, box_A)
        if self._molecules > 1:
            self._join_molecules(positions, box_A)
        return positions

    def _join_bonds(self, positions: Float64[np.ndarray, "atoms 3"], box: Float[np.ndarray, "3 3"]) -> None:
        shifts = nearest_image_shift(positions[self._child] - positions[self._parent], box)
        if not shifts.any():
            return
        moved = np.zeros_like(positions)
        for parent, child, shift in zip(self._parent, self._child, shifts, strict=True):  # parents come first
            moved[child] = moved[parent] + shift
        positions += moved

    def _join_molecules(self, positions: Float64[np.ndarray, "atoms 3"], box: Float[np.ndarray, "3 3"]) -> None:
        counts = np.bincount(self._molecule)
        centres = np.stack([np.bincount(self._molecule, positions[:, axis]) for axis in range(3)], axis=1)
        centres /= counts[:, None]
        moved, nearest = np.zeros_like(centres), np.full(self._molecules, np.inf)
        waiting, placed = np.arange(1, self._molecules), 0
        while len(waiting):
            vectors = centres[waiting] - (centres[placed] + moved[placed])
            shifts = nearest_image_shift(vectors, box)
            distances = np.linalg.norm(vectors + shifts, axis=1)
            nearer = distances < nearest[waiting]
            nearest[waiting[nearer]] = distances[nearer]
            moved[waiting[nearer]] = shifts[nearer]
            new = int(np.argmin(nearest[waiting]))
            placed, waiting = int(waiting[new]), np.delete(waiting, new)
        positions += moved[self._molecule]


class SystemImaging:
    """Positions to look at: the protein in one piece in the middle of the box, water and ions around it."""

    def __init__(self, topology: app.Topology, protein: Int64[np.ndarray, " protein_atoms"]) -> None:
        """Plan for a system."""
        number = {int(atom): place for place, atom in enumerate(protein)}
        pairs = [(a.index, b.index) for a, b in topology.bonds() if a.index in number and b.index in number]
        bonds = np.array([(number[a], number[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
        self._protein, self._imaging = protein, ProteinImaging(len(protein), bonds)
        self.chains = [protein[atoms] for atoms in self._imaging.molecules]
        """Atoms of each molecule of the protein."""
        residues = [[atom.index for atom in residue.atoms()] for residue in topology.residues()]
        others = [atoms for atoms in residues if atoms[0] not in number]
        self._first = np.array([atoms[0] for atoms in others], dtype=np.int64)
        self._others = np.array([atom for atoms in others for atom in atoms], dtype=np.int64)
        self._molecule = np.repeat(np.arange(len(others)), [len(atoms) for atoms in others])

    def __call__(
        self, positions_A: Float[np.ndarray, "atoms 3"], box_A: Float[np.ndarray, "3 3"] | None
    ) -> Float[np.ndarray, "atoms 3"]:
        """Positions moved by box vectors; each molecule of the solvent to its image nearest to the protein's middle."""
        if box_A is None or not np.isfinite(positions_A).all():
            return positions_A
        result = np.array(positions_A)
        protein = self._imaging(positions_A[self._protein], box_A)
        middle = (protein.min(0) + protein.max(0)) / 2.0
        home = nearest_image_shift((middle - box_A.sum(0) / 2.0)[None], box_A)[0]
        result[self._protein] = protein + home
        if len(self._first):
            shifts = nearest_image_shift(positions_A[self._first] - (middle + home), box_A)
            result[self._others] += shifts[self._molecule]
        return result


def nearest_image_shift(
    vectors_A: Float[np.ndarray, "vectors 3"], box_A: Float[np.ndarray, "3 3"]
) -> Float64[np.ndarray, "vectors 3"]:
    """What to add to each vector to make it the shortest of its periodic images.

    In a reduced box rounding from the last axis to the first comes within one box vector of the shortest; the 27
    images around it are compared where rounding may have missed it (a vector longer than half the shortest width).
    """
    box = np.asarray(box_A, dtype=np.float64)
    shift = np.zeros((len(vectors_A), 3))
    for axis in (2, 1, 0):
        shift -= np.round((vectors_A[:, axis] + shift[:, axis]) / box[axis, axis])[:, None] * box[axis]
    unsure = np.flatnonzero(np.square(vectors_A + shift).sum(1) > (0.5 * np.diag(box).min()) ** 2)
    if len(unsure):
        grid = np.stack(np.meshgrid(*[(0, -1, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ box
        images = (vectors_A + shift)[unsure][:, None] + grid
        shift[unsure] += grid[np.argmin(np.square(images).sum(2), axis=1)]
    return shift


def _tree(graph: object, root: int) -> Int64[np.ndarray, "2 edges"]:
    """(parent, child) of every bond of a spanning tree, parents before children."""
    order, parents = breadth_first_order(graph, root, directed=False)
    return np.array([parents[order[1:]], order[1:]], dtype=np.int64)
