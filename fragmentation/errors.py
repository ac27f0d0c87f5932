"""Errors of cutting a protein into fragments."""


class FragmentationError(ValueError):
    """A structure that cannot be cut; the text names chain, residue and atom, and the cure."""
