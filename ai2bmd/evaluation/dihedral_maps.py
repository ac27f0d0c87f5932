"""Energy over the backbone angles of a dipeptide, by quantum chemistry and by what is compared with it, as pictures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from matplotlib.figure import Figure
from scipy.interpolate import RBFInterpolator

from ai2bmd.conformations.torsions import angle_of, backbone_torsions
from ai2bmd.errors import InputError
from ai2bmd.evaluation.errors import KCAL_MOL
from ai2bmd.evaluation.frames import LabelledMolecule
from ai2bmd.evaluation.predictions import Prediction
from ai2bmd.labelling.force_field import molecule_topology
from ai2bmd.protein import protein_topology
from ai2bmd.report.figures import GREY, styled

_HIGHEST_KCAL_MOL = 16.0
_FINE_DEGREES = 5.0


def backbone_angles(labelled: LabelledMolecule) -> tuple[tuple[str, ...], Float64[np.ndarray, "frames angles"]]:
    """Names (phi, psi, or psi alone) and values in degrees, of a molecule with one residue between caps.

    Raises:
        InputError: it has none, or several.
    """
    topology, _ = protein_topology(molecule_topology(labelled.molecule))
    found = backbone_torsions(topology)
    if len(found) != 1:
        raise InputError(f"{labelled.molecule.name}: expected one residue with backbone angles, found {len(found)}")
    angles = [
        [angle_of(positions, quadruple) for quadruple in found[0].quadruples]
        for positions in labelled.positions.astype(np.float64)
    ]
    return found[0].names, np.array(angles)


def write_map(labelled: LabelledMolecule, predictions: Mapping[str, Prediction], reference: str, path: Path) -> None:
    """Energies relative to the lowest frame of each: a map beside the other over two angles, curves over one."""
    names, angles = backbone_angles(labelled)
    energies = {reference: labelled.energies} | {name: each.energies for name, each in predictions.items()}
    relative = {name: (values - values.min()) / KCAL_MOL for name, values in energies.items()}
    with styled():
        if len(names) == 1:
            figure = _curves(names[0], angles[:, 0], relative)
        else:
            figure = _maps(angles, relative)
        figure.savefig(path, dpi=130)


def _curves(name: str, angle: np.ndarray, relative: Mapping[str, np.ndarray]) -> Figure:
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    order = np.argsort(angle)
    for number, (contender, values) in enumerate(relative.items()):
        style = {"color": GREY, "linewidth": 4.0, "alpha": 0.7} if number == 0 else {"marker": "o", "markersize": 3.5}
        axes.plot(angle[order], values[order], label=contender, **style)
    axes.set(xlabel=f"{name} (degrees)", ylabel="energy (kcal/mol)", xlim=(-180, 180))
    axes.set_xticks(range(-180, 181, 60))
    axes.legend()
    return figure


def _maps(angles: np.ndarray, relative: Mapping[str, np.ndarray]) -> Figure:
    figure = Figure(figsize=(3.3 * len(relative) + 0.6, 3.5), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(relative), sharey=True))
    at = np.arange(-180.0, 180.0 + _FINE_DEGREES, _FINE_DEGREES)
    mesh = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1).reshape(-1, 2)
    filled = []
    for axes, (contender, values) in zip(panels, relative.items(), strict=True):
        smooth = _periodic(angles, values)(mesh).reshape(len(at), len(at)).T
        levels = np.arange(0.0, _HIGHEST_KCAL_MOL + 1.0)
        filled.append(axes.contourf(at, at, smooth, levels=levels, cmap="viridis_r", extend="both"))
        axes.plot(*angles.T, ".", color="white", markersize=2.5)
        axes.set(title=contender, xlabel="phi (degrees)", xlim=(-180, 180), ylim=(-180, 180), aspect="equal")
        axes.set_xticks(range(-180, 181, 90))
        axes.set_yticks(range(-180, 181, 90))
        axes.grid(visible=False)
    panels[0].set_ylabel("psi (degrees)")
    figure.colorbar(filled[0], ax=panels.tolist(), label="energy (kcal/mol)")
    return figure


def _periodic(angles: np.ndarray, values: np.ndarray) -> RBFInterpolator:
    """Through all points, of which there are copies a turn away in both directions."""
    turns = np.array([[first, second] for first in (-360, 0, 360) for second in (-360, 0, 360)])
    points = (angles + turns[:, None]).reshape(-1, 2)
    near = np.abs(points).max(axis=1) < 300.0
    return RBFInterpolator(points[near], np.tile(values, len(turns))[near], kernel="cubic")
