"""`ai2bmd prepare FILE | --sequence SEQ -o OUT.pdb`: a structure ready for simulation, and a table of every change."""

import argparse
import sys
from pathlib import Path

from ai2bmd.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="protein structure, PDB or mmCIF")
    parser.add_argument("--sequence", metavar="SEQ", help="build this sequence (one-letter codes) instead of a file")
    parser.add_argument(
        "--conformation", default="extended", choices=("extended", "helix", "strand"), help="of a built sequence"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.pdb", help="file to write")
    parser.add_argument("--pH", type=float, default=7.0, help="decides protonation states (default: 7.0)")
    parser.add_argument(
        "--caps", default="charged", choices=("charged", "neutral", "acetyl"), help="chain ends (default: charged)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare, write, and show what was changed."""
    from ai2bmd.structure import change_table, prepare_structure, write_prepared

    output: Path = arguments.output
    if output.suffix != ".pdb":
        raise InputError(f"-o {output}: the prepared structure is written as PDB; give a name that ends in .pdb")
    if arguments.file is not None and output.exists() and output.samefile(arguments.file):
        raise InputError(f"-o {output}: is the input file; give another name")
    if (arguments.file is None) == (arguments.sequence is None):
        raise InputError("give either FILE or --sequence SEQ")
    prepared = prepare_structure(
        arguments.file,
        sequence=arguments.sequence,
        conformation=arguments.conformation,
        pH=arguments.pH,
        caps=arguments.caps,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_prepared(prepared, output)
    sys.stdout.write(change_table(prepared.changes))
    topology = prepared.topology
    sys.stdout.write(
        f"\n{topology.getNumResidues()} residues, {topology.getNumAtoms()} atoms; "
        f"written: {output}, {output.with_suffix('.json')}\n"
    )
    return 0
