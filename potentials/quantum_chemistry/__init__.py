"""Quantum-chemistry labels: (atomic numbers, positions, charge, method) to energy, forces and dipole."""
