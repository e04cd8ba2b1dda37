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
    return _AbsenceReader(schema).read(value, schema, MAX_DEPTH)


class _AbsenceReader:
    """Reads one value by one schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[tuple[int, int], bool] = {}

    def read(self, value: Any, node: Any, depth: int) -> Any:
        node = self._resolve(node)
        if not isinstance(value, (dict, list)) or not isinstance(node, Mapping) or depth == 0:
            return value
        for part in node.get("allOf", ()):
            value = self.read(value, part, depth - 1)
        branches = (*node.get("anyOf", ()), *node.get("oneOf", ()))
        branch = next((one for one in branches if self._suits(value, one, depth)), None)
        if branch is not None:
            value = self.read(value, branch, depth - 1)
        if isinstance(value, list):
            return [self.read(item, self._place(node, i), depth - 1) for i, item in enumerate(value)]
        return {
            name: self.read(member, self._member(node, name), depth - 1)
            for name, member in value.items()
            if not self._is_absent(member, node, name)
        }

    def _is_absent(self, member: Any, node: Mapping[str, Any], name: str) -> bool:
        """Return whether a member is null, optional, and cannot be null."""
        if member is not None or name in node.get("required", ()):
            return False
        child = node.get("properties", {}).get(name, True)
        return "null" not in admitted_types(child, self._root)

    def _suits(self, value: Any, node: Any, depth: int) -> bool:
        """Return whether a schema describes a value, as far as types, names and enumerations show."""
        key = (id(value), id(node))
        if key not in self._known:
            self._known[key] = False  # what a schema that refers to itself adds
            self._known[key] = depth == 0 or self._describes(value, self._resolve(node), depth)
        return self._known[key]

    def _describes(self, value: Any, node: Any, depth: int) -> bool:
        if type_of(value) not in admitted_types(node, self._root):
            return False
        if not isinstance(node, Mapping):
            return True
        if value not in node.get("enum", (value,)) or value != node.get("const", value):
            return False
        branches = (*node.get("anyOf", ()), *node.get("oneOf", ()))
        if branches and not any(self._suits(value, branch, depth - 1) for branch in branches):
            return False
        if not all(self._suits(value, part, depth - 1) for part in node.get("allOf", ())):
            return False
        if isinstance(value, list):
            return all(self._suits(item, self._place(node, i), depth - 1) for i, item in enumerate(value))
        if not isinstance(value, dict) or "properties" not in node:
            return True
        unknown = value.keys() - node["properties"].keys()
        return (
            (not unknown or bool(node.get("additionalProperties")))
            and all(name in value or name not in node.get("required", ()) for name in node["properties"])
            and all(
                self._is_absent(member, node, name) or self._suits(member, self._member(node, name), depth - 1)
                for name, member in value.items()
            )
        )

    def _resolve(self, node: Any) -> Any:
        """Return what a chain of references leads to."""
        for _ in range(MAX_DEPTH):
            if not isinstance(node, Mapping) or "$ref" not in node:
                break
            try:
                node = find_reference(node["$ref"], self._root)
            except LookupError:
                return None
        return node

    @staticmethod
    def _member(node: Mapping[str, Any], name: str) -> Any:
        return node.get("properties", {}).get(name, node.get("additionalProperties", True))

    @staticmethod
    def _place(node: Mapping[str, Any], i: int) -> Any:
        first = node.get("prefixItems", ())
        return first[i] if i < len(first) else node.get("items", True)
