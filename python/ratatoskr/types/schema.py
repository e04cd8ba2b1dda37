"""JSON Schemas: the one of an answer, and a check that refuses obvious mistakes and leaves the rest to the provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.frozen import dataclass
from ratatoskr.types.part import MAX_DEPTH, depth_of
from ratatoskr.types.subschema import ALL_TYPES, subschemas
from ratatoskr.types.visible import quote

_NAME_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The JSON Schema of the answer's text.

    Attributes:
        name: 1 to 64 letters, digits, `_` and `-`.
        schema: the schema itself; what a provider does not take of it is rewritten, with a notice if that loses
            something.
        strict: ask the provider to guarantee it.
    """

    name: str
    schema: Mapping[str, Any]
    strict: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 1 <= len(self.name) <= 64 or not _NAME_LETTERS.issuperset(self.name):
            raise InvalidInput(
                f"response_format.name must be 1 to 64 letters, digits, _ and -, not {quote(self.name)}",
                field="response_format",
            )
        if not isinstance(self.schema, Mapping):
            raise InvalidInput("response_format.schema must be a JSON object", field="response_format")


def check_schema(schema: Mapping[str, Any], field: str) -> None:
    """Raise `InvalidInput(field=…)` if this is not a JSON Schema (draft 2020-12, validation vocabulary)."""
    if depth_of(dict(schema)) > MAX_DEPTH:
        raise InvalidInput(f"{field}: the schema is nested deeper than {MAX_DEPTH}", field=field)
    _check(schema, field, "")


def _check(node: Any, field: str, path: str) -> None:
    if isinstance(node, bool):
        return
    if not isinstance(node, Mapping):
        raise InvalidInput(f"{field}: {path or 'the schema'} must be an object", field=field)
    kind = node.get("type")
    kinds = [kind] if isinstance(kind, str) else kind if isinstance(kind, (list, tuple)) else []
    if "type" in node and (not kinds or not all(isinstance(k, str) and k.lower() in ALL_TYPES for k in kinds)):
        raise InvalidInput(f"{field}: {path}/type is {quote(kind)}, which is not a type of JSON Schema", field=field)
    for keyword, (what, is_valid) in _SHAPES.items():
        if keyword in node and not is_valid(node[keyword]):
            raise InvalidInput(f"{field}: {path}/{keyword} must be {what}", field=field)
    for place, child in subschemas(node):
        _check(child, field, f"{path}/{place}")


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_schema(value: Any) -> bool:
    return isinstance(value, (Mapping, bool))


_OBJECT = ("an object", lambda value: isinstance(value, Mapping))
_SCHEMAS = ("a list of schemas", _is_list)
_SHAPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "required": ("a list of names", lambda value: _is_list(value) and all(isinstance(name, str) for name in value)),
    "properties": _OBJECT,
    "$defs": _OBJECT,
    "definitions": _OBJECT,
    "patternProperties": _OBJECT,
    "anyOf": _SCHEMAS,
    "allOf": _SCHEMAS,
    "oneOf": _SCHEMAS,
    "prefixItems": _SCHEMAS,
    "items": ("a schema", lambda value: _is_schema(value) or _is_list(value)),
    "additionalProperties": ("a schema", _is_schema),
    "enum": ("a list of values", _is_list),
    "$ref": ("a text", lambda value: isinstance(value, str)),
}
"""What the keywords of structure must be; a list counts as one of schemas if its items are checked as such."""
