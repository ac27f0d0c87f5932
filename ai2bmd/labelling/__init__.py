"""Labelling campaigns: conformations in, a store of quantum-chemistry labels out."""
