"""Memory does not grow with the file."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from ratatoskr.jobs import EmbedJob, run
from unit.jobs.fake import MODEL, FakeGateway
from unit.jobs.files import OUTS, write

WINDOW, DIMENSIONS = 64, 256
KINDS = ("jsonl", "csv", "parquet", "arrow")


class Forgetful(FakeGateway):
    """Keeps nothing of what it was asked."""

    async def embed_batch(self, *arguments: object, **options: object) -> object:
        try:
            return await super().embed_batch(*arguments, **options)  # type: ignore[arg-type]  # passed on as they came
        finally:
            self.calls.clear()


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak(folder: Path, kind: str, out: str, windows: int) -> int:
    """Return the most that a job of so many windows held at a time, of Python's memory and pyarrow's."""
    rows = [{"id": place, "text": f"{place} " * 300} for place in range(windows * WINDOW)]
    source = write(folder / f"in{windows}", kind, rows)
    del rows
    gc.collect()
    tracemalloc.reset_peak()
    before, arrows = tracemalloc.get_traced_memory()[0], pa.total_allocated_bytes()
    most = 0

    def watch(_: object) -> None:
        nonlocal most
        most = max(most, pa.total_allocated_bytes() - arrows)

    job = EmbedJob(source, folder / f"out{windows}.{out}", MODEL, window=WINDOW)
    asyncio.run(run(job, Forgetful(dimensions=DIMENSIONS), progress=watch))
    return tracemalloc.get_traced_memory()[1] - before + most


@pytest.mark.parametrize(("kind", "out"), [(kind, OUTS[place % 3]) for place, kind in enumerate(KINDS)])
@pytest.mark.usefixtures("traced")
@pytest.mark.timeout(300)  # tracing every allocation takes half a minute on a busy machine
def test_a_job_of_a_hundred_windows_holds_no_more_than_one_of_ten(
    tmp_path: Path, kind: str, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratatoskr.jobs.sink._GROUP_ROWS", 4 * WINDOW)
    peak(tmp_path, kind, out, 5)  # imports and the like
    few, many = peak(tmp_path, kind, out, 10), peak(tmp_path, kind, out, 100)
    assert many < 1.5 * few + 500_000, f"{few} bytes for ten windows, {many} for a hundred"
