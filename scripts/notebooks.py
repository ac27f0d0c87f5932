#!/usr/bin/env python
"""Executes the notebooks of docs/notebooks, each in a folder of its own, and keeps their outputs.

    python scripts/notebooks.py                        # all, at full length (an hour on one core)
    python scripts/notebooks.py kinetics --runs FOLDER # one; its runs stay in FOLDER/kinetics
    python scripts/notebooks.py --quick                # as the tests do it: outputs are not kept

Needs nbclient and ipykernel, which come with the tests' packages; the kernel is the Python that executes this script.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

CHECKOUT = Path(__file__).resolve().parents[1]
NOTEBOOKS = CHECKOUT / "docs" / "notebooks"
_MOST_SECONDS_A_CELL = 4 * 3600


def execute(notebook: nbformat.NotebookNode, folder: Path, *, quick: bool) -> nbformat.NotebookNode:
    """Run all cells in a folder; outputs go into the notebook that is given.

    Raises:
        CellExecutionError: a cell raised, or a command in one failed.
    """
    specifications = KernelSpecManager(kernel_dirs=[])  # none but that of this Python
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specifications)
    client = NotebookClient(notebook, km=manager, timeout=_MOST_SECONDS_A_CELL, record_timing=False)
    client.resources = {"metadata": {"path": str(folder)}}
    try:
        client.execute(cleanup_kc=True, env=_environment(folder, quick=quick))
    finally:
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = _joined(cell.outputs)
    return notebook


def _environment(folder: Path, *, quick: bool) -> dict[str, str]:
    """Of the kernel: this checkout and the commands of this Python first, nothing of the user's own Jupyter."""
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), environment.get("PYTHONPATH")]))
    environment["AI2BMD_NOTEBOOK"] = "quick" if quick else ""
    environment["IPYTHONDIR"] = str(folder / ".ipython")
    return environment


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Pieces of one stream, which come as they were written, put together."""
    result: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = result[-1] if result else None
        if last is not None and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            result.append(output)
    return result


def main() -> None:
    """Execute what is asked for."""
    known = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="as short as in the tests; outputs are not kept")
    parser.add_argument("--runs", type=Path, help="where run directories stay (default: nowhere)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"there is no notebook {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.names or known:
            path, folder = NOTEBOOKS / f"{name}.ipynb", (arguments.runs or Path(temporary)) / name
            folder.mkdir(parents=True)
            print(f"{name} ...", flush=True)
            notebook = execute(nbformat.read(path, 4), folder, quick=arguments.quick)
            if not arguments.quick:
                nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
