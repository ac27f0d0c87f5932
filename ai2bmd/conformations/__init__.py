"""Conformations of the units a protein is cut into: made, checked and written, for quantum chemistry to label."""
