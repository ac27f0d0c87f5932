"""What the README says works: its Python example runs, its commands and files exist."""

import re
import subprocess
import sys

import pytest

from ai2bmd.cli import COMMANDS, main


@pytest.fixture(scope="module")
def readme(checkout) -> str:
    return (checkout / "README.md").read_text()


def test_python_examples(readme, checkout):
    with_ase, with_openmm = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    energy, correction = map(float, _last_line(with_ase, checkout).split())
    assert energy != correction
    assert re.fullmatch(r"-\d+\.\d+ kJ/mol", _last_line(with_openmm, checkout))


def _last_line(example: str, checkout) -> str:
    done = subprocess.run([sys.executable, "-c", example], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_every_command_is_shown_and_every_shown_option_exists(readme, capsys):
    shown = re.findall(r"^    ai2bmd (\w+) (.*?)(?:#.*)?$", readme, re.MULTILINE)
    assert {name for name, _ in shown} == set(COMMANDS)
    for name, words in shown:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        usage = capsys.readouterr().out
        for option in re.findall(r"(?<!\S)--?[a-zA-Z]+", words):
            assert option in usage, f"{name} {option}"


def test_named_files_exist(readme, checkout):
    for path in re.findall(r"\]\(((?!http)[^)]+)\)|(?<=\./)(scripts/\w+)|`(scripts/[\w/.]+|\w+/)`", readme):
        name = next(filter(None, path))
        if not name.startswith(("runs/", "RUN")):
            assert (checkout / name).exists(), name
