"""What the sections on structure have in common: courses of several trajectories, and judgements of long series."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ai2bmd.analysis.series import Series
from ai2bmd.analysis.sufficiency import Sufficiency
from ai2bmd.report.enough import judge_course
from ai2bmd.report.figures import BLUE, GREEN, GREY, ORANGE, Plot, draw_course, plot, time_label

COLORS = (BLUE, ORANGE, GREEN, "#7b5ea7", "#b5483f", "#3f9aa8", "#a8873f", GREY)
MOST_TICKS = 40


def draw_series(description: str, series: Series, names: Sequence[str] = (), *, y: str, color: str = BLUE) -> Plot:
    """A quantity against time, a line for each trajectory; without names they are numbered."""
    names = names or numbered(len(series.values))
    longest = max(series.time_ps, key=lambda times: times[-1])
    several = len(series.values) > 1
    with plot(description, x=time_label(longest), y=y) as drawing:
        for number, (time_ps, values) in enumerate(zip(series.time_ps, series.values, strict=True)):
            named = several and len(series.values) <= len(COLORS)
            shade = COLORS[number % len(COLORS)] if several else color
            label = names[number] if named else None
            draw_course(drawing.axes, time_ps, values, color=shade, label=label, axis_ps=longest)
        if several and len(series.values) <= len(COLORS):
            drawing.figure.legend(loc="outside upper center", ncols=4)
    return drawing


def numbered(count: int) -> tuple[str, ...]:
    """Names for trajectories without."""
    return tuple(f"run {number}" for number in range(1, count + 1))


def judge(series: Series, name: str | None = None) -> Sufficiency:
    """Whether the frames suffice for the mean of a series."""
    return judge_course(name or series.name, series.values, unit=series.unit)


def label_residues(axes: Axes, labels: Sequence[str], *, of: str = "x") -> None:
    """Residues along an axis, at most so many that they can be read."""
    every = -(-len(labels) // MOST_TICKS)
    places = np.arange(len(labels))[::every]
    if of == "x":
        axes.set_xticks(places, labels[::every], rotation=60 if len(labels) > 15 else 0)
    else:
        axes.set_yticks(places, labels[::every])
        axes.tick_params(axis="y", labelsize=9 if len(labels) <= 25 else 7)
