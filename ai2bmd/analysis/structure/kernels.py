"""The loops over pairs of atoms in every frame, compiled."""

# pyright: reportCallIssue=false
import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def count_residue_contacts(positions, atoms, first, cutoff, apart, counts):
    """Add to `counts` (residues, residues) the frames in which two residues touch.

    Args:
        positions: (frames, atoms, 3).
        atoms: those that count, residue by residue.
        first: where the atoms of each residue begin in `atoms`, and the end.
        cutoff: distance of two atoms that touch.
        apart: fewest residues between two for their contact to be in the number of contacts.
        counts: (residues, residues), upper triangle.

    Returns:
        Number of contacts of each frame.
    """
    frames, residues = positions.shape[0], len(first) - 1
    numbers = np.zeros(frames, dtype=np.int64)
    centre, reach = np.zeros((residues, 3)), np.zeros(residues)
    for frame in range(frames):
        here = positions[frame]
        for residue in range(residues):
            begin, end = first[residue], first[residue + 1]
            reach[residue] = -1.0
            if begin == end:
                continue
            for axis in range(3):
                total = 0.0
                for place in range(begin, end):
                    total += here[atoms[place], axis]
                centre[residue, axis] = total / (end - begin)
            for place in range(begin, end):
                reach[residue] = max(reach[residue], _square(here[atoms[place]], centre[residue]))
            reach[residue] = np.sqrt(reach[residue])
        for one in range(residues):
            for two in range(one + 1, residues):
                if reach[one] < 0.0 or reach[two] < 0.0:
                    continue
                limit = cutoff + reach[one] + reach[two]
                if _square(centre[one], centre[two]) > limit * limit:
                    continue
                if _touch(
                    here, atoms[first[one] : first[one + 1]], atoms[first[two] : first[two + 1]], cutoff * cutoff
                ):
                    counts[one, two] += 1
                    numbers[frame] += two - one >= apart
    return numbers


@numba.njit(cache=True, nogil=True)
def _touch(here, ones, twos, limit):
    for one in ones:
        for two in twos:
            if _square(here[one], here[two]) < limit:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _square(one, two):
    x, y, z = one[0] - two[0], one[1] - two[1], one[2] - two[2]
    return x * x + y * y + z * z


@numba.njit(cache=True, nogil=True)
def find_hydrogen_bonds(positions, donors, hydrogens, first, acceptors, distance, cosine):
    """Pairs of donor and acceptor with a hydrogen between them.

    Args:
        positions: (frames, atoms, 3).
        donors: heavy atoms with hydrogens.
        hydrogens: their hydrogens, donor by donor.
        first: where those of each donor begin, and the end.
        acceptors: atoms.
        distance: largest from hydrogen to acceptor.
        cosine: largest of the angle donor, hydrogen, acceptor.

    Returns:
        Frame, and donor number times acceptors plus acceptor number, of each.
    """
    frames, bonds = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    limit = distance * distance
    for frame in range(positions.shape[0]):
        here = positions[frame]
        for donor in range(len(donors)):
            for acceptor in range(len(acceptors)):
                if acceptors[acceptor] == donors[donor]:
                    continue
                for place in range(first[donor], first[donor + 1]):
                    hydrogen = here[hydrogens[place]]
                    far = _square(hydrogen, here[acceptors[acceptor]])
                    if far > limit:
                        continue
                    product = 0.0
                    for axis in range(3):
                        product += (here[donors[donor], axis] - hydrogen[axis]) * (
                            here[acceptors[acceptor], axis] - hydrogen[axis]
                        )
                    if product < cosine * np.sqrt(far * _square(here[donors[donor]], hydrogen)):
                        frames.append(np.int64(frame))
                        bonds.append(np.int64(donor * len(acceptors) + acceptor))
                        break
    return np.array(frames, dtype=np.int64), np.array(bonds, dtype=np.int64)


@numba.njit(cache=True, nogil=True)
def native_fraction(positions, pairs, distances, steepness, tolerance):
    """Mean over pairs of 1 / (1 + exp(steepness (r - tolerance r0))), for every frame."""
    result = np.zeros(positions.shape[0])
    for frame in range(positions.shape[0]):
        total = 0.0
        for pair in range(len(pairs)):
            far = np.sqrt(_square(positions[frame, pairs[pair, 0]], positions[frame, pairs[pair, 1]]))
            total += 1.0 / (1.0 + np.exp(steepness * (far - tolerance * distances[pair])))
        result[frame] = total / len(pairs)
    return result
