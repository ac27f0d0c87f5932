"""What a trajectory says: structure, comparison with experiment, kinetics, thermodynamics, each with its error.

The public names below are loaded on first use, for some of them bring large libraries along.
"""

import importlib
from typing import Any

_MODULES = {
    "Coupling": "nmr.couplings",
    "Couplings": "nmr.couplings",
    "Estimate": "estimate",
    "Karplus": "nmr.karplus",
    "ResidueAngles": "nmr.couplings",
    "Trajectory": "trajectories",
    "backbone_angles": "nmr.backbone",
    "find_relation": "nmr.karplus",
    "from_universe": "trajectories",
    "mean": "errors_of_means",
    "open_files": "trajectories",
    "open_runs": "trajectories",
    "radius_of_gyration": "structure.motion",
    "rmsd": "structure.motion",
    "rmsf": "structure.motion",
    "scalar_couplings": "nmr.couplings",
}
"""Public name to module, in alphabetical order."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
