"""A large molecule in blocks: the same energy and forces, in less memory, as much as the rule says."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from potentials.edge_blocks import split
from potentials.errors import PotentialError
from potentials.neighbours import Edges, build_edges
from potentials.visnet import ViSNet, ViSNetConfig
from potentials.visnet.memory import MemoryRule, divide

ATOMS = 60
SHAPE = {"hidden_channels": 16, "num_layers": 3, "num_heads": 4, "num_radial": 8, "cutoff_A": 3.0}


def _model(**shape) -> ViSNet:
    torch.manual_seed(4)
    model = ViSNet(ViSNetConfig(**(SHAPE | shape))).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def _evaluate(model: ViSNet, blocks: Edges | list[Edges], *, recompute: bool = False):
    generator = np.random.default_rng(8)
    positions = torch.tensor(_positions(), requires_grad=True)
    numbers = torch.tensor(generator.choice([1, 6, 7, 8], size=ATOMS))
    charges = torch.tensor(generator.normal(size=ATOMS))
    energy = model(numbers, positions, torch.zeros(ATOMS, dtype=torch.int64), charges, blocks, 1, recompute)
    return energy.detach(), torch.autograd.grad(energy.sum(), positions)[0]


def _positions() -> np.ndarray:
    """A lattice four atoms wide, so that the cutoff sees a small part of it."""
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:ATOMS] * 1.6
    return grid + np.random.default_rng(1).normal(scale=0.1, size=grid.shape)


def _edges() -> Edges:
    return build_edges(_positions(), np.zeros(ATOMS, dtype=np.int64), 3.0)


@pytest.mark.parametrize("shape", [{}, {"lmax": 1}, {"envelope": "cosine"}, {"num_layers": 1}, {"num_layers": 4}])
@pytest.mark.parametrize(("count", "recompute"), [(2, True), (7, True), (3, False)])
def test_blocks_change_no_number(shape, count, recompute):
    model, edges = _model(**shape), _edges()
    energy, forces = _evaluate(model, edges)
    again, forces_again = _evaluate(model, split(edges, count), recompute=recompute)
    torch.testing.assert_close(again, energy, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(forces_again, forces, rtol=1e-9, atol=1e-10)


def test_blocks_need_the_edges_that_come_from_other_blocks():
    """Negative control: each half of the molecule as if it were alone."""
    index = (np.arange(ATOMS) >= ATOMS // 2).astype(np.int64)
    apart = build_edges(_positions(), index, 3.0)
    model = _model()
    energy, forces = _evaluate(model, _edges())
    wrong, wrong_forces = _evaluate(model, split(apart, 2))
    assert (wrong - energy).abs().item() > 1e-3
    assert (wrong_forces - forces).abs().max().item() > 1e-2


def test_the_path_of_a_gpu_fits_together():
    """What runs off the CPU, without compiled loops, on tensors without values: a wrong shape would end it."""
    model, edges = _model().to("meta"), _edges()
    numbers, index = (torch.zeros(ATOMS, dtype=torch.int64, device="meta") for _ in range(2))
    positions = torch.zeros(ATOMS, 3, dtype=torch.float64, device="meta", requires_grad=True)
    charges = torch.zeros(ATOMS, dtype=torch.float64, device="meta")
    blocks = [block.to("meta") for block in split(edges, 3)]
    energy = model(numbers, positions, index, charges, blocks, 1, True)
    (gradient,) = torch.autograd.grad(energy.sum(), positions)
    assert gradient.shape == positions.shape


def test_molecules_are_divided_by_what_fits():
    rule = MemoryRule(per_atom=0.0, per_edge=10.0, per_kept_edge=1.0, per_block_edge=5.0)
    bounds = np.array([0, 20, 40, 60])
    edges = build_edges(_positions(), np.repeat([0, 1, 2], 20), 3.0)
    counts = np.diff(edges.first_edge.numpy()[bounds])
    for limit, molecules in (
        (sys.maxsize, [3]),
        (10 * int(counts[0] + counts[1]), [2, 1]),
        (10 * int(max(counts)), [1] * 3),
    ):
        parts = divide(edges, bounds, rule, limit)
        assert [part.molecules.stop - part.molecules.start for part in parts] == molecules
        assert parts[-1].molecules.stop == 3
        assert parts[-1].atoms.stop == ATOMS
        assert all(part.blocks == 1 and part.memory_bytes <= limit for part in parts)


def test_one_large_molecule_is_divided_into_blocks():
    rule = MemoryRule(per_atom=100.0, per_edge=10.0, per_kept_edge=1.0, per_block_edge=5.0)
    assert rule.blocks(1000, 50_000, 600_000) == 1
    limit = 400_000
    blocks = rule.blocks(1000, 50_000, limit)
    assert blocks > 1
    assert rule.bytes(1000, 50_000, blocks) <= limit
    assert blocks == 2 or rule.bytes(1000, 50_000, blocks - 1) > limit
    with pytest.raises(PotentialError, match=r"memory: 0.00 GB is too little .* 1000 atoms"):
        rule.blocks(1000, 50_000, 154_000)


_PEAK = """
import numpy as np, torch
from potentials.edge_blocks import split
from potentials.neighbours import build_edges
from potentials.visnet import ViSNet, ViSNetConfig

torch.set_num_threads(1)
model = ViSNet(ViSNetConfig()).requires_grad_(False)

def evaluate(atoms, blocks):
    grid = np.stack(np.meshgrid(*[np.arange(20.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:atoms] * 2.2
    index = torch.zeros(atoms, dtype=torch.int64)
    positions = torch.tensor(grid, dtype=torch.float32, requires_grad=True)
    edges = build_edges(grid, index.numpy(), 4.5)
    energy = model(index + 6, positions, index, torch.zeros(atoms), split(edges, blocks), 1, blocks > 1)
    torch.autograd.grad(energy.sum(), positions)
    return len(edges.source)

def peak():
    # not getrusage, which starts from the peak of the process that started this one
    status = dict(line.split(":") for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) * 1024

evaluate(50, 2)  # compiles
start = peak()
print(evaluate(1600, 16), peak() - start)
print(evaluate(1600, 1), peak() - start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_the_rule_and_what_is_taken(checkout):
    done = subprocess.run([sys.executable, "-c", _PEAK], cwd=checkout, capture_output=True, text=True, check=True)
    (edges, blocked), (_, whole) = (map(int, line.split()) for line in done.stdout.splitlines())
    rule = MemoryRule.of(ViSNetConfig(), torch.float32, torch.device("cpu"))
    assert whole == pytest.approx(rule.bytes(1600, edges), rel=0.3)
    assert blocked < 1.3 * rule.bytes(1600, edges, 16)
    assert blocked < whole / 3


def test_large_graphs_are_split_even_where_there_is_memory():
    rule = MemoryRule(per_atom=0.0, per_edge=1.0, per_kept_edge=1.0, per_block_edge=1.0, most_block_edges=200)
    edges = _edges()
    (part,) = divide(edges, np.array([0, ATOMS]), rule, sys.maxsize)
    assert part.blocks == -(-len(edges.source) // 200) > 1
    assert not part.recompute
