"""What a run was made with: settings, model card, preparation, versions."""

import html
from collections.abc import Iterator
from typing import Any

from ai2bmd.report.load import Run
from ai2bmd.report.sections import Section, paragraph, table

_FIRST = ("kind", "level_of_theory", "force_field")
_PLACED = (*_FIRST, "errors", "data", "sha256", "version", "config", "training")
_UNITS = {
    "_kcal_mol_A": " (kcal/mol/\N{ANGSTROM SIGN})",
    "_kcal_mol": " (kcal/mol)",
    "_eV_A": " (eV/\N{ANGSTROM SIGN})",
    "_eV": " (eV)",
    "_A": " (\N{ANGSTROM SIGN})",
}


def provenance_sections(run: Run) -> tuple[Section, ...]:
    """Settings, model card and preparation."""
    settings = [(key.replace("_", " "), _setting(value)) for key, value in run.settings.as_text().items()]
    noted = run.course.parameters
    versions = [(name, _text(noted[key])) for name, key in _NOTED.items() if key in noted]
    sections = [Section("Settings", table(settings + versions)), Section("Model", _model(run))]
    if run.changes:
        rows = [(change.kind, change.where, change.detail) for change in run.changes]
        sections.append(Section("Preparation", table(rows, header=("change", "where", "what was done")), wide=True))
    return tuple(sections)


def _setting(value: Any) -> str:
    """Stages and the like a line each."""
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return "\n".join(", ".join(f"{key} {_setting(part)}" for key, part in entry.items()) for entry in value)
    if isinstance(value, list):
        return " to ".join(map(_text, value)) if len(value) == 2 else ", ".join(map(_text, value))
    return _text(value)


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
    used, named = run.course.parameters.get("model_sha256"), card.get("sha256")
    if used and named != used:
        return paragraph(f"The card in model.json is of other weights (SHA-256 {named}) than the run used ({used}).")
    rows = [(key.replace("_", " "), _text(card[key])) for key in _FIRST if key in card]
    errors = card.get("errors", {})
    plain = {key: value for key, value in errors.items() if not isinstance(value, dict)}
    measured = {key: value for key, value in errors.items() if isinstance(value, dict)}
    unit = plain.pop("unit", "") if measured else ""
    rows += [(f"error: {_readable(key)}", _text(value)) for key, value in plain.items()]
    for key in ("data", "sha256", "version", *(key for key in card if key not in _PLACED)):
        rows += [(key.replace("_", " "), value) for value in _lines(card.get(key))]
    overall = {key: value for key, value in measured.items() if key.endswith(", all")}
    details = [(key, value) for part in ("config", "training") for key, value in _flat({part: card.get(part, {})})]
    return (
        table(rows)
        + (f"<h3>Errors on held-out molecules ({html.escape(unit)})</h3>" if measured else "")
        + _error_table(overall)
        + _folded("Errors for each kind of molecule", _error_table(measured))
        + _folded("Architecture and training", table(details) if details else "")
    )


def _error_table(errors: dict[str, dict[str, Any]]) -> str:
    """One row for each set of molecules, one column for each measure."""
    if not errors:
        return ""
    measures = [key for key in next(iter(errors.values())) if key != "name"]
    rows = [
        (name, *(_text(values.get(key), missing="\N{EN DASH}") for key in measures)) for name, values in errors.items()
    ]
    return table(rows, header=("", *(_readable(key) for key in measures)))


def _folded(summary: str, body: str) -> str:
    """Hidden until it is asked for; nothing if there is nothing."""
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>" if body else ""


def _lines(value: Any) -> Iterator[str]:
    """One text for each entry of a list; none for what is not there."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            yield ", ".join(
                _text(item) if key == "name" else f"{key} {_text(item)[:16]}" for key, item in entry.items()
            )
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
    return name.replace("_", " ").replace("mae", "MAE").replace("rmse", "RMSE").replace("mm ", "force field ") + (
        f" ({unit}" if unit else ""
    )


def _text(value: Any, *, missing: str = "default") -> str:
    if value is None:
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
