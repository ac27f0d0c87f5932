"""`ai2bmd run FILE`: from a protein file, raw or prepared, to a trajectory and a report in a new run directory."""

import argparse
import sys
from pathlib import Path
from typing import get_args

_FLAGS = (
    "time",
    "timestep",
    "temperature",
    "solvent",
    "coupling",
    "model",
    "ensemble",
    "save_every",
    "seed",
    "device",
    "threads",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; a flag that is not given leaves the settings file, or the default, in force."""
    from ai2bmd.simulation.settings import RunSettings

    default = RunSettings()
    values = default.as_text()
    choices = {
        name: get_args(RunSettings.model_fields[name].annotation)
        for name in ("solvent", "coupling", "ensemble", "device")
    }
    helps = {
        "time": f"length of the run, such as 10ps (default: {default.time_ps:g} ps)",
        "timestep": f"such as 0.5fs (default: {default.timestep_fs:g} fs)",
        "temperature": f"in kelvin (default: {default.temperature_K:g})",
        "solvent": f"surroundings (default: {values['solvent']})",
        "coupling": f"how the model corrects the force field (default: {values['coupling']})",
        "model": "model file NAME.safetensors (default: the one that comes with ai2bmd)",
        "ensemble": f"constant temperature or energy (default: {values['ensemble']})",
        "save_every": f"steps between frames (default: {values['save_every']})",
        "seed": f"of velocities and thermostat (default: {values['seed']})",
        "threads": f"processor threads (default: {values['threads']})",
        "device": f"where to compute (default: {values['device']})",
    }
    metavars = {
        "time": "TIME",
        "timestep": "TIME",
        "temperature": "T",
        "model": "PATH",
        "save_every": "N",
        "seed": "N",
        "threads": "N",
    }
    parser.add_argument("file", type=Path, metavar="FILE", help="protein structure, PDB or mmCIF")
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="run directory to make (default: runs/NAME)")
    parser.add_argument("--config", type=Path, metavar="YAML", help="settings file; flags go before it")
    for name in _FLAGS:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, metavar=metavars.get(name), choices=choices.get(name), help=helps[name])


def run(arguments: argparse.Namespace) -> int:
    """Run; 0 finished, 2 unusable input, 3 stopped by the guard, 130 interrupted."""
    from ai2bmd.device import torch_device
    from ai2bmd.process import prepare_process
    from ai2bmd.simulation.ending import end_run
    from ai2bmd.simulation.launch import start_run
    from ai2bmd.simulation.run_directory import check_new
    from ai2bmd.simulation.settings import make_settings, read_settings
    from ai2bmd.structure import load_or_prepare

    prepare_process()
    given = {name: getattr(arguments, name) for name in _FLAGS if getattr(arguments, name) is not None}
    if "model" in given:
        given["model"] = str(Path(given["model"]).resolve())
    values = read_settings(arguments.config) if arguments.config else {}
    settings = make_settings(values | given, where=str(arguments.config or "command line"))
    if arguments.output is not None:
        check_new(arguments.output)
    torch_device(settings.device)  # told before the structure is prepared, which takes a while
    _say(f"Reading and preparing {arguments.file} ...")
    prepared = load_or_prepare(arguments.file)
    name = arguments.file.name.split(".")[0]
    directory, outcome = start_run(prepared, settings, output=arguments.output, name=name, say=_say)
    return end_run(directory, outcome, say=_say)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
