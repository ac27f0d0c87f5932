"""The model that comes with the package."""

from importlib.resources import files
from pathlib import Path

from ai2bmd.errors import InputError


def default_model_path() -> Path:
    """Path of the shipped correction model's weights.

    Raises:
        InputError: the installation lacks it.
    """
    path = Path(str(files("ai2bmd"))) / "models" / "default.safetensors"
    if not path.is_file():
        raise InputError("the installation has no default model; name a model file (`--model PATH`, `model=...`)")
    return path
