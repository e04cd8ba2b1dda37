"""Every input format to every output format: texts unchanged, all columns kept, vectors in the order of the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import ConfigurationError, InvalidInput
from unit.jobs.fake import FakeGateway, vector
from unit.jobs.files import OUTS, SOURCES, names_in, read, write
from unit.jobs.small_jobs import TEXT, embed, rows_of

AWKWARD = ["007", "true", "null", "1e5", "", " a ", "two\nlines", 'a "quote", a comma', "ᚱᚨᛏᚨ 🐿 ẞ", "\t", "x" * 3000]


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", SOURCES)
async def test_every_row_of_every_kind_of_file_comes_out_with_its_vector(tmp_path: Path, kind: str, out: str) -> None:
    texts = AWKWARD * 20
    if kind == "tsv":  # which cannot hold a tab or a line end
        texts = [text.replace("\t", "|").replace("\n", "|") for text in texts]
    source = write(tmp_path / "in", kind, rows_of(texts))
    summary = await embed(source, tmp_path / f"out.{out}", window=50)
    rows, vectors = read(tmp_path / f"out.{out}")
    np.testing.assert_array_equal(vectors, np.stack([vector(text) for text in texts]))
    assert rows is None or rows == rows_of(texts)
    assert (summary.rows, summary.skipped, summary.dimensions) == (220, 0, 8)
    assert summary.truncated == 20
    assert names_in(tmp_path) == {source.name, f"out.{out}"}, "nothing else is left behind"


@settings(max_examples=40)
@given(st.lists(TEXT, min_size=1, max_size=60), st.sampled_from(["jsonl", "parquet", "arrow"]), st.integers(1, 40))
async def test_for_every_text_and_window_the_rows_are_unchanged(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], kind: str, window: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    source = write(folder / "in", kind, [{"text": text} for text in texts])
    await embed(source, folder / "out.parquet", window=window)
    rows, vectors = read(folder / "out.parquet")
    assert rows == [{"text": text} for text in texts]
    np.testing.assert_array_equal(vectors, np.stack([vector(text) for text in texts]))


BROKEN = {
    "a file that is not there": ("in.jsonl", None, "cannot be read"),
    "an empty table": ("in.csv", b"", "in.csv is empty"),
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
async def test_a_malformed_input_is_refused_before_anything_is_computed(
    tmp_path: Path, name: str, octets: bytes | None, words: str
) -> None:
    if octets is not None:
        (tmp_path / name).write_bytes(octets)
    gateway = FakeGateway()
    with pytest.raises((InvalidInput, ConfigurationError), match=words):
        await embed(tmp_path / name, tmp_path / "out.npy", gateway)
    assert gateway.calls == []
    assert names_in(tmp_path) <= {name}


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", SOURCES)
async def test_rows_of_megabytes_are_accepted(tmp_path: Path, kind: str, out: str) -> None:
    texts = [str(place) * (2_000_000 if place % 20 == 3 else 10) for place in range(40)]
    gateway = FakeGateway()
    source = write(tmp_path / "in", kind, [{"text": text} for text in texts])
    await embed(source, tmp_path / f"out.{out}", gateway)
    np.testing.assert_array_equal(read(tmp_path / f"out.{out}")[1], np.stack([vector(text) for text in texts]))
