"""The model that comes with the package."""

from importlib.resources import files
from pathlib import Path

from ai2bmd.errors import InputError


def default_model_path() -> Path:
    """Path of the shipped correction model's weights.

    Raises:
        InputError: the installation lacks it.
    """
    return _model_path("default")


def pretrained_model_path() -> Path:
    """Path of the model that fine-tuning starts from.

    Raises:
        InputError: the installation lacks it.
    """
    return _model_path("pretrained")


def _model_path(name: str) -> Path:
    path = Path(str(files("ai2bmd"))) / "models" / f"{name}.safetensors"
    if not path.is_file():
        raise InputError(f"the installation has no {name} model; name a model file (`--model PATH`, `model=...`)")
    return path
