"""Runs: settings, run directory, the loop and its guard, checkpoints."""
