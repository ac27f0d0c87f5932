"""What a report is made of. An analysis adds to it by returning these; `report.py` only lays them out."""

import html
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A card of the page."""

    title: str
    body: str
    """HTML."""
    note: str = ""
    """Plain text below the body: how to read it."""
    wide: bool = False
    """Over both columns."""

    def html(self) -> str:
        """The card."""
        note = f'<p class="note">{html.escape(self.note)}</p>' if self.note else ""
        shape = ' class="wide"' if self.wide else ""
        return f"<section{shape}><h2>{html.escape(self.title)}</h2>{self.body}{note}</section>\n"


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


def table(rows: Iterable[tuple[str, ...]], *, header: tuple[str, ...] = ()) -> str:
    """Rows of plain text as an HTML table; the first cell of a row names it."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    lines = [f"<thead><tr>{head}</tr></thead>"] if header else []
    for first, *rest in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def paragraph(text: str) -> str:
    """Plain text as an HTML paragraph."""
    return f"<p>{html.escape(text)}</p>"
