"""Says a JSON Schema within what a vendor takes: without loss where it can, and less strictly where it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ratatoskr.types.subschema import ALL_TYPES, admitted_types, find_reference, type_of
from ratatoskr.wire.schema.merge import ANNOTATIONS, merge_schemas
from ratatoskr.wire.schema.patterns import TAKES
from ratatoskr.wire.schema.references import References
from ratatoskr.wire.schema.subsets import Subset

MAX_NODES = 20_000
MAX_DEPTH = 96
"""Of the compiled schema, in which definitions may have been put in place of references."""
_MAX_NOTE = 300
NO_OBJECT = "the root is not an object"

_STRUCTURE = frozenset(
    {
        "$defs",
        "$ref",
        "additionalItems",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "definitions",
        "enum",
        "items",
        "oneOf",
        "patternProperties",
        "prefixItems",
        "properties",
        "required",
        "type",
    }
)
_ABOUT: Mapping[str, str] = {
    "format": "string number integer",
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
    "minimum": "number integer",
    "maximum": "number integer",
    "exclusiveMinimum": "number integer",
    "exclusiveMaximum": "number integer",
    "multipleOf": "number integer",
    "minItems": "array",
    "maxItems": "array",
    "uniqueItems": "array",
    "contains": "array",
    "minContains": "array",
    "maxContains": "array",
    "unevaluatedItems": "array",
    "minProperties": "object",
    "maxProperties": "object",
    "propertyNames": "object",
    "dependentRequired": "object",
    "dependentSchemas": "object",
    "unevaluatedProperties": "object",
    "not": " ".join(ALL_TYPES),
    "if": " ".join(ALL_TYPES),
    "then": "",  # says nothing without `if`, which is named
    "else": "",
}
"""The types that an assertion is about: for all others it says nothing. What is not listed asserts nothing."""


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


class Compiler:
    """Compiles one schema.

    Attributes:
        dropped: the paths of what was left out.
        nullable: the paths of properties that are asked for as nullable, as they need not be given.
        forced: the paths of properties that are asked for although they need not be given.
        optional: how many properties are optional.
        unions: how many unions there are.
    """

    def __init__(self, schema: Any, subset: Subset) -> None:
        self.root = schema
        self.subset = subset
        self.references = References(schema)
        self.dropped: list[str] = []
        self.nullable: list[str] = []
        self.forced: list[str] = []
        self.optional = 0
        self.unions = 0
        self._definitions: dict[str, Any] = {}
        self._nodes = 0
        self._inlined = 0

    def compile(self) -> dict[str, Any]:
        """Return the schema; raise `UnsayableError` if it cannot be said."""
        root = self._normalise(self.root, "", inline=True)
        if self.subset.object_root and (self._kinds(root) != ["object"] or "anyOf" in root or "enum" in root):
            raise UnsayableError("", NO_OBJECT)
        compiled = self._node(root, "", 0)
        if self._definitions:
            compiled["$defs"] = self._definitions
        return compiled

    def _node(self, schema: Any, path: str, depth: int, owner: str = "#") -> dict[str, Any]:
        """Return a schema; `owner` is the definition that it is part of."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise UnsayableError(path, "it is too large")
        node = self._normalise(schema, path)
        if "$ref" in node:
            return self._reference(node["$ref"], path, depth)
        if "anyOf" in node:
            return self._union(node, node["anyOf"], path, depth, owner)
        if "enum" in node or "const" in node:
            return self._values(node, path, depth, owner)
        kinds = self._kinds(node)
        if not kinds:
            return self._anything(node, path)
        if len(kinds) > 1:
            return self._several(node, kinds, path, depth, owner)
        match kinds[0]:
            case "object":
                return self._object(node, path, depth, owner)
            case "array":
                return self._array(node, path, depth, owner)
        return {"type": kinds[0], **self._words(node, kinds, path)}

    def _normalise(self, schema: Any, path: str, *, inline: bool = False) -> dict[str, Any]:
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
                    self._drop(path, node.keys() - ANNOTATIONS)
                said = {word: text for word, text in node.items() if word == "description"}
                return {"anyOf": [{"$ref": ref}], **said} if said else {"$ref": ref}
            node = self._merge(self._find(ref, path), node, path)
        self._inlined += 1
        for i, part in enumerate(node.pop("allOf", ())):
            if self._inlined > MAX_DEPTH:
                raise UnsayableError(path, "it refers to itself")
            node = self._merge(node, self._normalise(part, f"{path}/allOf/{i}", inline=True), path)
        self._inlined -= 1
        if "oneOf" in node:
            branches = node.pop("oneOf")
            if "anyOf" in node:
                self._drop(path, ["oneOf"])
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
            plain = self._find(branch["$ref"], path) if isinstance(branch, Mapping) and "$ref" in branch else branch
            merged = merge_schemas(beside, {} if plain is True else plain) if plain is not False else None
            if merged is None:
                self._drop(path, ["anyOf"])
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

    def _find(self, ref: Any, path: str) -> Any:
        try:
            return find_reference(ref, self.root)
        except LookupError:
            raise UnsayableError(path, f"it refers to {str(ref)[:80]!r}, which is not in the schema") from None

    def _reference(self, ref: str, path: str, depth: int) -> dict[str, Any]:
        """Return a reference, whose definition is compiled once."""
        target = self._find(ref, path)
        if self.references.is_recursive(ref):
            if self.subset.recursion == "never":
                raise UnsayableError(path, "it contains itself")
            if self.subset.recursion == "optional" and self.references.has_no_way_out(ref):
                raise UnsayableError(path, "it contains itself, but not through a property")
        if ref == "#":
            return {"$ref": "#"}
        name = self.references.name_of(ref)
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = self._node(target, f"/$defs/{name}", depth + 1, ref)
        return {"$ref": f"#/$defs/{name}"}

    def _kinds(self, node: Mapping[str, Any]) -> list[str]:
        """Return the types that a node names, or that its keywords are about."""
        kinds = node.get("type")
        if isinstance(kinds, str):
            return [kinds.lower()]
        if kinds is not None:
            return [kind.lower() for kind in kinds]
        if "properties" in node:
            return ["object"]
        return ["array"] if "items" in node or "prefixItems" in node else []

    def _anything(self, node: Mapping[str, Any], path: str) -> dict[str, Any]:
        if not self.subset.untyped or not node.keys() <= ANNOTATIONS:
            raise UnsayableError(path, "it has no type")
        return {word: text for word, text in node.items() if word in ("title", "description")}

    def _words(self, node: Mapping[str, Any], kinds: Iterable[str], path: str) -> dict[str, Any]:
        """Return the annotations and assertions that the vendor takes; the description tells the others."""
        said, untold = dict[str, Any](), dict[str, Any]()
        for word, value in node.items():
            if word in ("title", "description") or (word == "default" and word in self.subset.general):
                said[word] = value
            elif word in ANNOTATIONS or word in _STRUCTURE or not set(kinds) & set(_ABOUT.get(word, "").split()):
                continue
            elif all(self._takes(word, value, kind) for kind in kinds if kind in _ABOUT[word].split()):
                said[word] = value
            else:
                untold[word] = value
                if word == "minItems" and self.subset.max_min_items is not None and value:
                    said[word] = self.subset.max_min_items
        return self._tell(said, untold, path) if untold else said

    def _takes(self, word: str, value: Any, kind: str) -> bool:
        if word not in self.subset.keywords.get(kind, ()):
            return False
        if word == "pattern":
            return isinstance(value, str) and TAKES[self.subset.patterns](value)
        if word == "format":
            return self.subset.formats is None or value in self.subset.formats
        limit = self.subset.max_min_items
        return word != "minItems" or limit is None or value <= limit

    def _tell(self, said: dict[str, Any], untold: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the words with what is left out told in the description."""
        self._drop(path, untold)
        note = ", ".join(f"{word}: {json.dumps(value, ensure_ascii=False)}" for word, value in untold.items())
        if len(note) <= _MAX_NOTE:
            description = said.get("description")
            said = {**said, "description": f"{description}\n\n{note}" if description else note}
        return said

    def _drop(self, path: str, words: Iterable[str]) -> None:
        self.dropped.extend(f"{path}/{word}" for word in sorted(words))

    def _count_union(self, path: str) -> None:
        self.unions += 1
        if self.subset.max_unions is not None and self.unions > self.subset.max_unions:
            raise UnsayableError(path, f"it has more than {self.subset.max_unions} unions")

    def _union(
        self, node: Mapping[str, Any], branches: Iterable[Any], path: str, depth: int, owner: str
    ) -> dict[str, Any]:
        compiled = [self._node(branch, f"{path}/anyOf/{i}", depth + 1, owner) for i, branch in enumerate(branches)]
        return self._join(compiled, self._words(node, (), path), path)

    def _join(self, branches: Iterable[dict[str, Any]], said: dict[str, Any], path: str) -> dict[str, Any]:
        """Return the union of compiled schemas, each once; a union among them is dissolved."""
        distinct: list[dict[str, Any]] = []
        for branch in branches:
            inner = branch["anyOf"] if branch.keys() == {"anyOf"} else [branch]
            distinct += [one for one in inner if one not in distinct]
        if not distinct:
            raise UnsayableError(path, "no value is valid")
        if not all(one.keys() - ANNOTATIONS for one in distinct):
            return said  # one of them has no type: any value is valid
        if len(distinct) == 1 and (not said or "$ref" not in distinct[0]):
            return {**distinct[0], **said}
        if len(distinct) > 1:
            self._count_union(path)
        return {"anyOf": distinct, **said}

    def _several(self, node: Mapping[str, Any], kinds: list[str], path: str, depth: int, owner: str) -> dict[str, Any]:
        """Return a schema of several types: a list of them where the vendor takes it, or a union."""
        if self.subset.type_lists and not {"object", "array"} & set(kinds):
            self._count_union(path)
            return {"type": kinds, **self._words(node, kinds, path)}
        inner = {word: value for word, value in node.items() if word not in ANNOTATIONS}
        branches = [{**inner, "type": kind} for kind in kinds]
        return self._union(node, branches, path, depth, owner)

    def _values(self, node: Mapping[str, Any], path: str, depth: int, owner: str) -> dict[str, Any]:
        """Return an enumeration, or a union of one for each type of its values."""
        groups = self._group_values(node, path)
        if len(groups) > 1:
            beside = {word: value for word, value in node.items() if word in _ABOUT}
            branches = [{**beside, "type": kind, "enum": group} for kind, group in groups.items()]
            return self._union(node, branches, path, depth, owner)
        ((kind, group),) = groups.items()
        said = self._words(node, [kind], path)
        if kind == "null" or (kind == "boolean" and len(group) == 2):
            return {"type": kind, **said}
        if kind not in self.subset.enums:
            return {"type": kind, **self._tell(said, {"enum": group}, path)}
        if "enum" not in node and "const" in self.subset.general:
            return {"type": kind, "const": group[0], **said}
        return {"type": kind, "enum": group, **said}

    def _group_values(self, node: Mapping[str, Any], path: str) -> dict[str, list[Any]]:
        """Return the valid values of `enum` or `const` by their types."""
        declared = set(self._kinds(node)) or ALL_TYPES
        declared |= {"integer"} if "number" in declared else set()
        groups: dict[str, list[Any]] = {}
        for value in node["enum"] if "enum" in node else [node["const"]]:
            if type_of(value) in declared and value == node.get("const", value):
                group = groups.setdefault(type_of(value), [])
                group += [value] if value not in group else []
        if {"integer", "number"} <= groups.keys():
            groups["number"] += groups.pop("integer")
        if not groups:
            raise UnsayableError(path, "no value is valid")
        if {"object", "array"} & groups.keys():
            raise UnsayableError(path, "its values are objects or arrays")
        return groups

    def _object(self, node: Mapping[str, Any], path: str, depth: int, owner: str) -> dict[str, Any]:
        properties, extra = node.get("properties"), node.get("additionalProperties")
        is_open = "patternProperties" in node or (extra is not False and (properties is None or extra is not None))
        if is_open and not self.subset.open_objects:
            raise UnsayableError(path, "it is an object whose members are not named")
        compiled: dict[str, Any] = {"type": "object"}
        required = self._required(node, path)
        if properties is not None:
            compiled["properties"] = {
                name: self._property(name, child, required, f"{path}/properties/{name}", depth, owner)
                for name, child in properties.items()
            }
        if required or self.subset.all_required or "required" in node:
            named = [name for name in properties or () if name in required]
            compiled["required"] = [*named, *(name for name in required if name not in named)]
        others = self._others(node, path)
        if not self.subset.open_objects:
            compiled["additionalProperties"] = False
        elif isinstance(others, Mapping) and others:
            compiled["additionalProperties"] = self._node(others, f"{path}/additionalProperties", depth + 1, owner)
        elif others is not None:
            compiled["additionalProperties"] = others is not False
        return {**compiled, **self._words(node, ["object"], path)}

    def _required(self, node: Mapping[str, Any], path: str) -> list[str]:
        properties = node.get("properties") or {}
        required = list(dict.fromkeys(node.get("required", ())))
        unnamed = [name for name in required if name not in properties]
        if unnamed and not self.subset.open_objects:
            raise UnsayableError(path, f"{unnamed[0]!r:.80} is required, but not among its properties")
        return required

    def _others(self, node: Mapping[str, Any], path: str) -> Any:
        """Return `additionalProperties`, which also stands for members that are described by their names' patterns."""
        patterns = node.get("patternProperties")
        if not patterns:
            return node.get("additionalProperties")
        self._drop(path, ["patternProperties"])
        children = list(patterns.values())
        return children[0] if len(children) == 1 and node.get("additionalProperties") is False else True

    def _property(
        self, name: str, child: Any, required: list[str], path: str, depth: int, owner: str
    ) -> dict[str, Any]:
        """Return a property; `required` is changed to what the vendor asks."""
        compiled = self._node(child, path, depth + 1, owner)
        if name in required:
            if self.subset.recursion == "optional" and self.references.leads_back(child, owner):
                required.remove(name)
                self.dropped.append(f"{path.rpartition('/properties/')[0]}/required/{name}")
            return compiled
        is_nullable = "null" in admitted_types(child, self.root)
        if self.subset.all_required:
            required.append(name)
            if not is_nullable:
                self.nullable.append(path)
                compiled = _with_null(compiled)
        elif self.subset.max_optional is not None:
            if is_nullable or self.optional >= self.subset.max_optional:
                required.append(name)
                if not is_nullable:
                    self.forced.append(path)
            else:
                self.optional += 1
        return compiled

    def _array(self, node: Mapping[str, Any], path: str, depth: int, owner: str) -> dict[str, Any]:
        items, first = node.get("items", True), node.get("prefixItems", ())
        if isinstance(items, (list, tuple)):  # a tuple in draft 7
            first, items = items, node.get("additionalItems", True)
        if items is False:
            node = {**node, "maxItems": min(len(first), node.get("maxItems", len(first)))}
        words = self._words(node, ["array"], path)
        if first:
            rest = items if node.get("maxItems", len(first) + 1) > len(first) else None
            return {"type": "array", **self._places(first, rest, words, path, depth, owner)}
        if node.get("maxItems") == 0:
            items = {"type": "null"}  # for an empty array it does not matter which
        return {"type": "array", "items": self._node(items, f"{path}/items", depth + 1, owner), **words}

    def _places(
        self, first: Iterable[Any], rest: Any, words: dict[str, Any], path: str, depth: int, owner: str
    ) -> dict[str, Any]:
        """Return what a tuple's places hold: each its own, or any of all of them where the vendor takes no tuples."""
        places = [self._node(one, f"{path}/prefixItems/{i}", depth + 1, owner) for i, one in enumerate(first)]
        others = [] if rest is None else [self._node(rest, f"{path}/items", depth + 1, owner)]
        if "prefixItems" in self.subset.general:
            return {"prefixItems": places, **({"items": others[0]} if others else {}), **words}
        if any(one != places[0] for one in (*places, *others)):
            words = self._tell(words, {"prefixItems": [_name_type(one) for one in first]}, path)
        return {"items": self._join([*places, *others], {}, path), **words}


def _name_type(schema: Any) -> str:
    """Return a few words for a schema."""
    if not isinstance(schema, Mapping):
        return "any"
    return str(schema.get("title") or str(schema.get("$ref", "")).rpartition("/")[2] or schema.get("type") or "any")


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a compiled schema that also admits null."""
    said = {word: schema[word] for word in ("title", "description") if word in schema and "$ref" not in schema}
    inner = {word: value for word, value in schema.items() if word not in said}
    branches = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
    return {"anyOf": [*branches, {"type": "null"}], **said}
