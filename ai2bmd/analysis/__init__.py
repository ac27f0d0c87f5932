"""What a trajectory says: structure, comparison with experiment, kinetics, thermodynamics, each with its error.

The public names below are loaded on first use, for some of them bring large libraries along.
"""

import importlib
from typing import Any

_MODULES = {
    "ChapmanKolmogorov": "kinetics.chapman_kolmogorov",
    "Comparison": "nmr.comparison",
    "CountedRates": "kinetics.counted_rates",
    "Coupling": "nmr.couplings",
    "Couplings": "nmr.couplings",
    "Estimate": "estimate",
    "Experiment": "nmr.experiment",
    "Features": "kinetics.features",
    "FreeEnergy": "thermodynamics.free_energy",
    "HiddenMarkovModel": "kinetics.hidden_markov",
    "ImpliedTimescales": "kinetics.timescales",
    "Karplus": "nmr.karplus",
    "Kinetics": "kinetics.analysis",
    "KineticsSettings": "kinetics.analysis",
    "Macrostates": "kinetics.macrostates",
    "MarkovModel": "kinetics.markov_model",
    "Microstates": "kinetics.microstates",
    "Passage": "kinetics.passage",
    "Projection": "kinetics.projection",
    "ResidueAngles": "nmr.couplings",
    "StructureSettings": "structure.everything",
    "Trajectory": "trajectories",
    "TransitionPaths": "kinetics.paths",
    "Weights": "thermodynamics.weights",
    "Windows": "thermodynamics.umbrella",
    "analyse_kinetics": "kinetics.analysis",
    "analyse_structure": "structure.everything",
    "backbone_angles": "nmr.backbone",
    "boltzmann_weights": "thermodynamics.weights",
    "chapman_kolmogorov": "kinetics.chapman_kolmogorov",
    "choose_lag": "kinetics.timescales",
    "cluster_frames": "kinetics.microstates",
    "compare": "nmr.comparison",
    "compare_couplings": "nmr.comparison",
    "contact_map": "structure.contacts",
    "count_with_random_lags": "kinetics.random_lags",
    "counted_rates": "kinetics.counted_rates",
    "dihedral_angles": "structure.dihedrals",
    "dihedral_features": "kinetics.features",
    "find_clusters": "structure.clusters",
    "find_macrostates": "kinetics.macrostates",
    "find_relation": "nmr.karplus",
    "frame_weights": "kinetics.analysis",
    "free_energy": "thermodynamics.free_energy",
    "from_universe": "trajectories",
    "hidden_markov_model": "kinetics.hidden_markov",
    "hydrogen_bonds": "structure.hydrogen_bonds",
    "implied_timescales": "kinetics.timescales",
    "join_features": "kinetics.features",
    "join_temperatures": "thermodynamics.temperatures",
    "make_features": "kinetics.features",
    "markov_model": "kinetics.markov_model",
    "mean": "errors_of_means",
    "name_macrostates": "kinetics.macrostates",
    "native_contacts": "structure.contacts",
    "open_files": "trajectories",
    "open_runs": "trajectories",
    "passage_between": "kinetics.passage",
    "passages": "kinetics.passage",
    "principal_components": "structure.principal",
    "project": "kinetics.projection",
    "radius_of_gyration": "structure.motion",
    "read_experiment": "nmr.experiment",
    "read_windows": "thermodynamics.umbrella",
    "rmsd": "structure.motion",
    "rmsf": "structure.motion",
    "rotamers": "structure.dihedrals",
    "scalar_couplings": "nmr.couplings",
    "secondary_structure": "structure.secondary",
    "shipped_experiment": "nmr.experiment",
    "shipped_tables": "nmr.experiment",
    "surface": "structure.surface",
    "transition_paths": "kinetics.paths",
    "umbrella_sampling": "thermodynamics.umbrella",
    "weighted_mean": "thermodynamics.weights",
}
"""Public name to module, in alphabetical order."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
