"""What a report is made of. An analysis adds to it by returning these; `report.py` only lays them out."""

import base64
import csv
import html
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ai2bmd.analysis.sufficiency import Sufficiency
from ai2bmd.errors import InputError
from ai2bmd.report.figures import Plot

MAX_DOWNLOAD_BYTES = 500_000
MAX_ROWS = 20_000
"""Of a table with numbers of each frame."""


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers to download: what a picture shows, or more."""

    header: tuple[str, ...]
    """Names with units, such as rmsd_A."""
    rows: Sequence[Sequence[float | str]]

    def csv(self) -> str:
        """As comma-separated values; numbers with seven digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        for row in self.rows:
            writer.writerow([f"{cell:.7g}" if isinstance(cell, float) else cell for cell in row])
        return text.getvalue()


@dataclass(frozen=True, eq=False)
class Section:
    """A card of the page."""

    title: str
    body: str
    """HTML."""
    note: str = ""
    """Plain text below the body: how to read it."""
    wide: bool = False
    """Over both columns."""
    figures: Mapping[str, Plot] = field(default_factory=dict)
    """The pictures in the body by the name of their file, without suffix: written to figures/ of a study."""
    tables: Mapping[str, Table] = field(default_factory=dict)
    """By the name of their file, without suffix: written to tables/ of a study, and to download from the page."""
    methods: str = ""
    """Sentences for the methods paragraph: what was done, with its settings."""
    citations: tuple[str, ...] = ()
    """Papers to cite for it, each as one line."""
    quantities: tuple[Sufficiency, ...] = ()
    """Numbers of the section, each with a judgement whether the data suffice for it."""

    def html(self) -> str:
        """The card."""
        note = f'<p class="note">{html.escape(self.note)}</p>' if self.note else ""
        shape = ' class="wide"' if self.wide else ""
        files = "".join(_download(name, table) for name, table in self.tables.items())
        downloads = f'<p class="files">{files}</p>' if files else ""
        return f"<section{shape}><h2>{html.escape(self.title)}</h2>{self.body}{note}{downloads}</section>\n"


@dataclass(frozen=True)
class Fact:
    """A headline number."""

    label: str
    value: str
    note: str = ""

    def html(self) -> str:
        """The tile."""
        label, value, note = (html.escape(text) for text in (self.label, self.value, self.note))
        return f'<div class="fact"><span>{label}</span><b>{value}</b><i>{note}</i></div>\n'


def _download(name: str, numbers: Table) -> str:
    """A link that saves a table; one too large for the page is named by its place beside the page."""
    file, content = html.escape(f"{name}.csv"), numbers.csv().encode()
    if len(content) > MAX_DOWNLOAD_BYTES:
        return f'<a href="tables/{file}">tables/{file}</a>'
    data = base64.b64encode(content).decode()
    return f'<a download="{file}" href="data:text/csv;base64,{data}">{file}</a>'


def table(rows: Iterable[tuple[str, ...]], *, header: tuple[str, ...] = ()) -> str:
    """Rows of plain text as an HTML table; the first cell of a row names it."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    lines = [f"<thead><tr>{head}</tr></thead>"] if header else []
    for first, *rest in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def course_table(header: tuple[str, ...], *columns: np.ndarray) -> Table:
    """Numbers of each frame to download; of very many frames every second, third ..."""
    every = max(1, -(-len(columns[0]) // MAX_ROWS))
    return Table(header, np.column_stack([column[::every] for column in columns]).tolist())


def paragraph(text: str) -> str:
    """Plain text as an HTML paragraph."""
    return f"<p>{html.escape(text)}</p>"


def told(title: str, make: Callable[[], Sequence[Section]]) -> tuple[Section, ...]:
    """The sections, or one of this title that says why there are none."""
    try:
        return tuple(make())
    except InputError as error:
        return (Section(title, paragraph(f"Not possible: {error}.")),)
