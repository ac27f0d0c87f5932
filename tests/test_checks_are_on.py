"""The tests check shapes and types of every call in the numerical packages, in whatever order they are imported."""

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from fragmentation.partition import net_coefficients
from potentials.neighbours import Edges, build_edges


def test_a_wrong_shape_is_noticed_in_fragmentation():
    with pytest.raises(TypeCheckError):
        net_coefficients([[0, 1]], np.ones((1, 1)))


def test_a_wrong_type_is_noticed_in_potentials():
    row = torch.zeros(2, dtype=torch.int64)
    Edges(*[row] * 7)
    with pytest.raises(TypeCheckError):
        Edges(row.double(), *[row] * 6)


def test_compiled_functions_run_under_the_checks():
    positions, index = np.array([[0.0, 0, 0], [1.0, 0, 0]]), np.zeros(2, np.int64)
    assert len(build_edges(positions, index, 2.0).source) == 4
