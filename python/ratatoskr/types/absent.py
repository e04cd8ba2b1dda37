"""Reads `null` as absent where a schema has an optional property that cannot be null.

Strict modes require every property, so that such a property is asked for as one that may also be null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratatoskr.types.part import MAX_DEPTH
from ratatoskr.types.subschema import admitted_types, find_reference, type_of


def drop_absent(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return the value without the members whose null means that they are absent; what is deeper than 64 stays."""
    return _read(value, schema, schema, MAX_DEPTH)


def _read(value: Any, node: Any, root: Mapping[str, Any], depth: int) -> Any:
    node = _resolve(node, root)
    if not isinstance(value, (dict, list)) or not isinstance(node, Mapping) or depth == 0:
        return value
    for part in node.get("allOf", ()):
        value = _read(value, part, root, depth - 1)
    for branch in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        if _suits(value, branch, root):
            value = _read(value, branch, root, depth - 1)
            break
    return _read_members(value, node, root, depth) if isinstance(value, dict) else _read_items(value, node, root, depth)


def _read_members(
    value: dict[str, Any], node: Mapping[str, Any], root: Mapping[str, Any], depth: int
) -> dict[str, Any]:
    properties, required = node.get("properties", {}), node.get("required", ())
    others, out = node.get("additionalProperties"), {}
    for name, member in value.items():
        child = properties.get(name, others)
        if member is None and name in properties and name not in required and "null" not in admitted_types(child, root):
            continue
        out[name] = _read(member, child, root, depth - 1)
    return out


def _read_items(value: list[Any], node: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> list[Any]:
    first, rest = node.get("prefixItems", ()), node.get("items")
    return [_read(item, first[i] if i < len(first) else rest, root, depth - 1) for i, item in enumerate(value)]


def _suits(value: dict[str, Any] | list[Any], branch: Any, root: Mapping[str, Any]) -> bool:
    """Return whether a branch of a union describes the value, as far as its own members show."""
    if type_of(value) not in admitted_types(branch, root):
        return False
    node = _resolve(branch, root)
    if isinstance(value, list):
        items = node.get("items", True) if isinstance(node, Mapping) else True
        return all(type_of(item) in admitted_types(items, root) for item in value)
    if not isinstance(node, Mapping) or "properties" not in node:
        return True
    properties, required = node["properties"], node.get("required", ())
    if not value.keys() >= set(required) or (not node.get("additionalProperties") and value.keys() - properties.keys()):
        return False
    return all(
        _is_admitted(member, properties[name], root) or (member is None and name not in required)
        for name, member in value.items()
        if name in properties
    )


def _is_admitted(value: Any, node: Any, root: Mapping[str, Any]) -> bool:
    node = _resolve(node, root)
    values = node.get("enum", (node["const"],) if "const" in node else None) if isinstance(node, Mapping) else None
    return type_of(value) in admitted_types(node, root) and (values is None or value in values)


def _resolve(node: Any, root: Mapping[str, Any]) -> Any:
    """Return what a chain of references leads to."""
    for _ in range(MAX_DEPTH):
        if not isinstance(node, Mapping) or "$ref" not in node:
            break
        try:
            node = find_reference(node["$ref"], root)
        except LookupError:
            return None
    return node
