"""Columns of every type that Arrow has, and what each format of the output makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

REFUSED = object()
"""The format does not hold the column, and the job ends before anything is computed."""
NANOSECOND = "1970-01-01 00:00:00.000000005"


@dataclass(frozen=True)
class Column:
    """A column of one value, or of a value and a null.

    Attributes:
        array: as it is in the input.
        json: the first value in JSON lines.
        parquet: the type in Parquet as it is read again; `None` if it is the same.
    """

    array: Any
    json: Any
    parquet: Any = None


def of(kind: Any, value: Any, json: Any, parquet: Any = None) -> Column:
    return Column(pa.array([value, None], kind), json, parquet)


def dictionary(values: Any, json: Any, parquet: Any = None) -> Column:
    return Column(pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int32()), values), json, parquet)


def within_struct(column: Column, parquet: Any = REFUSED) -> Column:
    array = pa.StructArray.from_arrays([column.array.slice(0, 1)], names=["a"])
    return Column(array, REFUSED if column.json is REFUSED else {"a": column.json}, parquet)


def run_ends(values: Any) -> Any:
    return pa.RunEndEncodedArray.from_arrays([1], values)


NS = pa.timestamp("ns")
VIEWS = dictionary(pa.array(["x"], pa.string_view()), "x", pa.string())
INTERVAL = of(pa.month_day_nano_interval(), (1, 2, 3), [1, 2, 3], REFUSED)
UNION = Column(
    pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1]), pa.array(["x"])]),
    1,
    REFUSED,
)
RUNS = Column(run_ends(["x"]), "x", pa.string())
UUID = Column(
    pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16], pa.binary(16))),
    "78" * 4 + "-7878" * 3 + "-" + "78" * 6,
)

COLUMNS: dict[str, Column] = {
    "null": of(pa.null(), None, None),
    "bool": of(pa.bool_(), True, True),
    "int8": of(pa.int8(), -5, -5),
    "uint64": of(pa.uint64(), 2**64 - 1, 2**64 - 1),
    "float16": of(pa.float16(), 1.5, 1.5),
    "infinity": of(pa.float64(), float("inf"), None),
    "decimal32": of(pa.decimal32(5, 2), Decimal("1.10"), "1.10"),
    "decimal128": of(pa.decimal128(5, 2), Decimal("1.10"), "1.10"),
    "decimal256": of(pa.decimal256(50, 2), Decimal("1.10"), "1.10"),
    "large_string": of(pa.large_string(), "x", "x"),
    "string_view": of(pa.string_view(), "x", "x"),
    "binary": of(pa.binary(), b"\xff", "/w=="),
    "binary_view": of(pa.binary_view(), b"\xff", "/w=="),
    "fixed_size_binary": of(pa.binary(1), b"\xff", "/w=="),
    "date32": of(pa.date32(), 1, "1970-01-02"),
    "date64": of(pa.date64(), 86_400_000, "1970-01-02", pa.date32()),
    "time32": of(pa.time32("s"), 5, "00:00:05", pa.time32("ms")),
    "time64": of(pa.time64("ns"), 5, "00:00:00.000000005"),
    "timestamp of seconds": of(pa.timestamp("s"), 5, "1970-01-01T00:00:05", pa.timestamp("ms")),
    "timestamp": of(pa.timestamp("us", "UTC"), 5, "1970-01-01T00:00:00.000005Z"),
    "timestamp of nanoseconds": of(NS, 5, NANOSECOND),
    "timestamp after 9999": of(pa.timestamp("s"), 400_000_000_000, REFUSED, pa.timestamp("ms")),
    "timestamp before 1": of(pa.timestamp("s"), -70_000_000_000, REFUSED, pa.timestamp("ms")),
    "timestamp beyond milliseconds": of(pa.timestamp("s"), 2**62, REFUSED, REFUSED),
    "duration": of(pa.duration("s"), 5, "PT5S"),
    "duration of nanoseconds": of(pa.duration("ns"), 5, 5),
    "interval": INTERVAL,
    "interval in a struct": within_struct(INTERVAL),
    "list": of(pa.list_(pa.int8()), [1, None], [1, None]),
    "list of times": of(pa.list_(NS), [5], [NANOSECOND]),
    "list of nulls": of(pa.list_(pa.null()), [None], [None]),
    "large_list of times": of(pa.large_list(NS), [5], [NANOSECOND]),
    "fixed_size_list of times": of(pa.list_(NS, 2), [5, 5], [NANOSECOND] * 2),
    "fixed_size_list of none": of(pa.list_(pa.int8(), 0), [], [], REFUSED),
    "list_view": of(pa.list_view(pa.int8()), [5], [5]),
    "list_view of times": of(pa.list_view(NS), [5], REFUSED),
    "map": of(pa.map_(pa.string(), pa.int8()), [("k", 1), ("k", 2)], [["k", 1], ["k", 2]]),
    "map of times": of(pa.map_(pa.string(), NS), [("k", 5)], [["k", NANOSECOND]]),
    "struct of times": of(pa.struct([("a", NS)]), {"a": 5}, {"a": NANOSECOND}),
    "struct of lists of durations": of(pa.struct([("a", pa.list_(pa.duration("ns")))]), {"a": [5]}, {"a": [5]}),
    "struct of none": of(pa.struct([]), {}, {}, REFUSED),
    "struct of none in a struct": of(pa.struct([("a", pa.struct([]))]), {"a": {}}, {"a": {}}, REFUSED),
    "struct with a name twice": Column(
        pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), REFUSED, REFUSED
    ),
    "dictionary": dictionary(pa.array(["x"]), "x"),
    "dictionary of binary": dictionary(pa.array([b"\xff"]), "/w=="),
    "dictionary of views": VIEWS,
    "dictionary of views in a struct": within_struct(VIEWS, pa.struct([("a", pa.string())])),
    "dictionary of integers": dictionary(pa.array([1]), 1, pa.int64()),
    "dictionary of times": dictionary(pa.array([5], NS), NANOSECOND, NS),
    "dictionary of lists": dictionary(pa.array([[1]]), [1], pa.list_(pa.int64())),
    "dictionary of structs": dictionary(pa.array([{"a": 1}]), {"a": 1}, pa.struct([("a", pa.int64())])),
    "dictionary with a null": dictionary(pa.array([None, "x"]), None),
    "dictionary of nulls": dictionary(pa.nulls(1), None, pa.null()),
    "list of dictionaries": Column(
        pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), dictionary(pa.array(["x"]), "x").array), ["x", None]
    ),
    "run_end_encoded": RUNS,
    "run_end_encoded in a struct": within_struct(RUNS, pa.struct([("a", pa.string())])),
    "run_end_encoded times": Column(run_ends(pa.array([5], NS)), REFUSED, REFUSED),
    "union": UNION,
    "union in a struct": within_struct(UNION),
    "uuid": UUID,
    "list of uuids": Column(pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), UUID.array), [UUID.json]),
    "json": Column(pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"])), "{}"),
    "tensor": Column(
        pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.int32(), [2]), pa.array([[1, 2]], pa.list_(pa.int32(), 2))
        ),
        [1, 2],
    ),
}
