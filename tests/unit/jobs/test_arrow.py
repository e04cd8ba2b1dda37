"""Parquet and Arrow: types of columns, and their JSON form."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratatoskr.errors import InvalidInput
from unit.jobs.files import read, write
from unit.jobs.small_jobs import embed


async def test_types_of_columns_have_a_json_form(tmp_path: Path) -> None:
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


async def test_a_value_without_a_json_form_is_refused(tmp_path: Path) -> None:
    far = pa.array([400_000_000_000] * 20, pa.timestamp("s"))
    pq.write_table(pa.table({"text": ["a"] * 20, "far": far}), tmp_path / "in.parquet")
    with pytest.raises(InvalidInput, match=r"a row of in\.parquet has no JSON form"):
        await embed(tmp_path / "in.parquet", tmp_path / "out.jsonl")


async def test_a_column_of_the_type_null_is_one_of_null_texts(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.nulls(2)}), tmp_path / "in.parquet")
    with pytest.raises(InvalidInput, match=r"row 1 of in\.parquet .*: 'text' is null"):
        await embed(tmp_path / "in.parquet", tmp_path / "out.npy")
    pq.write_table(pa.table({"text": pa.nulls(0)}), tmp_path / "in.parquet")
    assert (await embed(tmp_path / "in.parquet", tmp_path / "out.parquet")).rows == 0


@pytest.mark.parametrize(
    "values", [[1, 2], [["a"], ["b"]], [b"a", b"b"], [True, False]], ids=["int", "list", "binary", "bool"]
)
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
async def test_a_column_that_is_not_text_is_refused_naming_its_type(
    tmp_path: Path, kind: str, values: list[Any]
) -> None:
    source = write(tmp_path / "in", kind, [{"text": value} for value in values])
    with pytest.raises(InvalidInput, match=r"column 'text' of in\.\w+ is .*, not text"):
        await embed(source, tmp_path / "out.npy")
