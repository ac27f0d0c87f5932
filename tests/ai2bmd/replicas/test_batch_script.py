"""The batch script of docs/clusters.md, run by bash with a stand-in for Slurm's scontrol."""

import os
import re
import subprocess
import sys
from pathlib import Path

from ai2bmd.simulation.checkpoint import peek


def test_the_batch_script_requeues_until_the_run_is_complete(tmp_path, checkout, examples):
    blocks = re.findall(r"```bash\n(.*?)```", (checkout / "docs/clusters.md").read_text(), re.DOTALL)
    (script,) = blocks
    for name, value in (
        ("FILE", examples / "chignolin.pdb"),
        ("OPTIONS", '"--solvent gas --coupling off --device cpu --time 100ps --max-hours 1e-6"'),
    ):
        script, changed = re.subn(f"^{name}=.*$", f"{name}={value}", script, flags=re.MULTILINE)
        assert changed == 1
    _write(tmp_path / "ai2bmd", f'#!/bin/sh\nPYTHONPATH="{checkout}" exec "{sys.executable}" -m ai2bmd "$@"\n')
    _write(tmp_path / "scontrol", '#!/bin/sh\necho "$@" >> requeued\n')
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "17"}
    job = ["bash", "-c", script]
    assert subprocess.run(job, cwd=tmp_path, env=environment, capture_output=True).returncode == 75
    assert (tmp_path / "requeued").read_text() == "requeue 17\n"
    settings = tmp_path / "ubiquitin" / "settings.yaml"
    settings.write_text(re.sub("max_hours: .*", "max_hours: 1.0", settings.read_text()).replace("100.0 ps", "0.02 ps"))
    assert subprocess.run(job, cwd=tmp_path, env=environment, capture_output=True).returncode == 0
    assert (tmp_path / "requeued").read_text() == "requeue 17\n"
    assert peek(tmp_path / "ubiquitin" / "checkpoint") == 20


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
