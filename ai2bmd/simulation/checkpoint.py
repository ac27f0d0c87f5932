"""Checkpoints: the state of the integrator, with all that tells whether it belongs to the run that asks for it.

The file is one line of JSON, then OpenMM's bytes. It is replaced as a whole, so that there is always a complete one.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import openmm

from ai2bmd.errors import InputError
from ai2bmd.simulation.settings import RunSettings

_FORMAT = "ai2bmd checkpoint 2"
FREE_TO_CHANGE = ("time", "device", "memory", "model", "max_hours", "rollbacks", "replicas", "cluster")
_NUMBERS = ("step", "reached", "log_bytes", "rollbacks", "careful_until")
_CONTENTS = {
    "structure": "the prepared structure (prepared.pdb)",
    "model": "the model's weights",
    "openmm": "the OpenMM version",
    "platform": "the OpenMM platform (--device)",
}


@dataclass(frozen=True)
class Identity:
    """What must be the same for a run to go on from a checkpoint. Hashes are SHA-256."""

    structure: str
    model: str
    openmm: str
    platform: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands."""

    identity: Identity
    step: int
    """Where the run continues."""
    reached: int
    """Last step that trajectory and log know of; those after `step` are made again, the same on CPU."""
    log_bytes: int
    """Length of log.csv at `step`."""
    rollbacks: int
    """How often the guard has sent the run back."""
    careful_until: int
    """Step up to which it takes smaller steps, after a rollback."""
    state: bytes
    """Of the engine."""


def checkpoint_at(identity: Identity, step: int, state: bytes, *, log_bytes: int = 0) -> Checkpoint:
    """A checkpoint of a run that went well so far and has just come to this step."""
    return Checkpoint(identity, step, step, log_bytes, 0, 0, state)


def identify(structure: Path, settings: RunSettings, *, model_sha256: str | None, platform: str) -> Identity:
    """The identity of a run."""
    kept = {key: value for key, value in settings.as_text().items() if key not in FREE_TO_CHANGE}
    digest = hashlib.sha256(structure.read_bytes()).hexdigest()
    return Identity(digest, model_sha256 or "none", openmm.Platform.getOpenMMVersion(), platform, kept)


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Replace the checkpoint; the old one stays if the disk is full.

    Raises:
        OSError: the disk is full.
    """
    head = {
        "format": _FORMAT,
        **{name: getattr(checkpoint, name) for name in _NUMBERS},
        "sha256": hashlib.sha256(checkpoint.state).hexdigest(),
        "identity": asdict(checkpoint.identity),
    }
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(json.dumps(head).encode() + b"\n" + checkpoint.state)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: it is damaged, or not one.
    """
    line, _, state = path.read_bytes().partition(b"\n")
    try:
        head = json.loads(line)
        whole = head["format"] == _FORMAT and head["sha256"] == hashlib.sha256(state).hexdigest()
        numbers = {name: int(head[name]) for name in _NUMBERS}
        found = Checkpoint(identity=Identity(**head["identity"]), state=state, **numbers)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged or no checkpoint of this program; start the run anew") from error
    if not whole:
        raise InputError(f"{path} is damaged: its content does not have the SHA-256 it names; start the run anew")
    return found


def peek(path: Path) -> int:
    """The last step that is saved, without a look at the rest; 0 if there is no checkpoint that can be read."""
    try:
        with path.open("rb") as file:
            return int(json.loads(file.readline())["reached"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def check_identity(checkpoint: Checkpoint, expected: Identity, *, path: Path) -> None:
    """Make sure that a checkpoint belongs to the run.

    Raises:
        InputError: it belongs to another system; the text names the first thing that differs.
    """
    found = checkpoint.identity
    for name, content in _CONTENTS.items():
        if getattr(found, name) != getattr(expected, name):
            detail = (
                "" if name in ("structure", "model") else f" ({getattr(found, name)}, now {getattr(expected, name)})"
            )
            raise InputError(f"{path} belongs to another system: {content} differs{detail}")
    for key in sorted(found.settings | expected.settings):
        old, new = found.settings.get(key), expected.settings.get(key)
        if old != new:
            raise InputError(f"{path} belongs to another run: {key} was {old}, and settings.yaml now says {new}")
