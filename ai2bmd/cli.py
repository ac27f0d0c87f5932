"""The `ai2bmd` command: finds the module of a command, runs it, turns user errors into one sentence."""

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence

from ai2bmd import __version__
from ai2bmd.errors import InputError

COMMANDS = {
    "prepare": "make a protein file or a sequence ready for simulation",
    "fragment": "list and show the capped units a protein is cut into",
    "forecast": "tell atoms, memory and speed of a run before anything is built",
    "run": "run molecular dynamics in a new run directory",
    "resume": "continue an interrupted or finished run",
    "analyze": "write the HTML report of a run",
    "export": "write the trajectory of a run as XTC, DCD or PDB",
    "sample": "make conformations of protein units and clusters, to be labelled",
    "label": "compute quantum-chemistry labels of conformations",
    "train": "train a ViSNet potential",
    "improve": "make a turn of active learning: sample, choose, label, fine-tune, compare",
    "evaluate": "compare a model with quantum-chemistry labels",
}


def _parser(only: str | None) -> argparse.ArgumentParser:
    """Build the parser; only the chosen command's module is imported, so that `--help` is quick."""
    parser = argparse.ArgumentParser(prog="ai2bmd", description="Protein dynamics at ab initio accuracy.")
    parser.add_argument("--version", action="version", version=f"ai2bmd {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        command.add_argument("-v", "--verbose", action="store_true", help="log what is done, in detail")
        if name == only:
            module = importlib.import_module(f"ai2bmd.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def _user_errors() -> tuple[type[Exception], ...]:
    from fragmentation.errors import FragmentationError
    from potentials.errors import PotentialError

    return InputError, FragmentationError, PotentialError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 2 unusable input, 130 interrupted)."""
    words = list(sys.argv[1:] if argv is None else argv)
    only = next((word for word in words if not word.startswith("-")), None)
    arguments = _parser(only).parse_args(words)
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        return arguments.run(arguments)
    except _user_errors() as error:
        sys.stderr.write(f"ai2bmd {arguments.command}: error: {error}\n")
        return 2
    except OSError as error:
        if error.errno is None:  # not from the operating system
            raise
        sys.stderr.write(f"ai2bmd {arguments.command}: error: {error.strerror}: {error.filename or 'output'}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"ai2bmd {arguments.command}: interrupted\n")
        return 130
