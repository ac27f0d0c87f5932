"""pyproject.toml, constraints.txt and environment.yml describe one environment, and the tests run in it."""

import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

FILES = ("pyproject.toml", "constraints.txt", "environment.yml")


@pytest.fixture(scope="module")
def texts(checkout) -> dict[str, str]:
    return {name: (checkout / name).read_text() for name in FILES}


def pins(constraints: str) -> dict[str, Version]:
    """Version of each package in constraints.txt; every line must be NAME==VERSION."""
    pinned = {}
    for line in constraints.splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pinned[canonicalize_name(name)] = Version(version)
    return pinned


def requirements(pyproject: str) -> list[Requirement]:
    """Everything that building, using and testing the project asks for."""
    table = tomllib.loads(pyproject)
    extras = table["project"]["optional-dependencies"].values()
    lines = (
        table["build-system"]["requires"] + table["project"]["dependencies"] + [r for extra in extras for r in extra]
    )
    return [Requirement(line) for line in lines]


def disagreements(texts: dict[str, str]) -> list[str]:
    """What the three files contradict each other in."""
    pyproject = tomllib.loads(texts["pyproject.toml"])
    pinned = pins(texts["constraints.txt"])
    conda = yaml.safe_load(texts["environment.yml"])["dependencies"]
    python = [entry.removeprefix("python=") for entry in conda if str(entry).startswith("python=")]
    tested = pyproject["tool"]["pyright"]["pythonVersion"]
    found = []
    for requirement in requirements(texts["pyproject.toml"]):
        pin = pinned.get(canonicalize_name(requirement.name))
        if pin is None:
            found.append(f"{requirement.name}: not pinned")
        elif not requirement.specifier.contains(pin, prereleases=True):
            found.append(f"{requirement}: pinned to {pin}")
    if pinned.get("torch") != Version("2.13.0"):
        found.append("torch: the pin is not 2.13.0")
    if conda[-1] != {"pip": ["--constraint constraints.txt", "--editable .[test]"]}:
        found.append("environment.yml: does not install the project and its test extra with constraints.txt")
    if any(not isinstance(entry, dict) and entry != "pip" and not entry.startswith("python=") for entry in conda):
        found.append("environment.yml: installs a package that constraints.txt does not govern")
    if python != [tested] or pyproject["project"]["requires-python"] != f">={tested}":
        found.append(f"python: environment.yml {python}, pyright {tested}, project and its users another")
    if pyproject["tool"]["ruff"]["target-version"] != f"py{tested.replace('.', '')}":
        found.append("python: ruff has another version than pyright")
    if f"Python {tested} " not in texts["constraints.txt"].splitlines()[0]:
        found.append("python: constraints.txt was made for another version")
    return found


def test_files_agree(texts):
    assert disagreements(texts) == []


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("pyproject.toml", '"ase>=3.29"', '"ase>=99"'),
        ("pyproject.toml", '"ase>=3.29"', '"ase>=3.29", "unheard-of"'),
        ("pyproject.toml", '"beartype>=0.23"', '"beartype<0.23"'),
        ("pyproject.toml", '">=3.11"', '">=3.12"'),
        ("constraints.txt", "torch==2.13.0", "torch==2.13.1"),
        ("constraints.txt", "pytest==", "not-pytest=="),
        ("environment.yml", "python=3.11", "python=3.12"),
        ("environment.yml", "--constraint constraints.txt", "--no-cache-dir"),
        ("environment.yml", "  - pip\n", "  - pip\n  - openmm\n"),
    ],
)
def test_drift_is_seen(texts, name, old, new):
    assert old in texts[name]
    assert disagreements({**texts, name: texts[name].replace(old, new)}) != []


def test_running_environment_is_the_pinned_one(texts):
    pinned = pins(texts["constraints.txt"])
    installed = {canonicalize_name(package.metadata["Name"]): package.version for package in metadata.distributions()}
    wrong = [
        f"{name}: installed {installed[name]}, pinned {version}"
        for name, version in pinned.items()
        if name in installed and Version(installed[name]).public != version.public  # torch has +cpu and +cu builds
    ]
    missing = [r.name for r in requirements(texts["pyproject.toml"]) if canonicalize_name(r.name) not in installed]
    assert (wrong, missing) == ([], [])


def test_no_dependency_of_a_dependency_floats(texts):
    """All that the project needs by way of others is pinned, but for what torch's GPU builds bring along."""
    pinned = pins(texts["constraints.txt"])
    installed = {canonicalize_name(package.metadata["Name"]) for package in metadata.distributions()}
    waiting, seen = [(r.name, r.extras) for r in requirements(texts["pyproject.toml"])], set()
    while waiting:
        name, extras = waiting.pop()
        if (key := canonicalize_name(name)) in seen or key == "torch":
            continue
        seen.add(key)
        for line in (metadata.requires(key) or []) if key in installed else []:
            needed = Requirement(line)
            wanted = (needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)) if needed.marker else [True]
            if any(wanted):
                waiting.append((needed.name, needed.extras))
    assert {name for name in seen if name not in pinned} == set()
