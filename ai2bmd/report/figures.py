"""How figures look, and how they get into the page: as SVG images inside it."""

import base64
import html
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ai2bmd.errors import InputError

BLUE, ORANGE, GREEN, GREY, INK = "#2f6fb5", "#d9772b", "#3b8f6b", "#8c98a4", "#1d2733"
MAX_POINTS = 2000
_PNG_DPI, _SCREEN_DPI = 150, 96
_COLUMN_IN = 6.4
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, sharp, and in the reader's font
    "svg.hashsalt": "ai2bmd",  # the same run gives the same file
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 11,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#e7ebef",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.solid_capstyle": "round",
}


def styled() -> AbstractContextManager:
    """Within it, figures of any shape look like those of `plot`."""
    return mpl.rc_context(_STYLE)


@dataclass(frozen=True, eq=False)
class Plot:
    """A figure being drawn: draw on `axes`, then take `html`."""

    figure: Figure
    axes: Axes
    description: str

    @cached_property
    def svg(self) -> bytes:
        """The figure as a file; what is drawn afterwards is not in it."""
        with styled():
            self.figure.draw_without_rendering()  # once more than saving does: the layout needs it to settle
            svg = io.BytesIO()
            self.figure.savefig(svg, format="svg", metadata={"Date": None})
        return svg.getvalue()

    def html(self) -> str:
        """The figure as an image element; one over both columns in a box of its own, which can scroll."""
        data = base64.b64encode(self.svg).decode()
        image = f'<img alt="{html.escape(self.description)}" src="data:image/svg+xml;base64,{data}">'
        broad = self.figure.get_figwidth() > _COLUMN_IN
        return f'<div class="scroll broad">{image}</div>' if broad else image

    def write_png(self, path: Path) -> None:
        """Write the figure as a file of its own."""
        path.write_bytes(self._png())

    def save(self, path: Path | str) -> None:
        """Write the figure as a file, of the format that its ending says: .svg, .png or .pdf.

        Raises:
            InputError: it is another one.
        """
        path, kind = Path(path), Path(path).suffix.lower()
        if kind == ".svg":
            path.write_bytes(self.svg)
        elif kind == ".png":
            self.write_png(path)
        elif kind == ".pdf":
            with styled():
                self.figure.savefig(path, format="pdf")
        else:
            raise InputError(f"path: expected a name ending in .svg, .png or .pdf, got {path.name!r}")

    def _png(self) -> bytes:
        with styled():
            self.figure.draw_without_rendering()
            png = io.BytesIO()
            self.figure.savefig(png, format="png", dpi=_PNG_DPI)
        return png.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """How a notebook shows it, sharp on dense screens too."""
        from PIL import Image

        small = io.BytesIO()  # 256 colours: a third of the bytes, which a notebook keeps for good
        Image.open(io.BytesIO(self._png())).convert("RGB").quantize(256).save(small, format="png", optimize=True)
        return small.getvalue(), {"width": round(float(self.figure.get_figwidth()) * _SCREEN_DPI)}


@contextmanager
def plot(description: str, *, x: str, y: str, width_in: float = 6.4, height_in: float = 3.1) -> Iterator[Plot]:
    """A figure with one pair of axes.

    Args:
        description: for readers who cannot see it.
        x: label of the horizontal axis, with its unit.
        y: label of the vertical one.
        width_in: inches; 6.4 fills a column, 13.2 both.
        height_in: inches.
    """
    with styled():
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        yield Plot(figure, axes, description)


def draw_course(
    axes: Axes,
    time_ps: Float[np.ndarray, " frames"],
    values: Float[np.ndarray, " frames"],
    *,
    color: str,
    label: str | None = None,
    axis_ps: Float[np.ndarray, " axis_frames"] | None = None,
) -> None:
    """Draw values against time: pale as they are, and strong their running mean once there are enough.

    The unit of time is that of `axis_ps`, where several courses share an axis.
    """
    scale, _ = time_unit(time_ps if axis_ps is None else axis_ps)
    every = -(-len(values) // MAX_POINTS)
    smooth = len(values) >= 50
    marker = "o" if len(values) == 1 else None
    axes.plot(
        time_ps[::every] * scale,
        values[::every],
        color=color,
        linewidth=0.9 if smooth else 1.6,
        alpha=0.35 if smooth else 1.0,
        marker=marker,
        label=None if smooth else label,
    )
    if smooth:
        window = max(5, len(values) // 40) | 1
        sums = np.cumsum(np.concatenate([[0.0], values]))
        mean, at = (sums[window:] - sums[:-window]) / window, slice(window // 2, len(values) - window // 2)
        axes.plot((time_ps[at] * scale)[::every], mean[::every], color=color, linewidth=2.0, label=label)


def plain_log(axis: Axis) -> None:
    """A logarithmic axis with plain numbers at 1, 2 and 5, and no more of them than can be read."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def time_unit(time_ps: Float[np.ndarray, " frames"]) -> tuple[float, str]:
    """Factor from ps, and name, of the unit of time that suits a time axis."""
    if time_ps[-1] >= 5000.0:
        return 1e-3, "ns"
    return (1.0, "ps") if time_ps[-1] >= 1.0 else (1e3, "fs")


def time_label(time_ps: Float[np.ndarray, " frames"]) -> str:
    """Label of a time axis."""
    return f"time ({time_unit(time_ps)[1]})"
