"""Thermodynamics: free energies, reweighting between states, heat capacity, folding and melting, entropy."""
