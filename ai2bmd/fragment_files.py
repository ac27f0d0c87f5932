"""The fragments of a protein for people to look at: a table, extended XYZ, and a page with a 3D viewer."""

import html
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import ase
import ase.io
import numpy as np
import torch
from ase.data import chemical_symbols
from jaxtyping import Float64
from openmm import app, unit

from ai2bmd.fragment_system import fragment_charges
from ai2bmd.protein import protein_topology
from ai2bmd.viewer import fill_page, script_literal
from fragmentation.caps import PlanTensors, expand
from fragmentation.plan import FragmentPlan, plan_fragments


@dataclass(frozen=True, eq=False)
class CutProtein:
    """A protein's fragments in one conformation."""

    topology: app.Topology
    positions_A: Float64[np.ndarray, "atoms 3"]
    plan: FragmentPlan
    fragment_positions_A: Float64[np.ndarray, "fragment_atoms 3"]
    charges: Float64[np.ndarray, " fragment_atoms"]

    @cached_property
    def total_charges(self) -> list[int]:
        """(fragments,) in e."""
        totals = np.bincount(self.plan.fragment_index, weights=self.charges, minlength=self.plan.n_fragments)
        return np.rint(totals).astype(int).tolist()

    def atoms(self) -> Iterator[slice]:
        """Fragment atoms of each fragment."""
        bounds = np.concatenate([[0], np.cumsum(self.plan.sizes)]).tolist()
        return (slice(*pair) for pair in pairwise(bounds))


def cut_protein(topology: app.Topology, positions_A: Float64[np.ndarray, "atoms 3"]) -> CutProtein:
    """Plan the fragments of the protein in a structure and place their atoms.

    Raises:
        InputError, FragmentationError: a structure that cannot be cut, or that the force field does not know.
    """
    protein, indices = protein_topology(topology)
    plan = plan_fragments(protein)
    positions = torch.from_numpy(np.ascontiguousarray(positions_A[indices], dtype=np.float64))
    expanded = expand(PlanTensors.of(plan, dtype=torch.float64), positions).numpy()
    return CutProtein(topology, positions_A, plan, expanded, fragment_charges(plan))


def fragment_table(cut: CutProtein) -> str:
    """One line a fragment: label, type, kind, atoms, charge, coefficient."""
    plan = cut.plan
    lines = [("fragment", "type", "kind", "atoms", "charge", "coefficient")]
    columns = plan.labels, plan.types, plan.kinds, plan.sizes.tolist(), cut.total_charges, plan.coefficients.tolist()
    for label, kind_of_molecule, kind, size, charge, coefficient in zip(*columns, strict=True):
        name = label.removesuffix(f" {kind}")
        lines.append(
            (name, kind_of_molecule, kind, str(size), f"{charge:+d}" if charge else "0", f"{coefficient:+.0f}")
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            f"{cell:{'<' if place < 3 else '>'}{width}}"
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + "\n"
        for line in lines
    )


def write_extended_xyz(cut: CutProtein, path: Path) -> None:
    """Write one frame a fragment; columns hold names, partial charges (e), and for caps the atoms of the cut bond."""
    plan, frames = cut.plan, []
    residue_names = np.array(plan.template_residue_names)[plan.template_residue_index]
    for fragment, atoms in enumerate(cut.atoms()):
        frame = ase.Atoms(plan.atomic_numbers[atoms], cut.fragment_positions_A[atoms])
        frame.set_initial_charges(cut.charges[atoms])
        frame.set_array("atom_name", np.array(plan.template_atom_names[atoms]))
        frame.set_array("residue_name", residue_names[atoms])
        frame.set_array("source", plan.source[atoms])
        frame.set_array("toward", plan.toward[atoms])
        frame.info = {
            "label": plan.labels[fragment],
            "type": plan.types[fragment],
            "kind": plan.kinds[fragment],
            "charge": cut.total_charges[fragment],
            "coefficient": float(plan.coefficients[fragment]),
        }
        frames.append(frame)
    ase.io.write(path, frames, format="extxyz")


def write_page(cut: CutProtein, path: Path, *, title: str) -> None:
    """Write a page with the list of fragments beside a 3D view of the chosen one; it needs no network."""
    pdb = io.StringIO()
    app.PDBFile.writeFile(cut.topology, unit.Quantity(cut.positions_A, unit.angstrom), pdb, keepIds=True)
    kinds = cut.plan.kinds
    values = {
        "title": html.escape(title),
        "summary": f"{kinds.count('unit')} units are added, {kinds.count('overlap')} overlaps subtracted.",
        "protein": script_literal(pdb.getvalue()),
        "fragments": script_literal(_page_data(cut)),
    }
    path.write_text(fill_page("fragments.html", values), encoding="utf-8")


def _page_data(cut: CutProtein) -> list[dict]:
    plan = cut.plan
    bonds = np.split(plan.bonds, np.searchsorted(plan.fragment_index[plan.bonds[:, 0]], range(1, plan.n_fragments)))
    return [
        {
            "label": plan.labels[fragment],
            "type": plan.types[fragment],
            "kind": plan.kinds[fragment],
            "charge": cut.total_charges[fragment],
            "coefficient": plan.coefficients[fragment],
            "elements": [chemical_symbols[number] for number in plan.atomic_numbers[atoms]],
            "names": plan.template_atom_names[atoms],
            "positions": cut.fragment_positions_A[atoms].round(3).ravel().tolist(),
            "bonds": (bonds[fragment] - atoms.start).tolist(),
            "caps": np.flatnonzero(plan.toward[atoms] >= 0).tolist(),
        }
        for fragment, atoms in enumerate(cut.atoms())
    ]
