"""What Slurm is asked for, by the script that dask-jobqueue makes; there is no Slurm here to run it."""

from pathlib import Path

import pytest

from ai2bmd.cli import main
from ai2bmd.errors import InputError
from ai2bmd.replicas.dask_workers import slurm_cluster_class, slurm_options
from ai2bmd.replicas.plan import plan_copies
from ai2bmd.simulation.settings import make_settings

SLURM = {
    "kind": "slurm",
    "workers": 2,
    "queue": "gpu",
    "account": "proteins",
    "cores": 4,
    "memory": "8GB",
    "walltime": "2-00:00:00",
    "lines": ["--gres=gpu:1", "--constraint=a100"],
    "setup": ["module load cuda"],
}


def test_a_job_is_one_worker_with_one_batch_at_a_time(tmp_path):
    settings = make_settings({"replicas": 8, "device": "cuda", "cluster": SLURM}, where="test")
    assert settings.cluster is not None
    options = slurm_options(settings.cluster, threads=settings.threads, folder=tmp_path)
    del options["scheduler_options"]  # of the cluster, not of the job
    script = slurm_cluster_class().job_cls(scheduler="tcp://here:1", name="worker", **options).job_script()
    lines = script.splitlines()
    for line in (
        "#SBATCH -p gpu",
        "#SBATCH -A proteins",
        "#SBATCH -n 1",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=8G",
        "#SBATCH -t 2-00:00:00",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --constraint=a100",
        f"#SBATCH -o {tmp_path}/cluster/ai2bmd-%J.out",
        "module load cuda",
    ):
        assert line in lines
    assert "dask_worker tcp://here:1" in lines[-1]
    assert "--nthreads 1 " in lines[-1]
    assert lines[-1].endswith("--memory-limit 0")
    plan = plan_copies([Path(f"replica-{number}") for number in range(1, 9)], settings)
    assert [len(batch) for batch in plan.batches] == [4, 4]
    assert plan.in_words() == "8, 4 at a time evaluated together, by 2 workers (jobs of Slurm)"


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = make_settings({"replicas": 2, "cluster": {"kind": "slurm", "memory": "1GB"}}, where="test")
    with pytest.raises(InputError, match="needs Slurm's sbatch on this machine"):
        plan_copies([Path("replica-1"), Path("replica-2")], settings).pool(tmp_path)


def test_a_job_that_slurm_refuses_is_told(tmp_path, monkeypatch):
    """With a stand-in for sbatch, as far as that is called before any job is submitted."""
    sbatch = tmp_path / "sbatch"
    sbatch.write_text('#!/bin/sh\necho "sbatch: error: invalid partition specified: $(grep -- -p)" >&2\nexit 1\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    settings = make_settings({"replicas": 2, "cluster": SLURM}, where="test")
    with pytest.raises(InputError, match=r"no such job .*invalid partition specified: #SBATCH -p gpu.*ai2bmd resume"):
        plan_copies([Path("replica-1"), Path("replica-2")], settings).pool(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("replicas: 2\ncluster: {quue: gpu}", "unknown setting 'cluster.quue'; did you mean 'queue'?"),
        ("replicas: 2\ncluster: {queue: gpu}", "queue: is for kind slurm; this is kind local"),
        ("replicas: 2\ncluster: {kind: slurm}", "memory: Slurm needs to know the memory of a job, such as 8GB"),
        ("replicas: 2\ncluster: {kind: slurm, memory: lots}", "cluster.memory: expected a value like 8GB, got 'lots'"),
        ("replicas: 2\ncluster: {kind: slurm, memory: 1GB, lines: [rm]}", "expected options of sbatch like --gres"),
        ("cluster: {workers: 2}", "it needs replicas of 2 or more"),
    ],
)
def test_impossible_clusters_are_refused(tmp_path, examples, capsys, text, sentence):
    (tmp_path / "settings.yaml").write_text(text)
    assert main(["run", str(examples / "chignolin.pdb"), "--config", str(tmp_path / "settings.yaml")]) == 2
    assert sentence in capsys.readouterr().err


def test_a_bare_walltime_of_yaml_is_a_time(tmp_path):
    """YAML 1.1 reads 24:00:00 as a number to the base of 60."""
    cluster = {"kind": "slurm", "memory": "1GB", "walltime": 86400}
    settings = make_settings({"replicas": 2, "cluster": cluster}, where="test")
    assert settings.cluster is not None
    assert settings.cluster.walltime == "24:00:00"
    assert make_settings(settings.as_text(), where="test") == settings
