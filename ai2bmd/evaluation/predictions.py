"""What is compared with the labels: the force field, model files in either coupling, other methods."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ai2bmd.assembly import amber_charges
from ai2bmd.correction import Correction, Coupling, model_correction
from ai2bmd.environment import FORCE_FIELD
from ai2bmd.errors import InputError
from ai2bmd.evaluation.frames import LabelledMolecule
from ai2bmd.fragment_potential import ASEPotential
from ai2bmd.fragment_system import fragment_charges
from ai2bmd.labelling.force_field import MoleculeForceField, has_templates, molecule_topology
from ai2bmd.protein import protein_topology
from ai2bmd.subtracted_energy import subtracted_energy
from fragmentation.plan import plan_fragments
from fragmentation.topology import CAP_RESIDUES
from potentials import QuantumChemistryCalculator, label_molecule
from potentials.label_store import Molecule
from potentials.model_file import LoadedModel, load_model

FORCE_FIELD_ALONE = "amber19"
Progress = Callable[[], object]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Energies (eV, up to a constant of the molecule) and forces (eV/A) of all frames of a molecule."""

    energies: Float64[np.ndarray, " frames"]
    forces: Float[np.ndarray, "frames atoms 3"]
    force_std: Float[np.ndarray, "frames atoms"] | None = None
    """Expected length of the error of each atom's force, eV/A; None where the method does not know."""


def predict_force_field(labelled: LabelledMolecule) -> Prediction:
    """amber19/ff19SB, as it is in the store."""
    return Prediction(labelled.mm_energies, labelled.mm_forces)


def predict_method(labelled: LabelledMolecule, method: str, progress: Progress) -> Prediction:
    """Any method of `potentials.label_molecule`.

    Raises:
        PotentialError: the method is unknown, or a calculation fails.
    """
    molecule, labels = labelled.molecule, []
    for positions in labelled.positions:
        labels.append(label_molecule(molecule.atomic_numbers, positions, molecule.total_charge, method))
        progress()
    energies, forces = (np.array([getattr(label, key) for label in labels]) for key in ("energy_eV", "forces_eV_A"))
    return Prediction(energies, forces)


def predict_scheme(labelled: LabelledMolecule, method: str, cache: Path | None, progress: Progress) -> Prediction:
    """The unit scheme with quantum chemistry in place of a model: what cutting alone costs.

    Raises:
        PotentialError: the method is unknown, or a calculation fails.
    """
    topology, _ = protein_topology(molecule_topology(labelled.molecule))
    plan = plan_fragments(topology)
    charges = np.rint(np.bincount(plan.fragment_index, fragment_charges(plan))).astype(int).tolist()
    potential = ASEPotential(
        lambda fragment: QuantumChemistryCalculator(method, charge=charges[fragment], cache=cache),
        atomic_numbers=plan.atomic_numbers,
        fragment_index=plan.fragment_index,
    )
    classical = subtracted_energy(plan, kind="full", environment="amber19")
    return _predict(labelled, Correction(plan, potential, force_field=classical, dtype=torch.float64), progress)


class EvaluatedModel:
    """A model file, at work on one molecule after the other as it would be in a simulation in vacuum."""

    def __init__(self, path: Path, device: torch.device) -> None:
        """Load it.

        Raises:
            PotentialError: it is not usable.
        """
        self.loaded: LoadedModel = load_model(path, force_field=FORCE_FIELD)
        self._device = device

    def correction(self, molecule: Molecule, coupling: Coupling) -> Correction:
        """What the model adds to the force field of a molecule."""
        topology, _ = protein_topology(molecule_topology(molecule))
        return model_correction(
            topology, self.loaded, charges=amber_charges(topology), coupling=coupling, device=self._device
        )

    def couplings(self, labelled: LabelledMolecule) -> list[Coupling]:
        """Those that this molecule can be computed in and that differ on it; `whole` goes first.

        Raises:
            InputError: the force field has no templates for the molecule.
        """
        if not has_templates(labelled.molecule):
            raise InputError(
                f"{labelled.molecule.name}: its atoms have no names, so there is no force field that a model could be "
                "added to; label structures of proteins or their units, which `ai2bmd sample` makes"
            )
        if self.loaded.card.kind == "full":
            return ["units"]
        return ["whole", "units"] if is_cut(labelled) else ["whole"]

    def predict(self, labelled: LabelledMolecule, coupling: Coupling, progress: Progress) -> Prediction:
        """Environment in vacuum and correction of all frames."""
        return _predict(labelled, self.correction(labelled.molecule, coupling), progress)


def energy_function(
    molecule: Molecule, model: EvaluatedModel | None, coupling: Coupling = "whole"
) -> Callable[[Float64[np.ndarray, "atoms 3"]], tuple[float, Float64[np.ndarray, "atoms 3"]]]:
    """Positions (A) to energy (eV) and forces (eV/A): the force field with a model's correction, or alone."""
    force_field = MoleculeForceField(molecule)
    correction = None if model is None else model.correction(molecule, coupling)

    def evaluate(positions: np.ndarray) -> tuple[float, np.ndarray]:
        classical = force_field.evaluate(positions)
        if correction is None:
            return classical.energy_eV, classical.forces_eV_A
        result = correction.evaluate(positions)
        return classical.energy_eV + result.energy, classical.forces_eV_A + result.forces

    return evaluate


def is_cut(labelled: LabelledMolecule) -> bool:
    """Whether it is one piece, of several units."""
    molecule = labelled.molecule
    size, bonds = len(molecule.atomic_numbers), molecule.bonds.astype(np.int64)
    pieces, _ = connected_components(coo_array((np.ones(len(bonds)), bonds.T), shape=(size, size)), directed=False)
    residues = dict(zip(molecule.residue_index.tolist(), molecule.residue_names.astype(str).tolist(), strict=True))
    if pieces > 1 or sum(name not in CAP_RESIDUES for name in residues.values()) < 2:
        return False
    topology, _ = protein_topology(molecule_topology(molecule))
    return plan_fragments(topology).n_fragments > 1


def _predict(labelled: LabelledMolecule, correction: Correction, progress: Progress) -> Prediction:
    results, spreads = [], []
    for positions in labelled.positions.astype(np.float64):
        results.append(correction.evaluate(positions))
        if correction.has_members:
            spreads.append(correction.force_std(positions))
        progress()
    return Prediction(
        labelled.mm_energies + np.array([result.energy for result in results]),
        labelled.mm_forces + np.array([result.forces for result in results]),
        np.array(spreads) if correction.has_members else None,
    )
