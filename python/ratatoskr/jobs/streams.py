"""Standard input and output of a job: files in a temporary folder stand for them.

The input is read twice, first to find its errors, and the output is complete or not there, so neither can pass through.
"""

from __future__ import annotations

import os
import select
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import IO, Any, Final

from ratatoskr._files import write_error
from ratatoskr.errors import ConfigurationError
from ratatoskr.jobs.job import JobLike
from ratatoskr.jobs.windows import Stopped

__all__ = ["replace_streams", "write_standard_output"]

_BLOCK: Final = 1 << 16
_WAIT: Final = 0.2
"""Seconds after which a thread that waits for a pipe looks whether the job has been cancelled."""


@contextmanager
def replace_streams(job: JobLike, stop: Event) -> Iterator[JobLike]:
    """Copy standard input to a file; yield the job with files in place of the streams.

    Raises:
        ConfigurationError: standard input cannot be read, or there is no space for it.
    """
    reads, writes = job.reads_standard_input, job.writes_standard_output
    if not reads and not writes:
        yield job
        return
    with tempfile.TemporaryDirectory(prefix="ratatoskr-job-") as folder:
        formats: dict[str, Any] = {"input_format": job.source_format} if reads else {}
        changes: dict[str, Any] = {"output_format": job.sink_format}
        if reads:
            # What an earlier run left is of another standard input.
            changes |= {"source": (Path(folder) / "stdin",), "fresh": True}
            _copy_standard_input(Path(folder) / "stdin", stop)
        if writes:
            changes["out"] = Path(folder) / "stdout"
        yield replace(job, **formats, **changes)


def _copy_standard_input(path: Path, stop: Event) -> None:
    stream = sys.stdin.buffer if sys.stdin is not None else None
    descriptor = _descriptor(stream)
    try:
        with path.open("xb") as file:
            if descriptor is None:
                if stream is not None:
                    shutil.copyfileobj(stream, file)
                return
            mode = os.fstat(descriptor).st_mode
            path.chmod(stat.S_IMODE(mode) | 0o600 if stat.S_ISREG(mode) else 0o600)  # the output gets no wider one
            while block := _read(descriptor, stop):
                file.write(block)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise ConfigurationError(f"standard input cannot be copied: {error.strerror}", field="source") from None
        raise write_error(path, error) from None


def _read(descriptor: int, stop: Event) -> bytes:
    while not select.select([descriptor], [], [], _WAIT)[0]:
        if stop.is_set():
            raise Stopped
    return os.read(descriptor, _BLOCK)


def write_standard_output(path: Path, stop: Event) -> None:
    """Copy a file to standard output.

    Raises:
        OSError: it cannot be written, such as a `BrokenPipeError`.
    """
    stream = sys.stdout.buffer if sys.stdout is not None else None
    descriptor = _descriptor(stream)
    with path.open("rb") as file:
        if stream is None or descriptor is None:
            if stream is not None:
                shutil.copyfileobj(file, stream)
            return
        sys.stdout.flush()
        while block := file.read(select.PIPE_BUF):  # which a writable pipe takes without blocking
            while not select.select([], [descriptor], [], _WAIT)[1]:
                if stop.is_set():
                    raise Stopped
            while block:
                block = block[os.write(descriptor, block) :]


def _descriptor(stream: IO[bytes] | None) -> int | None:
    with suppress(OSError, AttributeError):
        return stream.fileno() if stream is not None else None
    return None
