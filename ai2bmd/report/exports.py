"""The numbers and pictures of sections as files: tables/*.csv and figures/*.svg beside the page."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ai2bmd.report.sections import Section

_OURS = {"tables": ".csv", "figures": ".svg"}


def write_exports(output: Path, sections: Iterable[Section]) -> None:
    """Write every table and figure; those of an earlier report that are no longer there are removed.

    Args:
        output: folder of the page.
        sections: of the page; the names of their files must differ.
    """
    sections = list(sections)
    tables = {name: table.csv().encode() for section in sections for name, table in section.tables.items()}
    figures = {name: figure.svg for section in sections for name, figure in section.figures.items()}
    for folder, files in (("tables", tables), ("figures", figures)):
        _write(output / folder, files, suffix=_OURS[folder])


def _write(folder: Path, files: Mapping[str, bytes], *, suffix: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        temporary = folder / f".{name}{suffix}.new"
        temporary.write_bytes(content)
        temporary.replace(folder / f"{name}{suffix}")
    for file in folder.glob(f"*{suffix}"):
        if file.stem not in files:
            file.unlink()
