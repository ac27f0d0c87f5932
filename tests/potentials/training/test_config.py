"""Settings are refused with the name of the key when they cannot be meant."""

from collections.abc import Callable
from pathlib import Path

import pytest

from potentials.errors import PotentialError
from potentials.training.config import read_config, training_config

Settings = Callable[..., dict[str, object]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rat": 1e-3}, "learning_rat"),
        ({"optimiser": {"learning_rate": -1.0}}, "optimiser.learning_rate"),
        ({"optimiser": {"learning_rate": "fast"}}, "optimiser.learning_rate"),
        ({"model": {"chanels": 8}}, "chanels"),
        ({"model": {"lmax": 3}}, "lmax"),
        ({"schedule": {"steps": 3, "time_limit_minutes": 3}}, "one of steps, passes and time_limit_minutes"),
        ({"data": {}}, "units, clusters or both"),
        ({"target": "full"}, "force_field belongs to target: correction"),
    ],
)
def test_wrong_settings_are_named(settings: Settings, change: dict[str, object], message: str) -> None:
    with pytest.raises(PotentialError, match=message):
        training_config(settings(**change), where="test.yaml")


def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1, 2")
    with pytest.raises(PotentialError, match=r"broken\.yaml cannot be read"):
        read_config(path)


def test_shipped_settings_are_valid(checkout: Path) -> None:
    paths = sorted((checkout / "scripts" / "training").glob("*.yaml"))
    assert paths
    for path in paths:
        read_config(path)
