"""Who labels, and how much at a time: memory that is not there is not used, and settings that cannot be are told."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import molecule

from ai2bmd import device
from ai2bmd.cli import main
from ai2bmd.device import available_memory_bytes, machine_memory_bytes
from potentials.quantum_chemistry.memory import label_memory_bytes

Label = Callable[..., int]


@pytest.fixture
def label(tmp_path: Path) -> Label:
    """`label(option, ...)` labels ethanol, slightly deformed, six times."""
    generator = np.random.default_rng(1)
    frames = [molecule("CH3CH2OH") for _ in range(6)]
    for atoms in frames:
        atoms.positions += 0.02 * generator.normal(size=atoms.positions.shape)
    ase.io.write(tmp_path / "ethanol.xyz", frames)
    command = ["label", str(tmp_path / "ethanol.xyz"), "-o", str(tmp_path / "s.h5"), "--charge", "0"]
    return lambda *options: main([*command, *options])


@pytest.mark.parametrize(("memory", "at_a_time"), [("0.7GB", 1), ("0.9GB", 2)])
def test_no_more_frames_are_at_work_than_memory_is_for(
    label: Label, memory: str, at_a_time: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes of 0.4 GB each."""
    seen, done = [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(len({*(tmp_path / "s.h5.spool").glob("*.lock")} - {tmp_path / "s.h5.spool" / "merge.lock"}))
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert label("--method", "gfn2-xtb", "--workers", "2", "--memory", memory) == 0
    finally:
        done.set()
        watcher.join()
    assert max(seen) == at_a_time
    output = capsys.readouterr().out
    assert "6 labelled, 0 failed" in output
    assert ("is enough for 1 of the largest molecules at a time (0.4 GB each)" in output) == (at_a_time == 1)


def test_a_molecule_that_does_not_fit_is_told(label: Label, capsys: pytest.CaptureFixture[str]) -> None:
    assert label("--method", "r2scan-3c", "--memory", "0.3GB") == 2
    sentence = r"a label by r2scan-3c takes about 0.5 GB of memory, and there are 0.3 GB; leave such molecules out"
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("cluster: {kind: slurm, memory: 300MB, workers: 1}", [], "a job of Slurm has 0.3 GB; leave"),
        ("cluster: {kind: slurm, memory: 8GB}", [], "cluster.workers: is missing; say how many jobs"),
        ("cluster: {kind: slurm, memory: 8GB, workers: 1}", ["--memory", "1GB"], "--memory: is for this machine"),
        ("cluster: {kind: slurm}", ["--workers", "1"], "memory: Slurm needs to know the memory of a job"),
        ("cluster: {workers: 2, batch: 4}", [], "cluster.batch: is for copies of a run"),
        ("cluster: {quue: gpu}", [], "unknown setting 'cluster.quue'; did you mean 'queue'?"),
        ("cluster:", [], "cluster: expected keys and values, got nothing"),
        ("cluster: {workers: 2}\nreplicas: 3", [], "expected the section `cluster:` alone, got cluster, replicas"),
        ("cluster: {workers: 1}", ["--memory", "much"], "--memory: expected a number and a unit like 1 GB, got 'much'"),
    ],
)
def test_impossible_crews_are_refused(
    label: Label, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, options: list[str], sentence: str
) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    assert label("--method", "gfn2-xtb", "--config", str(tmp_path / "settings.yaml"), *options) == 2
    assert sentence in capsys.readouterr().err


MEASURED_GB = [
    ("C5H10N2O2", "r2scan-3c", 0.91),
    ("C6H12N2O2", "r2scan-3c", 1.09),
    ("C14H17N3O2", "r2scan-3c", 1.51),
    ("C12H22N4O4S2", "r2scan-3c", 2.36),
    ("C5H10N2O2", "pbe0-d4/def2-tzvp", 1.62),
    ("C6H12N2O2", "m06-2x/6-31g*", 0.67),
    ("C5H10N2O2", "wb97m-d3bj/def2-tzvppd", 3.47),
]
"""Peaks of whole processes with PySCF 2.14: capped glycine, alanine, tryptophan and the disulfide."""


@pytest.mark.parametrize(("formula", "method", "peak_GB"), MEASURED_GB)
def test_memory_is_estimated_above_what_was_measured(formula: str, method: str, peak_GB: float) -> None:
    numbers = ase.Atoms(formula).numbers
    assert peak_GB <= label_memory_bytes(numbers, method) / 1e9 <= 1.5 * peak_GB


def test_available_memory_is_that_of_the_tightest_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < available_memory_bytes() <= machine_memory_bytes()
    for folder, limit in (("job", "max"), ("job/step", "1000000")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "memory.max").write_text(f"{limit}\n")
        (tmp_path / folder / "memory.current").write_text("700000\n")
        (tmp_path / folder / "memory.stat").write_text("anon 400000\ninactive_file 200000\nactive_file 100000\n")
    (tmp_path / "own").write_text("1:name=systemd:/\n0::/job/step\n")
    monkeypatch.setattr(device, "_GROUPS", tmp_path)
    monkeypatch.setattr(device, "_OWN_GROUP", tmp_path / "own")
    assert available_memory_bytes() == 600_000
    (tmp_path / "job" / "memory.max").write_text("800000\n")
    assert available_memory_bytes() == 400_000
