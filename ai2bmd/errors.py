"""The error a user sees as one sentence: what is wrong, where, and how to mend it."""


class InputError(ValueError):
    """Input that cannot be used. The command line prints its text alone and exits with status 2.

    The text names file, chain, residue and atom as far as they are known, and says what to do.
    """
