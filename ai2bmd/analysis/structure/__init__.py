"""Structure along trajectories: motion, shape, secondary structure, contacts, dihedral angles, clusters, modes."""
