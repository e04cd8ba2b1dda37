"""What becomes of vectors in a shell: lines of numbers, JSON, a file for numpy, or the nearest texts."""

from __future__ import annotations

import heapq
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from ratatoskr.cli.render import Screen, one_line
from ratatoskr.errors import InvalidInput

if TYPE_CHECKING:
    from ratatoskr.types.embed import Embedding, Embeddings, Floats


class Taker(Protocol):
    """Takes texts with their vectors, in order."""

    screen: Screen

    def take(self, texts: Sequence[str], made: Embeddings) -> None:
        """Take a block."""
        ...

    def finish(self) -> None:
        """Show what can only be shown at the end."""
        ...


@contextmanager
def taker_of(screen: Screen, *, as_json: bool, npy: str | None, query: Embedding | None, top: int) -> Iterator[Taker]:
    """Return who takes the vectors, by what the command line says.

    Raises:
        InvalidInput: the file cannot be written.
    """
    if query is not None:
        yield Nearest(screen, query.vector, top, as_json=as_json)
    elif npy is not None:
        with _whole(Path(npy)) as out:
            yield Npy(screen, out, npy, as_json=as_json)
    else:
        yield Shown(screen, as_json=as_json)


class Shown:
    """Vectors on standard output: a line of numbers each, of which a terminal gets the first; or JSON."""

    def __init__(self, screen: Screen, *, as_json: bool) -> None:
        self.screen = screen
        self._json = as_json
        self._done = 0

    def take(self, texts: Sequence[str], made: Embeddings) -> None:
        """Show a block."""
        for embedding in made:
            # The shortest words that give the same float32 again; as doubles they would be twice as long.
            numbers = [str(number) for number in embedding.vector]
            if self._json:
                told = {"index": self._done, "model": embedding.model, "truncated": embedding.truncated}
                self.screen.json({**told, "embedding": [float(number) for number in numbers]})
            else:
                self.screen.line(self._cut(numbers) if self.screen.out_is_terminal else " ".join(numbers))
            self._done += 1

    def _cut(self, numbers: list[str]) -> str:
        rest = f" … {len(numbers)} numbers"
        line, room = "", self.screen.width - len(rest)
        for number in numbers:
            if len(line) + len(number) + 1 > room:
                return line.rstrip() + rest
            line += number + " "
        return line.rstrip()

    def finish(self) -> None:
        """Do nothing: all is shown."""


class Npy:
    """Vectors in a file that `numpy.load` reads, written row by row in bounded memory."""

    def __init__(self, screen: Screen, out: IO[bytes], name: str, *, as_json: bool) -> None:
        self.screen = screen
        self._out, self._name, self._json = out, name, as_json
        self._rows = self._dimensions = 0

    def take(self, texts: Sequence[str], made: Embeddings) -> None:
        """Write a block."""
        if not self._dimensions:
            self._dimensions = made.dimensions
            self._head()
        self._out.write(made.vectors.astype("<f4", copy=False).tobytes())
        self._rows += len(made)

    def finish(self) -> None:
        """Write how many there are, now that it is known."""
        end = self._out.tell()
        self._out.seek(0)
        self._head()
        self._out.seek(end)
        if self._json:
            self.screen.json({"file": self._name, "texts": self._rows, "dimensions": self._dimensions})
        else:
            self.screen.note(f"{self._rows:,} vectors of {self._dimensions} numbers are in {self._name}")

    def _head(self) -> None:
        from numpy.lib import format as npy

        # numpy leaves room in the head for the first axis to grow, so that both heads are of one length.
        shape = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._dimensions)}
        npy.write_array_header_1_0(self._out, shape)


class Nearest:
    """The texts whose vectors are nearest to a query's, by their cosine."""

    def __init__(self, screen: Screen, query: Floats, top: int, *, as_json: bool) -> None:
        self.screen = screen
        self._json = as_json
        self._query = self._unit(query)
        self._top = top
        self._best: list[tuple[float, int, str]] = []
        self._done = 0

    @staticmethod
    def _unit(vectors: Any) -> Any:
        import numpy as np

        return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)

    def take(self, texts: Sequence[str], made: Embeddings) -> None:
        """Keep the nearest so far; of equals the first."""
        scores = self._unit(made.vectors) @ self._query if len(made) else []
        found = [(float(score), -self._done - place, texts[place]) for place, score in enumerate(scores)]
        self._best = heapq.nlargest(self._top, [*self._best, *found])
        self._done += len(texts)

    def finish(self) -> None:
        """Show them, the nearest first."""
        for score, negative, text in self._best:
            if self._json:
                self.screen.json({"index": -negative, "score": round(score, 6), "text": text})
            else:
                self.screen.line(f"{score:.3f}  {one_line(text)}")


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside the path that takes its place once it is whole."""
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is no file", field="npy")
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        try:
            out = beside.open("xb")
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror}", field="npy") from None
        with out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
