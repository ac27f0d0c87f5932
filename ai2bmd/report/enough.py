"""Is it enough? One table of every number of the report, with its error and a traffic light."""

import html
from collections.abc import Iterable

import numpy as np

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.sufficiency import POOR_SAMPLES, Sufficiency, judge_mean
from ai2bmd.report.sections import Section, Table

_WORDS = {"good": "enough", "look": "look closer", "poor": "not enough"}
_COLORS = {"good": "good", "look": "look", "poor": "stopped"}
_HEADER = ("quantity", "value", "unit", "standard_error", "low", "high", "effective_samples", "judgement", "reason")
_JUDGED = 50_000
"""Values; of longer series averages of neighbours are judged, which have the same mean and the same error."""


def judge_course(name: str, pieces: Pieces, *, unit: str = "") -> Sufficiency:
    """Whether the frames suffice for the mean of a quantity, however many there are; as `judge_mean`."""
    every = max(1, -(-sum(map(len, pieces)) // _JUDGED))
    return judge_mean(name, [coarse(values, every) for values in pieces], unit=unit)


def coarse(values: np.ndarray, every: int) -> np.ndarray:
    """Averages of so many neighbours each; what is left over at the end of a long series is dropped."""
    if every == 1 or len(values) < every:
        return values
    return values[: len(values) // every * every].reshape(-1, every).mean(1)


def enough_section(sections: Iterable[Section]) -> Section | None:
    """The table; None where no section has a number to judge."""
    quantities = [quantity for section in sections for quantity in section.quantities]
    if not quantities:
        return None
    head = "".join(f"<th>{cell}</th>" for cell in ("quantity", "value", "", "reason"))
    lines = "".join(map(_line, quantities))
    body = f'<div class="scroll"><table class="enough"><thead><tr>{head}</tr></thead>{lines}</table></div>'
    note = (
        f"{_tally(quantities)}. Enough: at rest, the halves and the runs agree, and the independent samples make an "
        "error bar that can be trusted. Not enough: fewer than "
        f"{POOR_SAMPLES:g} independent samples, or still drifting."
    )
    rows = [_row(quantity) for quantity in quantities]
    return Section("Is it enough?", body, note, wide=True, tables={"quantities": Table(_HEADER, rows)})


def _tally(quantities: list[Sufficiency]) -> str:
    grades = [quantity.grade for quantity in quantities]
    return f"For {grades.count('good')} of {len(grades)} numbers the data suffice"


def _line(quantity: Sufficiency) -> str:
    light = f'<b class="light {_COLORS[quantity.grade]}">{_WORDS[quantity.grade]}</b>'
    name, value, reason = map(html.escape, (quantity.name, str(quantity.estimate), quantity.reason))
    return f'<tr><th scope="row">{name}</th><td>{value}</td><td>{light}</td><td>{reason}</td></tr>'


def _row(quantity: Sufficiency) -> tuple[float | str, ...]:
    estimate = quantity.estimate
    numbers = (estimate.error, *estimate.interval(), estimate.effective_samples)
    return (quantity.name, estimate.value, estimate.unit, *numbers, _WORDS[quantity.grade], quantity.reason)
