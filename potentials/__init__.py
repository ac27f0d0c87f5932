"""Potentials: (atomic numbers, positions, charges) to energy; ViSNet, model files, training, quantum chemistry."""

from potentials.quantum_chemistry.calculator import QuantumChemistryCalculator
from potentials.quantum_chemistry.label import Label, QuantumChemistryError, label_molecule

__all__ = ["Label", "QuantumChemistryCalculator", "QuantumChemistryError", "label_molecule"]
