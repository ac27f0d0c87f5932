"""Potentials: (atomic numbers, positions, charges) to energy; ViSNet, model files and training."""
