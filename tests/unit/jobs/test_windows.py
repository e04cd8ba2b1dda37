"""Windows: nulls, and the bounds of a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratatoskr.errors import InvalidInput
from unit.jobs.fake import FakeGateway, vector
from unit.jobs.files import OUTS, names_in, read, write
from unit.jobs.small_jobs import embed


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
async def test_a_null_is_an_error_that_names_its_row_before_anything_is_computed(tmp_path: Path, kind: str) -> None:
    rows = [{"text": None if place == 300 else "a"} for place in range(400)]
    source, gateway = write(tmp_path / "in", kind, rows), FakeGateway()
    with pytest.raises(InvalidInput, match=rf"row 301 of {source.name} \(the first is 1\): 'text' is null"):
        await embed(source, tmp_path / "out.npy", gateway, window=10)
    assert gateway.calls == []
    assert names_in(tmp_path) == {source.name}


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
async def test_rows_without_a_text_are_skipped_and_counted_on_request(tmp_path: Path, kind: str, out: str) -> None:
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


@pytest.mark.parametrize(("bound", "value"), [("BYTES", 160_000), ("CHARACTERS", 40_000)])
async def test_a_window_of_large_rows_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(f"ratatoskr.jobs.windows.{bound}", value)
    gateway = FakeGateway()
    source = write(tmp_path / "in", "jsonl", [{"text": str(place) * 10_000} for place in range(10, 50)])
    await embed(source, tmp_path / "out.npy", gateway)
    assert [len(call) for call in gateway.calls] == [16, 24], "what remains joins the window before"
