"""What each vendor's page says that it takes of JSON Schema, as a check of one schema; read 2026-11.

They are written from the pages alone and share nothing with the package's table: a keyword that a page does not list is
a fault. Each function returns the faults that it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]
Faults = list[str]

BASIC = {"type", "properties", "required", "items", "anyOf", "enum", "$ref", "$defs", "title", "description"}


def walk(node: Schema) -> Iterator[Schema]:
    """Yield a schema and all schemas inside it."""
    yield node
    inside = [*node.get("properties", {}).values(), *node.get("$defs", {}).values()]
    inside += [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ()), *node.get("prefixItems", ())]
    inside += [node[word] for word in ("items", "additionalProperties") if isinstance(node.get(word), dict)]
    for child in inside:
        yield from walk(child)


def target(ref: str, root: Schema) -> Schema:
    assert ref == "#" or re.fullmatch(r"#/\$defs/[^/]+", ref), ref
    return root if ref == "#" else root["$defs"][ref.removeprefix("#/$defs/")]


def refs_of(node: Schema, *, also_optional: bool = True) -> set[str]:
    """Return the references in a schema; without those in properties that need not be given, if asked so."""
    found = {node["$ref"]} if "$ref" in node else set()
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for child in node.get(word, ()):
            found |= refs_of(child, also_optional=also_optional)
    for word in ("items", "additionalProperties"):
        if isinstance(node.get(word), dict):
            found |= refs_of(node[word], also_optional=also_optional)
    for name, child in node.get("properties", {}).items():
        if also_optional or name in node.get("required", ()):
            found |= refs_of(child, also_optional=also_optional)
    return found


def contains_itself(root: Schema, *, also_optional: bool = True) -> bool:
    """Return whether following references can go on for ever."""

    def goes_on(ref: str, path: tuple[str, ...]) -> bool:
        if ref in path:
            return True
        return any(goes_on(one, (*path, ref)) for one in refs_of(target(ref, root), also_optional=also_optional))

    return any(goes_on(ref, ()) for ref in refs_of(root, also_optional=also_optional))


def unlisted(root: Schema, listed: set[str]) -> Faults:
    return [f"{word} is not listed" for node in walk(root) for word in node if word not in listed]


def not_closed(root: Schema) -> Faults:
    objects = [node for node in walk(root) if node.get("type") == "object"]
    return ["an object is not closed" for node in objects if node.get("additionalProperties") is not False]


def beside_refs(root: Schema) -> Faults:
    return ["words beside $ref" for node in walk(root) if "$ref" in node and len(node) > 1]


def untyped(root: Schema) -> Faults:
    kinds = {"type", "anyOf", "$ref", "enum", "const"}
    return ["a schema without a type" for node in walk(root) if not kinds & node.keys()]


def odd_formats(root: Schema, formats: str) -> Faults:
    found = [node["format"] for node in walk(root) if "format" in node]
    return [f"format {one}" for one in found if one not in formats.split()]


def odd_patterns(root: Schema, refused: str) -> Faults:
    found = [node["pattern"] for node in walk(root) if "pattern" in node]
    return [f"pattern {one}" for one in found if re.search(refused, one)]


LOOKS_AROUND = r"\(\?[=!<]|\\[1-9bBkpP]"


def openai(root: Schema) -> Faults:
    """https://developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas"."""
    listed = BASIC | {"additionalProperties", "const", "pattern", "format", "minItems", "maxItems"}
    listed |= {"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"}
    faults = [*unlisted(root, listed), *not_closed(root), *beside_refs(root), *untyped(root)]
    faults += odd_formats(root, "date-time time date duration email hostname ipv4 ipv6 uuid")
    faults += odd_patterns(root, LOOKS_AROUND)
    if root.get("type") != "object" or "anyOf" in root:
        faults.append("the root is no object")
    for node in walk(root):
        if set(node.get("properties", ())) != set(node.get("required", ())):
            faults.append("not all required")
        if "anyOf" in node:
            branches = [target(one["$ref"], root) if "$ref" in one else one for one in node["anyOf"]]
            firsts = [next(iter(one["properties"].items())) for one in branches if one.get("properties")]
            for i, (name, child) in enumerate(firsts):
                same = [
                    other for other, its in firsts[:i] if other == name and its.get("const", 0) == child.get("const", 0)
                ]
                if same and "enum" not in child:
                    faults.append("identical first keys")
    if sum(len(node.get("properties", ())) for node in walk(root)) > 5000:
        faults.append("more than 5000 properties")
    if sum(len(node.get("enum", ())) for node in walk(root)) > 1000:
        faults.append("more than 1000 values")
    return faults


def openai_fine_tuned(root: Schema) -> Faults:
    """The same page: what fine-tuned models additionally do not support."""
    more = {"minLength", "maxLength", "pattern", "format", "minimum", "maximum", "multipleOf", "patternProperties"}
    more |= {"minItems", "maxItems"}
    return openai(root) + [f"{word} with a fine-tuned model" for node in walk(root) for word in node if word in more]


def anthropic(root: Schema) -> Faults:
    """https://platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations"."""
    faults = unlisted(root, BASIC | {"additionalProperties", "const", "default", "format", "pattern", "minItems"})
    faults += [*not_closed(root), *untyped(root)]
    faults += odd_formats(root, "date-time time date duration email hostname uri ipv4 ipv6 uuid")
    faults += odd_patterns(root, LOOKS_AROUND)
    faults += [f"minItems {node['minItems']}" for node in walk(root) if node.get("minItems", 0) > 1]
    faults += [
        "complex enum" for node in walk(root) for value in node.get("enum", ()) if isinstance(value, (dict, list))
    ]
    if contains_itself(root):
        faults.append("recursion")
    optional = sum(len(node.get("properties", {}).keys() - set(node.get("required", ()))) for node in walk(root))
    unions = sum("anyOf" in node or isinstance(node.get("type"), list) for node in walk(root))
    return faults + (["optional parameters"] if optional > 24 else []) + (["union types"] if unions > 16 else [])


def gemini(root: Schema) -> Faults:
    """https://ai.google.dev/api/generate-content, `GenerationConfig.responseJsonSchema`."""
    listed = BASIC | {"$id", "$anchor", "format", "prefixItems", "minItems", "maxItems", "minimum", "maximum", "oneOf"}
    faults = [*unlisted(root, listed | {"additionalProperties"}), *beside_refs(root)]
    for node in walk(root):
        faults += ["enum of other values" for one in node.get("enum", ()) if isinstance(one, (bool, dict, list))]
        faults += ["enum of other values" for one in node.get("enum", ()) if one is None]
    if contains_itself(root, also_optional=False):
        faults.append("a cycle through what must be given")
    return faults


def groq(root: Schema) -> Faults:
    """https://console.groq.com/docs/structured-outputs, "Strict mode": all required, closed."""
    missing = [node for node in walk(root) if set(node.get("properties", ())) != set(node.get("required", ()))]
    return not_closed(root) + ["not all required" for _ in missing]


def mistral(root: Schema) -> Faults:
    """https://docs.mistral.ai/capabilities/structured-output: no list; the SDK closes objects."""
    return not_closed(root) + beside_refs(root)


def xai(root: Schema) -> Faults:
    """https://docs.x.ai/developers/model-capabilities/text/structured-outputs, "JSON Schema support"."""
    faults = ["a circular reference"] if contains_itself(root) else []
    faults += odd_patterns(root, LOOKS_AROUND + r"|\(\?[a-z]|^(?!\^)|(?<!\$)$")
    for node in walk(root):
        faults += ["no variants" for word in ("enum", "anyOf") if word in node and not node[word]]
        faults += [
            "a property that is true or false" for one in node.get("properties", {}).values() if one in (True, False)
        ]
        faults += [f"{word} is refused" for word in ("minContains", "maxContains") if word in node]
        faults += ["items is a list"] if isinstance(node.get("items"), list) else []
    return faults + unlisted(
        root,
        BASIC
        | {
            "const",
            "default",
            "oneOf",
            "allOf",
            "additionalProperties",
            "prefixItems",
            "format",
            "pattern",
            "uniqueItems",
        }
        | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
        | {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems"},
    )


def cerebras(root: Schema) -> Faults:
    """https://inference-docs.cerebras.ai/capabilities/structured-outputs: closed, all required, no recursion."""
    faults = [*groq(root), *unlisted(root, BASIC | {"additionalProperties", "const"})]
    faults += ["a list of types" for node in walk(root) if isinstance(node.get("type"), list)]
    return faults + (["recursion"] if contains_itself(root) else [])


def ollama(root: Schema) -> Faults:
    """https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md, "known limitations"."""
    faults = [
        f"{word} is not supported" for node in walk(root) for word in node if word in ("prefixItems", "uniqueItems")
    ]
    ranges = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    for node in walk(root):
        if ranges & node.keys() and node.get("type") != "integer":
            faults.append("a range of something other than integers")
        if "properties" in node and "anyOf" in node:
            faults.append("properties beside anyOf")
        pattern = node.get("pattern", "^$")
        if not pattern.startswith("^") or not pattern.endswith("$") or re.search(r"\\[a-zA-Z]", pattern):
            faults.append(f"pattern {pattern}")
    return faults + beside_refs(root) + odd_formats(root, "date time date-time uuid")


def compatible(root: Schema) -> Faults:
    """No page: the shape that OpenAI asks for."""
    return groq(root) + beside_refs(root) + untyped(root)


CHECKERS: dict[str, Callable[[Schema], Faults]] = {
    "anthropic": anthropic,
    "cerebras": cerebras,
    "compatible": compatible,
    "gemini": gemini,
    "groq": groq,
    "mistral": mistral,
    "ollama": ollama,
    "openai": openai,
    "openai_fine_tuned": openai_fine_tuned,
    "xai": xai,
}
