"""Molecule after molecule into the file; ends at a signal with what is whole, and goes on where it was."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from ai2bmd.conformations.file import ConformationFile, record_of
from ai2bmd.conformations.proteins import SampledProtein, sample_protein, steps_of
from ai2bmd.conformations.selection import Selector
from ai2bmd.conformations.sources import Sampled, SamplingSettings, sample_molecule
from ai2bmd.conformations.units import build_unit
from ai2bmd.simulation.interruption import EndRequest


def sample_units(
    units: Sequence[str],
    file: ConformationFile,
    settings: SamplingSettings,
    *,
    request: EndRequest,
    selector: Selector | None = None,
    shown: bool | None = None,
) -> bool:
    """Make the frames of the units that the file has not yet.

    Args:
        units: names.
        file: takes each unit when it is whole.
        settings: see `SamplingSettings`.
        request: looked at after every start.
        selector: chooses from the frames; None keeps all.
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
            _add(file, name, [sampled], selector)
            bar.update(settings.frames - len(sampled.frames))
    return True


def sample_proteins(
    proteins: Sequence[SampledProtein],
    file: ConformationFile,
    settings: SamplingSettings,
    *,
    request: EndRequest,
    selector: Selector | None = None,
    shown: bool | None = None,
) -> bool:
    """Make the frames of the proteins that the file has not yet, each once; see `sample_units`."""
    finished = file.finished()
    sources = {source.name: source for source in proteins}
    left = [source for source in sources.values() if source.name not in finished]
    hidden = None if shown is None else not shown
    with tqdm(total=len(left) * steps_of(settings), unit="step", disable=hidden, dynamic_ncols=True) as bar:
        for source in left:
            bar.set_postfix_str(source.file.name)

            def advance(steps: int) -> bool:
                bar.update(steps)
                return not request.requested

            sampled = None if request.requested else sample_protein(source, settings, advance=advance)
            if sampled is None:
                return False
            _add(file, source.name, sampled, selector, protein=source.file.name)
    return True


def _add(file: ConformationFile, name: str, sampled: Sequence[Sampled], selector: Selector | None, **more: str) -> None:
    kept = sampled if selector is None else selector.choose(sampled)
    additions = [(one.molecule.constants, one.frames) for one in kept]
    file.add(name, additions, record_of(kept, **more))


def summary(finished: Mapping[str, Mapping[str, Any]], *, frames: int) -> str:
    """What was made, kept and rejected, and which units on their own have too few frames."""
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
    units = {name: record["frames"] for name, record in finished.items() if "protein" not in record}
    short = [f"{name} ({number})" for name, number in units.items() if number < frames]
    if short:
        lines.append(f"fewer than {frames} frames: {', '.join(short)}; too many of what was made was rejected\n")
    return "".join(lines)
