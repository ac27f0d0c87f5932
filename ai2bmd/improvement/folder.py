"""Where a turn keeps what: `OUT/turn-N`, and which turn is the next.

A turn is finished when it has `turn.json`, which is written last. `settings.json` is written first, so that a turn that
was stopped goes on as it began.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai2bmd.errors import InputError
from ai2bmd.improvement.settings import ImprovementSettings
from ai2bmd.shipped import pretrained_model_path


@dataclass(frozen=True)
class Turn:
    """A turn's number, counted from one, and its files."""

    number: int
    output: Path
    """Of all turns."""
    start: Path
    """Pretrained model."""

    @property
    def folder(self) -> Path:
        """Of this turn."""
        return self.output / f"turn-{self.number}"

    @property
    def pool(self) -> Path:
        """Conformations to choose from."""
        return self.folder / "pool.h5"

    @property
    def chosen(self) -> Path:
        """Conformations to label."""
        return self.folder / "chosen.h5"

    @property
    def training(self) -> Path:
        """Folder of the training run."""
        return self.folder / "training"

    @property
    def model(self) -> Path:
        """The result."""
        return self.folder / "model.safetensors"

    @property
    def errors(self) -> Path:
        """Folder of the evaluation."""
        return self.folder / "errors"

    @property
    def record(self) -> Path:
        """What came out, once the turn is finished."""
        return self.folder / "turn.json"

    @property
    def before(self) -> Path:
        """The model of the turn before, which this one samples and chooses with; of the first, the pretrained one."""
        return self.start if self.number == 1 else Turn(self.number - 1, self.output, self.start).model

    def finish(self, record: Mapping[str, Any]) -> None:
        """Note what came out."""
        write_json(self.record, record)


def next_turn(settings: ImprovementSettings) -> Turn:
    """The turn that was stopped, or the one after the last finished one."""
    number, start = 1, settings.model or pretrained_model_path()
    while (turn := Turn(number, settings.output, start)).record.exists():
        number += 1
    return turn


def begin(turn: Turn, settings: ImprovementSettings) -> bool:
    """Make the folder of a turn, or compare settings with those it began with; whether it had begun before.

    Raises:
        InputError: they differ.
    """
    path, wanted = turn.folder / "settings.json", settings.as_record()
    if not path.exists():
        turn.folder.mkdir(parents=True, exist_ok=True)
        write_json(path, wanted)
        return False
    found = json.loads(path.read_text())
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{turn.folder} was begun with {name} {found.get(name)}, not {value}; finish this turn as it began, or "
                "remove its folder (labels in the store are kept)"
            )
    return True


def finished_turns(settings: ImprovementSettings) -> list[dict[str, Any]]:
    """Records of all finished turns, in their order."""
    last = next_turn(settings)
    return [
        json.loads(Turn(number, settings.output, last.start).record.read_text()) for number in range(1, last.number)
    ]


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a file that is whole or not there."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(values, indent=1) + "\n")
    os.replace(temporary, path)


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Within the block no other process makes turns in this folder.

    Raises:
        InputError: one is at work.
    """
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{output}: another ai2bmd improve is at work in it; wait for its end") from error
        yield
