"""The notebooks of docs/ run: every cell, on short trajectories made on the way; and what lies there has been run."""

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

NAMES = ("first_run", "kinetics", "melting_curve")
_MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def script(load_script) -> ModuleType:
    return load_script("notebooks")


@pytest.fixture
def notebook(checkout):
    """`notebook(name)`: as it lies in the checkout."""
    return lambda name: nbformat.read(checkout / "docs" / "notebooks" / f"{name}.ipynb", 4)


def execute(script: ModuleType, notebook: nbformat.NotebookNode, folder: Path, ask: dict[str, str]) -> dict[str, Any]:
    """Run a notebook, and at its end ask the kernel for values of some expressions."""
    question = f"import json\nprint(json.dumps({{key: eval(text) for key, text in {ask!r}.items()}}, default=float))"
    notebook.cells.append(nbformat.v4.new_code_cell(question))
    script.execute(notebook, folder, quick=True)
    return json.loads(notebook.cells[-1].outputs[-1].text)


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_a_first_run(script, notebook, tmp_path):
    cells = notebook("first_run")
    ask = {"frames": "runs[0].frames", "rmsd": "rmsd.mean().value", "coupling": "comparison.pairs[0].predicted.value"}
    found = execute(script, cells, tmp_path, ask)
    assert found["frames"] == 31  # 0.9 ps, and every tenth step of 3 fs
    assert 0.05 < found["rmsd"] < 1.5
    assert 2.0 < found["coupling"] < 11.0  # what Karplus' relation can give
    assert pictures(cells) == 3
    assert (tmp_path / "first_run" / "report.html").is_file()


def test_kinetics(script, notebook, tmp_path):
    cells = notebook("kinetics")
    ask = {
        "runs": "len(runs)",
        "timescale_ps": "kinetics.model.slowest_ps",
        "populations": "sum(population.value for population in kinetics.macrostates.populations)",
        "positive": "float(np.mean((phi > 0.0) & (phi < 150.0)))",
    }
    found = execute(script, cells, tmp_path, ask)
    assert found["runs"] == 4
    assert 0.5 < found["timescale_ps"] < 60.0
    assert found["populations"] == pytest.approx(1.0)
    assert found["positive"] < 0.2  # an L-amino acid
    assert pictures(cells) >= 4


def test_a_melting_curve(script, notebook, tmp_path):
    cells = notebook("melting_curve")
    ask = {
        "folded": "(run.variables['native_contacts'] > 0.5).mean(1).tolist()",
        "energy": "run.energies_kcal_mol.mean(1).tolist()",
        "melting_K": "melting and melting.temperature.value",
    }
    found = execute(script, cells, tmp_path, ask)
    assert len(found["folded"]) == 4
    assert found["folded"][0] > found["folded"][-1] + 0.1  # it melts
    assert found["energy"] == sorted(found["energy"])
    if found["melting_K"] is not None:  # 150 ps do not always suffice, and then the notebook says so
        assert 250.0 < found["melting_K"] < 900.0
    assert pictures(cells) >= 1


def test_a_command_that_fails_stops_a_notebook(script, tmp_path):
    failing = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%%bash\nai2bmd run nothing.pdb")])
    with pytest.raises(CellExecutionError, match="returned non-zero exit status 2"):
        script.execute(failing, tmp_path, quick=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_there_has_been_run(name, notebook, checkout):
    path = checkout / "docs" / "notebooks" / f"{name}.ipynb"
    assert path.stat().st_size < _MOST_BYTES
    nbformat.validate(notebook(name))
    code = [cell for cell in notebook(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert pictures(notebook(name)) >= 3
    text = "".join(json.dumps(output) for cell in code for output in cell.outputs if output.output_type == "stream")
    assert not re.search(r"(?<![\w.])/(tmp|home|root|usr|work|opt)/", text)


def test_every_notebook_is_tested_and_linked(checkout):
    assert sorted(path.stem for path in (checkout / "docs" / "notebooks").glob("*.ipynb")) == sorted(NAMES)
    pages = (checkout / "README.md").read_text() + (checkout / "docs" / "analysis.md").read_text()
    for name in NAMES:
        assert f"notebooks/{name}.ipynb" in pages
