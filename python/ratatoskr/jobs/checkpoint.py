"""How far a job is, on disk: what survives a kill, who may go on with it, and one process at a time.

The folder OUT.job holds

- `lock`, held while a process works,
- `checkpoint.json`, replaced whole after each part,
- `part-0000000.…`, one a window, flushed before the checkpoint counts it,
- `joined`, the output while it is put together.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from ratatoskr._files import atomic_write, cannot_write
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.job import EmbedJob
from ratatoskr.jobs.windows import Survey
from ratatoskr.version import VERSION

__all__ = ["Done", "Workplace", "identity_of", "stamp_of"]

_ENDS: Final = 1024 * 1024
_NAME: Final = "checkpoint.json"
_DECISIVE: Final = (
    "model",
    "model_digest",
    "precision",
    "column",
    "input_type",
    "dimensions",
    "truncate",
    "on_null",
    "window",
)


@dataclass(frozen=True, slots=True)
class Done:
    """What is safe on disk.

    Attributes:
        parts: whole ones, the first `parts` windows.
        size: bytes of them together.
        rows: in them.
        tokens: of these rows.
        truncated: rows of them that were cut.
        dimensions: numbers in each vector; 0 before the first part.
        model: the name that the answers gave.
        survey: what the look over the input told, once it is done.
        joined: inode and size of the output, from just before it gets its name.
    """

    parts: int = 0
    size: int = 0
    rows: int = 0
    tokens: int = 0
    truncated: int = 0
    dimensions: int = 0
    model: str = ""
    survey: Survey | None = None
    joined: tuple[int, int] | None = None


def stamp_of(path: Path) -> list[Any]:
    """Return what tells a file from another and from itself changed: size, time, digest of its two ends.

    Raises:
        ConfigurationError: it cannot be read.
        InvalidInput: it is a folder or a pipe, which would be waited for.
    """
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is no file", field="source")
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.sha256(file.read(_ENDS))
            file.seek(max(0, status.st_size - _ENDS))
            digest.update(file.read(_ENDS))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", field="source") from None
    return [status.st_size, status.st_mtime_ns, digest.hexdigest()]


def identity_of(job: EmbedJob) -> dict[str, Any]:
    """Return all that decides what the output holds; two runs that share one job agree in it."""
    formats = {"source_format": job.source_format, "out_format": job.sink_format}
    wanted = {name: getattr(job, name) for name in _DECISIVE}
    return {"source": stamp_of(job.source_path), **wanted, **formats, "made_by": VERSION}


class Workplace:
    """The folder of a job, beside its output; made by `held`, which no other process holds meanwhile."""

    def __init__(self, job: EmbedJob, path: Path, identity: dict[str, Any]) -> None:
        self._job, self.path, self._identity = job, path, identity
        self.done = Done()
        self._loaded = self._removed = False

    @classmethod
    @contextmanager
    def held(cls, job: EmbedJob, identity: dict[str, Any]) -> Iterator[Workplace]:
        """Hold the folder of a job, with what an earlier run of it left.

        Raises:
            ConfigurationError: another process holds it, or it cannot be written.
            InvalidInput: it holds another job; the field that differs is named.
        """
        path = job.out_path.with_name(f"{job.out_path.name}.job")
        lock = _locked(path, job.out_path)
        workplace = cls(job, path, identity)
        try:
            workplace.load()
            yield workplace
        finally:
            if workplace.is_empty():
                workplace.remove()
            os.close(lock)

    def load(self) -> None:
        """Read the checkpoint; with `fresh`, forget it."""
        checkpoint = self.path / _NAME
        self._loaded = self._job.fresh or not checkpoint.exists()
        if self._job.fresh:
            for place in _inside(self.path):
                if place.name != "lock":
                    place.unlink()
        if not checkpoint.exists():
            return
        try:
            told = json.loads(checkpoint.read_bytes())
            identity, survey, joined = dict(told.pop("identity")), told.pop("survey"), told.pop("joined")
            done = Done(
                **told,
                survey=Survey(**survey) if survey is not None else None,
                joined=(joined[0], joined[1]) if joined is not None else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise self._unusable("is broken") from None
        for field, value in self._identity.items():
            if identity.get(field) != value:
                what = f"{identity.get(field)!r} there, {value!r} here" if field != "source" else "the file has changed"
                raise self._unusable(f"is of a job with another {field} ({what})", field)
        self.done, self._loaded = done, True

    def is_empty(self) -> bool:
        """Tell whether there is nothing in it that another run could go on with."""
        return not self._removed and self._loaded and not self.done.parts

    def check_parts(self, suffix: str) -> None:
        """Look whether every part that the checkpoint counts is there and whole.

        Raises:
            InvalidInput: one is not.
        """
        size = 0
        with suppress(OSError):
            size = sum(self.part(number, suffix).stat().st_size for number in range(self.done.parts))
        if size != self.done.size:
            raise self._unusable("counts parts that are not there or not whole")

    def part(self, number: int, suffix: str) -> Path:
        """Return the place of a part."""
        return self.path / f"part-{number:07}.{suffix}"

    def record(self, **changes: Any) -> None:
        """Replace the checkpoint by one with changes, which outlives a power cut once this returns.

        Raises:
            ConfigurationError: there is no room for it, or the folder cannot be written.
        """
        done = replace(self.done, **changes)
        with atomic_write(self.path / _NAME) as file:
            file.write(json.dumps({"identity": self._identity, **asdict(done)}).encode())
        self.done = done

    def is_of_source(self) -> bool:
        """Tell whether the input is still what it was at the beginning."""
        return bool(stamp_of(self._job.source_path) == self._identity["source"])

    def is_joined(self) -> bool:
        """Tell whether the output that is there is this job's, whose process ended before it could tidy up."""
        if self.done.joined is None:
            return False
        with suppress(OSError):
            status = self._job.out_path.stat()
            return (status.st_ino, status.st_size) == self.done.joined
        return False

    def remove(self) -> None:
        """Remove the folder with all that is in it: the job is done."""
        last = (_NAME, "lock")  # until the checkpoint goes, the next run knows that the output is this job's
        for place in sorted(_inside(self.path), key=lambda place: last.index(place.name) if place.name in last else -1):
            place.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()
        self._removed = True  # from here on a folder of that name is another process's

    def _unusable(self, what: str, field: str | None = None) -> InvalidInput:
        return InvalidInput(f"{self.path / _NAME} {what}; begin anew with fresh=True", field=field)


def _locked(path: Path, out: Path) -> int:
    """Make the folder and lock it; a folder that its last holder removes meanwhile is made again."""
    if not path.parent.is_dir():
        raise ConfigurationError(f"there is no folder {path.parent}", field="out")
    while True:
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from None
        try:
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_write(path, error) from None
        if _holds(lock, path, out):
            return lock
        os.close(lock)


def _holds(lock: int, path: Path, out: Path) -> bool:
    """Lock, and tell whether it is still the folder's lock; a failure closes it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(lock).st_ino == (path / "lock").stat().st_ino
    except FileNotFoundError:
        return False
    except BlockingIOError:
        os.close(lock)
        raise ConfigurationError(f"another process is working on {out}", field="out") from None
    except OSError as error:
        os.close(lock)
        raise ConfigurationError(f"{path} cannot be locked: {error.strerror}", field="out") from None


def _inside(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else []
