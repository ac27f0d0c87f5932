"""`ai2bmd fragment`: the table, the molecules as extended XYZ, and a page that needs no network."""

import json
import re

import ase.io
import numpy as np
import pytest

from ai2bmd.cli import main


@pytest.fixture(scope="module")
def written(examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fragments")
    assert main(["fragment", str(examples / "chignolin.pdb"), "-o", str(folder)]) == 0
    return folder


def test_table(examples, tmp_path, capsys):
    assert main(["fragment", str(examples / "chignolin.pdb"), "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["fragment", "type", "kind", "atoms", "charge", "coefficient"]
    assert len(printed) == 1 + 19 + 1
    proline = next(line.split() for line in printed if line.startswith("A:PRO4 ") and " unit " in line)
    assert proline[2:] == ["unit", "26", "0", "+1"]
    assert "10 units, 9 overlaps" in printed[-1]


def test_molecules_have_bond_lengths_charges_and_names(written):
    frames = ase.io.read(written / "fragments.xyz", index=":")
    assert [frame.info["coefficient"] for frame in frames].count(-1.0) == 9
    for frame in frames:
        assert frame.get_initial_charges().sum() == pytest.approx(frame.info["charge"], abs=1e-3)
        caps = np.flatnonzero(frame.arrays["toward"] >= 0)
        for cap in caps:  # a cap sits at 1.09 A on carbon, 1.01 A on nitrogen
            nearest = np.sort(frame.get_distances(cap, np.arange(len(frame))))[1]
            assert min(abs(nearest - 1.09), abs(nearest - 1.01)) < 1e-4


def test_page_holds_every_fragment_and_loads_nothing(written):
    page = (written / "fragments.html").read_text()
    fragments = json.loads(re.search(r"^const fragments = (.*);$", page, re.MULTILINE).group(1))
    assert len(fragments) == 19
    assert all(len(fragment["positions"]) == 3 * len(fragment["elements"]) for fragment in fragments)
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=["']?(https?:)?//""", page)


def test_raw_files_are_prepared_first(examples, tmp_path, capsys):
    lines = (examples / "chignolin.pdb").read_text().splitlines()
    raw = tmp_path / "raw.pdb"
    raw.write_text("\n".join(line for line in lines if line[76:78].strip() != "H"))
    assert main(["fragment", str(raw), "-o", str(tmp_path / "out")]) == 0
    assert "10 units, 9 overlaps" in capsys.readouterr().out


def test_unusable_file(tmp_path, capsys):
    (tmp_path / "bad.pdb").write_text("nothing\n")
    assert main(["fragment", str(tmp_path / "bad.pdb"), "-o", str(tmp_path / "out")]) == 2
    assert "not a structure file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
