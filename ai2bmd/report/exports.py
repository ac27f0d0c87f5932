"""The page, and the numbers and pictures of its sections as files: tables/*.csv and figures/*.svg beside it.

All files are written under other names first and then renamed: an analysis that is interrupted, or fills the disk,
leaves the report that was there before, or none, but no mixture of two.
"""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from ai2bmd.errors import InputError
from ai2bmd.report.sections import Section

PAGE = "report.html"
_OURS = {"tables": ".csv", "figures": ".svg"}


def write_exports(
    output: Path,
    sections: Iterable[Section],
    *,
    page: str | None = None,
    earlier: Literal["remove", "keep"] = "remove",
) -> None:
    """Write every table and figure, and the page.

    Args:
        output: folder of the page.
        sections: of the page; the names of their files must differ.
        page: report.html; None leaves the one that is there.
        earlier: what becomes of tables and figures that an earlier report had and this one has not.
    """
    sections = list(sections)
    files = {
        Path("tables") / f"{name}.csv": one.csv().encode() for part in sections for name, one in part.tables.items()
    }
    files |= {Path("figures") / f"{name}.svg": one.svg for part in sections for name, one in part.figures.items()}
    kept = set(files)
    if page is not None:
        files[Path(PAGE)] = page.encode()
    for folder in _OURS:
        (output / folder).mkdir(parents=True, exist_ok=True)
    _replace_all(output, files)
    for folder, suffix in _OURS.items() if earlier == "remove" else ():
        for file in (output / folder).glob(f"*{suffix}"):
            if file.relative_to(output) not in kept:
                file.unlink()


def check_folder(output: Path) -> None:
    """Make sure that a report can be written into a folder, before the work for it is done. Leaves no trace.

    Raises:
        InputError: it is a file, or nothing can be written there.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file; give a folder for the report with -o")
    if (output / PAGE).is_dir():
        raise InputError(f"{output / PAGE} is a directory; remove it, or give another folder with -o")
    try:
        with _made(output):
            for folder in (output, *(output / name for name in _OURS)):
                if folder.exists():
                    with tempfile.TemporaryFile(dir=folder):
                        pass
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise InputError(
            f"the report cannot be written to {output} ({reason}: {error.filename or output}); give another folder "
            "with -o"
        ) from error


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder is there meanwhile; what had to be made for it is removed afterwards."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    made: list[Path] = []
    try:
        for place in reversed(missing):
            place.mkdir()
            made.append(place)
        yield
    finally:
        for place in reversed(made):
            with contextlib.suppress(OSError):  # someone else has put something there
                place.rmdir()


def _replace_all(output: Path, files: dict[Path, bytes]) -> None:
    """Write files beside their places, and move them there when all are whole."""
    staged: dict[Path, Path] = {}
    try:
        for name, content in files.items():
            place = output / name
            staged[place] = place.with_name(f".{place.name}.new")
            staged[place].write_bytes(content)
        for place, temporary in staged.items():
            temporary.replace(place)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
