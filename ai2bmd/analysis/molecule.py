"""What the analysed atoms are: elements, residues and bonds, whatever format they come from."""

import warnings
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers, covalent_radii
from jaxtyping import Float64, Int64

from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

_BACKBONE = {"N", "CA", "C"}
_BOND = 1.25
_VIBRATION_A = 0.8
_FRAMES = 12
_TERMINAL_OXYGENS = (("OT1", "OT2"), ("OC1", "OC2"), ("OCT1", "OCT2"), ("O1", "O2"))
"""As CHARMM, GROMACS and other programs name O and OXT of the last residue."""
_NOT_ANALYSED = "(water or resname HOH WAT SOL NA CL K MG CA ZN NA+ CL- K+ SOD CLA POT)"


def analysed_atoms(universe: Any, selection: str | None, *, where: str) -> Any:
    """The atoms of a selection; without one those of the protein, or all but water and ions if there is none.

    Any residue with a backbone is protein, whatever its name (D-amino acids, modified ones). Where the topology names
    no atoms or no residues, all atoms are analysed.

    Raises:
        InputError: the selection cannot be understood, or fits no atom.
    """
    if selection is not None:
        return choose(universe.atoms, selection, where=f"{where}: selection")
    if not (hasattr(universe.atoms, "names") and hasattr(universe.atoms, "resnames")):
        return universe.atoms
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        protein = universe.select_atoms("protein")
        backbone = universe.select_atoms(f"name {' '.join(sorted(_BACKBONE))}")
        unnamed = [
            residue
            for residue in backbone.residues.difference(protein.residues)  # few, if any
            if _is_amino_acid(residue)
        ]
        for residue in unnamed:
            protein |= residue.atoms
        if not len(protein):
            protein = universe.select_atoms(f"not {_NOT_ANALYSED}")
    if not len(protein):
        raise InputError(f"{where}: holds nothing but water and ions; name the atoms to analyse by a selection")
    return protein


def choose(atoms: Any, selection: str, *, where: str) -> Any:
    """Atoms of a group that a selection of MDAnalysis names.

    Args:
        atoms: the group.
        selection: in MDAnalysis' language.
        where: what an error names as the place of the selection: file and setting.

    Raises:
        InputError: it cannot be understood, or fits no atom.
    """
    import MDAnalysis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            chosen = atoms.select_atoms(selection)
        except (MDAnalysis.SelectionError, MDAnalysis.NoDataError, AttributeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{where}: {selection!r} is no selection that MDAnalysis understands: {reason}") from error
    if not len(chosen):
        raise InputError(f"{where}: the selection {selection!r} fits no atom")
    return chosen


def describe(atoms: Any) -> ProteinTopology:
    """Atoms, residues and bonds of a group of atoms, in its order.

    Elements that the topology lacks are guessed from names; bonds, where they are too few to hold the residues
    together, from distances in a few frames. The trajectory is at its first frame afterwards.
    """
    residues, numbers = atoms.residues, _numbers(atoms)
    place = {int(index): number for number, index in enumerate(residues.resindices)}
    chains = _column(residues.segments, "segids", len(residues.segments))
    chain_of = dict(zip(residues.segments.segindices.tolist(), chains, strict=True))
    if hasattr(atoms, "chainIDs"):
        first = np.unique(atoms.resindices, return_index=True)[1]
        chain_ids = [str(name) for name in atoms.chainIDs[first]]
    else:
        chain_ids = [chain_of[index] for index in residues.segindices.tolist()]
    codes = _column(residues, "icodes", len(residues))
    return ProteinTopology(
        atomic_numbers=numbers,
        atom_names=_atom_names(atoms),
        residue_index=np.array([place[int(index)] for index in atoms.resindices], dtype=np.int64),
        residue_names=tuple(_column(residues, "resnames", len(residues))),
        chain_ids=tuple(chain_ids),
        residue_numbers=tuple(f"{number}{code}" for number, code in zip(residues.resids, codes, strict=True)),
        bonds=_bonds(atoms, numbers),
    )


def masses_u(molecule: ProteinTopology) -> Float64[np.ndarray, " atoms"]:
    """Masses of the elements; 1 for atoms of no element."""
    return np.where(molecule.atomic_numbers > 0, atomic_masses[molecule.atomic_numbers], 1.0)


def heavy_atoms(molecule: ProteinTopology, *, what: str) -> Int64[np.ndarray, " heavy"]:
    """Atoms that are no hydrogens, for a quantity in which every one of them counts.

    Raises:
        InputError: an atom has no element, or each residue has one heavy atom alone: the model is a coarse one.
    """
    if (molecule.atomic_numbers == 0).any():
        raise InputError(f"atoms of no element have no size: {what} cannot be told; name the elements")
    heavy = np.flatnonzero(molecule.atomic_numbers != 1)
    if len(heavy) <= len(molecule.residue_names) > 1:
        raise InputError(f"residues have one heavy atom each: {what} cannot be told; give all atoms")
    return heavy


def residue_labels(molecule: ProteinTopology) -> tuple[str, ...]:
    """Such as A:GLY7; without the chain if there is only one."""
    several = len(set(molecule.chain_ids)) > 1
    columns = zip(molecule.chain_ids, molecule.residue_names, molecule.residue_numbers, strict=True)
    return tuple(f"{chain}:" * several + f"{name}{number.strip()}" for chain, name, number in columns)


def _column(group: Any, name: str, count: int) -> list[str]:
    values = getattr(group, name, None)
    return [""] * count if values is None else [str(value).strip() for value in values]


def _atom_names(atoms: Any) -> tuple[str, ...]:
    """Names; the two oxygens of an amino acid at the end of a chain as O and OXT, whatever the program called them."""
    names = _column(atoms, "names", len(atoms))
    residue_of = atoms.resindices
    for residue in atoms.residues:
        present = set(residue.atoms.names)
        if not _is_amino_acid(residue) or "O" in present:
            continue
        pair = next((pair for pair in _TERMINAL_OXYGENS if present.issuperset(pair)), ())
        usual = dict(zip(pair, ("O", "OXT"), strict=False))
        for place in np.flatnonzero(residue_of == residue.resindex).tolist():
            names[place] = usual.get(names[place], names[place])
    return tuple(names)


def _numbers(atoms: Any) -> Int64[np.ndarray, " atoms"]:
    """Atomic numbers; where no element is given, that of the name: in amino acids its first letter."""
    from MDAnalysis.guesser.default_guesser import DefaultGuesser

    elements = _column(atoms, "elements", len(atoms))
    if not all(elements):
        names = _column(atoms, "names", len(atoms))
        organic = np.isin(atoms.resindices, [r.resindex for r in atoms.residues if _is_amino_acid(r)])
        organic |= np.isin(atoms.indices, atoms.select_atoms("protein").indices)  # by name: C-alphas alone
        guesser = DefaultGuesser(atoms.universe)
        for atom, (element, name) in enumerate(zip(elements, names, strict=True)):
            letter = name.lstrip("0123456789")[:1].upper()
            if not element:
                elements[atom] = letter if organic[atom] and letter in "CHNOS" else guesser.guess_atom_element(name)
    return np.array([atomic_numbers.get(element.capitalize(), 0) for element in elements], dtype=np.int64)


def _is_amino_acid(residue: Any) -> bool:
    return set(residue.atoms.names) >= _BACKBONE


def _bonds(atoms: Any, numbers: Int64[np.ndarray, " atoms"]) -> Int64[np.ndarray, "bonds 2"]:
    """Bonds within the group: those of the topology, unless they are too few to hold residues together."""
    place = np.full(len(atoms.universe.atoms), -1)
    place[atoms.indices] = np.arange(len(atoms))
    known = np.empty((0, 2), dtype=np.int64)
    if hasattr(atoms.universe, "bonds"):
        known = place[np.array(atoms.universe.bonds.indices, dtype=np.int64).reshape(-1, 2)]
        known = known[(known >= 0).all(1)]
    if len(known) < len(atoms) - len(atoms.residues):
        known = np.concatenate([known, _near(atoms, numbers)])
    return np.unique(np.sort(known, axis=1), axis=0).astype(np.int64).reshape(-1, 2)


def _near(atoms: Any, numbers: Int64[np.ndarray, " atoms"]) -> Int64[np.ndarray, "bonds 2"]:
    """Pairs that on average are closer than 1.25 times the sum of their covalent radii.

    The average is over a few frames: in a single one vibration brings some apart and others together. Hydrogens are
    bonded to the nearest atom only.
    """
    from MDAnalysis.lib.distances import self_capped_distance

    radii = np.where(numbers > 0, covalent_radii[numbers], 0.0)
    reach = _BOND * 2.0 * max(radii.max(), 0.1) + _VIBRATION_A
    pairs, _ = self_capped_distance(atoms.positions, reach, box=atoms.universe.dimensions)
    pairs = pairs.reshape(-1, 2)
    distances = _mean_distances(atoms, pairs)
    close = (distances < _BOND * radii[pairs].sum(1)) & (numbers[pairs] > 0).all(1)
    close &= ~(numbers[pairs] == 1).all(1)
    pairs = pairs[close][np.argsort(distances[close])]
    hydrogen = numbers[pairs] == 1
    bound = np.where(hydrogen[:, 0], pairs[:, 0], np.where(hydrogen[:, 1], pairs[:, 1], -1 - np.arange(len(pairs))))
    return pairs[np.sort(np.unique(bound, return_index=True)[1])]


def _mean_distances(atoms: Any, pairs: Int64[np.ndarray, "pairs 2"]) -> Float64[np.ndarray, " pairs"]:
    """Over frames spread over what can be read of the trajectory, which is left at its first frame."""
    from MDAnalysis.lib.distances import calc_bonds

    trajectory, found = atoms.universe.trajectory, []
    for frame in np.unique(np.linspace(0, len(trajectory) - 1, _FRAMES).astype(int)).tolist():
        try:
            box = trajectory[frame].dimensions
        except (OSError, EOFError, ValueError, IndexError, RuntimeError):  # cut off: those before will do
            break
        positions = atoms.positions
        if np.isfinite(positions).all():
            found.append(calc_bonds(positions[pairs[:, 0]], positions[pairs[:, 1]], box=box))
    trajectory[0]
    return np.mean(found, axis=0) if found else np.full(len(pairs), np.inf)
