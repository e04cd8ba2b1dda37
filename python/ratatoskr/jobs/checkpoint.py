"""The directory of a job: its checkpoint, which survives a kill, and the lock that one process holds at a time.

The folder OUT.job holds

- `lock`, locked while a process works; its content marks the folder as that of a job,
- `checkpoint.json`, replaced atomically after each part,
- `part-0000000.…`, one a window, flushed before the checkpoint counts it,
- `joined`, the output while it is assembled.

A folder that is a link, of another user or not marked is refused, and only files of these names are ever deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from ratatoskr._files import atomic_write, write_error
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.windows import ScanResult
from ratatoskr.types.plain import Plain
from ratatoskr.types.visible import quote
from ratatoskr.version import VERSION

__all__ = ["Checkpoint", "JobDirectory", "fingerprint", "job_identity"]

_ENDS: Final = 1024 * 1024
_NAME: Final = "checkpoint.json"
_MARK: Final = b"a job of ratatoskr\n"
_OWN_NAME: Final = re.compile(
    r"lock|checkpoint\.json|\.checkpoint\.json\.\d+\.[0-9a-f]{8}\.part|part-\d{7,}\.(f4|jsonl|csv|arrows)|joined"
)
_DECISIVE: Final = (
    "model",
    "model_digest",
    "precision",
    "column",
    "quoting",
    "delimiter",
    "encoding",
    "on_null",
    "window",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is on disk.

    Attributes:
        parts: complete parts, one for each of the first windows.
        size: the sum of their bytes.
        rows: the number of rows in them.
        tokens: of these rows.
        truncated: rows whose text was cut.
        dimensions: numbers in each vector; 0 before the first part, and where there are no vectors.
        model: as the answers name it.
        labels: that have a score, where a model classifies.
        scan: the result of the scan, once it is complete.
        joined: inode and size of the output, written just before it is renamed.
    """

    parts: int = 0
    size: int = 0
    rows: int = 0
    tokens: int = 0
    truncated: int = 0
    dimensions: int = 0
    model: str = ""
    labels: tuple[str, ...] = ()
    scan: ScanResult | None = None
    joined: tuple[int, int] | None = None


def fingerprint(path: Path) -> list[Any]:
    """Return what identifies the content of a file: size, modification time, digest of its first and last MiB.

    Raises:
        ConfigurationError: it cannot be read.
        InvalidInput: it is a folder, or a pipe, which would block.
    """
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a regular file", field="source")
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.sha256(file.read(_ENDS))
            file.seek(max(0, status.st_size - _ENDS))
            digest.update(file.read(_ENDS))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", field="source") from None
    return [status.st_size, status.st_mtime_ns, digest.hexdigest()]


def job_identity(job: Job) -> dict[str, Any]:
    """Return everything that decides the content of the output; two runs continue one job only if they agree in it."""
    formats = {"source_format": job.source_format, "out_format": job.sink_format}
    decisive = {name: _json_value(getattr(job, name)) for name in (*_DECISIVE, *job.decisive)}
    return {"task": job.task, "source": _fingerprints(job), **decisive, **formats, "made_by": VERSION}


def _json_value(value: Any) -> Any:
    """Return a value of a job as JSON gives it back."""
    return value.to_dict() if isinstance(value, Plain) else list(value) if isinstance(value, tuple) else value


def _fingerprints(job: Job) -> list[list[Any]]:
    return [fingerprint(path) for path in job.source_paths]


class JobDirectory:
    """The folder of a job beside its output, opened and locked by `open`."""

    def __init__(self, job: Job, path: Path, identity: dict[str, Any]) -> None:
        self._job, self.path, self._identity = job, path, identity
        self.checkpoint = Checkpoint()
        self._loaded = self._removed = False

    @classmethod
    @contextmanager
    def open(cls, job: Job, identity: dict[str, Any]) -> Iterator[JobDirectory]:
        """Lock the folder of a job and read what an earlier run left.

        Raises:
            ConfigurationError: another process has locked it, or it cannot be written.
            InvalidInput: it belongs to another job; the message names the field that differs.
        """
        path = job.out_path.with_name(f"{job.out_path.name}.job")
        lock = _lock_directory(path, job.out_path)
        directory = cls(job, path, identity)
        try:
            directory.load()
            yield directory
        finally:
            if directory.is_empty():
                directory.remove()
            os.close(lock)

    def load(self) -> None:
        """Read the checkpoint; with `fresh`, delete it."""
        path = self.path / _NAME
        self._loaded = self._job.fresh or not path.exists()
        if self._job.fresh:
            for entry in _entries(self.path):
                if entry.name != "lock":
                    entry.unlink(missing_ok=True)
        if not path.exists():
            return
        try:
            data = json.loads(path.read_bytes())
            identity = dict(data.pop("identity"))
            checkpoint = _parse_checkpoint(**data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._unusable("is broken") from None
        for field, value in self._identity.items():
            if identity.get(field) != value:
                what = f"{quote(identity.get(field))} there, {quote(value)} here"
                if field == "source":
                    what = self._changed_source(identity.get(field))
                raise self._unusable(f"is of a job with another {field} ({what})", field)
        self.checkpoint, self._loaded = checkpoint, True

    def _changed_source(self, there: Any) -> str:
        here = self._identity["source"]
        if not isinstance(there, list) or len(there) != len(here):
            return f"{len(there) if isinstance(there, list) else 0} files there, {len(here)} here"
        changed = next(place for place in range(len(here)) if there[place] != here[place])
        return "the file has changed" if len(here) == 1 else f"{self._job.source_paths[changed]} has changed"

    def is_empty(self) -> bool:
        """Return whether it holds nothing that another run could continue."""
        return not self._removed and self._loaded and not self.checkpoint.parts

    def check_parts(self, suffix: str) -> None:
        """Check that every part that the checkpoint counts exists and is complete.

        Raises:
            InvalidInput: one is missing or incomplete.
        """
        size = 0
        with suppress(OSError):
            size = sum(self.part(number, suffix).stat().st_size for number in range(self.checkpoint.parts))
        if size != self.checkpoint.size:
            raise self._unusable("counts parts that are missing or incomplete")

    def part(self, number: int, suffix: str) -> Path:
        """Return the path of a part."""
        return self.path / f"part-{number:07}.{suffix}"

    def record(self, **changes: Any) -> None:
        """Replace the checkpoint by one with changes; it is durable when this returns.

        Raises:
            ConfigurationError: the disk is full, or the folder cannot be written.
        """
        checkpoint = replace(self.checkpoint, **changes)
        with atomic_write(self.path / _NAME) as file:
            file.write(json.dumps({"identity": self._identity, **asdict(checkpoint)}).encode())
        self.checkpoint = checkpoint

    def source_is_unchanged(self) -> bool:
        """Return whether the input is what it was at the start."""
        return bool(_fingerprints(self._job) == self._identity["source"])

    def is_joined(self) -> bool:
        """Return whether the existing output is that of this job, whose process ended before it removed the folder."""
        if self.checkpoint.joined is None:
            return False
        with suppress(OSError):
            status = self._job.out_path.stat()
            return (status.st_ino, status.st_size) == self.checkpoint.joined
        return False

    def remove(self) -> None:
        """Remove the folder and everything in it, because the job is complete or cannot be continued."""
        if self._removed:
            return
        last = (_NAME, "lock")  # while the checkpoint exists, the next run knows that the output is this job's
        for entry in sorted(
            _entries(self.path), key=lambda entry: last.index(entry.name) if entry.name in last else -1
        ):
            entry.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()
        self._removed = True  # from now on, a folder of that name belongs to another process

    def _unusable(self, what: str, field: str | None = None) -> InvalidInput:
        return InvalidInput(f"{self.path / _NAME} {what}; start over with fresh=True", field=field)


def _parse_checkpoint(*, model: str, labels: Any, scan: Any, joined: Any, **counts: int) -> Checkpoint:
    """Return the checkpoint of JSON values; raise `TypeError` or `ValueError` for others than `record` writes."""
    numbers = [*counts.values(), *(joined or ()), *((scan["rows"], scan["skipped"]) if scan is not None else ())]
    if not isinstance(model, str) or not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
        raise ValueError("counts are whole numbers")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("labels are texts")
    inode, size = joined or (0, 0)
    return Checkpoint(
        model=model,
        labels=tuple(labels),
        scan=ScanResult(**scan) if scan is not None else None,
        joined=(inode, size) if joined is not None else None,
        **counts,
    )


def _lock_directory(path: Path, out: Path) -> int:
    """Create the folder and lock it; a folder that its last owner removes at the same time is created again."""
    if not path.parent.is_dir():
        raise ConfigurationError(f"the folder {path.parent} does not exist", field="out")
    while True:
        try:
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
        except OSError as error:
            raise write_error(path, error) from None
        try:
            is_empty = _check_directory(path)
            if not is_empty and not (path / "lock").exists():
                raise _foreign(path, "was not made by a job")
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise write_error(path, error) from None
        if _try_lock(lock, path, out):
            try:
                _check_mark(lock, path, is_empty)
            except BaseException:
                os.close(lock)
                raise
            return lock
        os.close(lock)


def _try_lock(lock: int, path: Path, out: Path) -> bool:
    """Lock the file and return whether it still is the lock of the folder; a failure closes it."""
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


def _entries(path: Path) -> list[Path]:
    """Return the files in the folder that a job makes."""
    entries = sorted(path.iterdir()) if path.is_dir() else []
    return [entry for entry in entries if _OWN_NAME.fullmatch(entry.name)]


def _check_directory(path: Path) -> bool:
    """Return whether the folder is empty.

    Raises:
        ConfigurationError: it is not a folder of this user, or an entry with a name of a job is not a regular file.
    """
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise _foreign(path, "is not a folder")
    if status.st_uid != os.geteuid():
        raise _foreign(path, "belongs to another user")
    with suppress(FileNotFoundError):
        for entry in _entries(path):
            if not stat.S_ISREG(entry.lstat().st_mode):
                raise _foreign(entry, "is not a regular file")
    return not any(path.iterdir())


def _check_mark(lock: int, path: Path, is_empty: bool) -> None:
    """Mark the folder of a job by the content of its lock.

    Raises:
        ConfigurationError: it has files and no mark.
    """
    mark = os.pread(lock, len(_MARK) + 1, 0)
    if mark == _MARK:
        return
    if mark or not (is_empty or {entry.name for entry in path.iterdir()} == {"lock"}):
        raise _foreign(path, "was not made by a job")
    os.pwrite(lock, _MARK, 0)


def _foreign(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{path} {reason}; move it away or choose another output", field="out")
