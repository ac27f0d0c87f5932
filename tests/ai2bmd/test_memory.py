"""A limit of memory divides the evaluation of the correction and changes no number."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from ai2bmd.assembly import corrected_system
from ai2bmd.cli import main
from ai2bmd.device import correction_memory_bytes, machine_memory_bytes
from ai2bmd.forecast import forecast
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure import read_prepared
from potentials.errors import PotentialError

CPU = torch.device("cpu")


def _correction(topology, model, **choices):
    built = corrected_system(topology, solvent="gas", model=model, device=CPU, dtype=torch.float64, **choices)
    assert built.correction is not None
    return built.correction


@pytest.mark.parametrize("coupling", ["units", "whole"])
def test_parts_change_no_number(chignolin, random_model, coupling):
    topology, positions = chignolin
    free = _correction(topology, random_model, coupling=coupling)
    (part,) = free.parts(positions)
    limited = _correction(topology, random_model, coupling=coupling, memory_bytes=part.memory_bytes * 2 // 3)
    parts = limited.parts(positions)
    assert sum(part.blocks for part in parts) > 1
    assert all(part.recompute == (part.blocks > 1) for part in parts)
    assert (len(parts) > 1) == (coupling == "units")
    assert all(one.memory_bytes <= part.memory_bytes * 2 // 3 for one in parts)
    expected, found = free.evaluate(positions), limited.evaluate(positions)
    assert found.energy == pytest.approx(expected.energy, abs=1e-10)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-10)
    np.testing.assert_allclose(found.fragment_energies, expected.fragment_energies, atol=1e-10)


def test_too_little_memory(chignolin, random_model):
    topology, positions = chignolin
    correction = _correction(topology, random_model, coupling="whole", memory_bytes=100_000)
    with pytest.raises(PotentialError, match=r"memory: 0.00 GB is too little .* 166 atoms, which takes .* at least"):
        correction.evaluate(positions)


def test_the_default_is_the_same_every_time():
    assert correction_memory_bytes(CPU) == correction_memory_bytes(CPU) == machine_memory_bytes() // 2
    assert 2**28 < machine_memory_bytes() < 2**50


def test_the_setting():
    assert make_settings({}, where="").memory_bytes is None
    settings = make_settings({"memory": "6GB"}, where="")
    assert settings.memory_bytes == 6_000_000_000
    assert settings.as_text()["memory"] == "6.0 GB"


def test_the_forecast_tells(examples, random_model, capsys):
    command = ["forecast", str(examples / "chignolin.pdb"), "--model", str(random_model), "--solvent", "gas"]
    assert main(command) == 0
    assert "Of the model:   0.01 GiB\n" in capsys.readouterr().out
    assert main([*command, "--coupling", "units", "--memory", "3MB"]) == 0
    assert " parts\n" in capsys.readouterr().out
    assert main([*command, "--memory", "0.1MB"]) == 2
    assert "memory: 0.00 GB is too little" in capsys.readouterr().err


def test_the_forecast_of_copies(examples, random_model, tmp_path, capsys):
    command = ["forecast", str(examples / "chignolin.pdb"), "--model", str(random_model), "--solvent", "gas"]
    assert main([*command, "--device", "cpu"]) == 0
    assert "Copies" not in capsys.readouterr().out
    (tmp_path / "settings.yaml").write_text("cluster: {workers: 2}\nreplicas: 5\n")
    assert main([*command, "--device", "cpu", "--config", str(tmp_path / "settings.yaml")]) == 0
    output = capsys.readouterr().out
    assert "Copies:         5, each on its own, by 2 workers (processes of this machine)\n" in output
    assert " GiB for each worker\n" in output
    assert "for 1 ps of 5 copies\n" in output


def test_copies_go_in_rounds(examples, random_model):
    prepared = read_prepared(examples / "chignolin.pdb")

    def rounds(**cluster):
        values = {"model": str(random_model), "solvent": "gas", "device": "cpu", "replicas": 5, "cluster": cluster}
        return forecast(prepared, make_settings(values, where="test")).rounds

    assert [rounds(workers=1), rounds(workers=2), rounds(workers=5)] == [5, 3, 1]
    assert rounds(workers=5, batch=5) == 5  # evaluated together: no more than one after the other


def test_memory_of_this_program_alone():
    """Linux passes the peak of the program that started this one on, and `getrusage` reports it."""
    code = "from ai2bmd.process import peak_memory_bytes; print(peak_memory_bytes())"
    parent = f"import subprocess, sys; x = b'x' * 1_000_000_000; subprocess.run([sys.executable, '-c', {code!r}])"
    told = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    assert 20e6 < int(told.stdout) < 8e8
