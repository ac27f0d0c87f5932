#!/usr/bin/env python
"""Kills a run at random moments, resumes it each time, and tells whether anything was lost: prints a table.

    ai2bmd prepare --sequence AG --caps acetyl -o peptide.pdb
    python scripts/kill_runs.py peptide.pdb --kills 30 -- --solvent tip3p --padding 7A --time 2ps
    python scripts/kill_runs.py examples/chignolin.pdb --kills 30 -- --solvent gbn2 --time 0.4ps

What follows `--` are flags of `ai2bmd run`; the settings that have none make equilibration short and files change
often. The run goes through once without interruption. Then a copy with the same seed is ended by SIGKILL at random
moments, one in four while its process starts and the others while it is at work, and resumed; copies that reach their
end are followed by others until all kills are done. After every kill must hold, of the files as a reader would find
them:

- each frame (protein and solvent) and each row of the log that a checkpoint had reported is there, with the same bits;
- steps rise from frame to frame by the stride, so none is there twice;
- neither the checkpoint nor equilibration has gone back.

In the end trajectory, log (but for the speed) and state must be those of the uninterrupted run, bit for bit. Exit
status 1 if anything is otherwise. Takes as many starts of a process as there are kills, and twice the time of a run.
"""

import argparse
import csv
import hashlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import yaml

from ai2bmd.environment import WATER_MODELS
from ai2bmd.simulation.checkpoint import read_checkpoint
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import make_settings, read_settings
from ai2bmd.trajectory.layout import PROTEIN, SOLVENT, Group, dataset, groups, time_dependent
from ai2bmd.trajectory.recovery import recover_trajectory

_HELD = "10 kcal/mol/A2"
_QUICK_STAGES = {
    False: [{"name": "minimise", "minimise": 50}, {"name": "heat", "time": "0.05 ps", "friction": "20 1/ps"}],
    True: [
        {"name": "minimise", "minimise": 50, "restraint": _HELD, "correction": 0},
        {"name": "heat", "time": "0.1 ps", "temperature": ["50 K", "300 K"], "restraint": _HELD, "correction": 0},
        {"name": "release", "time": "0.2 ps", "ensemble": "npt", "restraint": [_HELD, "0 kcal/mol/A2"]},
        {"name": "switch on", "time": "0.1 ps", "ensemble": "npt", "friction": "5 1/ps", "correction": [0, 1]},
    ],
}
"""By whether the water is explicit."""
_OFTEN = {"save_every": 5, "checkpoint_every": 25}
_AT_WORK = re.compile(r"^(Equilibration: .* \.\.\.|Running|Continuing)", re.MULTILINE)
"""How lines begin that are said when all is loaded."""
_WHILE_STARTING = 0.25
_LONGEST_LIFE_S = 12.0
"""At work, at least: equilibration saves every 5 s, and a run that gets no further is killed at one place only."""


@dataclass(frozen=True)
class Found:
    """What the files of a run hold; frames and rows as digests, by step."""

    segments: int = 0
    """Of equilibration, done."""
    reached: int = -1
    """Step up to which the checkpoint reports everything written; -1 without one."""
    steps: dict[str, list[int]] = field(default_factory=dict)
    """Of each group of particles, and of the log, in the order of the file."""
    digests: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def phase(self) -> str:
        """What the run was at."""
        if self.reached >= 0:
            return f"production, step {self.reached}"
        return f"equilibration, segment {self.segments}"


def look(run: Path) -> Found:
    """Read a run directory as it lies, from a copy, for reading may complete a commit that was cut short."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = RunDirectory(Path(shutil.copytree(run, Path(scratch) / "run", symlinks=True)))
        segments = read_checkpoint(directory.equilibration).step if directory.equilibration.exists() else 0
        if not directory.checkpoint.exists():
            return Found(segments)
        recover_trajectory(directory.trajectory)
        steps: dict[str, list[int]] = {}
        digests: dict[tuple[str, int], str] = {}
        with h5py.File(directory.trajectory) as hdf5:
            for group in groups(hdf5):
                steps[group.name] = dataset(hdf5, group.step)[:].tolist()
                digests |= {
                    (group.name, step): _frame_digest(hdf5, group, place)
                    for place, step in enumerate(steps[group.name])
                }
        rows = _rows(directory.log)
        steps["log"] = [int(row[0]) for row in rows]
        digests |= {("log", int(row[0])): ",".join(row) for row in rows}
        return Found(segments, read_checkpoint(directory.checkpoint).reached, steps, digests)


def _frame_digest(hdf5: h5py.File, group: Group, place: int) -> str:
    digest = hashlib.sha256()
    for path in time_dependent(hdf5, group):
        digest.update(dataset(hdf5, path)[place].tobytes())
    return digest.hexdigest()


def _rows(path: Path) -> list[list[str]]:
    """Complete rows of the log without the speed."""
    complete = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [row[:-1] for row in csv.reader(complete.splitlines()[1:])]


def complaints(before: Found, now: Found, *, strides: dict[str, int]) -> list[str]:
    """What should not be, after a kill."""
    found = []
    if now.segments < before.segments or now.reached < before.reached:
        found.append(f"went back from {before.phase} to {now.phase}")
    for name, steps in now.steps.items():
        if steps != list(range(0, strides[name] * len(steps), strides[name])):
            found.append(f"{name}: steps are {steps}")
        if lost := [step for step in range(0, now.reached + 1, strides[name]) if step not in set(steps)]:
            found.append(f"{name}: reported written and not there: {lost}")
    for (name, step), digest in before.digests.items():
        if step <= before.reached and (name, step) in now.digests and now.digests[name, step] != digest:
            found.append(f"{name}: other numbers at step {step}")
    return found


class Soak:
    """Runs, kills and comparisons in one working directory."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, *, flags: list[str]) -> None:
        self.folder, self.file, self.kills = folder, arguments.file.resolve(), arguments.kills
        self.generator = random.Random(arguments.seed)
        self.config = folder / "settings.yaml"
        solvent = flags[flags.index("--solvent") + 1] if "--solvent" in flags else "gbn2"
        explicit = solvent in WATER_MODELS
        quick = _OFTEN | {"equilibration": _QUICK_STAGES[explicit]} | ({"save_solvent_every": 10} if explicit else {})
        self.config.write_text(yaml.safe_dump(quick, sort_keys=False))
        self.flags, self.bad = flags, 0

    def launch(self, run: Path, log: Path) -> subprocess.Popen[bytes]:
        """A process that starts the run, or resumes it."""
        words = ["resume", str(run)]
        if not run.exists():
            words = ["run", str(self.file), "-o", str(run), "--config", str(self.config), *self.flags]
        with log.open("ab") as file:
            return subprocess.Popen([sys.executable, "-u", "-m", "ai2bmd", *words], stdout=file, stderr=file)

    def reference(self) -> tuple[float, float]:
        """Run without interruption; seconds until all is loaded, and in all."""
        run, log = self.folder / "whole", self.folder / "whole.log"
        start, loaded = time.monotonic(), 0.0
        process = self.launch(run, log)
        while process.poll() is None:
            time.sleep(0.05)
            if not loaded and _AT_WORK.search(log.read_text()):
                loaded = time.monotonic() - start
        if process.returncode:
            sys.exit(f"the uninterrupted run failed:\n{log.read_text()}")
        return loaded, time.monotonic() - start

    def soak(self, *, loaded_s: float, whole_s: float) -> None:
        """All kills, over as many copies as it takes; the last goes to its end."""
        settings = make_settings(read_settings(self.folder / "whole" / "settings.yaml"), where="settings")
        strides = {"log": settings.save_every, PROTEIN.name: settings.save_every}
        strides |= {SOLVENT.name: settings.save_solvent_every}
        at_work_s = max(_LONGEST_LIFE_S, 3.0 * (whole_s - loaded_s) / self.kills)
        done = copy = 0
        while done < self.kills:
            copy += 1
            run, before = self.folder / f"copy-{copy}", Found()
            while True:
                starting = self.generator.random() < _WHILE_STARTING
                moment_s = self.generator.uniform(0.0, loaded_s if starting else at_work_s)
                if done == self.kills:
                    moment_s = None
                status = self.live(run, moment_s, at_work=not starting)
                if status == 0:
                    self.compare(run)
                    break
                if moment_s is None or status != -9:
                    self.complain(f"{run.name} ended with status {status}; see {run}.log")
                    break
                done += 1
                now = look(run) if (run / "settings.yaml").exists() else None
                found = complaints(before, now, strides=strides) if now else []
                frames = len(now.steps.get(PROTEIN.name, [])) if now else 0
                phase = now.phase if now else "not begun"
                words = "; ".join(found) or ("whole" if now else "none yet")
                when = f"{moment_s:5.1f} s {'from its start' if starting else 'at work'}"
                print(f"{done:5} {run.name:8} {when:22} {phase:28} {frames:6}  {words}")
                self.bad += bool(found)
                if now is None and run.exists():
                    shutil.rmtree(run)  # as the command says: without settings there is nothing to resume
                before = now or Found()

    def live(self, run: Path, moment_s: float | None, *, at_work: bool) -> int:
        """One life of a run, killed after so many seconds of life or of work, or not; its exit status."""
        log = run.with_suffix(".log")
        said = log.stat().st_size if log.exists() else 0
        process = self.launch(run, log)
        while at_work and process.poll() is None and not _AT_WORK.search(log.read_text()[said:]):
            time.sleep(0.02)
        try:
            return process.wait(timeout=moment_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def compare(self, run: Path) -> None:
        """The copy against the uninterrupted run."""
        one, other = look(self.folder / "whole"), look(run)
        states = [read_checkpoint(path / "checkpoint").state for path in (self.folder / "whole", run)]
        tables = [(path / "equilibration.csv").read_bytes() for path in (self.folder / "whole", run)]
        same = one == other and states[0] == states[1] and tables[0] == tables[1]
        counts = ", ".join(f"{name} {len(steps)}" for name, steps in other.steps.items())
        if same:
            print(f"{run.name} is at its end ({counts}) and equals the uninterrupted run, bit for bit")
        else:
            self.complain(f"{run.name} is at its end ({counts}) and differs from the uninterrupted run")

    def complain(self, words: str) -> None:
        """Print, and remember."""
        self.bad += 1
        print(f"WRONG: {words}")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE", help="protein structure")
    parser.add_argument("--kills", type=int, default=30, help="how often (default: 30)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: 1)")
    parser.add_argument("--folder", type=Path, help="where to work and leave everything (default: a temporary one)")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:cut])
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(arguments, folder.resolve(), flags=words[cut + 1 :])
        loaded_s, whole_s = soak.reference()
        print(f"uninterrupted: {whole_s:.1f} s, of which {loaded_s:.1f} s to start; flags: {' '.join(soak.flags)}")
        print(" kill copy     after                  the files were at            frames  and are")
        soak.soak(loaded_s=loaded_s, whole_s=whole_s)
    print(f"{arguments.kills} kills, {soak.bad} complaints")
    return 1 if soak.bad else 0


if __name__ == "__main__":
    sys.exit(main())
