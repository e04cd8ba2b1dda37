"""Reads a JSON Schema: the schemas inside it, what a reference stands for, the types of values that it admits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

ALL_TYPES = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalItems", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")


def subschemas(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and the schema of each schema directly inside one; values such as those of `enum` are none."""
    if not isinstance(node, Mapping):
        return
    for keyword in _NAMED:
        children = node.get(keyword)
        if isinstance(children, Mapping):
            yield from ((f"{keyword}/{name}", child) for name, child in children.items())
    for keyword in (*_LISTED, "items"):
        children = node.get(keyword)
        if isinstance(children, (list, tuple)):
            yield from ((f"{keyword}/{i}", child) for i, child in enumerate(children))
    for keyword in _SINGLE:
        if isinstance(node.get(keyword), (Mapping, bool)):
            yield keyword, node[keyword]


def find_reference(ref: Any, root: Any) -> Any:
    """Return what a reference inside a document stands for.

    Raises:
        LookupError: nothing, or something outside the document.
    """
    if not isinstance(ref, str) or not ref.startswith("#"):
        raise LookupError(ref)
    found = root
    for step in unquote(ref[1:]).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, (list, tuple)) and name.isascii() and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            raise LookupError(ref)
    if isinstance(found, (Mapping, bool)):
        return found
    raise LookupError(ref)


def type_of(value: Any) -> str:
    """Return the JSON type of a value; a whole number is an `integer`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Mapping):
        return "object"
    return "array" if isinstance(value, (list, tuple)) else "number"


def admitted_types(node: Any, root: Any) -> frozenset[str]:
    """Return the JSON types of the values that a schema admits; `integer` is listed wherever `number` is."""
    return _find_types(node, root, {})


def _find_types(node: Any, root: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if not isinstance(node, Mapping):
        return frozenset() if node is False else ALL_TYPES
    found = _own_types(node)
    if isinstance(ref := node.get("$ref"), str):
        if ref not in known:
            known[ref] = frozenset()  # what a reference adds to itself
            try:
                known[ref] = _find_types(find_reference(ref, root), root, known)
            except LookupError:
                known[ref] = ALL_TYPES
        found &= known[ref]
    for part in node.get("allOf", ()):
        found &= _find_types(part, root, known)
    for keyword in ("anyOf", "oneOf"):
        if keyword in node:
            found &= frozenset().union(*(_find_types(branch, root, known) for branch in node[keyword]))
    return found


def _own_types(node: Mapping[str, Any]) -> frozenset[str]:
    """Return the types that `type`, `enum` and `const` admit."""
    found, kinds = ALL_TYPES, node.get("type")
    if kinds is not None:
        found = frozenset(kind.lower() for kind in ([kinds] if isinstance(kinds, str) else kinds))
        found |= {"integer"} if "number" in found else frozenset()
    values = node.get("enum", (node["const"],) if "const" in node else None)
    return found if values is None else found & frozenset(map(type_of, values))
