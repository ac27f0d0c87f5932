"""What preparation did to a structure, one entry for each change: for the table on screen and the JSON file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ai2bmd.errors import InputError


@dataclass(frozen=True)
class Change:
    """One change: its kind (`removed`, `added`, `protonation` ...), where in the file, and what was done."""

    kind: str
    where: str
    detail: str


def change_table(changes: Sequence[Change]) -> str:
    """The changes as a plain text table, one line each."""
    if not changes:
        return "nothing had to be changed\n"
    rows = [("change", "where", "what"), *((change.kind, change.where, change.detail) for change in changes)]
    kinds, places = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{kind:<{kinds}}  {where:<{places}}  {detail}".rstrip() for kind, where, detail in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]]) + "\n"


def write_changes(changes: Sequence[Change], path: Path) -> None:
    """Write the changes as JSON: {"changes": [{"kind", "where", "detail"}, ...]}."""
    text = json.dumps({"changes": [asdict(change) for change in changes]}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_changes(path: Path) -> tuple[Change, ...]:
    """The changes of a JSON file.

    Raises:
        InputError: the file is not what `write_changes` writes.
    """
    try:
        changes = tuple(Change(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["changes"])
        if not all(isinstance(text, str) for change in changes for text in asdict(change).values()):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is no list of changes as `ai2bmd prepare` writes it") from error
    return changes
