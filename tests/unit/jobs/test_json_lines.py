"""JSON lines: rows are copied exactly, columns get the type of all their values."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import InvalidInput
from unit.jobs.fake import FakeGateway
from unit.jobs.files import write
from unit.jobs.small_jobs import embed


async def test_other_values_are_copied_byte_for_byte(tmp_path: Path) -> None:
    line = '{ "n": 12345678901234567890123, "x": 1.10, "text": "caf\\u00e9", "deep": {"a": [1, null]} }'
    (tmp_path / "in.jsonl").write_text(f"\ufeff{line}\r\n\n{line}")
    await embed(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 2
    assert all(one.startswith(line[:-1] + ',"embedding":[') for one in lines)


async def test_columns_have_the_type_of_all_their_values(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "i": 1, "f": 1, "b": True, "s": "007", "mixed": 1, "deep": [1], "wide": 2**60, "none": None},
        {"text": "b", "i": None, "f": 0.5, "late": 3, "mixed": "x", "deep": {"k": 1}, "wide": 0.5},
    ]
    source = write(tmp_path / "in", "jsonl", rows * 30)
    await embed(source, tmp_path / "out.parquet", window=20)
    table = pq.read_table(tmp_path / "out.parquet")
    types = {name: str(table.schema.field(name).type) for name in table.schema.names[:-1]}
    assert types == {
        "text": "string",
        "i": "int64",
        "f": "double",
        "b": "bool",
        "s": "string",
        "mixed": "string",
        "deep": "string",
        "wide": "string",
        "none": "null",
        "late": "int64",
    }
    first, second = table.drop_columns(["embedding"]).to_pylist()[:2]
    assert (first["f"], first["mixed"], first["deep"], first["wide"], first["late"]) == (
        1.0,
        "1",
        "[1]",
        str(2**60),
        None,
    )
    assert (second["mixed"], second["deep"], second["b"], second["late"]) == ('"x"', '{"k": 1}', None, 3)


async def test_a_value_that_cannot_be_parsed_is_named_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "a", "n": 1}\n' * 300 + b'{"text": "b", "n": 1e999}\n')
    gateway = FakeGateway()
    with pytest.raises(InvalidInput, match=r"row 301 of in\.jsonl .*a value cannot be parsed"):
        await embed(tmp_path / "in.jsonl", tmp_path / "out.parquet", gateway)
    assert gateway.calls == []


HELD: dict[str, tuple[list[Any], str, list[Any]]] = {
    "lists": ([[1, 2], [], None], "list<int64>", [[1, 2], [], None]),
    "lists of numbers": ([[1], [0.5]], "list<double>", [[1.0], [0.5]]),
    "lists of lists": ([[["a"]], [[]]], "list<list<string>>", [[["a"]], [[]]]),
    "lists of nothing": ([[], [None]], "list<null>", [[], [None]]),
    "objects": (
        [{"a": 1}, {"b": "x"}],
        "struct<a: int64, b: string>",
        [{"a": 1, "b": None}, {"a": None, "b": "x"}],
    ),
    "lists of objects": (
        [[{"a": 1}, {"a": None, "b": [True]}]],
        "list<struct<a: int64, b: list<bool>>>",
        [[{"a": 1, "b": None}, {"a": None, "b": [True]}]],
    ),
    "mixed items": ([[1, "x", {"k": None}, 1.10]], "list<string>", [["1", '"x"', '{"k": null}', "1.1"]]),
    "mixed members": ([{"a": 1}, {"a": [1]}], "struct<a: string>", [{"a": "1"}, {"a": "[1]"}]),
    "objects of nothing": ([{}, {}], "string", ["{}", "{}"]),
    "objects of nothing in others": ([{"a": {}}], "struct<a: string>", [{"a": "{}"}]),
    "objects of nothing at first": ([{}, {"a": 1}], "struct<a: int64>", [{"a": None}, {"a": 1}]),
    "integers of 64 bits": ([2**63 - 1, -(2**63)], "int64", [2**63 - 1, -(2**63)]),
    "integers of more": ([2**63, 1], "string", [str(2**63), "1"]),
    "integers of more in a list": ([[2**70, 1]], "list<string>", [[str(2**70), "1"]]),
    "integers that no float holds": ([[2**53 + 1, 0.5]], "list<string>", [[str(2**53 + 1), "0.5"]]),
    "integers that floats hold": ([[2**53, 0.5]], "list<double>", [[2.0**53, 0.5]]),
    "booleans and integers": ([True, 1], "string", ["true", "1"]),
}


@pytest.mark.parametrize(("values", "kind", "held"), HELD.values(), ids=HELD)
async def test_lists_and_objects_stay_lists_and_structs_in_parquet(
    tmp_path: Path, values: list[Any], kind: str, held: list[Any]
) -> None:
    source = write(tmp_path / "in", "jsonl", [{"text": "a", "c": value} for value in values])
    with source.open("a") as file:
        file.write('{"text": "a"}\n' * 40)
    await embed(source, tmp_path / "out.parquet", window=20)
    column = pq.read_table(tmp_path / "out.parquet").column("c")
    assert str(column.type).replace("element: ", "") == kind
    assert column.to_pylist() == held + [None] * 40


async def test_objects_of_too_many_members_become_text(tmp_path: Path) -> None:
    rows = [{"text": "a", "c": {str(n): n}, "d": {"deep": {str(n): n}, "b": 1}} for n in range(1001)]
    await embed(write(tmp_path / "in", "jsonl", rows), tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert str(table.schema.field("c").type) == "string"
    assert str(table.schema.field("d").type) == "struct<deep: string, b: int64>"
    assert table.column("c")[1000].as_py() == '{"1000": 1000}'


async def test_deep_values_become_text_where_they_are_deep(tmp_path: Path) -> None:
    deep = "[" * 40 + "1" + "]" * 40
    (tmp_path / "in.jsonl").write_text(f'{{"text": "a", "c": {deep}}}\n')
    await embed(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    column = pq.read_table(tmp_path / "out.parquet").column("c")
    assert str(column.type).count("list") == 16
    assert "[" * 24 + "1" + "]" * 24 in str(column[0].as_py())


TWICE = {
    "the text": ('{"text": "a", "text": "b"}', ("npy", "jsonl", "parquet")),
    "another": ('{"text": "a", "n": 1, "n": 2}', ("npy", "jsonl", "parquet")),
    "one with spaces and escapes": ('{"text": "a", "n" : 1 , "\\u006e" : 2}', ("npy", "jsonl", "parquet")),
    "a member": ('{"text": "a", "deep": [{"n": 1, "n": 2}]}', ("parquet",)),
}


@pytest.mark.parametrize("out", ["npy", "jsonl", "parquet"])
@pytest.mark.parametrize(("line", "refused"), TWICE.values(), ids=TWICE)
async def test_a_name_that_an_object_has_twice_is_refused(
    tmp_path: Path, line: str, refused: tuple[str, ...], out: str
) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n' * 300 + line + "\n")
    gateway = FakeGateway()
    if out not in refused:
        assert (await embed(tmp_path / "in.jsonl", tmp_path / f"out.{out}", gateway)).rows == 301
        return
    with pytest.raises(InvalidInput, match=r"row 301 of in\.jsonl .*: an object has '\w+' twice"):
        await embed(tmp_path / "in.jsonl", tmp_path / f"out.{out}", gateway)
    assert gateway.calls == []


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b'{"text": "a", "n": NaN}', "row 1 of .*; JSON has no NaN and no Infinity"),
        (b'{"text": "a", "n": -Infinity}', "row 1 of .*; JSON has no NaN and no Infinity"),
        (b'{"text": "a", "n": "\\ud800"}', "row 1 of .*; half of a surrogate pair is not a character"),
        (b'[{"text": "a"}]', "row 1 of .*; each line must be an object of its own"),
        (b'{"text": "a"}\n{"text": "b\xff"}', r"row 2 of .*: not UTF-8: byte 12 of the line is 0xff"),
        ('{"text": "a"}'.encode("utf-16"), "has the byte order mark of UTF-16, but JSON lines are UTF-8"),
    ],
)
async def test_what_is_not_json_is_named_by_its_place(tmp_path: Path, octets: bytes, words: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(octets)
    gateway = FakeGateway()
    with pytest.raises(InvalidInput, match=words):
        await embed(tmp_path / "in.jsonl", tmp_path / "out.jsonl", gateway)
    assert gateway.calls == []


@pytest.mark.parametrize("number", ["1e999", "9" * 5000], ids=["float", "integer"])
async def test_a_number_that_parquet_cannot_hold_is_named_by_its_column(tmp_path: Path, number: str) -> None:
    (tmp_path / "in.jsonl").write_text(f'{{"text": "a", "m": 1, "n": {number}}}')
    with pytest.raises(InvalidInput, match=r"row 1 of .*: a value cannot be parsed: that of 'n', "):
        await embed(tmp_path / "in.jsonl", tmp_path / "out.parquet")


async def test_an_integer_of_any_length_is_copied(tmp_path: Path) -> None:
    line = f'{{"text": "a", "n": {"9" * 5000}}}'
    (tmp_path / "in.jsonl").write_text(line)
    await embed(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text().startswith(line[:-1])


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(2**53 - 2, 2**53 + 2)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc") | TEXTS, inner, max_size=3),
    max_leaves=8,
)


def is_held(value: Any, held: Any) -> bool:
    """Return whether a value of Parquet is that of JSON: itself, or as JSON text."""
    if isinstance(held, str) and held != value:
        return bool(json.loads(held) == value)
    if isinstance(value, list):
        return len(held) == len(value) and all(map(is_held, value, held))
    if isinstance(value, dict):
        return value.keys() <= held.keys() and all(is_held(value.get(name), one) for name, one in held.items())
    if isinstance(value, float):
        return math.isclose(held, value, rel_tol=0)
    return bool(held == value)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6))
async def test_any_values_of_a_column_are_held_in_parquet(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    source = write(folder / "in", "jsonl", [{"text": "a", "c": value} for value in values])
    await embed(source, folder / "out.parquet")
    column = pq.read_table(folder / "out.parquet").column("c").to_pylist()
    assert all(map(is_held, values, column)), column
