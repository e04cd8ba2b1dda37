"""Runs small jobs, to the end or interrupted."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from ratatoskr.errors import ServiceUnavailable
from ratatoskr.jobs import EmbedJob, Summary, run
from unit.jobs.fake import MODEL, FakeGateway


def rows_of(texts: list[str]) -> list[dict[str, Any]]:
    return [{"id": f"{place:03}", "text": text, "other": text[::-1]} for place, text in enumerate(texts)]


async def embed(source: Path, out: Path, gateway: FakeGateway | None = None, **options: Any) -> Summary:
    return await run(EmbedJob(source, out, MODEL, **options), gateway or FakeGateway())


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


ROWS = [{"id": place, "text": f"text {place % 700} of many"} for place in range(1000)]


def job(source: Path, out: str, **options: Any) -> EmbedJob:
    return EmbedJob(source, source.parent / out, MODEL, **{"window": 50, **options})


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def digest_of_full_run(source: Path, out: str) -> str:
    await run(job(source, f"full.{out}"), FakeGateway())
    return digest(source.parent / f"full.{out}")


class Failing(FakeGateway):
    """Fails once, at one window."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
        if len(self.calls) == self.at:
            self.at = -1
            raise ServiceUnavailable("for the moment")
        return await super().embed_batch(texts, model, **options)


async def interrupt_job(a_job: EmbedJob, at: int = 10) -> None:
    with pytest.raises(ServiceUnavailable):
        await run(a_job, Failing(at))
