"""The numbers and pictures of sections as files: tables/*.csv and figures/*.svg beside the page."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Literal

from ai2bmd.report.sections import Section

_OURS = {"tables": ".csv", "figures": ".svg"}


def write_exports(output: Path, sections: Iterable[Section], *, earlier: Literal["remove", "keep"] = "remove") -> None:
    """Write every table and figure.

    Args:
        output: folder of the page.
        sections: of the page; the names of their files must differ.
        earlier: what becomes of files that an earlier report had and this one has not.
    """
    sections = list(sections)
    tables = {name: table.csv().encode() for section in sections for name, table in section.tables.items()}
    figures = {name: figure.svg for section in sections for name, figure in section.figures.items()}
    for folder, files in (("tables", tables), ("figures", figures)):
        _write(output / folder, files, suffix=_OURS[folder])
        if earlier == "remove":
            _remove_others(output / folder, files, suffix=_OURS[folder])


def _write(folder: Path, files: Mapping[str, bytes], *, suffix: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        temporary = folder / f".{name}{suffix}.new"
        temporary.write_bytes(content)
        temporary.replace(folder / f"{name}{suffix}")


def _remove_others(folder: Path, files: Collection[str], *, suffix: str) -> None:
    for file in folder.glob(f"*{suffix}"):
        if file.stem not in files:
            file.unlink()
