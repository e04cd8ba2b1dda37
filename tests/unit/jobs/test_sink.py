"""Formats of the output: Parquet types, and short numbers in JSON."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.jobs.columns import shorten_floats
from unit.jobs.small_jobs import embed


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


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_a_number_in_json_gives_the_same_float32_again(numbers: list[float]) -> None:
    exact = np.array(numbers, np.float32)
    parsed = json.loads(json.dumps(shorten_floats(exact).tolist()))
    assert [struct.pack("<f", one) for one in parsed] == [struct.pack("<f", one) for one in numbers]


def test_a_number_in_json_is_about_nine_digits_long() -> None:
    numbers = np.random.default_rng(7).standard_normal(10_000).astype(np.float32) / 20
    assert max(len(Decimal(repr(one)).as_tuple().digits) for one in shorten_floats(numbers).tolist()) <= 9
