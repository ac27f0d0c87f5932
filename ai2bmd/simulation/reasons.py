"""Why a value of a settings file cannot be, in the words of its users: pydantic's own are those of programmers."""

from collections.abc import Mapping
from typing import Any

_REASONS = {
    "missing": "is missing",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "too_short": "expected at least {min_length} item{plural}",
    "too_long": "expected at most {max_length} items",
    "model_type": "expected keys and values",
    "dict_type": "expected keys and values",
    "invalid_key": "expected a name before the colon",
    "string_type": "expected text",
    "string_too_short": "expected text",
    "path_type": "expected the name of a file",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "literal_error": "expected {expected}",
    "greater_than": "expected a value greater than {gt:g}",
    "greater_than_equal": "expected a value greater than or equal to {ge:g}",
    "less_than": "expected a value less than {lt:g}",
    "less_than_equal": "expected a value less than or equal to {le:g}",
}
"""By pydantic's name of an error."""


def reason_of(error: Mapping[str, Any]) -> str:
    """What is wrong with a value.

    Args:
        error: one of `ValidationError.errors()`.
    """
    if error["type"] not in _REASONS:
        return str(error["msg"]).removeprefix("Value error, ")
    context = dict(error.get("ctx", {}))
    context["plural"] = "" if context.get("min_length") == 1 else "s"
    return _REASONS[error["type"]].format(**context)
