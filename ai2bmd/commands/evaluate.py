"""`ai2bmd evaluate MODEL --data STORE.h5`: errors of a model against labels, beside force field and other methods."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="model file; `default` is the one that comes along")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="STORE.h5", help="stores of labels")
    parser.add_argument(
        "--frames",
        default="test",
        choices=("test", "train", "all"),
        help="test (default): frames that no training run uses; all: also the others",
    )
    parser.add_argument(
        "--compare", type=Path, nargs="+", default=[], metavar="MODEL", help="further model files, for the same frames"
    )
    parser.add_argument(
        "--methods", nargs="+", default=[], metavar="METHOD", help="further methods of `ai2bmd label`, such as gfn2-xtb"
    )
    parser.add_argument(
        "--schemes",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="methods in the unit scheme in place of the model, for molecules of several units: what cutting costs",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder that keeps what --schemes computed")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write (default: MODEL-errors)")


def run(arguments: argparse.Namespace) -> int:
    """Predict, compare, write."""
    from ai2bmd.evaluation.comparison import compare
    from ai2bmd.evaluation.files import markdown
    from ai2bmd.process import prepare_process
    from ai2bmd.shipped import default_model_path

    prepare_process()
    models = [
        default_model_path() if path == Path("default") else path for path in (arguments.model, *arguments.compare)
    ]
    output = arguments.output or Path(f"{models[0].stem}-errors")
    comparison = compare(
        models,
        arguments.data,
        choice=arguments.frames,
        methods=arguments.methods,
        schemes=arguments.schemes,
        cache=arguments.cache,
        device=arguments.device,
    )
    comparison.write(output)
    sys.stdout.write(f"{comparison.introduction}\n\n{markdown(comparison.rows, kinds=('all', 'charged'))}\n")
    sys.stdout.write("".join(f"{line}\n" for line in comparison.findings))
    sys.stdout.write(f"All numbers, and pictures: {output}\n")
    return 0
