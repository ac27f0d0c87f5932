"""Structures ready for simulation: from deposited files, from predicted models, from a sequence."""

from ai2bmd.structure.changes import Change, change_table
from ai2bmd.structure.files import PreparedStructure, read_prepared, write_prepared

__all__ = ["Change", "PreparedStructure", "change_table", "read_prepared", "write_prepared"]
