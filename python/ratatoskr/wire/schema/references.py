"""The references of a schema: which of its parts contain themselves, and through what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ratatoskr.types.subschema import find_reference, subschemas

_ODD_LETTERS = re.compile(r"[^\w.-]")
"""What a JSON pointer would escape, and more."""


class References:
    """The references of one schema, found once for each.

    Attributes:
        tags: references to branches of a union, each with the name of the property that is the discriminator.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._direct: dict[tuple[str, bool], frozenset[str]] = {}
        self._reached: dict[tuple[str, bool], frozenset[str]] = {}
        self._names: dict[str, str] = {}
        self.tags = frozenset(_find_tags(root))

    def is_recursive(self, ref: str) -> bool:
        """Return whether what a reference stands for contains the reference again."""
        return ref in self._reach(ref, through_properties=True)

    def has_no_way_out(self, ref: str) -> bool:
        """Return whether it contains itself through something other than a property."""
        return ref in self._reach(ref, through_properties=False)

    def leads_back(self, schema: Any, owner: str) -> bool:
        """Return whether a schema contains the definition of which it is part."""
        refs = frozenset(_references(schema, through_properties=True))
        return owner in refs or any(owner in self._reach(ref, through_properties=True) for ref in refs)

    def name_of(self, ref: str) -> str:
        """Return the name under which a definition is sent."""
        if ref not in self._names:
            wanted = name = _ODD_LETTERS.sub("_", unquote(ref.rpartition("/")[2]))
            count = 1
            while name in self._names.values():
                count += 1
                name = f"{wanted}_{count}"
            self._names[ref] = name
        return self._names[ref]

    def _reach(self, ref: str, *, through_properties: bool) -> frozenset[str]:
        key = (ref, through_properties)
        if key not in self._reached:
            reached: set[str] = set()
            queue = [ref]
            while queue:
                new = self._direct_of(queue.pop(), through_properties=through_properties) - reached
                reached |= new
                queue.extend(new)
            self._reached[key] = frozenset(reached)
        return self._reached[key]

    def _direct_of(self, ref: str, *, through_properties: bool) -> frozenset[str]:
        key = (ref, through_properties)
        if key not in self._direct:
            try:
                target = find_reference(ref, self._root)
            except LookupError:
                target = {}
            self._direct[key] = frozenset(_references(target, through_properties=through_properties))
        return self._direct[key]


def _references(schema: Any, *, through_properties: bool) -> Iterator[str]:
    """Yield the references in a schema, without those in definitions; or also without those in properties."""
    queue = [schema]
    while queue:
        node = queue.pop()
        if isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for path, child in subschemas(node):
            keyword = path.partition("/")[0]
            if keyword in ("$defs", "definitions") or (keyword == "properties" and not through_properties):
                continue
            queue.append(child)


def _find_tags(schema: Any) -> Iterator[tuple[str, str]]:
    queue = [schema]
    while queue:
        node = queue.pop()
        queue.extend(child for _, child in subschemas(node))
        discriminator = node.get("discriminator") if isinstance(node, Mapping) else None
        name = discriminator.get("propertyName") if isinstance(discriminator, Mapping) else None
        if isinstance(name, str):
            branches = (*node.get("oneOf", ()), *node.get("anyOf", ()))
            refs = [branch.get("$ref") for branch in branches if isinstance(branch, Mapping)]
            yield from ((ref, name) for ref in refs if isinstance(ref, str))
