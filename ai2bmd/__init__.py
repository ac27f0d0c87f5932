"""Protein molecular dynamics at ab initio accuracy."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

try:
    __version__ = version("ai2bmd")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from ai2bmd.calculator import AI2BMDCalculator
    from ai2bmd.openmm_system import correct_system

__all__ = ["AI2BMDCalculator", "__version__", "correct_system"]


def __getattr__(name: str):
    """Import what brings torch and OpenMM along only when it is asked for."""
    if name == "AI2BMDCalculator":
        from ai2bmd.calculator import AI2BMDCalculator

        return AI2BMDCalculator
    if name == "correct_system":
        from ai2bmd.openmm_system import correct_system

        return correct_system
    raise AttributeError(f"module 'ai2bmd' has no attribute {name!r}")
