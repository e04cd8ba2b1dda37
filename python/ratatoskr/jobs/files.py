"""Input files: which ones a job reads, and their content without the compression."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.job import JobLike, is_pattern

__all__ = ["expand_patterns", "open_input"]


def expand_patterns(job: JobLike) -> JobLike:
    """Return the job with every pattern replaced by the regular files that it matches, in the order of their names.

    Raises:
        InvalidInput: a pattern matches none, a file is given twice, or their formats differ.
    """
    paths: list[Path] = []
    for path in job.source_paths:
        matches = [path]
        if is_pattern(path):
            names = glob.glob(str(path), recursive=True)  # noqa: PTH207  # the pattern may be absolute
            matches = sorted(Path(name) for name in names if os.path.isfile(name))  # noqa: PTH113  # never raises
        if not matches:
            raise InvalidInput(f"no file matches {path}", field="source")
        paths += matches
    twice = [path for path, count in Counter(map(os.path.realpath, paths)).items() if count > 1]
    if twice:
        raise InvalidInput(f"{twice[0]} is given twice", field="source")
    return replace(job, source=tuple(paths))


def _open_plain(path: Path) -> Any:
    return path.open("rb", buffering=0)


def _open_zstandard(path: Path) -> Any:
    pa = require_extra("pyarrow", "jobs", why="Zstandard files")
    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")


_OPEN: Final[dict[str, Callable[[Path], Any]]] = {
    ".gz": gzip.open,
    ".zst": _open_zstandard,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}


_BEGINNINGS: Final = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"\xfd7zXZ\0": ".xz"}
"""Bytes that no text begins with."""


@contextmanager
def open_input(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading, decompressed by its suffix.

    Raises:
        InvalidInput: its content cannot be decompressed, or is compressed and its name does not say so.
        ConfigurationError: it cannot be read, or needs a package that is not installed.
    """
    try:
        open_raw = _OPEN.get(path.suffix.lower(), _open_plain)
        with open_raw(path) as raw, io.BufferedReader(raw, 1 << 20) as file:
            if open_raw is _open_plain:
                _check_beginning(path, file)
            yield file
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise InvalidInput(f"{path.name} cannot be decompressed: {error}", field="source") from None
    except OSError as error:
        if error.errno is None:  # of a decompressor
            raise InvalidInput(f"{path.name} cannot be decompressed: {error}", field="source") from None
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", field="source") from None


def _check_beginning(path: Path, file: io.BufferedReader) -> None:
    head = file.peek(8)
    for beginning, suffix in _BEGINNINGS.items():
        if head.startswith(beginning):
            what = f"is compressed, but its name does not end in {suffix}; rename or decompress it"
            raise InvalidInput(f"{path.name} {what}", field="source")
