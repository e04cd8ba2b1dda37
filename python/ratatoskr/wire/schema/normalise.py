"""A schema in a plain form: one reference or one union or one type, nothing that holds together with something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ratatoskr.types.subschema import admitted_types, find_reference
from ratatoskr.wire.schema.merge import ANNOTATIONS, merge_schemas
from ratatoskr.wire.schema.references import References

MAX_DEPTH = 96
"""Of the compiled schema, in which definitions may have been put in place of references."""


class UnsayableError(Exception):
    """A schema cannot be said within a subset.

    Attributes:
        path: where.
        reason: what there is.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path or "/"
        self.reason = reason


def kinds_of(node: Mapping[str, Any]) -> list[str]:
    """Return the types that a node names, or that its keywords are about."""
    kinds = node.get("type")
    if isinstance(kinds, str):
        return [kinds.lower()]
    if kinds is not None:
        return [kind.lower() for kind in kinds]
    if "properties" in node:
        return ["object"]
    return ["array"] if "items" in node or "prefixItems" in node else []


class Normaliser:
    """Brings the parts of one schema into a plain form.

    Attributes:
        dropped: the paths of what was left out.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.references = References(root)
        self.dropped: list[str] = []
        self._inlined = 0

    def find(self, ref: Any, path: str) -> Any:
        """Return what a reference stands for; raise `UnsayableError` if it is nothing in the schema."""
        try:
            return find_reference(ref, self.root)
        except LookupError:
            raise UnsayableError(path, f"it refers to {str(ref)[:80]!r}, which is not in the schema") from None

    def drop(self, path: str, words: Iterable[str]) -> None:
        """Note keywords that are left out."""
        self.dropped.extend(f"{path}/{word}" for word in sorted(words))

    def normalise(self, schema: Any, path: str, *, inline: bool = False) -> dict[str, Any]:
        """Return a schema with at most one of `$ref` and `anyOf`, and without `allOf` and `oneOf`.

        A reference stays only where nothing is beside it; `inline` puts its definition in its place in any case.
        """
        if schema is True:
            return {}
        if not isinstance(schema, Mapping):
            raise UnsayableError(path, "no value is valid")
        node = {keyword: value for keyword, value in schema.items() if keyword not in ("$defs", "definitions")}
        seen: set[str] = set()
        while "$ref" in node and (inline or len(node) > 1):
            ref = node.pop("$ref")
            if ref in seen:
                raise UnsayableError(path, "it refers to itself")
            seen.add(ref)
            if self.references.is_recursive(ref) and not inline:
                if not node.keys() <= ANNOTATIONS:
                    self.drop(path, node.keys() - ANNOTATIONS)
                said = {word: text for word, text in node.items() if word == "description"}
                return {"anyOf": [{"$ref": ref}], **said} if said else {"$ref": ref}
            node = self._merge(self.find(ref, path), node, path)
        self._inlined += 1
        for i, part in enumerate(node.pop("allOf", ())):
            if self._inlined > MAX_DEPTH:
                raise UnsayableError(path, "it refers to itself")
            node = self._merge(node, self.normalise(part, f"{path}/allOf/{i}", inline=True), path)
        self._inlined -= 1
        if "oneOf" in node:
            branches = node.pop("oneOf")
            if "anyOf" in node:
                self.drop(path, ["oneOf"])
            else:
                node["anyOf"] = branches
                if not self._are_disjoint(branches, node):
                    self.dropped.append(f"{path}/oneOf")
        return self._distribute(node, path) if "anyOf" in node else node

    def _merge(self, one: Any, other: Any, path: str) -> dict[str, Any]:
        one = {} if one is True else one
        merged = merge_schemas(one, other) if isinstance(one, Mapping) else None
        if merged is None:
            raise UnsayableError(path, "two schemas hold together that cannot be put into one")
        return {keyword: value for keyword, value in merged.items() if keyword not in ("$defs", "definitions")}

    def _distribute(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        """Return a union with what stands beside it put into each of its branches."""
        beside = {word: value for word, value in node.items() if word != "anyOf" and word not in ANNOTATIONS}
        if not beside:
            return node
        said = {word: value for word, value in node.items() if word in ANNOTATIONS}
        branches = []
        for branch in node["anyOf"]:
            plain = self.find(branch["$ref"], path) if isinstance(branch, Mapping) and "$ref" in branch else branch
            merged = merge_schemas(beside, {} if plain is True else plain) if plain is not False else None
            if merged is None:
                self.drop(path, ["anyOf"])
                return {**said, **beside}
            branches.append(merged)
        return {**said, "anyOf": branches}

    def _are_disjoint(self, branches: Iterable[Any], node: Mapping[str, Any]) -> bool:
        """Return whether a value can be valid under one branch only, as far as types and a discriminator show."""
        if "discriminator" in node:
            return True
        taken: set[str] = set()
        for branch in branches:
            kinds = admitted_types(branch, self.root)
            if taken & kinds:
                return False
            taken |= kinds
        return True
