"""A JSON Schema in a few words: `name, legs int, tags [str]`."""

from __future__ import annotations

import re
from typing import Any

from ratatoskr.errors import InvalidInput

_TYPES: dict[str, str] = {
    "str": "string",
    "string": "string",
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
}
_FIELD = re.compile(r"\s*([A-Za-z_][\w-]*)(\?)?(?:\s+(\[?)\s*([A-Za-z]+)\s*(\]?))?\s*(?::\s*(.*\S))?\s*", re.DOTALL)


def is_short_schema(text: str) -> bool:
    """Return whether a text is meant as a short schema, and not as the name of a file."""
    return bool(re.search(r"[,\s]", text.strip())) and "/" not in text and not text.strip().endswith(".json")


def parse_short_schema(text: str) -> dict[str, Any]:
    """Return the JSON Schema of an object.

    Fields are separated by commas or lines: a name, `?` if it may be absent, a type (`str` if none is given; `[int]`
    for a list), and after a colon what it is.

    Raises:
        InvalidInput: a field cannot be read.
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in re.split(r"[,\n]", text.strip().strip(",")):
        match = _FIELD.fullmatch(field)
        if match is None or bool(match[3]) != bool(match[5]) or (match[4] or "str") not in _TYPES:
            raise InvalidInput(
                f"{field.strip()!r} is not a field: write a name and one of {', '.join(_TYPES)}, in [] for a list, "
                "as in 'name, legs int, tags [str]'",
                field="schema",
            )
        name, optional, is_list, type_name, _, description = match.groups()
        if name in properties:
            raise InvalidInput(f"the schema names {name!r} twice", field="schema")
        schema: dict[str, Any] = {"type": _TYPES[type_name or "str"]}
        schema = {"type": "array", "items": schema} if is_list else schema
        properties[name] = schema | ({"description": description} if description else {})
        if not optional:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
