"""CSV: every field is read as it was written."""

from __future__ import annotations

import csv

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
