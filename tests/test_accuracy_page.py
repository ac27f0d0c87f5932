"""The script that rebuilds docs/accuracy.md: its sections, from the labels that come with the project."""

import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("accuracy")


def test_vibrations_of_the_shipped_model_are_those_of_quantum_chemistry(script, checkout: Path, tmp_path: Path) -> None:
    text = script.vibrations(checkout / "data", tmp_path, tmp_path / "cache")
    deviation = {name: float(value) for name, value in re.findall(r"^\| (\S+) \| (\d+) \|", text, re.MULTILINE)}
    assert set(deviation) == {"gfn2-xtb", "amber19", "pretrained", "default"}
    assert deviation["default"] < deviation["pretrained"] < deviation["gfn2-xtb"] < deviation["amber19"]
    assert deviation["default"] < 15.0
    assert (tmp_path / "vibrations.png").stat().st_size > 10_000
    assert not (tmp_path / "cache").exists()  # the quantum chemistry was there


def test_missing_labels_leave_their_section_out(script, tmp_path: Path) -> None:
    assert script.peptides(tmp_path, tmp_path, tmp_path, []) == ""
    assert script.maps(tmp_path, tmp_path, tmp_path) == ""
    assert script.schemes_alone(tmp_path, tmp_path, tmp_path) == ""


def test_the_page_shows_pictures_that_are_there(checkout: Path) -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (checkout / "docs" / "accuracy.md").read_text())
    assert pictures
    for picture in pictures:
        assert (checkout / "docs" / picture).is_file(), picture
