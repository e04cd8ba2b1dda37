"""Every type of column to every format: held as the table says, or refused before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratatoskr.errors import InvalidInput
from unit.jobs.arrow_columns import COLUMNS, REFUSED
from unit.jobs.fake import FakeGateway
from unit.jobs.files import names_in, read
from unit.jobs.small_jobs import embed

REPEATS = 30


def write_column(folder: Path, array: Any) -> tuple[Path, Any]:
    """Write a column beside texts, in batches that windows cut; return the file and the column."""
    whole = pa.chunked_array([array] * REPEATS)
    table = pa.table({"text": ["a"] * len(whole), "c": whole})
    with pa.OSFile(str(folder / "in.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return folder / "in.arrow", whole


async def check_refusal(source: Path, out: str) -> None:
    gateway = FakeGateway()
    with pytest.raises(InvalidInput, match=r"column 'c'"):
        await embed(source, source.parent / out, gateway)
    assert gateway.calls == []
    assert names_in(source.parent) == {source.name}


@pytest.mark.parametrize("name", COLUMNS)
async def test_a_type_is_held_in_json_or_refused(tmp_path: Path, name: str) -> None:
    column = COLUMNS[name]
    source, _ = write_column(tmp_path, column.array)
    if column.json is REFUSED:
        return await check_refusal(source, "out.jsonl")
    await embed(source, tmp_path / "out.jsonl", window=9)
    rows, _ = read(tmp_path / "out.jsonl")
    assert rows is not None
    assert [row["c"] for row in rows] == ([column.json] + [None] * (len(column.array) - 1)) * REPEATS
    return None


@pytest.mark.parametrize("name", COLUMNS)
async def test_a_type_is_held_in_parquet_or_refused(tmp_path: Path, name: str) -> None:
    column = COLUMNS[name]
    source, whole = write_column(tmp_path, column.array)
    if column.parquet is REFUSED:
        return await check_refusal(source, "out.parquet")
    await embed(source, tmp_path / "out.parquet", window=9)
    made = pq.read_table(tmp_path / "out.parquet").column("c")
    assert nameless(made.type) == nameless(column.parquet or column.array.type)
    assert values(made) == values(whole)
    return None


def nameless(kind: Any) -> str:
    """Return a type without the names of items of lists, which Parquet has of its own."""
    return str(kind).replace("element: ", "").replace("item: ", "").replace(" ('c')", "")


def values(column: Any) -> list[Any]:
    """Return the values, as text where Python cannot hold them: nanoseconds and years after 9999."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        pass
    if pa.types.is_dictionary(column.type):
        column = pa.chunked_array([chunk.dictionary.take(chunk.indices) for chunk in column.chunks])
    ones = [chunk.slice(place, 1) for chunk in column.chunks for place in range(len(chunk))]
    return [None if one.null_count else nameless(one.to_string()).replace(".000\n", "\n") for one in ones]


@pytest.mark.parametrize("out", ["jsonl", "parquet"])
async def test_rows_between_nulls_are_kept_with_columns_of_any_type(tmp_path: Path, out: str) -> None:
    held = {name: one.array for name, one in COLUMNS.items() if REFUSED not in (one.json, one.parquet)}
    columns = {name: pa.chunked_array([array.slice(0, 1)] * REPEATS) for name, array in held.items()}
    texts = ["a" if place % 3 else None for place in range(REPEATS)]
    table = pa.table({"text": texts, "place": range(REPEATS), **columns}).combine_chunks()
    with pa.OSFile(str(tmp_path / "in.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    summary = await embed(tmp_path / "in.arrow", tmp_path / f"out.{out}", on_null="skip")
    assert (summary.rows, summary.skipped) == (REPEATS - REPEATS // 3, REPEATS // 3)
    if out == "jsonl":
        rows, _ = read(tmp_path / "out.jsonl")
        assert rows is not None
        assert [row["place"] for row in rows] == [place for place in range(REPEATS) if place % 3]
        assert all(rows[-1][name] == COLUMNS[name].json for name in held)
    else:
        made = pq.read_table(tmp_path / "out.parquet")
        for name in held:
            assert values(made.column(name).slice(7, 1)) == values(table.column(name).slice(7, 1)), name


@pytest.mark.parametrize("out", ["jsonl", "parquet"])
async def test_dictionaries_may_differ_between_batches(tmp_path: Path, out: str) -> None:
    def batch(number: int) -> Any:
        entries = pa.array([f"{number}a", None, f"{number}b"])
        whole = pa.DictionaryArray.from_arrays(pa.array([2, 1, 0], pa.int8()), entries)
        items = pa.array([f"{number}a", f"{number}b"]).dictionary_encode()
        lists = pa.ListArray.from_arrays(pa.array([0, 1, 1, 2], pa.int32()), items)
        return pa.record_batch({"text": ["t"] * 3, "d": whole, "l": lists})

    first = batch(0)
    with pa.OSFile(str(tmp_path / "in.arrow"), "wb") as file, pa.ipc.new_stream(file, first.schema) as writer:
        for number in range(10):
            writer.write_batch(batch(number))
    await embed(tmp_path / "in.arrow", tmp_path / f"out.{out}", window=5)
    rows, _ = read(tmp_path / f"out.{out}")
    assert rows is not None
    assert [row["d"] for row in rows] == [one for n in range(10) for one in (f"{n}b", None, f"{n}a")]
    assert [row["l"] for row in rows] == [one for n in range(10) for one in ([f"{n}a"], [], [f"{n}b"])]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
async def test_npy_takes_any_column_because_it_holds_none(tmp_path: Path, kind: str) -> None:
    source, _ = write_column(tmp_path, COLUMNS["union"].array)
    assert (await embed(source, tmp_path / "out.npy")).rows == REPEATS


async def test_a_value_without_a_form_is_named_by_its_row_and_column(tmp_path: Path) -> None:
    days = pa.array([0] * 700 + [400_000_000_000] + [0] * 700, pa.timestamp("s"))
    pq.write_table(pa.table({"text": ["a"] * 1401, "day": days}), tmp_path / "in.parquet")
    gateway = FakeGateway()
    with pytest.raises(InvalidInput, match=r"has no JSON form: row 701, column 'day' \(timestamp\[ms\]\): .*range"):
        await embed(tmp_path / "in.parquet", tmp_path / "out.jsonl", gateway)
    assert gateway.calls == []


async def test_texts_that_are_not_utf8_are_refused_in_any_column(tmp_path: Path) -> None:
    offsets = pa.array([0, 1], pa.int32()).buffers()[1]
    source, _ = write_column(tmp_path, pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")]))
    gateway = FakeGateway()
    with pytest.raises(InvalidInput, match="Invalid UTF8"):
        await embed(source, tmp_path / "out.parquet", gateway)
    assert gateway.calls == []
