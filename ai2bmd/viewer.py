"""Pages that show molecules in 3D: templates of assets/ with 3Dmol and data inside, so that they need no network."""

import importlib.resources
import json
from collections.abc import Mapping
from string import Template


def fill_page(template: str, values: Mapping[str, str]) -> str:
    """A page from a template of assets/; `$library` in it is 3Dmol, the other names are those of `values` (HTML)."""
    assets = importlib.resources.files("ai2bmd") / "assets"
    library = (assets / "3Dmol-min.js").read_text(encoding="utf-8")
    return Template((assets / template).read_text(encoding="utf-8")).substitute(values, library=library)


def script_literal(data: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
