"""Every atom, and every pair of atoms that share a unit, counts exactly once, however the chain is made."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from fragmentation.caps import PlanTensors, expand
from fragmentation.partition import net_coefficients
from fragmentation.plan import FragmentPlan, plan_fragments

# one way to build chains for all tests, wherever pytest is started
_CHAINS = Path(__file__).parents[1] / "fragmentation" / "conftest.py"
_specification = importlib.util.spec_from_file_location("chains", _CHAINS)
assert _specification is not None
assert _specification.loader is not None
_chains = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_chains)
build_openmm_topology, build_protein = _chains.build_openmm_topology, _chains.build_protein

EVERY_RESIDUE = (
    "ALA", "ARG", "ASH", "ASN", "ASP", "CYS", "GLH", "GLN", "GLU", "GLY", "HID", "HIE", "HIP", "ILE", "LEU", "LYN",
    "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL",
)  # fmt: skip
CASES = {
    "charged ends": (["NALA SER GLY CVAL"], []),
    "capped ends": (["ACE ALA SER GLY VAL NME"], []),
    "amide end": (["ACE ALA SER NHE"], []),
    "one capped end": (["ACE ALA CSER"], []),
    "two residues": (["NPRO CGLY"], []),
    "one capped residue": (["ACE TRP NME"], []),
    "one residue and its end": (["NGLY NME"], []),
    "caps alone": (["ACE NME"], []),
    "proline everywhere": (["NPRO PRO GLY PRO ALA PRO CPRO"], []),
    "glycine everywhere": (["NGLY GLY ALA GLY CGLY"], []),
    "three chains": (["NALA CALA", "ACE ALA NME", "NGLY PRO CTRP"], []),
    "disulfide at ends": (["NCYX ALA ALA ALA ALA ALA CCYX"], [(0, 6)]),
    "disulfide between chains": (["NALA CYX CALA", "NALA CYX CALA"], [(1, 4)]),
    "single capped cysteines": (["ACE CYX NME", "ACE CYX NME"], [(1, 4)]),
    **{
        f"disulfide {gap} apart": ([f"NALA CYX {'SER ' * (gap - 1)}CYX CALA"], [(1, 1 + gap)])
        for gap in (1, 2, 3, 4, 5, 6)
    },
    "neighbouring cysteines, two chains, parallel": (
        ["NALA CYX CYX CALA", "NALA CYX CYX CALA"], [(1, 5), (2, 6)],
    ),
    "neighbouring cysteines, two chains, antiparallel": (
        ["NALA CYX CYX CALA", "NALA CYX CYX CALA"], [(1, 6), (2, 5)],
    ),
    "cysteines two apart, two chains": (["NALA CYX PRO CYX CALA", "NALA CYX PRO CYX CALA"], [(1, 6), (3, 8)]),
    "hinge": (["NALA CYX PRO PRO CYX CALA", "NALA CYX PRO PRO CYX CALA"], [(1, 7), (4, 10)]),
    "interlocked": (
        ["NCYX ALA GLY CYX SER CYX ALA ALA ALA CYX ALA ALA ALA ALA CYX ALA ALA CCYX"], [(0, 9), (3, 14), (5, 17)],
    ),
}  # fmt: skip


def atoms_of_fragments(plan: FragmentPlan) -> list[list[int]]:
    real = plan.toward < 0
    return [
        sorted(plan.source[real & (plan.fragment_index == fragment)].tolist()) for fragment in range(plan.n_fragments)
    ]


def assert_exact(plan: FragmentPlan, n_atoms: int) -> None:
    pairs, net = net_coefficients(atoms_of_fragments(plan), plan.coefficients)
    assert {int(one) for one, two in pairs if one == two} == set(range(n_atoms))
    np.testing.assert_array_equal(net, 1.0)


def assert_well_made(plan: FragmentPlan) -> None:
    """Each fragment is one connected molecule with normal valences."""
    expected = {1: {1}, 6: {3, 4}, 7: {1, 2, 3, 4}, 8: {1, 2}, 16: {2}}
    counts = np.bincount(plan.bonds.ravel(), minlength=len(plan.source))
    for element, count in zip(plan.atomic_numbers.tolist(), counts.tolist(), strict=True):
        assert count in expected[element]
    label = np.arange(len(plan.source))
    for _ in range(400):
        lowest = np.minimum(label[plan.bonds[:, 0]], label[plan.bonds[:, 1]])
        np.minimum.at(label, plan.bonds.ravel(), np.repeat(lowest, 2))
    assert len(np.unique(label)) == plan.n_fragments


@pytest.mark.parametrize("case", CASES)
def test_every_covered_pair_counts_once(case, build_protein):
    chains, disulfides = CASES[case]
    topology = build_protein(*chains, disulfides=disulfides)
    plan = plan_fragments(topology)
    assert_exact(plan, len(topology.atom_names))
    assert_well_made(plan)


@pytest.mark.parametrize("name", EVERY_RESIDUE)
def test_every_residue_in_every_place(name, build_protein):
    terminal = name if name not in ("ASH", "GLH", "LYN") else "ALA"
    chain = f"N{terminal} {name} {name} ALA {name} PRO {name} GLY {name} C{terminal}"
    topology = build_protein(chain)
    plan = plan_fragments(topology)
    assert_exact(plan, len(topology.atom_names))
    assert_well_made(plan)
    assert set(plan.types) >= {f"nterm-{terminal}", f"mid-{name}", f"cterm-{terminal}", "overlap-NMA"}


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7])
def test_head_to_tail_cycles(count, build_protein):
    topology = build_protein("ALA " * count, cyclic=True)
    assert_exact(plan_fragments(topology), len(topology.atom_names))


@pytest.mark.parametrize("fragment", [0, 3, 5, 8])
def test_a_lost_fragment_is_noticed(fragment, build_protein):
    topology = build_protein("NALA SER GLY PRO CVAL")
    plan = plan_fragments(topology)
    coefficients = plan.coefficients.copy()
    coefficients[fragment] = 0.0
    _, net = net_coefficients(atoms_of_fragments(plan), coefficients)
    assert np.any(net != 1.0)


def pair_energies(plan: FragmentPlan, positions: torch.Tensor) -> torch.Tensor:
    """A toy potential: Coulomb-like between the real atoms of each fragment."""
    expanded = expand(PlanTensors.of(plan, dtype=torch.float64), positions)
    energies = []
    for fragment in range(plan.n_fragments):
        chosen = torch.from_numpy((plan.fragment_index == fragment) & (plan.toward < 0))
        charges = torch.from_numpy(plan.source)[chosen].to(torch.float64).sin()
        distances = torch.pdist(expanded[chosen])
        one, two = torch.triu_indices(len(charges), len(charges), 1)
        energies.append(torch.sum(charges[one] * charges[two] / distances))
    return torch.stack(energies)


def test_pair_potential_of_the_whole(build_protein):
    plan = plan_fragments(build_protein("NALA CYX GLY PRO TRP CYX CVAL", "ACE ALA NME", disulfides=[(1, 5)]))
    n_atoms = 1 + int(plan.source.max())
    positions = 10 * torch.rand((n_atoms, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    combined = torch.dot(torch.from_numpy(plan.coefficients), pair_energies(plan, positions))
    pairs, _ = net_coefficients(atoms_of_fragments(plan), np.abs(plan.coefficients))
    one, two = torch.from_numpy(pairs[pairs[:, 0] != pairs[:, 1]]).T
    charges = torch.arange(n_atoms, dtype=torch.float64).sin()
    whole = torch.sum(charges[one] * charges[two] / (positions[one] - positions[two]).norm(dim=1))
    assert combined.item() == pytest.approx(whole.item(), rel=1e-12)
