"""Errors of potentials and their files."""


class PotentialError(ValueError):
    """A model, model file, dataset or training setting that cannot be used; the text says what, where and the cure."""
