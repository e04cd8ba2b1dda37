"""Every kind of input to every kind of output: texts as they are, all columns kept, vectors in the rows' order."""

from __future__ import annotations

import csv
import json
import os
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import ConfigurationError, InvalidInput, MalformedResponse
from ratatoskr.jobs import EmbedJob, Summary, run
from ratatoskr.jobs.sink import shorten_floats
from unit.jobs.fake import MODEL, FakeGateway, vector
from unit.jobs.files import OUTS, SOURCES, names_in, read, write

AWKWARD = ["007", "true", "null", "1e5", "", " a ", "two\nlines", 'a "quote", a comma', "ᚱᚨᛏᚨ 🐿 ẞ", "\t", "x" * 3000]


def rows_of(texts: list[str]) -> list[dict[str, Any]]:
    return [{"id": f"{place:03}", "text": text, "other": text[::-1]} for place, text in enumerate(texts)]


async def embed(source: Path, out: Path, gateway: FakeGateway | None = None, **options: Any) -> Summary:
    return await run(EmbedJob(source, out, MODEL, **options), gateway or FakeGateway())


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", SOURCES)
async def test_every_row_of_every_kind_of_file_comes_out_with_its_vector(tmp_path: Path, kind: str, out: str) -> None:
    texts = AWKWARD * 20
    source = write(tmp_path / "in", kind, rows_of(texts))
    summary = await embed(source, tmp_path / f"out.{out}", window=50)
    rows, vectors = read(tmp_path / f"out.{out}")
    np.testing.assert_array_equal(vectors, np.stack([vector(text) for text in texts]))
    assert rows is None or rows == rows_of(texts)
    assert (summary.rows, summary.skipped, summary.dimensions) == (220, 0, 8)
    assert summary.truncated == 20
    assert names_in(tmp_path) == {source.name, f"out.{out}"}, "nothing else is left behind"


async def test_parquet_has_vectors_as_a_fixed_size_list_beside_the_columns_of_their_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", "b"] * 50).dictionary_encode(),
            "n": pa.array(range(100), pa.int16()),
            "when": pa.array(range(100), pa.timestamp("ms")),
            "parts": pa.array([[1], None] * 50, pa.list_(pa.int8())),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    await embed(tmp_path / "in.parquet", tmp_path / "out.parquet", window=30)
    made = pq.read_table(tmp_path / "out.parquet")
    assert made.drop_columns(["embedding"]) == pq.read_table(tmp_path / "in.parquet")
    assert made.schema.field("embedding").type == pa.list_(pa.float32(), 8)


async def test_json_lines_have_a_form_for_the_types_of_columns(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a"] * 20, pa.string_view()),
            "day": pa.array([19_000] * 20, pa.date32()),
            "fine": pa.array([1_700_000_000_123_456_789] * 20, pa.timestamp("ns", "UTC")),
            "span": pa.array([5] * 20, pa.duration("ns")),
            "money": pa.array([Decimal("1.10")] * 20, pa.decimal128(5, 2)),
            "octets": pa.array([b"\xff"] * 20),
            "nothing": pa.array([float("nan")] * 20),
            "deep": pa.array([{"a": [1, None]}] * 20),
        }
    )
    with pa.OSFile(str(tmp_path / "in.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    await embed(tmp_path / "in.arrow", tmp_path / "out.jsonl")
    rows, _ = read(tmp_path / "out.jsonl")
    assert rows is not None
    assert rows[7] == {
        "text": "a",
        "day": "2022-01-08",
        "fine": "2023-11-14 22:13:20.123456789Z",
        "span": 5,
        "money": "1.10",
        "octets": "/w==",
        "nothing": None,
        "deep": {"a": [1, None]},
    }


async def test_a_value_that_json_has_no_form_for_is_told(tmp_path: Path) -> None:
    far = pa.array([400_000_000_000] * 20, pa.timestamp("s"))
    pq.write_table(pa.table({"text": ["a"] * 20, "far": far}), tmp_path / "in.parquet")
    with pytest.raises(InvalidInput, match=r"a row of in\.parquet has no JSON form"):
        await embed(tmp_path / "in.parquet", tmp_path / "out.jsonl")


async def test_json_lines_keep_their_other_values_to_the_last_digit(tmp_path: Path) -> None:
    line = '{ "n": 12345678901234567890123, "x": 1.10, "text": "caf\\u00e9", "deep": {"a": [1, null]} }'
    (tmp_path / "in.jsonl").write_text(f"\ufeff{line}\r\n\n{line}")
    await embed(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 2
    assert all(one.startswith(line[:-1] + ',"embedding":[') for one in lines)


async def test_json_lines_become_columns_of_the_type_that_all_their_values_have(tmp_path: Path) -> None:
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


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=40)
@given(st.lists(TEXT, min_size=1, max_size=60))
async def test_whatever_text_a_csv_holds_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([str(place), text] for place, text in enumerate(texts))])
    await embed(folder / "in.csv", folder / "out.jsonl", window=7)
    rows, vectors = read(folder / "out.jsonl")
    assert rows == [{"id": str(place), "text": text} for place, text in enumerate(texts)]
    np.testing.assert_array_equal(vectors, np.stack([vector(text) for text in texts]))


@settings(max_examples=40)
@given(st.lists(TEXT, min_size=1, max_size=60), st.sampled_from(["jsonl", "parquet", "arrow"]), st.integers(1, 40))
async def test_whatever_text_and_window_the_rows_come_out_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], kind: str, window: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    source = write(folder / "in", kind, [{"text": text} for text in texts])
    await embed(source, folder / "out.parquet", window=window)
    rows, vectors = read(folder / "out.parquet")
    assert rows == [{"text": text} for text in texts]
    np.testing.assert_array_equal(vectors, np.stack([vector(text) for text in texts]))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_a_number_in_json_gives_the_same_float32_again(numbers: list[float]) -> None:
    exact = np.array(numbers, np.float32)
    told = json.loads(json.dumps(shorten_floats(exact).tolist()))
    assert [struct.pack("<f", one) for one in told] == [struct.pack("<f", one) for one in numbers]


def test_a_number_in_json_is_about_nine_digits_long() -> None:
    numbers = np.random.default_rng(7).standard_normal(10_000).astype(np.float32) / 20
    assert max(len(Decimal(repr(one)).as_tuple().digits) for one in shorten_floats(numbers).tolist()) <= 9


# nulls


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
async def test_a_null_ends_the_job_naming_its_row_before_anything_is_computed(tmp_path: Path, kind: str) -> None:
    rows = [{"text": None if place == 300 else "a"} for place in range(400)]
    source, gateway = write(tmp_path / "in", kind, rows), FakeGateway()
    with pytest.raises(InvalidInput, match=rf"row 301 of {source.name} \(the first is 1\): 'text' is null"):
        await embed(source, tmp_path / "out.npy", gateway, window=10)
    assert gateway.calls == []
    assert names_in(tmp_path) == {source.name}


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
async def test_rows_without_a_text_are_left_out_and_counted_if_asked_for(tmp_path: Path, kind: str, out: str) -> None:
    rows = [{"id": place, "text": None if place % 3 == 0 or 50 < place < 90 else str(place)} for place in range(200)]
    kept = [row for row in rows if row["text"] is not None]
    summary = await embed(write(tmp_path / "in", kind, rows), tmp_path / f"out.{out}", on_null="skip", window=20)
    found, vectors = read(tmp_path / f"out.{out}")
    assert found is None or found == kept
    np.testing.assert_array_equal(vectors, np.stack([vector(str(row["text"])) for row in kept]))
    assert (summary.rows, summary.skipped) == (len(kept), len(rows) - len(kept))


async def test_a_file_whose_texts_are_all_null_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "in", "parquet", [{"text": None, "id": "a"}, {"text": None, "id": "b"}])
    pq.write_table(pa.table({"text": pa.array([None, None], pa.string())}), source)
    with pytest.raises(InvalidInput, match="every value is null"):
        await embed(source, tmp_path / "out.npy", on_null="skip")


# what is refused


BROKEN = {
    "a file that is not there": ("in.jsonl", None, "cannot be read"),
    "an empty file": ("in.jsonl", b"", "in.jsonl is empty"),
    "an empty table": ("in.csv", b"", "in.csv is empty"),
    "a head and no rows": ("in.csv", b"id,text\n", "no rows"),
    "blank lines alone": ("in.jsonl", b"\n\n", "no rows"),
    "no such column": ("in.csv", b"id,words\n1,a\n", "in.csv has no column 'text'; it has 'id', 'words'"),
    "no such field": ("in.jsonl", b'{"id": 1}\n', "in.jsonl has no column 'text'; it has 'id'"),
    "a field missing later": ("in.jsonl", b'{"text": "a"}\n{"id": 1}\n', "row 2 of .* has no 'text'"),
    "two columns of a name": ("in.csv", b"text,text\na,b\n", "two columns 'text'"),
    "a column of our own": ("in.csv", b"text,embedding\na,b\n", "already has a column 'embedding'"),
    "a field of our own": ("in.jsonl", b'{"text": "a"}\n{"text": "b", "embedding": 1}', "row 2 .* already has"),
    "a number": ("in.jsonl", b'{"text": "a"}\n{"text": 7}\n', "row 2 of .*'text' is a number, not a text"),
    "a list": ("in.jsonl", b'{"text": ["a"]}\n', "row 1 of .*'text' is a list, not a text"),
    "no object": ("in.jsonl", b'{"text": "a"}\n[1]\n', "row 2 of .*not a JSON object"),
    "cut JSON": ("in.jsonl", b'{"text": "a"}\n{"text": "b', "row 2 of .*not a JSON object"),
    "half a pair": ("in.jsonl", b'{"text": "\\ud800"}\n', "row 1 of"),
    "not UTF-8 in JSON": ("in.jsonl", b'{"text": "\xff"}\n', "row 1 of"),
    "not UTF-8 in another field": ("in.jsonl", b'{"text": "a", "n": "\xff"}\n', "row 1 of .*not UTF-8"),
    "a pit of brackets": ("in.jsonl", b'{"text": "a", "n": ' + b"[" * 99999 + b"]" * 99999 + b"}\n", "row 1 of"),
    "not UTF-8 in CSV": ("in.csv", b"text\nabc\n\xff\n", "in.csv is not UTF-8"),
    "too few fields": ("in.csv", b"id,text\n1,a\n2\n", "row 2 of .*1 fields, but the header has 2"),
    "too many fields": ("in.csv", b"id,text\n1,a,b\n", "row 1 of .*3 fields, but the header has 2"),
    "an open quote": ("in.csv", b'id,text\n1,"a\n', "row 1 of .*cannot be parsed"),
    "text behind a quote": ("in.csv", b'id,text\n1,"a"b\n', "row 1 of .*cannot be parsed"),
    "no Parquet": ("in.parquet", b"PAR1 nothing of the kind PAR1", "in.parquet cannot be read"),
    "no Arrow": ("in.arrow", b"ARROW1\0\0nothing of the kind", "in.arrow cannot be read"),
    "no Arrow stream": ("in.arrow", b"nothing of the kind", "in.arrow cannot be read"),
}


@pytest.mark.parametrize(("name", "octets", "words"), BROKEN.values(), ids=BROKEN)
async def test_what_is_wrong_with_the_input_is_told_before_anything_is_computed(
    tmp_path: Path, name: str, octets: bytes | None, words: str
) -> None:
    if octets is not None:
        (tmp_path / name).write_bytes(octets)
    gateway = FakeGateway()
    with pytest.raises((InvalidInput, ConfigurationError), match=words):
        await embed(tmp_path / name, tmp_path / "out.npy", gateway)
    assert gateway.calls == []
    assert names_in(tmp_path) <= {name}


async def test_a_value_that_no_column_can_hold_is_named_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "a", "n": 1}\n' * 300 + b'{"text": "b", "n": 1e999}\n')
    gateway = FakeGateway()
    with pytest.raises(InvalidInput, match=r"row 301 of in\.jsonl .*a value cannot be parsed"):
        await embed(tmp_path / "in.jsonl", tmp_path / "out.parquet", gateway)
    assert gateway.calls == []


async def test_a_pipe_with_a_files_name_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.csv")
    with pytest.raises(InvalidInput, match="is not a regular file"):
        await embed(tmp_path / "in.csv", tmp_path / "out.npy")


@pytest.mark.parametrize(
    "values", [[1, 2], [["a"], ["b"]], [b"a", b"b"], [True, False]], ids=["int", "list", "binary", "bool"]
)
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
async def test_a_column_that_is_no_text_is_refused_by_its_type(tmp_path: Path, kind: str, values: list[Any]) -> None:
    source = write(tmp_path / "in", kind, [{"text": value} for value in values])
    with pytest.raises(InvalidInput, match=r"column 'text' of in\.\w+ is .*, not text"):
        await embed(source, tmp_path / "out.npy")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"source": "in.txt"}, "source"),
        ({"out": "out"}, "out"),
        ({"out": "out.csv"}, "out"),
        ({"on_null": "ignore"}, "on_null"),
        ({"input_type": "passage"}, "input_type"),
        ({"window": 0}, "window"),
        ({"window": "5"}, "window"),
        ({"window": True}, "window"),
        ({"column": ""}, "column"),
        ({"column": 3}, "column"),
        ({"model": ""}, "model"),
        ({"source": 3}, "source"),
        ({"out": None}, "out"),
    ],
)
def test_a_job_that_cannot_be_is_refused_when_it_is_made(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as told:
        EmbedJob(**{"source": "in.csv", "out": "out.npy", "model": MODEL, **options})
    assert told.value.field == field


async def test_vectors_of_another_count_or_model_are_refused(tmp_path: Path) -> None:
    class Forgetful(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            return await super().embed_batch(texts[1:], model, **options)

    class Changing(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            return await super().embed_batch(texts, f"{model}-{len(self.calls)}", **options)

    source = write(tmp_path / "in", "jsonl", [{"text": str(place)} for place in range(100)])
    with pytest.raises(MalformedResponse, match=r"30 texts got vectors of shape \(29, 8\)"):
        await embed(source, tmp_path / "out.npy", Forgetful(), window=30)
    with pytest.raises(MalformedResponse, match="vectors of fake-1 \\(8 dimensions\\) after those of fake-0"):
        await embed(source, tmp_path / "out.npy", Changing(), window=30)


# size


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", SOURCES)
async def test_rows_of_megabytes_pass(tmp_path: Path, kind: str, out: str) -> None:
    texts = [str(place) * (2_000_000 if place % 20 == 3 else 10) for place in range(40)]
    gateway = FakeGateway()
    source = write(tmp_path / "in", kind, [{"text": text} for text in texts])
    await embed(source, tmp_path / f"out.{out}", gateway)
    np.testing.assert_array_equal(read(tmp_path / f"out.{out}")[1], np.stack([vector(text) for text in texts]))


@pytest.mark.parametrize(("bound", "value"), [("BYTES", 160_000), ("CHARACTERS", 40_000)])
async def test_a_window_of_large_rows_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(f"ratatoskr.jobs.windows.{bound}", value)
    gateway = FakeGateway()
    source = write(tmp_path / "in", "jsonl", [{"text": str(place) * 10_000} for place in range(10, 50)])
    await embed(source, tmp_path / "out.npy", gateway)
    assert [len(call) for call in gateway.calls] == [16, 24], "what remains joins the window before"
