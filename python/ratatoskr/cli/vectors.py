"""Output of vectors: lines of numbers, JSON, a file for numpy, or the nearest texts."""

from __future__ import annotations

import heapq
import os
import secrets
import signal
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from ratatoskr.cli.render import Screen, collapse_lines
from ratatoskr.errors import InvalidInput

if TYPE_CHECKING:
    from ratatoskr.types.embed import Embedding, Embeddings, Floats

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class VectorOutput(Protocol):
    """Writes texts with their vectors, in order."""

    screen: Screen

    def write(self, texts: Sequence[str], embeddings: Embeddings) -> None:
        """Write a block."""
        ...

    def finish(self) -> None:
        """Write what is known only at the end."""
        ...


@contextmanager
def open_output(
    screen: Screen, *, as_json: bool, npy: str | None, query: Embedding | None, top: int
) -> Iterator[VectorOutput]:
    """Open the output that the command line names.

    Raises:
        InvalidInput: the file cannot be written.
    """
    if query is not None:
        yield NearestTexts(screen, query.vector, top, as_json=as_json)
    elif npy is not None:
        with _replace_when_complete(Path(npy)) as out:
            yield NpyFile(screen, out, npy, as_json=as_json)
    else:
        yield PrintedVectors(screen, as_json=as_json)


class PrintedVectors:
    """Vectors on standard output: a line of numbers each, cut on a terminal; or JSON."""

    def __init__(self, screen: Screen, *, as_json: bool) -> None:
        self.screen = screen
        self._json = as_json
        self._count = 0

    def write(self, texts: Sequence[str], embeddings: Embeddings) -> None:
        """Print a block."""
        for embedding in embeddings:
            # The shortest decimals of a float32; those of the same number as a double are twice as long.
            numbers = [str(number) for number in embedding.vector]
            if self._json:
                fields = {"index": self._count, "model": embedding.model, "truncated": embedding.truncated}
                self.screen.json({**fields, "embedding": [float(number) for number in numbers]})
            else:
                self.screen.line(self._cut(numbers) if self.screen.out_is_terminal else " ".join(numbers))
            self._count += 1

    def _cut(self, numbers: list[str]) -> str:
        rest = f" … {len(numbers)} numbers"
        line, room = "", self.screen.width - len(rest)
        for number in numbers:
            if len(line) + len(number) + 1 > room:
                return line.rstrip() + rest
            line += number + " "
        return line.rstrip()

    def finish(self) -> None:
        """Do nothing: everything is printed."""


class NpyFile:
    """Vectors in a file that `numpy.load` reads, written row by row in bounded memory."""

    def __init__(self, screen: Screen, out: IO[bytes], name: str, *, as_json: bool) -> None:
        self.screen = screen
        self._out, self._name, self._json = out, name, as_json
        self._rows = self._dimensions = 0

    def write(self, texts: Sequence[str], embeddings: Embeddings) -> None:
        """Write a block."""
        if not self._dimensions:
            self._dimensions = embeddings.dimensions
            self._write_header()
        self._out.write(embeddings.vectors.astype("<f4", copy=False).tobytes())
        self._rows += len(embeddings)

    def finish(self) -> None:
        """Write the header again with the number of rows."""
        end = self._out.tell()
        self._out.seek(0)
        self._write_header()
        self._out.seek(end)
        if self._json:
            self.screen.json({"file": self._name, "texts": self._rows, "dimensions": self._dimensions})
        else:
            self.screen.note(f"wrote {self._rows:,} vectors of {self._dimensions} numbers to {self._name}")

    def _write_header(self) -> None:
        from numpy.lib import format as npy

        # numpy pads the header so that the first axis may grow: both headers have the same length.
        shape = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._dimensions)}
        npy.write_array_header_1_0(self._out, shape)


class NearestTexts:
    """The texts whose vectors are nearest to that of a query, by cosine similarity."""

    def __init__(self, screen: Screen, query: Floats, top: int, *, as_json: bool) -> None:
        self.screen = screen
        self._json = as_json
        self._query = self._unit(query)
        self._top = top
        self._best: list[tuple[float, int, str]] = []
        self._count = 0

    @staticmethod
    def _unit(vectors: Any) -> Any:
        import numpy as np

        return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)

    def write(self, texts: Sequence[str], embeddings: Embeddings) -> None:
        """Keep the nearest so far; of equal ones the first."""
        scores = self._unit(embeddings.vectors) @ self._query if len(embeddings) else []
        candidates = [(float(score), -self._count - place, texts[place]) for place, score in enumerate(scores)]
        self._best = heapq.nlargest(self._top, [*self._best, *candidates])
        self._count += len(texts)

    def finish(self) -> None:
        """Print them, nearest first."""
        for score, negative, text in self._best:
            if self._json:
                self.screen.json({"index": -negative, "score": round(score, 6), "text": text})
            else:
                self.screen.line(f"{score:.3f}  {collapse_lines(text)}")


@contextmanager
def _replace_when_complete(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces the path when the block ends without an error.

    As with the redirection of a shell, a link is written to where it leads, and an existing file keeps its mode.
    """
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a regular file", field="npy")
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    with _end_by_exception():
        try:
            try:
                out = temporary.open("xb")
            except OSError as error:
                raise InvalidInput(f"cannot write {path}: {error.strerror}", field="npy") from None
            with out:
                if target.exists():
                    os.fchmod(out.fileno(), stat.S_IMODE(target.stat().st_mode))
                yield out
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


@contextmanager
def _end_by_exception() -> Iterator[None]:
    """Let signals that end the process raise `SystemExit` with the usual status, so that files are removed."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    caught = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]  # nohup ignores one
    for number in caught:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)
