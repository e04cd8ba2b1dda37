"""Types of Parquet and Arrow columns, and what each format of the output holds for them.

`_TABLE` has a row for every type that pyarrow has; extensions are held as far as their storage is, and a type of types,
such as a list of times, as far as its parts are. Parquet holds dictionaries of texts and of bytes; others become plain
values.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

__all__ = ["NotHeldError", "convert_column", "held_type"]

Held: TypeAlias = Literal["same", "text", "count", "parts", "values", "storage", "no"]
"""`same`: as it is; `text` and `count`: as a text or an integer; `parts`: as its parts are; `values`: as its plain
values; `storage`: as it is, if its storage is; `no`: not at all."""

_TABLE: Final[tuple[tuple[str, Held, Held], ...]] = (
    # pyarrow.types.is_…, and a unit; in JSON lines; in Parquet
    ("null", "same", "same"),
    ("boolean", "same", "same"),
    ("integer", "same", "same"),
    ("floating", "same", "same"),  # NaN and infinities are null in JSON
    ("decimal", "same", "same"),  # a text in JSON
    ("string", "same", "same"),
    ("large_string", "same", "same"),
    ("string_view", "same", "same"),
    ("binary", "same", "same"),  # base64 in JSON
    ("large_binary", "same", "same"),
    ("binary_view", "same", "same"),
    ("fixed_size_binary", "same", "same"),
    ("date", "same", "same"),  # ISO 8601 in JSON; date64 has days in Parquet
    ("time ns", "text", "same"),  # of Python's types, none has nanoseconds
    ("time", "same", "same"),  # seconds are milliseconds in Parquet
    ("timestamp ns", "text", "same"),
    ("timestamp", "same", "same"),
    ("duration ns", "count", "same"),
    ("duration", "same", "same"),
    ("interval", "same", "no"),  # a list of months, days and nanoseconds in JSON
    ("list", "parts", "parts"),
    ("large_list", "parts", "parts"),
    ("fixed_size_list", "parts", "parts"),
    ("list_view", "parts", "parts"),
    ("large_list_view", "parts", "parts"),
    ("map", "parts", "parts"),  # a list of pairs in JSON
    ("struct", "parts", "parts"),
    ("union", "parts", "no"),
    ("dictionary", "values", "values"),
    ("run_end_encoded", "values", "values"),
)


class NotHeldError(Exception):
    """A format of the output does not hold a type; the message says why."""


def held_type(pa: Any, kind: Any, sink: str) -> Any:
    """Return the type that a format of the output holds for a type.

    Raises:
        NotHeldError: it holds none.
    """
    how = _find_row(pa, kind)[sink == "parquet"]
    match how:
        case "same":
            return kind
        case "text":
            return pa.string()
        case "count":
            return pa.int64()
        case "parts":
            return _of_parts(pa, kind, sink)
        case "values":
            return _of_values(pa, kind, sink)
        case "storage":
            if held_type(pa, kind.storage_type, sink) == kind.storage_type:
                return kind
            raise NotHeldError(f"the storage of {kind} has no form of its own")
        case _:
            raise NotHeldError(f"there is no such type as {kind} in {_TITLES[sink]}")


_TITLES: Final = {"jsonl": "JSON lines", "parquet": "Parquet"}


def _find_row(pa: Any, kind: Any) -> tuple[Held, Held]:
    for name, jsonl, parquet in _TABLE:
        family, _, unit = name.partition(" ")
        is_family = getattr(pa.types, f"is_{family}", None)  # absent where pyarrow is older
        if is_family is not None and is_family(kind) and unit in {"", getattr(kind, "unit", "")}:
            return jsonl, parquet
    is_extension = isinstance(kind, pa.BaseExtensionType)
    return ("storage", "storage") if is_extension else ("no", "no")


def _of_parts(pa: Any, kind: Any, sink: str) -> Any:
    fields = [kind.field(place) for place in range(kind.num_fields)]
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        names = [field.name for field in fields]
        if len(set(names)) != len(names) and pa.types.is_struct(kind):
            raise NotHeldError(f"two members of {kind} have one name")
        if not names and sink == "parquet":
            raise NotHeldError("a struct without members cannot be in Parquet")
    if pa.types.is_fixed_size_list(kind) and not kind.list_size and sink == "parquet":
        raise NotHeldError("a list of size 0 cannot be in Parquet")
    if pa.types.is_map(kind):
        key, item = held_type(pa, kind.key_type, sink), held_type(pa, kind.item_type, sink)
        return kind if (key, item) == (kind.key_type, kind.item_type) else pa.map_(key, item)
    held = [field.with_type(held_type(pa, field.type, sink)) for field in fields]
    if held == fields:
        return kind
    if pa.types.is_struct(kind):
        return pa.struct(held)
    if pa.types.is_list(kind):
        return pa.list_(held[0])
    if pa.types.is_large_list(kind):
        return pa.large_list(held[0])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(held[0], kind.list_size)
    raise NotHeldError(f"what {kind} holds has another form in {_TITLES[sink]}")


def _of_values(pa: Any, kind: Any, sink: str) -> Any:
    held = held_type(pa, kind.value_type, sink)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    if sink == "jsonl":
        return kind if held == kind.value_type else held
    if pa.types.is_dictionary(kind) and any(test(held) for test in texts):
        return kind
    if pa.types.is_string_view(held):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(held) else held


def convert_column(pa: Any, column: Any, kind: Any, sink: str) -> Any:
    """Return a column as the type that `held_type` returned for its own."""
    if column.type == kind:
        if sink == "parquet" and pa.types.is_dictionary(kind):
            return pa.chunked_array([_without_null_entries(pa, chunk) for chunk in column.chunks], kind)
        return column
    if pa.types.is_dictionary(column.type) and kind != pa.string():
        values = [chunk.dictionary.take(chunk.indices) for chunk in column.chunks]
        column = pa.chunked_array(values, column.type.value_type)
    if sink == "jsonl" or column.type == kind:
        return column.cast(kind)
    # As Python's values, because neither casts nor `take` work on all views, encodings and dictionaries within others.
    return pa.chunked_array([pa.array(chunk.to_pylist(), kind) for chunk in column.chunks], kind)


def _without_null_entries(pa: Any, array: Any) -> Any:
    """Return a dictionary array whose nulls are those of the array; Parquet's writer takes no others."""
    if not array.dictionary.null_count:
        return array
    encoded = array.dictionary.take(array.indices).dictionary_encode()
    indices = encoded.indices.cast(array.type.index_type)
    return pa.DictionaryArray.from_arrays(indices, encoded.dictionary, ordered=array.type.ordered)
