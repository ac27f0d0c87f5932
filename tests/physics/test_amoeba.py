"""AMOEBA as the environment: what is subtracted is exactly what the environment has of the same molecules."""

import dataclasses

import numpy as np
import pytest
import torch

from ai2bmd import amoeba
from ai2bmd.amoeba import build_amoeba
from ai2bmd.assembly import amber_charges
from ai2bmd.correction import Correction, model_correction, whole_plan
from ai2bmd.environment import ForceFieldEnergy, build_environment
from ai2bmd.fragment_system import fragment_openmm_topology
from ai2bmd.protein import protein_topology
from ai2bmd.structure import prepare_structure
from ai2bmd.subtracted_energy import subtracted_energy
from fragmentation.plan import plan_fragments

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def peptide():
    """Topology and positions (A) of Ala-Gly with charged ends, distorted: two units and an overlap."""
    prepared = prepare_structure(sequence="AG")
    generator = np.random.default_rng(0)
    return prepared.topology, prepared.positions_A + generator.normal(scale=0.05, size=prepared.positions_A.shape)


@pytest.fixture(scope="module", params=["units", "whole"])
def plan(request, peptide):
    protein, _ = protein_topology(peptide[0])
    return plan_fragments(protein) if request.param == "units" else whole_plan(protein)


@pytest.fixture(scope="module")
def amoeba_as_model(plan):
    """V = E_amoeba."""
    return force_field_as_model(plan, build_amoeba)


@pytest.fixture
def converged(monkeypatch):
    """Induced dipoles solved far beyond what dynamics needs, for forces are the gradient as far as they are."""
    monkeypatch.setattr(amoeba, "INDUCED_DIPOLE_EPSILON_D", 1e-7)


def no_correction(plan):
    """A model whose Delta is zero."""

    def potential(positions):
        return torch.zeros(plan.n_fragments, dtype=torch.float64), torch.zeros_like(positions)

    return potential


def force_field_as_model(plan, build):
    """V = E of each fragment as its force field has it."""
    molecules = [
        ForceFieldEnergy(build(fragment_openmm_topology(plan, [fragment]), solvent="gas"))
        for fragment in range(plan.n_fragments)
    ]

    def potential(positions):
        parts = np.split(positions.numpy(), np.flatnonzero(np.diff(plan.fragment_index)) + 1)
        results = [energy(part) for energy, part in zip(molecules, parts, strict=True)]
        energies = torch.tensor([energy for energy, _ in results], dtype=torch.float64)
        return energies, -torch.from_numpy(np.concatenate([forces for _, forces in results]))

    return potential


def correction(plan, potential, kind, *, environment="amoeba2018"):
    term = subtracted_energy(plan, kind=kind, environment=environment)
    return Correction(plan, potential, force_field=term, dtype=torch.float64)


def test_a_full_model_equal_to_amoeba_corrects_nothing(peptide, plan, amoeba_as_model):
    result = correction(plan, amoeba_as_model, "full").evaluate(peptide[1])
    scale = np.abs(result.fragment_energies).sum()
    assert scale > 0.5  # eV: there is something to cancel
    assert abs(result.energy) < 1e-12 * scale
    assert np.abs(result.forces).max() < 1e-10
    # negative control: the same model as if the environment were amber19
    other = correction(plan, amoeba_as_model, "full", environment="amber19").evaluate(peptide[1])
    assert np.abs(other.forces).max() > 0.1


def test_a_correction_stands_for_amber_and_itself(peptide, plan, amoeba_as_model):
    """With Delta = 0 it is the signed sum of E_amber19 - E_amoeba of the fragments, each computed alone."""
    result = correction(plan, no_correction(plan), "correction").evaluate(peptide[1])
    amber, ours = (
        Correction(plan, potential, dtype=torch.float64).evaluate(peptide[1])
        for potential in (force_field_as_model(plan, build_environment), amoeba_as_model)
    )
    assert abs(result.energy) > 0.1
    assert result.energy == pytest.approx(amber.energy - ours.energy, abs=1e-9)
    np.testing.assert_allclose(result.forces, amber.forces - ours.forces, atol=1e-8)


@pytest.mark.parametrize("plan", ["units"], indirect=True)
def test_a_wrong_sign_of_an_overlap_is_noticed(peptide, plan, amoeba_as_model):
    """Negative control of the two before."""
    wrong = dataclasses.replace(plan, coefficients=np.abs(plan.coefficients))
    right, broken = (
        Correction(each, amoeba_as_model, dtype=torch.float64).evaluate(peptide[1]) for each in (plan, wrong)
    )
    assert abs(right.energy - broken.energy) > 0.1
    assert np.abs(right.forces - broken.forces).max() > 0.1


def test_whole_in_the_gas_phase_is_amber_and_the_correction(peptide):
    """AMOEBA is there and subtracted: E is what it is with amber19 as the environment."""
    topology, positions = peptide
    plan = whole_plan(protein_topology(topology)[0])
    result = correction(plan, no_correction(plan), "correction").evaluate(positions)
    energy, forces = ForceFieldEnergy(build_amoeba(topology, solvent="gas"))(positions)
    expected, expected_forces = ForceFieldEnergy(build_environment(topology, solvent="gas"))(positions)
    assert abs(energy - expected) > 0.1
    assert energy + result.energy == pytest.approx(expected, abs=1e-10)
    np.testing.assert_allclose(forces + result.forces, expected_forces, atol=1e-10)


def test_a_protein_that_is_one_unit_has_no_fragmentation_error(small_model):
    prepared = prepare_structure(sequence="G", caps="acetyl")
    protein, _ = protein_topology(prepared.topology)
    settings = {"charges": amber_charges(protein), "device": CPU, "dtype": torch.float64, "environment": "amoeba2018"}
    results = [
        model_correction(protein, small_model, coupling=coupling, **settings).evaluate(prepared.positions_A)
        for coupling in ("units", "whole")
    ]
    assert results[0].energy == pytest.approx(results[1].energy, abs=1e-9)
    np.testing.assert_allclose(results[0].forces, results[1].forces, atol=1e-9)


@pytest.mark.usefixtures("converged")
@pytest.mark.parametrize("coupling", ["units", "whole"])
def test_finite_differences(peptide, small_model, coupling):
    """All atoms at once, then those where the force on a cap flows back."""
    topology, positions = peptide
    protein, _ = protein_topology(topology)
    environment = ForceFieldEnergy(build_amoeba(topology, solvent="gas"))
    settings = {"coupling": coupling, "device": CPU, "dtype": torch.float64, "environment": "amoeba2018"}
    ours = model_correction(protein, small_model, charges=amber_charges(protein), **settings)

    def evaluate(at):
        (energy, forces), result = environment(at), ours.evaluate(at)
        return energy + result.energy, forces + result.forces

    forces = evaluate(positions)[1]
    directions = [np.random.default_rng(1).normal(size=positions.shape)]
    for cap in np.flatnonzero(ours.plan.toward >= 0)[:2]:
        for atom in (ours.plan.source[cap], ours.plan.toward[cap]):
            directions.append(np.zeros_like(positions))
            directions[-1][atom] = (0.6, 0.0, 0.8)
    for direction in directions:
        step = 1e-3
        values = [evaluate(positions + factor * step * direction)[0] for factor in (-2, -1, 1, 2)]
        slope = np.dot(values, (1, -8, 8, -1)) / (12 * step)
        assert -np.vdot(forces, direction) == pytest.approx(slope, rel=1e-6, abs=1e-7)
