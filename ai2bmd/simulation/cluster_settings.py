"""Settings of how several copies of a run are spread over processors and machines: the section `cluster:`."""

import re
from typing import Literal

import pydantic

_MEMORY = re.compile(r"\d+(\.\d+)? ?[KMGT]i?B")
_WALLTIME = re.compile(r"(\d+-)?\d{1,3}:\d\d:\d\d")
_DIRECTIVE = re.compile(r"-.+")
_SLURM_ONLY = ("queue", "account", "cores", "memory", "walltime", "interface", "lines", "setup")


class ClusterSettings(pydantic.BaseModel):
    """Where copies run. Each worker is one process, and has one copy at a time, or one batch of copies."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    kind: Literal["local", "slurm"] = "local"
    """Processes of this machine, or jobs of Slurm; those need the run directory under the same path."""
    workers: int | None = pydantic.Field(default=None, ge=1)
    """At most so many at a time; by default as many as this machine has processors for, or one job for each batch."""
    batch: int | None = pydantic.Field(default=None, ge=1)
    """Copies whose fragments one worker evaluates together; by default all of a GPU, and one on processors."""
    failures: int = pydantic.Field(default=3, ge=1)
    """A copy that fails so often in a row, without getting further, is given up."""
    queue: str | None = None
    """Slurm's partition; this and what follows is for kind slurm only."""
    account: str | None = None
    cores: int | None = pydantic.Field(default=None, ge=1)
    """Of each job; by default the run's `threads`."""
    memory: str | None = None
    """Of each job, such as 8GB; Slurm needs it."""
    walltime: str | None = None
    """Of each job, such as 24:00:00 or 2-00:00:00; a job that reached it is replaced by a new one."""
    interface: str | None = None
    """Network interface by which the jobs reach this process, such as ib0."""
    lines: tuple[str, ...] = ()
    """Further options of sbatch, such as --gres=gpu:1."""
    setup: tuple[str, ...] = ()
    """Shell commands before the worker starts, such as module load cuda."""

    @pydantic.field_validator("memory", "walltime")
    @classmethod
    def _known_form(cls, value: str | None, info: pydantic.ValidationInfo) -> str | None:
        form, example = {"memory": (_MEMORY, "8GB"), "walltime": (_WALLTIME, "24:00:00")}[str(info.field_name)]
        if value is not None and not form.fullmatch(value):
            raise ValueError(f"expected a value like {example}")
        return value

    @pydantic.field_validator("walltime", mode="before")
    @classmethod
    def _sexagesimal(cls, value: object) -> object:
        if isinstance(value, int):  # YAML 1.1 reads a bare 24:00:00 as a number to the base of 60
            return f"{value // 3600:02d}:{value // 60 % 60:02d}:{value % 60:02d}"
        return value

    @pydantic.field_validator("lines")
    @classmethod
    def _options(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            if not _DIRECTIVE.fullmatch(line):
                raise ValueError("expected options of sbatch like --gres=gpu:1")
        return value

    @pydantic.model_validator(mode="after")
    def _by_kind(self) -> "ClusterSettings":
        if self.kind == "slurm":
            if self.memory is None:
                raise ValueError("memory: Slurm needs to know the memory of a job, such as 8GB")
            return self
        for name in _SLURM_ONLY:
            if getattr(self, name) not in (None, ()):
                raise ValueError(f"{name}: is for kind slurm; this is kind local")
        return self
