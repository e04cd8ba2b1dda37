"""Calls under way: small ones that are joined, and windows of large ones, computed piece by piece."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._core import Tokens
from ratatoskr.errors import ContextLengthExceeded, InvalidInput
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.workers import After

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["SmallCall", "Tally", "Window", "run_small"]

_ENOUGH_ALONE: Final = 2
"""Texts that came alone before a session of several threads is made: a process that embeds one and ends needs none."""
_CHUNK: Final = 64 * 1024
"""Characters that are tokenised in one piece: some tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is told beside the vectors.

    Attributes:
        tokens: of all texts, as cut, special ones counted.
        cut: places of the texts that were cut.
    """

    tokens: int = 0
    cut: tuple[int, ...] = ()

    def and_then(self, other: Tally, first: int) -> Tally:
        """Return this with what is told of the texts from `first` on."""
        return Tally(self.tokens + other.tokens, self.cut + tuple(first + place for place in other.cut))


def _refuse_cut(model: LoadedModel, tokens: Tokens, first: int, places: list[int]) -> None:
    for text, count in tokens.cut()[:1]:
        raise ContextLengthExceeded(
            f"text {first + places[text]} has {count} tokens, and the model takes {model.folder.max_length}",
            model=model.name,
            field="texts",
        )


class _Answer:
    """The future of a call; a caller that gave up has cancelled it."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()

    def fail(self, error: BaseException) -> None:
        """End the call with an error, unless it has ended."""
        try:
            self.future.set_exception(error)
        except InvalidStateError:
            return

    def succeed(self, value: Any) -> None:
        """End the call with its result, unless its caller gave up."""
        try:
            self.future.set_result(value)
        except InvalidStateError:
            return


class SmallCall(_Answer):
    """A few texts; its future gives (vectors, tally)."""

    def __init__(
        self, model: LoadedModel, texts: list[str], *, truncate: bool, latency: Callable[[], bool] = lambda: False
    ) -> None:
        super().__init__()
        self.key: object = id(model)
        self.may_hold_latency = latency
        self.model, self.texts, self.truncate = model, texts, truncate
        self.size = len(texts)


def run_small(calls: list[Any], alone: bool) -> After:
    """Compute calls of one model together and return what gives the answers out; one that fails fails alone."""
    ready: list[tuple[SmallCall, Tokens]] = []
    for call in calls:
        if call.future.cancelled():
            continue
        try:
            tokens = call.model.tokenise(call.texts)
            if not call.truncate:
                _refuse_cut(call.model, tokens, 0, list(range(len(tokens))))
        except Exception as error:  # whatever it is, the caller is to have it
            call.fail(error)
        else:
            ready.append((call, tokens))
    if not ready:
        return _nothing
    try:
        return _compute_small(ready, alone)
    except Exception as error:  # whatever it is, the callers are to have it
        if len(ready) == 1:
            ready[0][0].fail(error)
            return _nothing
        singly = [run_small([call], alone=False) for call, _ in ready]  # one text may be to blame: each by itself

        def give_all() -> None:
            for give in singly:
                give()

        return give_all


def _nothing() -> None:
    return None


def _compute_small(ready: list[tuple[SmallCall, Tokens]], alone: bool) -> After:
    import numpy as np

    model = ready[0][0].model
    tokens = ready[0][1] if len(ready) == 1 else Tokens.concat([one for _, one in ready])
    out = np.empty((len(tokens), model.dimensions), np.float32)
    alone = alone and len(tokens) == 1
    for texts in tokens.calls(model.budget):
        model.compute(tokens, texts, out, alone=alone)

    def give() -> None:
        start = 0
        for call, own in ready:
            end = start + len(own)
            call.succeed((out[start:end], Tally(own.total(), tuple(place for place, _ in own.cut()))))
            start = end
        if alone:
            _come_alone(ready[0][0])

    return give


def _come_alone(call: SmallCall) -> None:
    """Make the session for single texts, if they go on coming; behind the answer, which does not wait for it."""
    model = call.model
    model.alone += 1
    if model.alone >= _ENOUGH_ALONE and model.latency is None and call.may_hold_latency():
        model.make_latency()


class Window(_Answer):
    """Up to some thousands of texts of a large call; its future gives a tally, and the vectors are in `out`."""

    def __init__(
        self, model: LoadedModel, texts: list[str], out: Floats, *, first: int, truncate: bool, wake: Callable[[], None]
    ) -> None:
        super().__init__()
        self._model, self._texts, self._first = model, texts, first
        self._truncate, self._out, self._wake = truncate, out, wake
        self._lock = threading.Lock()
        first_places: dict[str, int] = {}
        for place, text in enumerate(texts):
            first_places.setdefault(text, place)
        self._places = [*first_places.values()]
        self._repeated = len(self._places) < len(texts)
        self._unique = [texts[place] for place in self._places] if self._repeated else texts
        self._rows = self._model_rows()
        self._chunks = deque(self._cut())
        self._parts: list[Tokens | None] = [None] * len(self._chunks)
        self._untokenised = len(self._chunks)
        self._calls: deque[list[int]] = deque()
        self._tokens = Tokens.concat([])
        self._running = 0
        self._planned = False

    def _model_rows(self) -> Floats:
        import numpy as np

        return np.empty((len(self._unique), self._model.dimensions), np.float32) if self._repeated else self._out

    def _cut(self) -> list[tuple[int, int, int]]:
        chunks: list[tuple[int, int, int]] = []
        start, size = 0, 0
        for index, text in enumerate(self._unique):
            size += len(text)
            if size >= _CHUNK:
                chunks.append((len(chunks), start, index + 1))
                start, size = index + 1, 0
        if start < len(self._unique):
            chunks.append((len(chunks), start, len(self._unique)))
        return chunks

    def piece(self) -> Callable[[], After | None] | None:
        """Return the next piece to run, if one can begin."""
        with self._lock:
            if self.future.done():
                return None
            if self._chunks:
                return partial(self._guard, partial(self._tokenise, *self._chunks.popleft()))
            if self._calls and (self._model.gate is None or self._model.gate.acquire(blocking=False)):
                self._running += 1
                return partial(self._guard, partial(self._compute, self._calls.popleft()))
            return None

    def done(self) -> bool:
        """Tell whether no piece will come any more."""
        with self._lock:
            return self.future.done() or (self._planned and not self._calls)

    def _guard(self, work: Callable[[], After | None]) -> After | None:
        try:
            return work()
        except Exception as error:  # whatever it is, the caller is to have it
            self.fail(error)
            return None

    def _tokenise(self, number: int, start: int, end: int) -> None:
        try:
            part = self._model.tokenise(self._unique[start:end], self._first + start)
        except InvalidInput:
            if self._repeated:
                self._model.tokenise(self._texts, self._first)  # fails at the index that the caller knows
            raise
        with self._lock:
            self._parts[number] = part
            self._untokenised -= 1
            last = self._untokenised == 0
        if last:
            self._plan()
            self._wake()

    def _plan(self) -> None:
        tokens = Tokens.concat([part for part in self._parts if part is not None])
        if not self._truncate:
            _refuse_cut(self._model, tokens, self._first, self._places)
        calls = deque(tokens.calls(self._model.budget))
        with self._lock:
            self._parts.clear()
            self._tokens, self._calls, self._planned = tokens, calls, True

    def _compute(self, texts: list[int]) -> After | None:
        try:
            if not self.future.cancelled():
                self._model.compute(self._tokens, texts, self._rows)
        finally:
            with self._lock:
                self._running -= 1
                finished = not self._calls and not self._running
            if self._model.gate is not None:
                self._model.gate.release()
                self._wake()
        if not finished or self.future.done():
            return None
        return partial(self.succeed, self._finish())

    def _finish(self) -> Tally:
        tokens = self._tokens
        if not self._repeated:
            return Tally(tokens.total(), tuple(place for place, _ in tokens.cut()))
        row = {text: index for index, text in enumerate(self._unique)}
        rows = [row[text] for text in self._texts]
        self._out[:] = self._rows[rows]
        cut = {text for text, _ in tokens.cut()}
        lengths = [len(tokens.ids(text)) for text in range(len(tokens))]
        return Tally(
            sum(lengths[index] for index in rows), tuple(place for place, index in enumerate(rows) if index in cut)
        )
