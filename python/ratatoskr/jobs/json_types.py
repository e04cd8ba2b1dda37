"""Types of columns of JSON lines: the type of all values that a column has, and what Parquet holds for it.

| Values of a column                                      | In Parquet                                          |
|---------------------------------------------------------|-----------------------------------------------------|
| null alone                                              | null                                                |
| booleans; texts                                         | bool; string                                        |
| integers of 64 bits                                     | int64                                               |
| numbers, integers among them exact as floats            | float64                                             |
| lists; objects                                          | list; struct of all members, null where one is not  |
| objects without any member, of over 1,000 members       | string: the value as JSON                           |
| integers of more bits, or beyond 2**53 beside fractions | string: the value as JSON                           |
| numbers beyond float64, integers of thousands of digits | refused                                             |
| values of several of these kinds, or deeply nested ones | string: the value as JSON                           |
| objects of over 10,000 members, nested ones included    | string: the value as JSON                           |

The same holds for the items of lists and the members of objects.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

__all__ = ["ColumnType", "arrow_type", "decode_value", "is_large", "merge_types", "type_of"]

ColumnType: TypeAlias = "str | list[ColumnType] | dict[str, ColumnType]"
"""`null`, `bool`, `int`, `long` (an integer that no float holds), `float`, `str`, `json`; a list of the type of its
items; or the members of an object and their types."""

_EXACT: Final = 2**53
"""Integers up to this are exact as floats."""
_DEEPEST: Final = 16
_MOST_MEMBERS: Final = 1000
_MOST_IN_A_COLUMN: Final = 10_000
_COMMON: Final = {frozenset({"int", "long"}): "long", frozenset({"int", "float"}): "float"}
_NAMES: Final = {bool: "bool", float: "float", str: "str", type(None): "null"}


def type_of(value: Any, depth: int = 0) -> ColumnType:
    """Return the type of a value as it was decoded."""
    if isinstance(value, list | dict):
        if depth == _DEEPEST:
            return "json"
        if isinstance(value, dict):
            if len(value) > _MOST_MEMBERS:
                return "json"
            return {name: type_of(member, depth + 1) for name, member in value.items()}
        kind: ColumnType = "null"
        for item in _examples(value):
            kind = merge_types(kind, type_of(item, depth + 1))
        return [kind]
    if (name := _NAMES.get(type(value))) is not None:
        return name
    return "int" if abs(value) <= _EXACT else "long" if -(2**63) <= value < 2**63 else "json"


def _examples(items: list[Any]) -> list[Any]:
    """Return a few items, of plain values, that have all the types of a list; a list may be a vector of thousands."""
    kinds = set(map(type, items))
    if kinds & {list, dict}:
        return items
    integers = [item for item in items if type(item) is int] if int in kinds else []
    return [kind() for kind in kinds - {int}] + ([min(integers), max(integers)] if integers else [])


def merge_types(one: ColumnType, other: ColumnType) -> ColumnType:
    """Return the type that holds the values of both."""
    if other in (one, "null"):
        return one
    if one == "null":
        return other
    if isinstance(one, list) and isinstance(other, list):
        return [merge_types(one[0], other[0])]
    if isinstance(one, dict) and isinstance(other, dict):
        members = one | {name: merge_types(one.get(name, "null"), kind) for name, kind in other.items()}
        return members if len(members) <= _MOST_MEMBERS else "json"
    if isinstance(one, str) and isinstance(other, str):
        return _COMMON.get(frozenset({one, other}), "json")
    return "json"


def is_large(kind: ColumnType) -> bool:
    """Return whether a type has more members than a column of Parquet should."""
    members, kinds = 0, [kind]
    while kinds:
        kind = kinds.pop()
        kinds += kind.values() if isinstance(kind, dict) else kind if isinstance(kind, list) else []
        members += 1
    return members > _MOST_IN_A_COLUMN


def arrow_type(pa: Any, kind: ColumnType) -> Any:
    """Return the type of pyarrow."""
    if isinstance(kind, list):
        return pa.list_(arrow_type(pa, kind[0]))
    if isinstance(kind, dict) and kind:
        return pa.struct([(name, arrow_type(pa, member)) for name, member in kind.items()])
    types = {"null": pa.null(), "bool": pa.bool_(), "int": pa.int64(), "long": pa.int64(), "float": pa.float64()}
    return types.get(str(kind), pa.string())


def decode_value(kind: ColumnType, raw: msgspec.Raw | None) -> Any:
    """Return a value as pyarrow takes it for the type."""
    if raw is None or bytes(raw) == b"null":
        return None
    if kind in ("json", {}):
        return bytes(raw).decode()
    if kind == "float":
        return msgspec.json.decode(raw, type=float)
    if isinstance(kind, list) and _has_text_of_json(kind):
        return [decode_value(kind[0], item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    if isinstance(kind, dict) and _has_text_of_json(kind):
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        return {name: decode_value(member, members.get(name)) for name, member in kind.items()}
    return msgspec.json.decode(raw)


def _has_text_of_json(kind: ColumnType) -> bool:
    if isinstance(kind, list):
        return _has_text_of_json(kind[0])
    if isinstance(kind, dict):
        return not kind or any(map(_has_text_of_json, kind.values()))
    return kind == "json"
