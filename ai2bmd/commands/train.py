"""`ai2bmd train CONFIG`: train a ViSNet potential as a settings file says; continues with --resume."""

import argparse
import sys
from pathlib import Path

from ai2bmd.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML settings file")
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data files (default: CONFIG's)")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write (default: runs/train-NAME)")


def run(arguments: argparse.Namespace) -> int:
    """Train; 0 when finished, 130 when stopped by a signal. With torchrun, each process runs this."""
    from ai2bmd.process import prepare_process
    from potentials.training.config import read_config
    from potentials.training.distributed import joined_processes
    from potentials.training.loop import CHECKPOINT, train
    from potentials.training.preparation import prepare_data

    prepare_process()
    config = read_config(arguments.config)
    output = arguments.output or Path("runs") / f"train-{arguments.config.stem}"
    folder = arguments.data or arguments.config.parent
    with joined_processes(_device(config.device)) as processes:
        if processes.rank == 0:
            _make_folder(output, checkpoint=CHECKPOINT, resume=arguments.resume)
        data = prepare_data(config, folder, n_elements=config.visnet().max_atomic_number)
        finished = train(config, data, folder=folder, output=output, processes=processes, resume=arguments.resume)
        first = processes.rank == 0
    if first and not finished:
        where = "".join(
            f" {option} {value}"
            for option, value in (("--data", arguments.data), ("-o", arguments.output))
            if value is not None
        )
        sys.stderr.write(f"\nstopped and saved; continue with: ai2bmd train {arguments.config}{where} --resume\n")
    if first and finished:
        sys.stdout.write(f"model: {output / 'model.safetensors'}\nlearning curve: {output / 'curve.png'}\n")
    return 0 if finished else 130


def _make_folder(output: Path, *, checkpoint: str, resume: bool) -> None:
    if not resume and output.exists() and any(output.iterdir()):
        cure = "continue it with --resume, or choose another folder with -o"
        raise InputError(f"{output} holds files{' of a training run' * (output / checkpoint).exists()} already; {cure}")
    output.mkdir(parents=True, exist_ok=True)


def _device(name: str) -> str:
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device: cuda is asked for, but this machine offers torch no GPU; set device: cpu")
    return "cuda" if name == "cuda" or (name == "auto" and available) else "cpu"
