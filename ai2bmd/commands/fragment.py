"""`ai2bmd fragment FILE -o DIR`: list the fragments a protein is cut into, and write them to look at."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="PDB or mmCIF file, as deposited or prepared")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder for fragments.xyz and fragments.html"
    )


def run(arguments: argparse.Namespace) -> int:
    """Cut, list and write."""
    from ai2bmd.fragment_files import cut_protein, fragment_table, write_extended_xyz, write_page
    from ai2bmd.structure import load_or_prepare

    prepared = load_or_prepare(arguments.file)
    cut = cut_protein(prepared.topology, prepared.positions_A)
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_extended_xyz(cut, arguments.output / "fragments.xyz")
    write_page(cut, arguments.output / "fragments.html", title=arguments.file.name)
    sys.stdout.write(fragment_table(cut))
    kinds = cut.plan.kinds
    sys.stdout.write(
        f"{kinds.count('unit')} units, {kinds.count('overlap')} overlaps, {len(cut.plan.source)} atoms; "
        f"written: {arguments.output / 'fragments.xyz'}, {arguments.output / 'fragments.html'}\n"
    )
    return 0
