"""CSV: every field is read as it was written."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.jobs.fake import vector
from unit.jobs.files import read
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
