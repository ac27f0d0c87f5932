"""Atoms chosen by a selection string of MDAnalysis, such as `name CA and resid 3:8`."""

import logging
import warnings

import numpy as np
from jaxtyping import Float, Int64
from openmm import app, unit

from ai2bmd.errors import InputError


def select_atoms(
    topology: app.Topology, positions_A: Float[np.ndarray, "atoms 3"], selection: str, *, setting: str
) -> Int64[np.ndarray, " chosen"]:
    """Indices of the atoms that a selection names, in ascending order.

    Chains are `segid` and `chainID`, residue numbers those of the file, insertion codes `icode`.

    Args:
        topology: of all atoms.
        positions_A: for selections by distance, such as `around 5 resname HIS`.
        selection: as MDAnalysis takes it.
        setting: what an error names as the place of the selection.

    Raises:
        InputError: the selection cannot be understood, or no atom fits it.
    """
    logging.getLogger("MDAnalysis.coordinates.AMBER").setLevel(logging.ERROR)  # warns of an absent netCDF4 at import
    logging.getLogger("MDAnalysis.topology.PSF").setLevel(logging.ERROR)  # of which of two dialects it takes a file for
    import MDAnalysis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = make_universe(topology, positions_A)
        try:
            chosen = universe.select_atoms(selection)
        except (MDAnalysis.SelectionError, MDAnalysis.NoDataError, AttributeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{setting}: {selection!r} is no selection that MDAnalysis understands: {reason}"
            ) from error
    if not len(chosen):
        raise InputError(f"{setting}: the selection {selection!r} fits no atom")
    return np.asarray(chosen.indices, dtype=np.int64)


def make_universe(topology: app.Topology, positions_A: Float[np.ndarray, "atoms 3"]):
    """The topology for MDAnalysis; its own reader of OpenMM's topologies counts residues anew, from 1."""
    import MDAnalysis

    atoms, residues, chains = list(topology.atoms()), list(topology.residues()), list(topology.chains())
    universe = MDAnalysis.Universe.empty(
        len(atoms),
        n_residues=len(residues),
        n_segments=len(chains),
        atom_resindex=[atom.residue.index for atom in atoms],
        residue_segindex=[residue.chain.index for residue in residues],
        trajectory=True,
    )
    elements = [atom.element for atom in atoms]
    numbers = [_number(residue.id) for residue in residues]
    universe.add_TopologyAttr("names", [atom.name for atom in atoms])
    universe.add_TopologyAttr("elements", [element.symbol if element else "" for element in elements])
    universe.add_TopologyAttr("types", [element.symbol if element else "X" for element in elements])
    masses = [element.mass.value_in_unit(unit.dalton) if element else 0.0 for element in elements]  # pyright: ignore[reportAttributeAccessIssue]
    universe.add_TopologyAttr("masses", masses)
    universe.add_TopologyAttr("ids", np.arange(1, len(atoms) + 1))
    universe.add_TopologyAttr("resnames", [residue.name for residue in residues])
    universe.add_TopologyAttr("resids", numbers)
    universe.add_TopologyAttr("resnums", numbers)
    universe.add_TopologyAttr("icodes", [residue.insertionCode.strip() for residue in residues])
    universe.add_TopologyAttr("chainIDs", [atom.residue.chain.id for atom in atoms])
    universe.add_TopologyAttr("segids", [chain.id for chain in chains])
    universe.add_TopologyAttr("bonds", [(first.index, second.index) for first, second in topology.bonds()])
    universe.trajectory.ts.positions = positions_A
    return universe


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
