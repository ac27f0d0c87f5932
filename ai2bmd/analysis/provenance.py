"""What a run was made with: settings, model card, preparation, versions."""

from collections.abc import Iterator
from typing import Any

from ai2bmd.analysis.load import Run
from ai2bmd.analysis.sections import Section, paragraph, table

_FIRST = ("kind", "level_of_theory", "force_field")
_LATER = ("training", "config", "data", "sha256", "version")
_UNITS = {
    "_kcal_mol_A": " (kcal/mol/\N{ANGSTROM SIGN})",
    "_kcal_mol": " (kcal/mol)",
    "_eV_A": " (eV/\N{ANGSTROM SIGN})",
    "_eV": " (eV)",
    "_A": " (\N{ANGSTROM SIGN})",
}


def provenance_sections(run: Run) -> tuple[Section, ...]:
    """Settings, model card and preparation."""
    settings = [(key.replace("_", " "), _text(value)) for key, value in run.settings.as_text().items()]
    noted = run.trajectory.parameters
    versions = [(name, _text(noted[key])) for name, key in _NOTED.items() if key in noted]
    sections = [Section("Settings", table(settings + versions)), Section("Model", _model(run))]
    if run.changes:
        rows = [(change.kind, change.where, change.detail) for change in run.changes]
        sections.append(Section("Preparation", table(rows, header=("change", "where", "what was done")), wide=True))
    return tuple(sections)


_NOTED = {
    "ai2bmd": "version",
    "OpenMM": "openmm",
    "OpenMM platform": "platform",
    "model SHA-256": "model_sha256",
    "structure SHA-256": "structure_sha256",
}


def _model(run: Run) -> str:
    if run.settings.coupling == "off":
        return paragraph("No model: the force field alone (coupling off).")
    if run.card is None:
        return paragraph("The run has no copy of its model's card (model.json).")
    card = run.card
    rows = [(key.replace("_", " "), _text(card[key])) for key in _FIRST if key in card]
    rows += [(f"error: {_readable(key)}", value) for key, value in _flat(card.get("errors", {}))]
    rest = [key for key in card if key not in (*_FIRST, *_LATER, "errors")]
    for key in [*rest, "data", "sha256", "version"]:
        rows += [(key.replace("_", " "), value) for value in _lines(card.get(key))]
    details = [(key, value) for part in ("config", "training") for key, value in _flat({part: card.get(part, {})})]
    folded = f"<details><summary>Architecture and training</summary>{table(details)}</details>" if details else ""
    return table(rows) + folded


def _lines(value: Any) -> Iterator[str]:
    """One text for each entry of a list; none for what is not there."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield ", ".join(f"{key} {_text(item)}" if key != "name" else _text(item) for key, item in entry.items())
        elif entry is not None:
            yield _text(entry)


def _flat(values: Any, *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values by their path."""
    if not isinstance(values, dict):
        yield prefix, _text(values)
        return
    for key, value in values.items():
        yield from _flat(value, prefix=f"{prefix} {key}".strip())


def _readable(key: str) -> str:
    """A name with its unit at the end, such as force_mae_kcal_mol_A, in words."""
    for ending, unit in _UNITS.items():
        if key.endswith(ending):
            key = key.removesuffix(ending) + unit
            break
    name, _, unit = key.partition(" (")
    return name.replace("_", " ").replace("mae", "MAE") + (f" ({unit}" if unit else "")


def _text(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
