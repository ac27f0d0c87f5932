"""Trajectories that do not fit their topology although they have as many atoms."""

import MDAnalysis
import numpy as np
import pytest

from ai2bmd.analysis.trajectories import open_files
from ai2bmd.errors import InputError


@pytest.fixture
def frames(examples, tmp_path, write_frames):
    """`frames(change)`: a file of the frames that `change` makes of chignolin's coordinates."""
    universe = MDAnalysis.Universe(str(examples / "chignolin.pdb"))
    start = universe.atoms.positions.copy()

    def make(change):
        noise = np.random.default_rng(0).normal(scale=0.1, size=(3, *start.shape))
        universe.load_new(change(start + noise).astype(np.float32), order="fac")
        return write_frames(universe, tmp_path / "frames.dcd")

    return make


def test_another_order_of_atoms_is_refused(frames, examples):
    """Of all atoms, and within residues alone: hydrogens after the heavy atoms, as some programs write them."""
    universe = MDAnalysis.Universe(str(examples / "chignolin.pdb"))
    hydrogens_last = np.concatenate(
        [
            np.sort(residue.atoms.ix)[np.argsort(residue.atoms.elements == "H", kind="stable")]
            for residue in universe.residues
        ]
    )
    for order in (np.random.default_rng(1).permutation(166), hydrogens_last):
        with pytest.raises(
            InputError, match=r"frames.dcd does not fit chignolin.pdb: 1\d\d of 171 bonds .*another order"
        ):
            open_files(examples / "chignolin.pdb", [frames(lambda positions, order=order: positions[:, order])])
    (opened,) = open_files(examples / "chignolin.pdb", [frames(lambda positions: positions)])
    assert not opened.remarks


def test_another_unit_is_refused(frames, examples):
    with pytest.raises(InputError, match=r"0\.13 A long; a trajectory in nm must be written anew in A"):
        open_files(examples / "chignolin.pdb", [frames(lambda positions: positions / 10.0)])


def test_molecules_cut_by_a_box_that_is_not_stored_are_told(frames, examples):
    (opened,) = open_files(examples / "chignolin.pdb", [frames(lambda positions: np.mod(positions, 16.0))])
    (remark,) = opened.remarks
    assert "of 171 bonds of the first frame are too long" in remark
    assert "it has no box, so that molecules cut by the box stay cut" in remark
