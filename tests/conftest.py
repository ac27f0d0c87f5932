"""What all tests share: the example structures, and the data beside the checkout where there is any."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import jaxtyping
import numba
import numpy as np
import pytest
import torch
from openmm import app, unit

CHECKOUT = Path(__file__).parents[1]


_compile = numba.njit


def _compile_bare(*arguments, **options):
    """Numba's compiler, given the function itself and not the check that jaxtyping has put around it."""
    if arguments and inspect.isfunction(arguments[0]):
        return _compile(inspect.unwrap(arguments[0]), *arguments[1:], **options)
    decorate = _compile(*arguments, **options)
    return lambda function: decorate(inspect.unwrap(function))


# Check shapes and types in the numerical packages. At import, not in a hook of pytest: the conftest files below this
# one import those packages, and what is imported before goes unchecked.
numba.njit = _compile_bare
jaxtyping.install_import_hook(["fragmentation", "potentials"], "beartype.beartype")


def pytest_configure() -> None:
    """One thread a process, for pytest-xdist uses the cores."""
    torch.set_num_threads(1)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Without the checks, for tests of what the packages themselves say of a wrong value, as users meet it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def load_script(checkout) -> Callable[[str], ModuleType]:
    """`load_script(name)`: scripts/NAME.py as a module."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, checkout / "scripts" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, name, module)  # where dataclasses look for it
            spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def examples() -> Path:
    """Folder of the example structures, chignolin.pdb and trpcage.pdb."""
    return CHECKOUT / "examples"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference data beside the checkout (data/, structures/); the test is skipped without it."""
    folder = CHECKOUT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder ../shared with reference data")
    return folder


@pytest.fixture(scope="session")
def chignolin(examples) -> tuple[app.Topology, np.ndarray]:
    """Topology and positions (A) of the prepared example."""
    pdb = app.PDBFile(str(examples / "chignolin.pdb"))
    return pdb.topology, pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
