"""The figures of a report from Python, one line each: `from ai2bmd import analysis, draw`.

    draw.ramachandran(analysis.dihedral_angles(runs))
    draw.timescales(kinetics).save("timescales.svg")

A function has the name of the report's file in figures/, and takes what `ai2bmd.analysis` returned; figures of a run
itself (energies, temperature, ...) take its directory. What comes back shows itself in a notebook, is written by
`save`, and can be drawn on: it has the `figure` and `axes` of matplotlib.

The names are loaded on first use, for some of them bring large libraries along.
"""

import importlib
from typing import Any

_FUNCTIONS = {
    "autocorrelation": "dynamics.draw_correlation",
    "chapman_kolmogorov": "kinetics_figures.draw_test",
    "clusters": "structure.ensembles.draw_clusters",
    "committor": "kinetics_figures.draw_committor",
    "contact_map": "structure.contacts.draw_contact_map",
    "course": "run_figures.draw_course_of",
    "density": "run_figures.draw_density_of",
    "displacement": "dynamics.draw_displacement",
    "energies": "run_figures.draw_energies_of",
    "expected_errors": "run_figures.draw_expected_errors_of",
    "experiment": "nmr.draw_comparison",
    "free_energy": "free_energies.draw_free_energy",
    "free_energy_bias": "run_figures.draw_free_energy_bias_of",
    "free_energy_error": "free_energies.draw_surface_errors",
    "heat_capacity": "ensembles.draw_heat_capacity_of",
    "hidden_timescales": "kinetics_figures.draw_hidden_timescales",
    "melting_curve": "melting.draw_melting_curve",
    "native_contacts": "structure.contacts.draw_native_contacts",
    "order_parameters": "nmr.draw_order_parameters",
    "overlap": "ensembles.draw_overlap_of",
    "principal_components": "structure.ensembles.draw_components",
    "quasi_harmonic": "quasi_harmonic.draw_quasi_harmonic",
    "radius_of_gyration": "structure.motion.draw_gyration",
    "ramachandran": "structure.dihedrals.draw_ramachandran",
    "reweighting": "reweighting.draw_level_change",
    "rmsd": "structure.motion.draw_rmsd",
    "rmsf": "structure.motion.draw_fluctuation",
    "scalar_couplings": "nmr.draw_couplings",
    "secondary_structure": "structure.secondary.draw_secondary_structure",
    "spectrum": "dynamics.draw_spectrum",
    "states": "kinetics_figures.draw_map",
    "surface": "structure.surface.draw_surface_area",
    "temperature": "run_figures.draw_temperature_of",
    "temperature_walk": "run_figures.draw_temperature_walk_of",
    "timescales": "kinetics_figures.draw_timescales",
    "unfolding": "melting.draw_stability",
}
"""Public name to function of `ai2bmd.report`, in alphabetical order."""


def __getattr__(name: str) -> Any:
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _FUNCTIONS[name].rsplit(".", 1)
    return getattr(importlib.import_module(f"ai2bmd.report.{module}"), function)


def __dir__() -> list[str]:
    return sorted(_FUNCTIONS)
