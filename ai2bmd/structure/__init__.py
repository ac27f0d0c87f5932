"""Structures ready for simulation: from deposited files, from predicted models, from a sequence."""

from ai2bmd.structure.changes import Change, change_table
from ai2bmd.structure.files import PreparedStructure, read_prepared, write_prepared
from ai2bmd.structure.preparation import load_or_prepare, prepare_structure

__all__ = [
    "Change",
    "PreparedStructure",
    "change_table",
    "load_or_prepare",
    "prepare_structure",
    "read_prepared",
    "write_prepared",
]
