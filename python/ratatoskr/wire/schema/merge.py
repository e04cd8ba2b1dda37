"""Puts schemas that hold together (`allOf`, words beside `$ref`) into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANNOTATIONS = frozenset(
    {
        "$anchor",
        "$comment",
        "$id",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "default",
        "deprecated",
        "description",
        "discriminator",
        "example",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
"""Keywords that say nothing about which values are valid."""

_LARGER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_SMALLER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})


def merge_schemas(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return one schema for what is valid under both, or `None` where no keyword says it.

    Annotations are the other's.
    """
    merged = dict(one)
    for keyword, value in other.items():
        before: Any = merged.get(keyword)
        if keyword not in merged or before == value or keyword in ANNOTATIONS:
            merged[keyword] = value
        elif keyword == "required":
            merged[keyword] = [*before, *(name for name in value if name not in before)]
        elif keyword == "properties" and all(before[name] == value[name] for name in before.keys() & value.keys()):
            merged[keyword] = {**before, **value}
        elif keyword in _LARGER:
            merged[keyword] = max(before, value)
        elif keyword in _SMALLER:
            merged[keyword] = min(before, value)
        elif keyword == "type" and {before, value} == {"number", "integer"}:
            merged[keyword] = "integer"
        else:
            return None
    if _closes(one, merged) or _closes(other, merged):
        return None
    return merged


def _closes(part: Mapping[str, Any], merged: Mapping[str, Any]) -> bool:
    """Return whether a part forbids properties that the whole has."""
    extra = part.get("additionalProperties", True)
    return extra is not True and part.get("properties", {}).keys() != merged.get("properties", {}).keys()
