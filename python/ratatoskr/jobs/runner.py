"""Runs a job: one thread reads ahead, one writes behind, and the event loop passes windows between them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any, Final, TypeVar

from ratatoskr._files import check_disk_space, sync_folder, write_error
from ratatoskr.errors import ConfigurationError, InvalidInput, RatatoskrError
from ratatoskr.jobs.checkpoint import JobDirectory, job_identity
from ratatoskr.jobs.files import expand_patterns
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.kinds import EmbedJob
from ratatoskr.jobs.models import resolve_model, with_row_number
from ratatoskr.jobs.progress import JobPhase, OnProgress, Progress, Summary
from ratatoskr.jobs.rows import Source
from ratatoskr.jobs.sink import SINKS, Output, Sink
from ratatoskr.jobs.source import open_source
from ratatoskr.jobs.streams import replace_streams, write_standard_output
from ratatoskr.jobs.tasks import Computed, check_computed, compute, describe_origin, method_of
from ratatoskr.jobs.windows import RowWindow, cut_windows, scan
from ratatoskr.local.engine.buffered import map_buffered
from ratatoskr.local.engine.window import ON_BATCH

__all__ = ["run"]

T = TypeVar("T")

_REPORT_EVERY: Final = 10_000
"""Rows between two progress reports of the scan."""
_BATCH_REPORTS: Final = 0.1
"""Seconds between two reports of batches."""
_UNDER_WAY: Final = 2
"""Windows that are computed at a time: the second keeps the cores busy while the first ends."""


async def run(job: Job, model: object, *, progress: OnProgress | None = None) -> Summary:
    """Compute the results of a file; continue where an interrupted run of the same job ended.

    Nothing is at `job.out` before the end. Finished work is kept in the folder `OUT.job` beside it, however the run
    ends, and the same call continues with it: the output is identical to that of an uninterrupted run. A job that reads
    standard input or writes standard output keeps nothing.

    Args:
        job: what to compute, of which files.
        model: a gateway, or a local model that is the job's: a `LocalEmbedder`, `LocalNli` or `LocalClassifier`, or a
            `TokenizerRegistry` to count tokens.
        progress: called on the event loop as windows are written to disk, and in between as batches are computed.

    Raises:
        InvalidInput: the input is malformed, and the message names the column or row; the folder belongs to another
            job, and the message names what differs; or the model does not have the method that the job needs.
        ConfigurationError: the output exists, its folder cannot be written or is full, another process works on it, or
            a package is missing.
        RatatoskrError: the model failed.
    """
    job = resolve_model(job, model, method_of(job))
    stop = Event()
    reader, writer = _SerialThread("ratatoskr-job-reader"), _SerialThread("ratatoskr-job-writer")
    stack = contextlib.ExitStack()
    try:
        files = await writer.run(lambda: stack.enter_context(replace_streams(expand_patterns(job), stop)))
        directory = await writer.run(
            lambda: stack.enter_context(_open_directory(files, keep=not job.reads_standard_input))
        )
        done = await _JobRun(files, model, directory, reader, writer, stop, progress or (lambda _: None)).execute()
        if job.writes_standard_output:
            await writer.run(write_standard_output, files.out_path, stop)
        return replace(done, out=str(job.out_path))
    finally:
        stop.set()
        await _wait_uncancelled(reader.aclose())
        writer.submit(stack.close)
        await _wait_uncancelled(writer.aclose())


@contextlib.contextmanager
def _open_directory(job: Job, *, keep: bool) -> Iterator[JobDirectory]:
    with JobDirectory.open(job, job_identity(job)) as directory:
        if job.out_path.exists() and any(job.out_path.samefile(path) for path in job.source_paths):
            raise InvalidInput("a file cannot be its own output", field="out")
        if job.out_path.is_dir():
            raise ConfigurationError(f"{job.out_path} is a folder", field="out")
        if job.out_path.exists() and not job.out_path.is_file():
            text = f"{job.out_path} is a device or a pipe, which a file would replace; - is standard output"
            raise ConfigurationError(text, field="out")
        if job.out_path.exists() and not job.overwrite and not directory.is_joined():
            raise ConfigurationError(f"{job.out_path} exists; overwrite=True replaces it", field="out")
        try:
            yield directory
        finally:
            if not keep:
                directory.remove()


async def _wait_uncancelled(ending: Awaitable[None]) -> None:
    """Wait for a thread to end, and only then raise a cancellation, so that its files are closed."""
    task = asyncio.ensure_future(ending)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


class _SerialThread:
    """A thread that runs one function after another."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run a function in the thread and return its result."""
        return await asyncio.wrap_future(self._thread.submit(work, *arguments))

    def submit(self, work: Callable[[], None]) -> None:
        """Run a function in the thread after all that was submitted, without waiting."""
        self._thread.submit(work)

    async def aclose(self) -> None:
        """Wait until everything submitted has run, and end the thread."""
        await asyncio.wrap_future(self._thread.submit(lambda: None))
        self._thread.shutdown()


@dataclass(slots=True)
class _JobRun:
    """One run of a job."""

    job: Job
    model: object
    directory: JobDirectory
    reader: _SerialThread
    writer: _SerialThread
    stop: Event
    progress: OnProgress
    began: float = 0.0
    resumed: int = 0
    resumed_tokens: int = 0
    computed: dict[int, int] = field(default_factory=dict)
    """Items that are computed, by the number of their window, until that is on disk."""
    reported: float = 0.0

    async def execute(self) -> Summary:
        """Do what is left of the job and return its summary."""
        self.began = time.monotonic()
        checkpoint = self.directory.checkpoint
        self.resumed, self.resumed_tokens = checkpoint.rows, checkpoint.tokens
        if not await self.writer.run(self.directory.is_joined):
            source = await self.reader.run(open_source, self.job)
            await self._scan(source)
            self.began = time.monotonic()
            self._report(self.job.task)
            await self._compute_windows(source)
            self._report("join")
            await self.writer.run(_join, self.job, self.directory, self.stop)
        await self.writer.run(self.directory.remove)
        return self._summary()

    async def _scan(self, source: Source) -> None:
        """Scan the input, unless an earlier run has."""
        earlier = self.directory.checkpoint.scan
        if earlier is not None:
            source.columns = earlier.columns
            await self.writer.run(self.directory.check_parts, self._sink.suffix)
            return
        loop = asyncio.get_running_loop()

        reported = 0

        def report(rows: int) -> None:
            nonlocal reported
            if rows >= reported + _REPORT_EVERY:
                reported = rows
                loop.call_soon_threadsafe(self.progress, Progress("scan", rows))

        result = await self.reader.run(scan, self.job, source, self.stop, report)
        await self.writer.run(lambda: self.directory.record(scan=result))

    async def _compute_windows(self, source: Source) -> None:
        """Read the next window, compute two and write one at the same time."""
        writing: asyncio.Task[None] | None = None
        try:
            async with (
                aclosing(self._read_windows(source)) as windows,
                aclosing(map_buffered(self._start, windows, buffersize=_UNDER_WAY)) as results,
            ):
                async for window, computed in results:
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(self._write(source, window, computed))
            if writing is not None:
                await writing
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _read_windows(self, source: Source) -> AsyncGenerator[RowWindow, None]:
        """Yield the windows that are left, while the one after each is being read."""
        windows = cut_windows(self.job, source, start=self.directory.checkpoint.parts, stop=self.stop)
        reading = asyncio.create_task(self.reader.run(next, windows, None))
        try:
            while (window := await reading) is not None:
                reading = asyncio.create_task(self.reader.run(next, windows, None))
                yield window
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _start(self, window: RowWindow) -> asyncio.Future[tuple[RowWindow, Computed]]:
        return asyncio.ensure_future(self._compute(window))

    async def _compute(self, window: RowWindow) -> tuple[RowWindow, Computed]:
        loop = asyncio.get_running_loop()

        def count(items: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and this was its last batch
                loop.call_soon_threadsafe(self._count, window, items)

        ON_BATCH.set(count)  # for this task alone
        try:
            return window, await compute(self.job, self.model, window.texts)
        except RatatoskrError as error:
            raise with_row_number(error, self.job, window) from None

    def _count(self, window: RowWindow, items: int) -> None:
        """Count a batch, and report it unless the last report was a moment ago."""
        if window.number < self.directory.checkpoint.parts:
            return  # it is on disk by now
        most = len(window.texts) * self.job.items_per_row
        self.computed[window.number] = min(self.computed.get(window.number, 0) + items, most)
        now = time.monotonic()
        if now >= self.reported + _BATCH_REPORTS:
            self.reported = now
            self._report(self.job.task)

    async def _write(self, source: Source, window: RowWindow, computed: Computed) -> None:
        await self.writer.run(_write_part, self.job, self.directory, source, window, computed)
        self.computed.pop(window.number, None)
        self._report(self.job.task)

    @property
    def _sink(self) -> Sink:
        return SINKS[self.job.sink_format]

    def _report(self, phase: JobPhase) -> None:
        checkpoint = self.directory.checkpoint
        total = checkpoint.scan.rows if checkpoint.scan is not None else None
        seconds = time.monotonic() - self.began
        self.progress(
            Progress(
                phase,
                checkpoint.rows,
                total,
                checkpoint.tokens,
                seconds,
                self.resumed,
                self.resumed_tokens,
                sum(items for number, items in self.computed.items() if number >= checkpoint.parts)
                // self.job.items_per_row,
            )
        )

    def _summary(self) -> Summary:
        checkpoint = self.directory.checkpoint
        seconds = time.monotonic() - self.began
        return Summary(
            out=str(self.job.out_path),
            model=checkpoint.model,
            dimensions=checkpoint.dimensions,
            rows=checkpoint.rows,
            skipped=checkpoint.scan.skipped if checkpoint.scan is not None else 0,
            tokens=checkpoint.tokens,
            truncated=checkpoint.truncated,
            resumed=self.resumed,
            seconds=seconds,
            texts_per_second=(checkpoint.rows - self.resumed) / seconds if seconds else 0.0,
        )


def _write_part(job: Job, directory: JobDirectory, source: Source, window: RowWindow, computed: Computed) -> None:
    """Write a part, then count it in the checkpoint; runs in the writer's thread."""
    checkpoint, sink, rows = directory.checkpoint, SINKS[job.sink_format], len(window.texts)
    computed = check_computed(computed, rows, checkpoint)
    path = directory.part(window.number, sink.suffix)
    size = sink.write(path, source, window.rows, computed.columns, is_first=window.number == 0)
    if not checkpoint.parts and checkpoint.scan is not None and rows:
        # The other parts are about as large, and the output is on disk twice while it is assembled.
        check_disk_space(job.out_path, size * (2 * checkpoint.scan.rows - rows) // rows)
    directory.record(
        parts=checkpoint.parts + 1,
        size=checkpoint.size + size,
        rows=checkpoint.rows + rows,
        tokens=checkpoint.tokens + computed.tokens,
        truncated=checkpoint.truncated + computed.truncated,
        dimensions=computed.dimensions,
        model=computed.model,
        labels=computed.labels,
    )


def _join(job: Job, directory: JobDirectory, stop: Event) -> None:
    """Assemble the output and rename it to its place; runs in the writer's thread."""
    checkpoint, sink = directory.checkpoint, SINKS[job.sink_format]
    if checkpoint.scan is None or checkpoint.rows != checkpoint.scan.rows or not directory.source_is_unchanged():
        raise InvalidInput(f"{job.input_name} changed while it was read", field="source")
    check_disk_space(job.out_path, checkpoint.size)
    joined = directory.path / "joined"
    parts = [directory.part(number, sink.suffix) for number in range(checkpoint.parts)]
    vectors = job.output_column if isinstance(job, EmbedJob) else None
    output = Output(checkpoint.rows, checkpoint.dimensions, vectors, describe_origin(job))
    sink.join(joined, parts, output, stop)
    if job.out_path.exists() and not job.overwrite:
        raise ConfigurationError(f"{job.out_path} was created in the meantime; overwrite=True replaces it", field="out")
    try:
        status = joined.stat()
        for path in job.source_paths:  # never wider than any input
            joined.chmod(joined.stat().st_mode & (path.stat().st_mode | 0o600) & 0o777)
        directory.record(joined=(status.st_ino, status.st_size))
        joined.replace(job.out_path)
        sync_folder(job.out_path.parent)
    except OSError as error:
        raise write_error(job.out_path, error) from None
