"""Which hydrogens a protein carries: protonation states from predicted pKa, hydrogens placed by OpenMM's Modeller."""

import io
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import propka.run
from openmm import Platform, app, unit
from scipy.spatial import KDTree

from ai2bmd.labels import residue_label
from ai2bmd.structure.changes import Change

_TITRATED = {"ASP": ("ASH", "ASP"), "GLU": ("GLH", "GLU"), "LYS": ("LYS", "LYN"), "HIS": ("HIP", None)}
"""Protonated and deprotonated form; None: Modeller chooses the tautomer of neutral histidine by hydrogen bonds."""
Variant = str | list[tuple[str, str]] | None
_AMIDE: Variant = [("HN1", "N"), ("HN2", "N")]
"""Hydrogens of the cap NHE with the atom they are on, for OpenMM does not know this residue."""
_NOT_AT_ENDS = ("ASH", "GLH", "LYN")
_CHARGE = {"ASH": "neutral", "GLH": "neutral", "LYN": "neutral", "HIP": "charged"}
_REPEATABLE = {"Threads": "1", "DeterministicForces": "true"}
_ATTEMPTS = 5
_HYDROGENS_APART_A = 1.4
"""Two hydrogens of one atom have 1.6 A between them."""
_CHAIN_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def add_hydrogens(
    topology: app.Topology, positions: unit.Quantity, *, pH: float, changes: list[Change]
) -> tuple[app.Topology, unit.Quantity]:
    """Add all hydrogens to a protein of heavy atoms.

    Args:
        topology: complete heavy atoms, disulfides bonded.
        positions: of its atoms.
        pH: a residue is protonated if its pKa (PROPKA 3; Olsson et al., JCTC 7, 525, 2011) lies above.
        changes: takes a line for every residue in an unusual state and for every histidine.
    """
    residues = list(topology.residues())
    pka = _predicted_pka(topology, positions)
    variants = [_variant(residue, pka.get(residue.index), pH=pH, changes=changes) for residue in residues]
    modeller, chosen = place_hydrogens(topology, positions, variants)
    for residue, variant in zip(residues, chosen, strict=True):
        if residue.name == "HIS" and variant in ("HID", "HIE"):
            hydrogen = {"HID": "delta", "HIE": "epsilon"}[variant]
            changes.append(
                Change("tautomer", residue_label(residue), f"neutral, hydrogen on N{hydrogen}{_told(pka, residue)}")
            )
    return modeller.topology, modeller.positions


def place_hydrogens(
    topology: app.Topology, positions: unit.Quantity, variants: list[Variant]
) -> tuple[app.Modeller, list[Variant]]:
    """All hydrogens, the same in every call.

    OpenMM starts from random places, which now and then leaves two hydrogens of one atom together: these again.
    """
    modeller = app.Modeller(topology, positions)
    chosen = variants
    for seed in range(_ATTEMPTS):
        with _repeatable(seed) as platform:  # pH: all but tautomers is in variants
            chosen = modeller.addHydrogens(pH=7.0, variants=chosen, platform=platform)
        crowded = _crowded(modeller)
        if not crowded:
            break
        if seed < _ATTEMPTS - 1:
            modeller.delete(crowded)
    return modeller, chosen


@contextmanager
def _repeatable(seed: int) -> Iterator[Platform]:
    """The CPU platform on one thread, and Python's generator, from which OpenMM draws, seeded."""
    platform = Platform.getPlatformByName("CPU")
    before = {name: platform.getPropertyDefaultValue(name) for name in _REPEATABLE}
    state = random.getstate()
    random.seed(seed)
    try:
        for name, value in _REPEATABLE.items():
            platform.setPropertyDefaultValue(name, value)
        yield platform
    finally:
        random.setstate(state)
        for name, value in before.items():
            platform.setPropertyDefaultValue(name, value)


def _crowded(modeller: app.Modeller) -> list[app.topology.Atom]:
    """Hydrogens of residues that have two of them nearer to each other than two of one atom should be."""
    places = np.array(modeller.positions.value_in_unit(unit.angstrom))
    hydrogens = [atom for atom in modeller.topology.atoms() if atom.element is app.element.hydrogen]
    pairs = KDTree(places[[atom.index for atom in hydrogens]]).query_pairs(_HYDROGENS_APART_A)
    residues = {hydrogens[one].residue for one, two in pairs if hydrogens[one].residue is hydrogens[two].residue}
    return [atom for atom in hydrogens if atom.residue in residues]


def _variant(residue: app.topology.Residue, pka: float | None, *, pH: float, changes: list[Change]) -> Variant:
    if residue.name == "NHE":
        return _AMIDE
    if residue.name == "CYS":
        return "CYX" if _in_disulfide(residue) else "CYS"
    if residue.name not in _TITRATED:
        return None
    protonated, deprotonated = _TITRATED[residue.name]
    if pka is None:  # the ends of a peptide may hide it from PROPKA; the usual state at pH 7
        return deprotonated if residue.name != "LYS" else protonated
    state = protonated if pka > pH else deprotonated
    if state in _NOT_AT_ENDS and _at_end(residue):
        usual = {"ASH": "ASP", "GLH": "GLU", "LYN": "LYS"}[state]
        detail = f"{usual} kept charged (pKa {pka:.1f}): the force field has no {state} at a charged chain end"
        changes.append(Change("protonation", residue_label(residue), detail))
        return usual
    if state in _CHARGE:
        changes.append(Change("protonation", residue_label(residue), f"{state}, {_CHARGE[state]} (pKa {pka:.1f})"))
    return state


def _told(pka: dict[int, float], residue: app.topology.Residue) -> str:
    return f" (pKa {pka[residue.index]:.1f})" if residue.index in pka else ""


def _in_disulfide(residue: app.topology.Residue) -> bool:
    return any(bond[0].name == bond[1].name == "SG" for bond in residue.external_bonds())


def _at_end(residue: app.topology.Residue) -> bool:
    """Whether it is the first or last of its chain, without a cap beyond."""
    residues = list(residue.chain.residues())
    return residue in (residues[0], residues[-1])


def _predicted_pka(topology: app.Topology, positions: unit.Quantity) -> dict[int, float]:
    """pKa by residue index; residues are renamed for PROPKA so that every pair of chain and number is unique."""
    logging.getLogger("propka").setLevel(logging.ERROR)
    named: dict[tuple[str, int], int] = {}
    lines: list[str] = []
    coordinates = np.array(positions.value_in_unit(unit.angstrom))
    for number, chain in enumerate(topology.chains()):
        name = _CHAIN_NAMES[number % len(_CHAIN_NAMES)]
        for offset, residue in enumerate(chain.residues()):
            place = 1 + offset + 2000 * (number // len(_CHAIN_NAMES))
            named[name, place] = residue.index
            lines += _pdb_lines(residue, coordinates, chain=name, number=place, first=len(lines) + 1)
        lines.append("TER\n")
    molecule = propka.run.single("protein.pdb", ["--quiet"], io.StringIO("".join(lines)), write_pka=False)
    groups = molecule.conformations["AVR"].groups
    return {
        named[group.atom.chain_id, group.atom.res_num]: float(group.pka_value)
        for group in groups
        if group.residue_type in _TITRATED and (group.atom.chain_id, group.atom.res_num) in named
    }


def _pdb_lines(
    residue: app.topology.Residue, coordinates: np.ndarray, *, chain: str, number: int, first: int
) -> Sequence[str]:
    lines = []
    for offset, atom in enumerate(residue.atoms()):
        x, y, z = coordinates[atom.index]
        symbol = atom.element.symbol
        lines.append(
            f"ATOM  {(first + offset) % 100000:5d}  {atom.name:<3s} {residue.name:>3s} {chain}{number:4d}    "
            f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {symbol:>2s}\n"
        )
    return lines
