"""A small untrained model, and molecules of the training data."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from openmm import app

from ai2bmd.environment import FORCE_FIELD
from ai2bmd.protein import protein_topology
from fragmentation.plan import FragmentPlan, plan_fragments
from potentials.model_file import CommitteeCard, ModelCard, load_model, save_model
from potentials.visnet import ViSNet, ViSNetConfig
from potentials.visnet.committee import with_members


@pytest.fixture(scope="session")
def random_model(tmp_path_factory) -> Path:
    """Model file of a small ViSNet with random weights."""
    torch.manual_seed(3)
    model = ViSNet(ViSNetConfig(hidden_channels=16, num_layers=2, num_heads=4, num_radial=8, cutoff_A=4.0))
    model.set_element_energies(torch.arange(20, dtype=torch.float64))
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_model(path, model, ModelCard(kind="correction", level_of_theory="none", force_field=FORCE_FIELD, config={}))
    return path


@pytest.fixture(scope="session")
def committee_model(random_model: Path, tmp_path_factory) -> Path:
    """Model file of the same ViSNet as the mean of a committee of four."""
    loaded = load_model(random_model, force_field=FORCE_FIELD)
    torch.manual_seed(4)
    deviations = 0.1 * torch.randn(4, 8, dtype=torch.float64)
    elements = torch.randn(20, 4, dtype=torch.float64)
    model = with_members(loaded.model, deviations - deviations.mean(0), elements - elements.mean(1, keepdim=True))
    path = tmp_path_factory.mktemp("committee") / "committee.safetensors"
    save_model(path, model, dataclasses.replace(loaded.card, committee=CommitteeCard(1.5, 2.5)))
    return path


@pytest.fixture(scope="session")
def plan_of_molecule() -> Callable[..., FragmentPlan]:
    """From a group of units-so3lr.h5: plan of the molecule, whole, one unit, in the order of the file's atoms."""
    return _plan_of_molecule


def _plan_of_molecule(group) -> FragmentPlan:
    topology = app.Topology()
    chain, residues, atoms = topology.addChain("A"), {}, []
    names = (group[key].asstr()[:] for key in ("atom_names", "residue_names"))
    for name, residue_name, number, element in zip(
        *names, group["residue_index"][:].tolist(), group["atomic_numbers"][:].tolist(), strict=True
    ):
        if number not in residues:
            residues[number] = topology.addResidue(residue_name, chain)
        atoms.append(topology.addAtom(name, app.Element.getByAtomicNumber(element), residues[number]))
    for one, two in group["bonds"][:].tolist():
        topology.addBond(atoms[one], atoms[two])
    return plan_fragments(protein_topology(topology)[0])
