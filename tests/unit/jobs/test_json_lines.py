"""JSON lines: rows are copied exactly, columns get the type of all their values."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

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
