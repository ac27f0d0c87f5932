"""`ai2bmd run FILE`: from a protein file, raw or prepared, to a trajectory and a report in a new run directory."""

import argparse
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

_HELPS = {
    "time": "length of production, such as 10ps",
    "environment": "force field of the whole system; amoeba2018 is polarizable and takes --solvent gas (then the "
    "default) or amoeba, 1 fs and no constraints",
    "solvent": "surroundings: none, implicit or explicit water",
    "padding": "explicit water: distance from the protein to the nearest face of the box, such as 10A",
    "box": "explicit water: shape of the periodic box",
    "salt": "explicit water: NaCl, such as 0.15M, besides the ions that neutralise",
    "crystal_waters": "explicit water: what becomes of the water molecules of the file",
    "timestep": "such as 0.5fs",
    "substeps": "steps of the force field within one time step",
    "constraints": "bonds of the protein that keep their length",
    "hydrogen_mass": "of the protein's hydrogens, such as 3u",
    "temperature": "in kelvin",
    "pressure": "explicit water: such as 1bar",
    "ensemble": "what is constant: pressure and temperature, temperature, or energy",
    "coupling": "how the model corrects the force field",
    "model": "model file NAME.safetensors (default: the one that comes with ai2bmd)",
    "save_every": "steps between frames",
    "save_solvent_every": "explicit water: steps between frames of water and ions, 0 for none",
    "seed": "of velocities, thermostat, barostat and the places of ions",
    "replicas": "independent copies, which differ in their seeds",
    "max_hours": "wall-clock limit; the run saves and stops, with exit status 75",
    "threads": "processor threads",
    "memory": "most that an evaluation of the model may take, such as 6GB (default: half of the machine's, or four "
    "fifths of what is free on a GPU)",
    "device": "where to compute",
}
"""The settings that have a flag; the others can be given in a settings file."""
_METAVARS = {"time": "TIME", "timestep": "TIME", "temperature": "T", "model": "PATH", "padding": "LENGTH"}
_METAVARS |= {"salt": "CONC", "pressure": "P", "hydrogen_mass": "MASS", "max_hours": "HOURS", "memory": "SIZE"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; a flag that is not given leaves the settings file, or the default, in force."""
    parser.add_argument("file", type=Path, metavar="FILE", help="protein structure, PDB or mmCIF")
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="run directory to make (default: runs/NAME)")
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """A flag for each setting, and one for a file of them."""
    from ai2bmd.simulation.settings import RunSettings, make_settings

    implicit, explicit = (make_settings({"solvent": solvent}, where="").as_text() for solvent in ("gbn2", "opc"))
    choices = {field.alias or name: _choices(field.annotation) for name, field in RunSettings.model_fields.items()}
    parser.add_argument("--config", type=Path, metavar="YAML", help="settings file; flags go before it")
    for name, words in _HELPS.items():
        default = f" (default: {explicit[name]})"
        if explicit[name] != implicit[name] and name != "solvent":
            default = f" (default: {implicit[name]}; in explicit water {explicit[name]})"
        if name == "solvent":
            default = f" (default: {implicit[name]})"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=None if choices[name] else _METAVARS.get(name, "N"),
            choices=choices[name],
            help=words + default * (explicit[name] is not None),
        )


def settings_from(arguments: argparse.Namespace):
    """The settings of flags and file.

    Raises:
        InputError: see `make_settings`; or a flag of explicit water without it.
    """
    from ai2bmd.errors import InputError
    from ai2bmd.simulation.settings import WATER_ONLY, make_settings, needs_water, read_settings

    given = {name: getattr(arguments, name) for name in _HELPS if getattr(arguments, name) is not None}
    if "model" in given:
        given["model"] = str(Path(given["model"]).resolve())
    values = read_settings(arguments.config) if arguments.config else {}
    if given.get("coupling") == "off" and "model" not in given:
        values.pop("model", None)  # the file may be the echo of a run with a model
    settings = make_settings(values | given, where=str(arguments.config or "command line"))
    for name in WATER_ONLY:
        if name in given and not settings.explicit:  # the file may have it: the echo of a run has all settings
            raise InputError(needs_water(f"--{name.replace('_', '-')}", settings.solvent))
    return settings


def _choices(annotation: Any) -> tuple[str, ...] | None:
    return get_args(annotation) if get_origin(annotation) is Literal else None


def run(arguments: argparse.Namespace) -> int:
    """Run; 0 finished, 2 unusable input, 3 stopped by the guard, 4 a copy failed, 75 time is up, 130 interrupted."""
    from ai2bmd.device import torch_device
    from ai2bmd.process import prepare_process
    from ai2bmd.simulation.ending import end_run
    from ai2bmd.simulation.launch import start_run
    from ai2bmd.simulation.run_directory import check_new
    from ai2bmd.structure import load_or_prepare
    from ai2bmd.structure.crystal_water import crystal_water_oxygens_A

    prepare_process()
    settings = settings_from(arguments)
    if arguments.output is not None:
        check_new(arguments.output)
    if not (settings.cluster and settings.cluster.kind == "slurm"):  # whose jobs have GPUs of their own
        torch_device(settings.device)  # told before the structure is prepared, which takes a while
    _say(f"Reading and preparing {arguments.file} ...")
    prepared = load_or_prepare(arguments.file)
    name = arguments.file.name.split(".")[0]
    waters_A = crystal_water_oxygens_A(arguments.file) if settings.crystal_waters == "keep" else None
    if settings.replicas > 1:
        from ai2bmd.replicas.ending import end_replicas
        from ai2bmd.replicas.launch import start_replicas

        copies, ends = start_replicas(
            prepared, settings, output=arguments.output, name=name, say=_say, crystal_water_A=waters_A
        )
        return end_replicas(copies, ends, say=_say)
    directory, outcome = start_run(
        prepared, settings, output=arguments.output, name=name, say=_say, crystal_water_A=waters_A
    )
    return end_run(directory, outcome, say=_say)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
