"""`ai2bmd forecast FILE`: atoms, memory, speed and time of a run, before anything is built."""

import argparse
import sys
from pathlib import Path

from ai2bmd.commands.run import add_settings, settings_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command: those of `ai2bmd run`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="protein structure, PDB or mmCIF")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from ai2bmd.box_contents import check_box
    from ai2bmd.forecast import forecast
    from ai2bmd.process import prepare_process
    from ai2bmd.simulation.stability import stability_warning
    from ai2bmd.structure import load_or_prepare

    prepare_process()
    settings = settings_from(arguments)
    found = forecast(load_or_prepare(arguments.file), settings)
    rows = {
        "Protein": f"{found.protein_atoms} atoms",
        "Water and ions": f"{found.water_molecules} molecules, {found.ions} ions",
        "System": f"{found.atoms} atoms",
        "Copies": found.copies.in_words(),
        "Memory": f"{found.memory_bytes / 2**30:.1f} GiB" + " for each worker" * (found.copies.workers > 1),
        "Of the model": f"{found.correction_memory_bytes / 2**30:.2f} GiB"
        + f", in {found.correction_parts} parts" * (found.correction_parts > 1),
        "A step": f"{1000 * found.step_s:.1f} ms: correction {1000 * found.correction_s:.1f} ms, "
        f"environment {1000 * found.environment_s:.1f} ms" + f" x {found.substeps} substeps" * (found.substeps > 1),
        "Speed": f"{found.ns_per_day:.3g} ns/day at {found.timestep_fs:g} fs",
        "Equilibration": f"{_duration(found.equilibration_s)}",
        "Production": f"{_duration(found.production_s)} for {found.total_ps:g} ps"
        + f" of {settings.replicas} copies" * (settings.replicas > 1)
        + ", or less, for they are evaluated together" * (len(found.copies.batches[0]) > 1),
    }
    if settings.replicas == 1:
        del rows["Copies"]
    if settings.coupling == "off":
        del rows["Of the model"]
    if not settings.explicit:
        del rows["Water and ions"]
    for name, value in rows.items():
        sys.stdout.write(f"{name + ':':16}{value}\n")
    warning = stability_warning(settings)
    if warning:
        sys.stdout.write(f"Warning: {warning}\n")
    if settings.explicit:
        check_box(found.atoms, settings)
    return 0


def _duration(seconds: float) -> str:
    for limit, unit in ((90.0, "s"), (5400.0, "min"), (129_600.0, "h")):
        if seconds < limit:
            return f"{seconds / {'s': 1.0, 'min': 60.0, 'h': 3600.0}[unit]:.1f} {unit}"
    return f"{seconds / 86_400.0:.1f} days"
