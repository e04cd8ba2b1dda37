"""Says a JSON Schema within what a vendor takes: without loss where it can, and less strictly where it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ratatoskr.types.subschema import ALL_TYPES, admitted_types, type_of
from ratatoskr.wire.schema.merge import ANNOTATIONS
from ratatoskr.wire.schema.normalise import MAX_DEPTH, Normaliser, UnsayableError, kinds_of
from ratatoskr.wire.schema.subsets import Subset
from ratatoskr.wire.schema.words import ABOUT, choose_words, count_of, describe_rest

MAX_NODES = 20_000
NO_OBJECT = "the root is not an object"


class Compiler:
    """Compiles one schema.

    Attributes:
        nullable: the paths of properties that are asked for as nullable, as they need not be given.
        forced: the paths of properties that are asked for although they need not be given.
        optional: how many properties are optional.
        unions: how many unions there are.
    """

    def __init__(self, schema: Any, subset: Subset) -> None:
        self.root = schema
        self.subset = subset
        self._plain = Normaliser(schema)
        self.nullable: list[str] = []
        self.forced: list[str] = []
        self.optional = 0
        self.unions = 0
        self._definitions: dict[str, Any] = {}
        self._nodes = 0

    @property
    def dropped(self) -> list[str]:
        """The paths of what was left out."""
        return self._plain.dropped

    def compile(self) -> dict[str, Any]:
        """Return the schema; raise `UnsayableError` if it cannot be said."""
        root = self._plain.normalise(self.root, "", inline=True)
        if self.subset.object_root and (kinds_of(root) != ["object"] or "anyOf" in root or "enum" in root):
            raise UnsayableError("", NO_OBJECT)
        compiled = self._node(root, "", 0)
        if self._definitions:
            compiled["$defs"] = self._definitions
        return compiled

    def compile_definition(self, name: str) -> dict[str, Any]:
        """Return one definition; raise `UnsayableError` if it cannot be said."""
        ref = f"#/$defs/{name}"
        return self._node(self._plain.find(ref, ref), ref, 0, ref)

    def _node(self, schema: Any, path: str, depth: int, owner: str = "#") -> dict[str, Any]:
        """Return a schema; `owner` is the definition that it is part of."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise UnsayableError(path, "it is too large")
        node = self._plain.normalise(schema, path)
        if "$ref" in node:
            return self._reference(node["$ref"], path, depth)
        if "anyOf" in node:
            return self._union(node, node["anyOf"], path, depth, owner)
        if "enum" in node or "const" in node:
            return self._values(node, path, depth, owner)
        kinds = kinds_of(node)
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

    def _reference(self, ref: str, path: str, depth: int) -> dict[str, Any]:
        """Return a reference, whose definition is compiled once."""
        target, seen = self._plain.find(ref, path), {ref}
        while isinstance(target, Mapping) and target.keys() == {"$ref"}:  # another name for the same
            ref = target["$ref"]
            if ref in seen:
                raise UnsayableError(path, "it refers to itself")
            seen.add(ref)
            target = self._plain.find(ref, path)
        if self._plain.references.is_recursive(ref):
            if self.subset.recursion == "never":
                raise UnsayableError(path, "it contains itself")
            if self.subset.recursion == "optional" and self._plain.references.has_no_way_out(ref):
                raise UnsayableError(path, "it contains itself, but not through a property")
        if ref == "#":
            return {"$ref": "#"}
        name = self._plain.references.name_of(ref)
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = self._node(target, f"/$defs/{name}", depth + 1, ref)
        return {"$ref": f"#/$defs/{name}"}

    def _anything(self, node: Mapping[str, Any], path: str) -> dict[str, Any]:
        if not self.subset.untyped or not node.keys() <= ANNOTATIONS:
            raise UnsayableError(path, "it has no type")
        return {word: text for word, text in node.items() if word in ("title", "description")}

    def _words(self, node: Mapping[str, Any], kinds: Iterable[str], path: str) -> dict[str, Any]:
        """Return what is sent besides the structure; the description tells what the vendor does not take."""
        sent, untold = choose_words(node, kinds, self.subset)
        return self._tell(sent, untold, path)

    def _tell(self, sent: dict[str, Any], untold: Mapping[str, Any], path: str) -> dict[str, Any]:
        self._plain.drop(path, untold)
        return describe_rest(sent, untold)

    def _count_union(self, path: str) -> None:
        self.unions += 1
        if self.subset.max_unions is not None and self.unions > self.subset.max_unions:
            raise UnsayableError(path, f"it has more than {self.subset.max_unions} unions")

    def _union(
        self, node: Mapping[str, Any], branches: Iterable[Any], path: str, depth: int, owner: str
    ) -> dict[str, Any]:
        compiled = [
            self._node(branch, f"{path}/anyOf/{i}", depth + 1, owner)
            for i, branch in enumerate(branches)
            if branch is not False
        ]
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
            beside = {word: value for word, value in node.items() if word in ABOUT}
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
        declared = set(kinds_of(node)) or ALL_TYPES
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
        required = self._required_names(node, path)
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

    def _required_names(self, node: Mapping[str, Any], path: str) -> list[str]:
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
        self._plain.drop(path, ["patternProperties"])
        children = list(patterns.values())
        return children[0] if len(children) == 1 and node.get("additionalProperties") is False else True

    def _property(
        self, name: str, child: Any, required: list[str], path: str, depth: int, owner: str
    ) -> dict[str, Any]:
        """Return a property; `required` is changed to what the vendor asks."""
        compiled = self._node(child, path, depth + 1, owner)
        if name in required:
            if self.subset.recursion == "optional" and self._plain.references.leads_back(child, owner):
                required.remove(name)
                self._plain.dropped.append(f"{path.rpartition('/properties/')[0]}/required/{name}")
            return compiled
        if self._is_tag(name, child, owner):
            required.append(name)
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

    def _is_tag(self, name: str, child: Any, owner: str) -> bool:
        """Return whether a property tells the branches of a union apart, or has its default as its only value."""
        if (owner, name) in self._plain.references.tags:
            return True
        return isinstance(child, Mapping) and "const" in child and child.get("default") == child["const"]

    def _array(self, node: Mapping[str, Any], path: str, depth: int, owner: str) -> dict[str, Any]:
        items, first = node.get("items", True), node.get("prefixItems", ())
        if isinstance(items, (list, tuple)):  # a tuple in draft 7
            first, items = items, node.get("additionalItems", True)
        most = count_of(node, "maxItems")
        if items is False and (most is None or most > len(first)):
            most = len(first)
            node = {**node, "maxItems": most}
        words = self._words(node, ["array"], path)
        if first:
            rest = items if most is None or most > len(first) else None
            return {"type": "array", **self._places(first, rest, words, path, depth, owner)}
        if most == 0:
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
    said = {word: text for word, text in schema.items() if word in ("title", "description")}
    inner = {word: value for word, value in schema.items() if word not in said}
    branches = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
    return {"anyOf": [*branches, {"type": "null"}], **said}
