"""CSV and TSV: every field is read as it was written; faults name their place."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import InvalidInput
from unit.jobs.fake import FakeGateway, vector
from unit.jobs.files import OUTS, read
from unit.jobs.small_jobs import TEXT, embed


@settings(max_examples=40)
@given(st.lists(TEXT, min_size=1, max_size=60))
async def test_every_text_in_a_csv_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([str(place), text] for place, text in enumerate(texts))])
    await embed(folder / "in.csv", folder / "out.jsonl", window=7)
    rows, vectors = read(folder / "out.jsonl")
    assert rows == [{"id": str(place), "text": text} for place, text in enumerate(texts)]
    np.testing.assert_array_equal(vectors, np.stack([vector(text) for text in texts]))


async def test_a_quote_in_a_tsv_is_a_character(tmp_path: Path) -> None:
    texts = ['"a b', "c d", 'e f"', '"g"', '""', 'h "i" j', "a,b", '"']
    lines = ["text\tid", *(f"{text}\t{place}" for place, text in enumerate(texts))]
    (tmp_path / "in.tsv").write_text("\n".join(lines) + "\n")
    await embed(tmp_path / "in.tsv", tmp_path / "out.jsonl", window=3)
    rows, _ = read(tmp_path / "out.jsonl")
    assert rows == [{"text": text, "id": str(place)} for place, text in enumerate(texts)]


READ: dict[str, tuple[str, bytes, dict[str, Any], list[str]]] = {
    "a byte order mark": ("in.csv", b"\xef\xbb\xbftext\na\n", {}, ["a"]),
    "a mark and the encoding": ("in.csv", b"\xef\xbb\xbftext\na\n", {"encoding": "utf-8"}, ["a"]),
    "a mark and quotes": ("in.csv", b'\xef\xbb\xbf"text"\n"a"\n', {}, ["a"]),
    "UTF-16 with a mark": ("in.tsv", "text\té\naé\t1\n".encode("utf-16"), {}, ["aé"]),
    "UTF-16 of the other order": ("in.csv", b"\xfe\xff" + "text\naé\n".encode("utf-16-be"), {}, ["aé"]),
    "UTF-32 with a mark": ("in.csv", "text\naé\n".encode("utf-32"), {}, ["aé"]),
    "UTF-16 by name": ("in.csv", "text\naé\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, ["aé"]),
    "UTF-16 by name with a mark": ("in.csv", "\ufefftext\naé\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, ["aé"]),
    "Latin-1": ("in.csv", b"text\na\xe9\n", {"encoding": "latin-1"}, ["aé"]),
    "Windows line ends": ("in.csv", b'text\r\na\r\n"b\r\nc"\r\n', {}, ["a", "b\r\nc"]),
    "old line ends": ("in.csv", b"text\ra\rb\r", {}, ["a", "b"]),
    "no line end": ("in.csv", b"text\na", {}, ["a"]),
    "NUL characters": ("in.csv", b"text\na\0b\n", {}, ["a\0b"]),
    "line ends within quotes": ("in.csv", b'id,text\n1,"a\n\nb"\n', {}, ["a\n\nb"]),
    "blank lines between rows": ("in.csv", b"id,text\n\n1,a\n\n2,b\n\n", {}, ["a", "b"]),
    "another delimiter": ("in.csv", b"id;text\n1;a,b\n", {"delimiter": ";"}, ["a,b"]),
    "a CSV without quoting": ("in.csv", b'id,text\n1,"a\n', {"quoting": "none"}, ['"a']),
    "a TSV with quoting": ("in.tsv", b'text\tid\n"a\tb\nc"\t1\n', {"quoting": "minimal"}, ["a\tb\nc"]),
    "backslashes": ("in.tsv", b"text\tid\na\\tb\\nc\\\\d\\N\t1\n", {}, [r"a\tb\nc\\d\N"]),
    "another suffix": ("in.txt", b"text\na\n", {"input_format": "csv"}, ["a"]),
}


@pytest.mark.parametrize(("name", "octets", "options", "texts"), READ.values(), ids=READ)
async def test_files_of_the_world_are_read(
    tmp_path: Path, name: str, octets: bytes, options: dict[str, Any], texts: list[str]
) -> None:
    (tmp_path / name).write_bytes(octets)
    await embed(tmp_path / name, tmp_path / "out.jsonl", **options)
    rows, vectors = read(tmp_path / "out.jsonl")
    assert rows is not None
    assert [row["text"] for row in rows] == texts
    np.testing.assert_array_equal(vectors, np.stack([vector(text) for text in texts]))


REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "a byte that is not UTF-8": (
        b"id,text\n1,ok\n2,a\xff\n",
        {},
        r"is not UTF-8 in line 3: byte 17 of the file is 0xff",
    ),
    "half a character": (b"id,text\n1,\xe2\x28\n", {}, r"in line 2: byte 11 of the file is 0xe2; give its encoding"),
    "half a character at the end": (b"id,text\n1,a\xe2\x82", {}, r"in line 2: byte 12 of the file is 0xe2"),
    "a byte far behind": (
        b"text\n" + b"a\n" * 100_000 + b"\xff",
        {},
        r"in line 100002: byte 200006 of the file is 0xff",
    ),
    "not of the encoding named": (
        b"text\n\x81\n",
        {"encoding": "cp1252"},
        r"is not CP1252 in line 2: byte 6 .* is 0x81$",
    ),
    "UTF-16 cut": ("text\na".encode("utf-16")[:-1], {}, r"is not UTF-16 in line 2: byte 13 of the file is 0x61"),
    "UTF-16 without a mark": ("text\na\n".encode("utf-16-le"), {}, r"NUL characters .*encoding='utf-16-le'"),
    "too few fields": (b'id,text\n1,"a\nb"\n2\n', {}, r"row 2 of in.csv \(the first is 1\), line 4: 1 fields, but"),
    "an open quote": (b'id,text\n1,a\n2,"b\n3,c\n', {}, r"row 2 of .*, line 3: cannot be parsed: .*quoting='none'"),
    "the delimiter is another": (b"id;text\n1;a\n", {}, r"has no column 'text'; it has 'id;text'"),
}


@pytest.mark.parametrize(("octets", "options", "words"), REFUSED.values(), ids=REFUSED)
async def test_a_fault_is_named_by_its_place_before_anything_is_computed(
    tmp_path: Path, octets: bytes, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "in.csv").write_bytes(octets)
    gateway = FakeGateway()
    with pytest.raises(InvalidInput, match=words):
        await embed(tmp_path / "in.csv", tmp_path / "out.npy", gateway, **options)
    assert gateway.calls == []


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize("out", OUTS)
async def test_a_blank_line_of_one_column_is_a_null(tmp_path: Path, kind: str, out: str) -> None:
    source = tmp_path / f"in.{kind}"
    source.write_text("text\n\na\n\nb\n\n")
    with pytest.raises(InvalidInput, match=r"row 1 of in\.\wsv .*'text' is null; on_null='skip' leaves such rows out"):
        await embed(source, tmp_path / f"out.{out}")
    summary = await embed(source, tmp_path / f"out.{out}", on_null="skip")
    assert (summary.rows, summary.skipped) == (2, 3)
    rows, _ = read(tmp_path / f"out.{out}")
    assert rows is None or rows == [{"text": "a"}, {"text": "b"}]


async def test_an_empty_text_of_one_column_is_no_null(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('text\n""\na\n')
    summary = await embed(tmp_path / "in.csv", tmp_path / "out.jsonl")
    assert (summary.rows, summary.skipped) == (2, 0)


async def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratatoskr.jobs.delimited.MAX_ROW", 1000)
    (tmp_path / "in.csv").write_text("text\n" + "a" * 1001)
    with pytest.raises(InvalidInput, match=r"line 2 of in\.csv is longer than 1000 characters"):
        await embed(tmp_path / "in.csv", tmp_path / "out.npy")
