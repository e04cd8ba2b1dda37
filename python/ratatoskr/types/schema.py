"""JSON Schemas: the one of an answer, and a check that refuses obvious mistakes and leaves the rest to the provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.frozen import dataclass
from ratatoskr.types.part import MAX_DEPTH, depth_of
from ratatoskr.types.visible import quote

_TYPES = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})


_NAME_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The JSON Schema of the answer's text.

    Attributes:
        name: 1 to 64 letters, digits, `_` and `-`.
        schema: the schema itself, sent untouched.
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
    if "type" in node and (not kinds or not all(isinstance(k, str) and k.lower() in _TYPES for k in kinds)):
        raise InvalidInput(f"{field}: {path}/type is {quote(kind)}, which is not a type of JSON Schema", field=field)
    if not isinstance(node.get("required", []), (list, tuple)):
        raise InvalidInput(f"{field}: {path}/required must be a list of names", field=field)
    for keyword in ("properties", "$defs", "definitions", "patternProperties"):
        children = node.get(keyword, {})
        if not isinstance(children, Mapping):
            raise InvalidInput(f"{field}: {path}/{keyword} must be an object", field=field)
        for name, child in children.items():
            _check(child, field, f"{path}/{keyword}/{name}")
    for keyword in ("anyOf", "allOf", "oneOf"):
        if not isinstance(node.get(keyword, []), (list, tuple)):
            raise InvalidInput(f"{field}: {path}/{keyword} must be a list of schemas", field=field)
        for i, child in enumerate(node.get(keyword, ())):
            _check(child, field, f"{path}/{keyword}/{i}")
    if isinstance(node.get("items"), Mapping):
        _check(node["items"], field, f"{path}/items")
