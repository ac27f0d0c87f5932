"""`ai2bmd improve CONFIG`: one turn of active learning: sample, choose, label, fine-tune, compare; again and again."""

import argparse
import sys
from pathlib import Path

from ai2bmd.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML settings file")
    parser.add_argument("--turns", type=int, default=1, metavar="N", help="how many now (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Finish the turn that was stopped, or make the next; 0 when done, 130 when stopped by a signal."""
    from ai2bmd.improvement.folder import alone, next_turn
    from ai2bmd.improvement.labels import make_crew, open_store
    from ai2bmd.improvement.loop import make_turn
    from ai2bmd.improvement.settings import read_improvement
    from ai2bmd.improvement.tuning import training_settings
    from ai2bmd.process import prepare_process
    from ai2bmd.simulation.interruption import Interruption

    if arguments.turns < 1:
        raise InputError(f"--turns: expected a whole number from 1, got {arguments.turns}")
    settings = read_improvement(arguments.config)
    prepare_process()
    training_settings(settings, next_turn(settings).start)  # these two are checked before anything is computed
    make_crew(settings)
    with alone(settings.output), Interruption() as request:
        store = open_store(settings)
        for _ in range(arguments.turns):
            turn = next_turn(settings)
            if not make_turn(turn, settings, store, request=request):
                sys.stderr.write(
                    f"stopped in turn {turn.number}; what is done is kept. Go on with: ai2bmd improve "
                    f"{arguments.config}\n"
                )
                return 130
            sys.stdout.write(f"model: {turn.model}\nall turns: {settings.output / 'turns.csv'}\n")
    return 0
