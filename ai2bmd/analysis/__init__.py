"""What a trajectory says: structure, comparison with experiment, kinetics, thermodynamics, each with its error."""
