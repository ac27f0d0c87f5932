"""The tables of enhanced sampling on disk, sampling.csv and exchanges.csv, read back."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ai2bmd.errors import InputError

Columns = dict[str, Float64[np.ndarray, " rows"]]


def read_sampling_table(path: Path) -> Columns:
    """The table by column.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        values = np.array(rows, dtype=np.float64).reshape(-1, len(header))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); it belongs to the run and must stay as it is") from error
    return dict(zip(header, values.T, strict=True))
