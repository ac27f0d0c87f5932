"""Molecule after molecule into the file; ends at a signal with what is whole, and goes on where it was."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from ai2bmd.conformations.file import ConformationFile, record_of
from ai2bmd.conformations.sources import SamplingSettings, sample_molecule
from ai2bmd.conformations.units import build_unit
from ai2bmd.simulation.interruption import EndRequest


def sample_units(
    units: Sequence[str],
    file: ConformationFile,
    settings: SamplingSettings,
    *,
    request: EndRequest,
    shown: bool | None = None,
) -> bool:
    """Make the frames of the units that the file has not yet.

    Args:
        units: names.
        file: takes each unit when it is whole.
        settings: see `SamplingSettings`.
        request: looked at after every start.
        shown: whether to show a bar; None on a terminal only.

    Returns:
        Whether all is done.
    """
    finished = file.finished()
    left = [name for name in units if name not in finished]
    hidden = None if shown is None else not shown
    with tqdm(total=len(left) * settings.frames, unit="frame", disable=hidden, dynamic_ncols=True) as bar:
        for name in left:
            if request.requested:
                return False
            bar.set_postfix_str(name)

            def advance(frames: int) -> bool:
                bar.update(frames)
                return not request.requested

            sampled = sample_molecule(build_unit(name), settings, advance=advance)
            if sampled is None:
                return False
            file.add(name, [(sampled.molecule.constants, sampled.frames)], record_of(sampled))
            bar.update(settings.frames - len(sampled.frames))
    return True


def summary(finished: Mapping[str, Mapping[str, Any]], *, frames: int) -> str:
    """What was made, kept and rejected, and which molecules have too few frames."""
    made: Counter[str] = Counter()
    rejected: Counter[tuple[str, str]] = Counter()
    for record in finished.values():
        made.update(record["made"])
        for source, reason, number in record["rejected"]:
            rejected[source, reason] += number
    lines = []
    for source, number in sorted(made.items()):
        reasons = {reason: count for (of, reason), count in sorted(rejected.items()) if of == source}
        lost = sum(reasons.values())
        told = f" ({', '.join(f'{reason} {count}' for reason, count in reasons.items())})" if lost else ""
        lines.append(f"{source}: {number} made, {lost} rejected{told}\n")
    short = [f"{name} ({record['frames']})" for name, record in finished.items() if record["frames"] < frames]
    if short:
        lines.append(f"fewer than {frames} frames: {', '.join(short)}; too many of what was made was rejected\n")
    return "".join(lines)
