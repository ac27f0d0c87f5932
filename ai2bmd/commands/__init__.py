"""One module per command of `ai2bmd`: `add_arguments(parser)` and `run(arguments) -> int`."""
