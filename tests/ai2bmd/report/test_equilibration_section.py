"""The picture of the equilibration: its axis is in the unit that its label names."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from ai2bmd.report.equilibration import draw_stages
from ai2bmd.report.figures import time_label
from ai2bmd.simulation.equilibration import Sample

FIELDS = {field.name: 0.0 for field in dataclasses.fields(Sample)} | {"segment": 0}


@pytest.mark.parametrize(("length_ps", "shown", "unit"), [(0.2, 200.0, "fs"), (20.0, 20.0, "ps"), (8e3, 8.0, "ns")])
def test_the_axis_is_in_the_unit_of_its_label(length_ps, shown, unit):
    times_ps = np.linspace(0.1, 1.0, 10) * length_ps
    samples = [
        Sample(**FIELDS | {"stage": "heat" if part < 5 else "relax", "time_ps": float(time_ps)})
        for part, time_ps in enumerate(times_ps)
    ]
    axes = Figure().subplots()
    draw_stages(axes, samples, "temperature_K", color="k")
    course, end = axes.lines
    assert time_label(times_ps) == f"time ({unit})"
    assert max(course.get_xdata()) == pytest.approx(shown)
    assert end.get_xdata()[0] == pytest.approx(shown / 2)
