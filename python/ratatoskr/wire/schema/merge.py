"""Puts schemas that hold together (`allOf`, words beside `$ref`) into one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

_LIMITS: Mapping[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}


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
        elif keyword in _LIMITS and _is_number(before) and _is_number(value):
            merged[keyword] = _LIMITS[keyword](before, value)
        elif keyword == "type" and sorted(map(str, (before, value))) == ["integer", "number"]:
            merged[keyword] = "integer"
        else:
            return None
    if _closes(one, merged) or _closes(other, merged):
        return None
    return merged


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _closes(part: Mapping[str, Any], merged: Mapping[str, Any]) -> bool:
    """Return whether a part forbids properties that the whole has."""
    extra = part.get("additionalProperties", True)
    return extra is not True and part.get("properties", {}).keys() != merged.get("properties", {}).keys()
