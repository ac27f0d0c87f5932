"""`ai2bmd label` by jobs of Slurm, with stand-ins for sbatch and scancel that run the jobs on this machine."""

import os
import signal
import threading
import time
from pathlib import Path

import ase.io
import dask.config
import numpy as np
import pytest
from ase.build import molecule

from ai2bmd.cli import main
from ai2bmd.replicas import dask_workers
from potentials.training.dataset import load_units

SBATCH = """#!/bin/sh
[ "$1" = --test-only ] && exec cat > /dev/null
script="$(dirname "$0")/job-$$"
cp "$1" "$script"
setsid bash "$script" > "$script.out" 2>&1 &
echo $! >> "$(dirname "$0")/submitted"
echo "Submitted batch job $!"
"""
SCANCEL = '#!/bin/sh\nkill -- "-$1"\n'
SETTINGS = """
cluster: {kind: slurm, workers: 1, cores: 2, memory: 1GiB, queue: cpu, interface: lo,
          setup: [export OPENBLAS_NUM_THREADS=1]}
"""
FRAMES = 6


def test_jobs_label_and_one_that_dies_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    monkeypatch.setattr(dask_workers, "_RENEW_EVERY_S", 0.3)
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    generator = np.random.default_rng(1)
    frames = [molecule("CH3CH2OH") for _ in range(FRAMES)]
    for atoms in frames:
        atoms.positions += 0.02 * generator.normal(size=atoms.positions.shape)
    ase.io.write(tmp_path / "ethanol.xyz", frames)
    killer = threading.Thread(target=_kill_the_first_job, args=(tmp_path,))
    killer.start()
    command = ["label", str(tmp_path / "ethanol.xyz"), "-o", str(tmp_path / "s.h5"), "--method", "gfn2-xtb"]
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "500ms"}):
        assert main([*command, "--charge", "0", "--config", str(tmp_path / "settings.yaml")]) == 0
    killer.join()
    assert f"1 jobs of Slurm; what they print is in {tmp_path}/s.h5.spool/cluster" in capsys.readouterr().out
    assert len(load_units(tmp_path / "s.h5")) == FRAMES
    assert len((tmp_path / "submitted").read_text().split()) >= 2
    script = next(path for path in tmp_path.glob("job-*") if path.suffix != ".out").read_text()
    for line in ("#SBATCH -p cpu", "#SBATCH --cpus-per-task=2", "#SBATCH --mem=1G", "export OMP_NUM_THREADS=2"):
        assert line in script.splitlines()
    assert script.index("export OPENBLAS_NUM_THREADS=2") < script.index("export OPENBLAS_NUM_THREADS=1")


def _kill_the_first_job(folder: Path) -> None:
    """Once it has labelled something."""
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        if list((folder / "s.h5.spool").glob("*.npz")):
            os.killpg(int((folder / "submitted").read_text().split()[0]), signal.SIGKILL)
            return
        time.sleep(0.002)
