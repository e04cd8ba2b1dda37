"""A job and its progress as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs import EmbedJob, Progress, Summary, run
from unit.jobs.fake import MODEL, FakeGateway
from unit.jobs.small_jobs import interrupt_job, job


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
        ({"source": []}, "source"),
        ({"source": [3]}, "source"),
        ({"source": ""}, "source"),
        ({"source": "in\0.csv"}, "source"),
        ({"source": "~nobody-of-this-name/in.csv"}, "source"),
        ({"source": ["in.csv", "in.jsonl"]}, "source"),
        ({"source": "in.csv.zip"}, "source"),
        ({"source": "in.gz"}, "source"),
        ({"out": "out.jsonl.gz"}, "out"),
        ({"output_column": ""}, "output_column"),
        ({"quoting": "all"}, "quoting"),
        ({"input_format": "json"}, "input_format"),
        ({"output_format": "csv"}, "output_format"),
        ({"delimiter": ""}, "delimiter"),
        ({"delimiter": "||"}, "delimiter"),
        ({"delimiter": '"'}, "delimiter"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"encoding": "klingon"}, "encoding"),
        ({"encoding": "hex"}, "encoding"),
        ({"encoding": "utf\0"}, "encoding"),
        ({"encoding": 8}, "encoding"),
        ({"source": "in.jsonl", "encoding": "latin-1"}, "encoding"),
        ({"source": "in.parquet", "delimiter": ";"}, "delimiter"),
        ({"source": "in.arrow", "quoting": "none"}, "quoting"),
    ],
)
def test_invalid_arguments_are_refused_at_construction(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        EmbedJob(**{"source": "in.csv", "out": "out.npy", "model": MODEL, **options})
    assert caught.value.field == field


async def test_progress_has_rows_tokens_and_the_time_left(source: Path) -> None:
    await interrupt_job(job(source, "out.npy"))
    reports: list[Progress] = []
    summary: Summary = await run(job(source, "out.npy"), FakeGateway(), progress=reports.append)
    embedding = [progress for progress in reports if progress.phase == "embed"]
    assert [progress.rows for progress in embedding] == list(range(summary.resumed, 1001, 50))
    assert {progress.total for progress in embedding} == {1000}
    assert embedding[0].texts_per_second == 0
    assert embedding[-1].eta == 0
    assert embedding[-1].tokens == 4000
    assert embedding[1].tokens_per_second == pytest.approx(4 * embedding[1].texts_per_second)
    assert reports[-1].phase == "join"
