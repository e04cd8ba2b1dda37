"""A quick look at a JSON Schema: what is wrong at a glance is refused here, the rest is the provider's to judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import MAX_DEPTH, depth_of

_TYPES = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})


def check_schema(schema: Mapping[str, Any], field: str) -> None:
    """Raise `InvalidInput(field=…)` if this cannot be a JSON Schema (draft 2020-12, the vocabulary of validation)."""
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
        raise InvalidInput(f"{field}: {path}/type is {kind!r}, which JSON Schema has not", field=field)
    if not isinstance(node.get("required", []), (list, tuple)):
        raise InvalidInput(f"{field}: {path}/required must be a list of names", field=field)
    for word in ("properties", "$defs", "definitions", "patternProperties"):
        children = node.get(word, {})
        if not isinstance(children, Mapping):
            raise InvalidInput(f"{field}: {path}/{word} must be an object", field=field)
        for name, child in children.items():
            _check(child, field, f"{path}/{word}/{name}")
    for word in ("anyOf", "allOf", "oneOf"):
        if not isinstance(node.get(word, []), (list, tuple)):
            raise InvalidInput(f"{field}: {path}/{word} must be a list of schemas", field=field)
        for i, child in enumerate(node.get(word, ())):
            _check(child, field, f"{path}/{word}/{i}")
    if isinstance(node.get("items"), Mapping):
        _check(node["items"], field, f"{path}/items")
