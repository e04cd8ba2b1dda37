"""Example values of a JSON Schema, for answers and tool arguments without a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratatoskr.errors import ConfigurationError

_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "duration": "PT1S",
}
_LENGTH = 1000
_DEPTH = 8  # the depth at which a recursive schema ends, if it can end


def example_of(schema: Mapping[str, Any] | bool | None, name: str = "text") -> Any:
    """Return a small value that matches `schema` (JSON Schema, or Gemini's OpenAPI subset with types in capitals).

    The value of a string is the name of its property. `pattern` is ignored, and lengths end at 1000.

    Raises:
        ConfigurationError: `schema` is not a JSON Schema.
    """
    try:
        return _example(schema, schema if isinstance(schema, Mapping) else {}, name, 0)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"not a JSON Schema: {type(error).__name__}: {error}", field="schema") from None


def _example(schema: Any, root: Mapping[str, Any], name: str, depth: int) -> Any:
    if not isinstance(schema, Mapping):
        return name
    if "$ref" in schema:
        return _example(_resolve(schema["$ref"], root), root, name, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if examples := schema.get("examples"):
        return examples[0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _example(_first_choice(schema[key], depth), root, name, depth)
    if schema.get("allOf"):
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            whole = _resolve(part["$ref"], root) if "$ref" in part else part
            properties = {**merged.get("properties", {}), **whole.get("properties", {})}
            required = [*merged.get("required", ()), *whole.get("required", ())]
            merged = {**merged, **whole, **({"properties": properties} if properties else {}), "required": required}
        return _example(merged, root, name, depth)
    return _of_type(_type_of(schema), schema, root, name, depth)


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind).lower()


def _of_type(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], name: str, depth: int) -> Any:
    match kind:
        case "object":
            properties = schema.get("properties", {})
            wanted = properties if depth < _DEPTH else schema.get("required", ())
            return {key: _example(properties.get(key, {}), root, key, depth + 1) for key in wanted}
        case "array":
            count = min(schema.get("minItems", 1 if depth < _DEPTH else 0), _LENGTH)
            first = [_example(item, root, name, depth + 1) for item in schema.get("prefixItems", ())]
            rest = max(0, count - len(first)) if schema.get("items", True) is not False else 0
            return first + [_example(schema.get("items", {}), root, name, depth + 1) for _ in range(rest)]
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
    text = _FORMATS.get(schema.get("format", ""), name)
    shortest = min(schema.get("minLength", 0), _LENGTH)
    return text.ljust(shortest, "x")[: schema.get("maxLength", len(text) + shortest)]


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    low = schema.get("minimum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + (1 if whole else 0.5)
    high = schema.get("maximum")
    if high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - (1 if whole else 0.5)
    value = low if low is not None else high if high is not None and high < 1 else 1
    step = schema.get("multipleOf")
    if step:
        value = -(-value // step) * step
    return int(value) if whole else value


def _first_choice(choices: list[Any], depth: int) -> Any:
    """Return the first choice that is not null; at the depth limit, null if it is a choice."""
    null = [one for one in choices if isinstance(one, Mapping) and one.get("type") == "null"]
    others = [one for one in choices if one not in null]
    return (null or others)[0] if depth >= _DEPTH or not others else others[0]


def _resolve(ref: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        if step:
            found = found[step.replace("~1", "/").replace("~0", "~")]
    return found
