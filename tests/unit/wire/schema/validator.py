"""A small validator of JSON Schema, for what the compiler writes; a keyword that it does not know is an error."""

from __future__ import annotations

import re
from typing import Any

IGNORED = {"title", "description", "default", "$defs", "format"}
TYPES: dict[str, Any] = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and v == int(v),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def is_number(value: Any) -> bool:
    return TYPES["number"](value)


def is_multiple(value: Any, step: Any) -> bool:
    return abs(value / step - round(value / step)) < 1e-9


def equal(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


ASSERTIONS: dict[str, Any] = {
    "minimum": lambda v, n: not is_number(v) or v >= n,
    "maximum": lambda v, n: not is_number(v) or v <= n,
    "exclusiveMinimum": lambda v, n: not is_number(v) or v > n,
    "exclusiveMaximum": lambda v, n: not is_number(v) or v < n,
    "multipleOf": lambda v, n: not is_number(v) or is_multiple(v, n),
    "minLength": lambda v, n: not isinstance(v, str) or len(v) >= n,
    "maxLength": lambda v, n: not isinstance(v, str) or len(v) <= n,
    "pattern": lambda v, p: not isinstance(v, str) or re.search(p, v) is not None,
    "minItems": lambda v, n: not isinstance(v, list) or len(v) >= n,
    "maxItems": lambda v, n: not isinstance(v, list) or len(v) <= n,
    "uniqueItems": lambda v, on: not (on and isinstance(v, list)) or len({repr(i) for i in v}) == len(v),
    "minProperties": lambda v, n: not isinstance(v, dict) or len(v) >= n,
    "maxProperties": lambda v, n: not isinstance(v, dict) or len(v) <= n,
    "required": lambda v, names: not isinstance(v, dict) or all(name in v for name in names),
    "enum": lambda v, values: any(equal(v, one) for one in values),
    "const": equal,
    "type": lambda v, kinds: any(TYPES[kind](v) for kind in ([kinds] if isinstance(kinds, str) else kinds)),
}


def resolve(ref: str, root: Any) -> Any:
    found = root
    for step in ref.split("/")[1:]:
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def is_valid(value: Any, schema: Any, root: Any) -> bool:
    """Return whether a JSON value is valid."""
    if isinstance(schema, bool):
        return schema
    for keyword, argument in schema.items():
        match keyword:
            case "$ref":
                valid = is_valid(value, resolve(argument, root), root)
            case "anyOf":
                valid = any(is_valid(value, branch, root) for branch in argument)
            case "properties":
                valid = not isinstance(value, dict) or all(
                    is_valid(value[name], child, root) for name, child in argument.items() if name in value
                )
            case "additionalProperties":
                others = value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ()
                valid = all(is_valid(value[name], argument, root) for name in others)
            case "prefixItems":
                valid = not isinstance(value, list) or all(
                    is_valid(item, child, root) for item, child in zip(value, argument, strict=False)
                )
            case "items":
                rest = value[len(schema.get("prefixItems", ())) :] if isinstance(value, list) else ()
                valid = all(is_valid(item, argument, root) for item in rest)
            case _ if keyword in IGNORED:
                continue
            case _:
                valid = ASSERTIONS[keyword](value, argument)
        if not valid:
            return False
    return True
