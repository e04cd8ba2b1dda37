"""Jobs for callers that block."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future, ThreadPoolExecutor

from ratatoskr.jobs.job import Job
from ratatoskr.jobs.progress import OnProgress, Summary
from ratatoskr.jobs.runner import run

__all__ = ["run_sync"]


def run_sync(job: Job, model: object, *, progress: OnProgress | None = None) -> Summary:
    """Return what `run` returns, without `await`; it may be called beside a running loop, as in notebooks.

    Args:
        job: what to compute, of which files.
        model: a blocking gateway, or a local model, as `run` takes it.
        progress: called in a thread of the job.

    Raises:
        RatatoskrError: as `run` does. An interrupt ends the job, which can be continued.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Summary]]] = Future()

    async def main() -> Summary:
        task = asyncio.ensure_future(run(job, model, progress=progress))
        started.set_result((asyncio.get_running_loop(), task))
        return await task

    with ThreadPoolExecutor(1, thread_name_prefix="ratatoskr-job") as thread:
        ending = thread.submit(asyncio.run, main())
        try:
            return ending.result()
        except BaseException:
            if not ending.done():
                loop, task = started.result()
                with contextlib.suppress(RuntimeError):  # it ended in the meantime
                    loop.call_soon_threadsafe(task.cancel)
            raise
