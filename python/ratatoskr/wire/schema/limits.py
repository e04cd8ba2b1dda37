"""Limits on a compiled schema as a whole, and the order of properties that one vendor asks of unions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ratatoskr.types.subschema import find_reference, subschemas
from ratatoskr.wire.schema.normalise import UnsayableError
from ratatoskr.wire.schema.subsets import Subset


def check_limits(schema: dict[str, Any], subset: Subset) -> None:
    """Raise `UnsayableError` for a compiled schema that is larger than the vendor takes."""
    properties, enums, text = 0, 0, 0
    for node in _walk(schema):
        names = [*node.get("properties", ()), *node.get("$defs", ())]
        values = node.get("enum", ())
        properties += len(node.get("properties", ()))
        enums += len(values)
        text += sum(map(len, names)) + sum(len(str(value)) for value in (*values, node.get("const", "")))
    found = {"properties": properties, "enum values": enums, "characters in names and values": text}
    for (what, count), most in zip(
        found.items(), (subset.max_properties, subset.max_enum, subset.max_text), strict=True
    ):
        if most is not None and count > most:
            raise UnsayableError("", f"it has more than {most} {what}")
    if subset.max_depth is not None and _depth(schema, schema, {}) > subset.max_depth:
        raise UnsayableError("", f"its objects are nested deeper than {subset.max_depth}")


def _walk(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    queue = [schema]
    while queue:
        node = queue.pop()
        yield node
        queue.extend(child for _, child in subschemas(node) if isinstance(child, dict))


def _depth(node: Any, root: Mapping[str, Any], known: dict[str, int]) -> int:
    """Return how deep objects are nested; a definition that contains itself is counted once."""
    if not isinstance(node, Mapping):
        return 0
    if "$ref" in node:
        ref = node["$ref"]
        if ref not in known:
            known[ref] = 0
            known[ref] = _depth(find_reference(ref, root), root, known)
        return known[ref]
    inner = [_depth(child, root, known) for path, child in subschemas(node) if not path.startswith("$defs/")]
    return max(inner, default=0) + (node.get("type") == "object")


def order_first_keys(schema: dict[str, Any]) -> None:
    """Put first in the objects of each union a property that tells them apart.

    Raises:
        UnsayableError: no property does.
    """
    unions = [
        [found for branch in node["anyOf"] if (found := _object_of(branch, schema)) is not None]
        for node in _walk(schema)
        if "anyOf" in node
    ]
    for objects in unions:
        if not _differ(objects):
            _order(objects)
    if not all(map(_differ, unions)):
        raise UnsayableError("", "the objects of a union have the same properties, and none that tells which")


def _object_of(branch: dict[str, Any], root: dict[str, Any]) -> dict[str, Any] | None:
    found = find_reference(branch["$ref"], root) if "$ref" in branch else branch
    return found if found.get("type") == "object" and found.get("properties") else None


def _values(node: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(node.get("enum", (node["const"],) if "const" in node else ()))


def _differ(objects: list[dict[str, Any]]) -> bool:
    """Return whether the first properties have different names, or values that no two share."""
    first = [next(iter(one["properties"].items())) for one in objects]
    for i, (name, node) in enumerate(first):
        for other, its in first[:i]:
            values = _values(node)
            if name == other and (not values or not _values(its) or set(values) & set(_values(its))):
                return False
    return True


def _order(objects: list[dict[str, Any]]) -> None:
    """Move a discriminator to the front, or in each object a property that no other has."""
    shared = set.intersection(*(set(one["properties"]) for one in objects))
    for name in next(iter(objects))["properties"]:
        if name in shared and _differ([{"properties": {name: one["properties"][name]}} for one in objects]):
            for one in objects:
                _move_first(one, name)
            return
    for one in objects:
        taken = set[str]().union(*(other["properties"] for other in objects if other is not one))
        if own := [name for name in one["properties"] if name not in taken]:
            _move_first(one, own[0])


def _move_first(node: dict[str, Any], name: str) -> None:
    properties = node["properties"]
    node["properties"] = {name: properties[name], **properties}
    if name in node["required"]:
        node["required"] = list(node["properties"])
