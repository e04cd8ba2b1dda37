"""Runs a job: one thread reads ahead, one writes behind, and the event loop only passes windows on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any, Final, Literal, TypeVar

from ratatoskr._files import cannot_write, check_room, sync_folder
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.checkpoint import Workplace, identity_of
from ratatoskr.jobs.job import EmbedJob, OnProgress, Progress, Summary
from ratatoskr.jobs.sink import SINKS, Sink
from ratatoskr.jobs.source import Source, open_source
from ratatoskr.jobs.target import Target, checked, embed, in_rows, settled
from ratatoskr.jobs.windows import Window, survey, windows
from ratatoskr.types.embed import Embeddings

__all__ = ["run"]

T = TypeVar("T")

_TOLD: Final = 10_000
"""Rows of the look over the input between two tellings."""
_AHEAD: Final = 2
"""Windows that are computed at a time: the second keeps the cores busy while the first ends."""


async def run(job: EmbedJob, target: Target, *, progress: OnProgress | None = None) -> Summary:
    """Embed a file; goes on where an interrupted run of the same job ended.

    Nothing is at `job.out` before the end. What is done is kept in the folder `OUT.job` beside it, whatever ends the
    run, and the same call goes on with it: the output is to the byte that of a run that nothing disturbed.

    Args:
        job: what to do.
        target: a gateway, or a `LocalEmbedder` of the job's model.
        progress: called on the event loop as windows become safe on disk.

    Raises:
        InvalidInput: the input is not what it has to be, the message names column or row; or what is kept is of
            another job, the message names what differs.
        ConfigurationError: the output is there, its folder cannot be written or is full, another process works on it,
            or a package is missing.
        RatatoskrError: the model failed.
    """
    job = settled(job, target)
    stop = Event()
    reader, writer = _Lane("ratatoskr-job-reader"), _Lane("ratatoskr-job-writer")
    held = contextlib.ExitStack()
    try:
        workplace = await writer.do(lambda: held.enter_context(_workplace(job)))
        return await _Run(job, target, workplace, reader, writer, stop, progress or (lambda _: None)).all()
    finally:
        stop.set()
        await _quietly(reader.end())
        writer.last(held.close)
        await _quietly(writer.end())


@contextlib.contextmanager
def _workplace(job: EmbedJob) -> Iterator[Workplace]:
    with Workplace.held(job, identity_of(job)) as workplace:
        if job.out_path.exists() and job.out_path.samefile(job.source_path):
            raise InvalidInput("a file cannot be its own output", field="out")
        if job.out_path.is_dir():
            raise ConfigurationError(f"{job.out_path} is a folder", field="out")
        if job.out_path.exists() and not job.overwrite and not workplace.is_joined():
            raise ConfigurationError(f"{job.out_path} is there already; overwrite=True replaces it", field="out")
        yield workplace


async def _quietly(ending: Awaitable[None]) -> None:
    """Wait for a thread to end, whoever cancels: what it holds is let go only then."""
    task = asyncio.ensure_future(ending)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


class _Lane:
    """A thread that does one thing after another."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something there and wait for it."""
        return await asyncio.wrap_future(self._thread.submit(work, *arguments))

    def last(self, work: Callable[[], None]) -> None:
        """Do something there, after all that is under way."""
        self._thread.submit(work)

    async def end(self) -> None:
        """Wait until all is done."""
        await asyncio.wrap_future(self._thread.submit(lambda: None))
        self._thread.shutdown()


@dataclass(slots=True)
class _Run:
    """One run of a job."""

    job: EmbedJob
    target: Target
    workplace: Workplace
    reader: _Lane
    writer: _Lane
    stop: Event
    progress: OnProgress
    began: float = 0.0
    resumed: int = 0
    resumed_tokens: int = 0

    async def all(self) -> Summary:
        """Do what there is to do, and tell."""
        self.began = time.monotonic()
        done = self.workplace.done
        self.resumed, self.resumed_tokens = done.rows, done.tokens
        if not await self.writer.do(self.workplace.is_joined):
            source = await self.reader.do(open_source, self.job)
            await self._look(source)
            self.began = time.monotonic()
            self._tell("embed")
            await self._embed(source)
            self._tell("join")
            await self.writer.do(_join, self.job, self.workplace, self.stop)
        await self.writer.do(self.workplace.remove)
        return self._summary()

    async def _look(self, source: Source) -> None:
        """Look the input over, unless an earlier run has."""
        known = self.workplace.done.survey
        if known is not None:
            source.learnt = known.learnt
            await self.writer.do(self.workplace.check_parts, self._sink.suffix)
            return
        loop = asyncio.get_running_loop()

        told = 0

        def seen(rows: int) -> None:
            nonlocal told
            if rows >= told + _TOLD:
                told = rows
                loop.call_soon_threadsafe(self.progress, Progress("look", rows))

        found = await self.reader.do(survey, self.job, source, self.stop, seen)
        await self.writer.do(lambda: self.workplace.record(survey=found))

    async def _embed(self, source: Source) -> None:
        """Keep the next window being read, two being computed and one being written."""
        coming = windows(self.job, source, start=self.workplace.done.parts, stop=self.stop)
        computing: deque[tuple[Window, asyncio.Future[Embeddings]]] = deque()
        writing: asyncio.Task[None] | None = None
        reading = asyncio.create_task(self.reader.do(next, coming, None))
        try:
            while (window := await reading) is not None or computing:
                if window is not None:
                    reading = asyncio.create_task(self.reader.do(next, coming, None))
                    computing.append((window, asyncio.ensure_future(embed(self.target, self.job, window))))
                    if len(computing) < _AHEAD:
                        continue
                window, future = computing.popleft()
                made = await _made(window, future)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(self._write(source, window, made))
            if writing is not None:
                await writing
        finally:
            left = [reading, *(future for _, future in computing), *([writing] if writing is not None else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _write(self, source: Source, window: Window, made: Embeddings) -> None:
        await self.writer.do(_keep, self.job, self.workplace, source, window, made)
        self._tell("embed")

    @property
    def _sink(self) -> Sink:
        return SINKS[self.job.sink_format]

    def _tell(self, phase: Literal["embed", "join"]) -> None:
        done = self.workplace.done
        total = done.survey.rows if done.survey is not None else None
        seconds = time.monotonic() - self.began
        self.progress(Progress(phase, done.rows, total, done.tokens, seconds, self.resumed, self.resumed_tokens))

    def _summary(self) -> Summary:
        done = self.workplace.done
        seconds = time.monotonic() - self.began
        return Summary(
            out=str(self.job.out_path),
            model=done.model,
            dimensions=done.dimensions,
            rows=done.rows,
            skipped=done.survey.skipped if done.survey is not None else 0,
            tokens=done.tokens,
            truncated=done.truncated,
            resumed=self.resumed,
            seconds=seconds,
            texts_per_second=(done.rows - self.resumed) / seconds if seconds else 0.0,
        )


async def _made(window: Window, future: asyncio.Future[Embeddings]) -> Embeddings:
    try:
        return await future
    except InvalidInput as error:
        raise in_rows(error, window) from None


def _keep(job: EmbedJob, workplace: Workplace, source: Source, window: Window, made: Embeddings) -> None:
    """Write a part, then count it; in the writer's thread."""
    done, sink = workplace.done, SINKS[job.sink_format]
    vectors = checked(window, made, done.dimensions, done.model)
    size = sink.write(workplace.part(window.number, sink.suffix), source, window.rows, vectors)
    if not done.parts and done.survey is not None:
        # What is to come is as large as what is there, and is there twice while it is put together.
        check_room(job.out_path, size * (2 * done.survey.rows - len(vectors)) // len(vectors))
    workplace.record(
        parts=done.parts + 1,
        size=done.size + size,
        rows=done.rows + len(vectors),
        tokens=done.tokens + (made.usage.input_tokens or 0),
        truncated=done.truncated + made.truncated,
        dimensions=vectors.shape[1],
        model=made.model,
    )


def _join(job: EmbedJob, workplace: Workplace, stop: Event) -> None:
    """Put the output together and give it its name; in the writer's thread."""
    done, sink = workplace.done, SINKS[job.sink_format]
    if done.survey is None or done.rows != done.survey.rows or not workplace.is_of_source():
        raise InvalidInput(f"{job.source_path.name} was changed while it was read", field="source")
    check_room(job.out_path, done.size)
    joined = workplace.path / "joined"
    parts = [workplace.part(number, sink.suffix) for number in range(done.parts)]
    sink.join(joined, parts, (done.rows, done.dimensions), stop)
    if job.out_path.exists() and not job.overwrite:
        raise ConfigurationError(
            f"{job.out_path} has come to be there meanwhile; overwrite=True replaces it", field="out"
        )
    try:
        status = joined.stat()
        workplace.record(joined=(status.st_ino, status.st_size))
        joined.replace(job.out_path)
        sync_folder(job.out_path.parent)
    except OSError as error:
        raise cannot_write(job.out_path, error) from None
