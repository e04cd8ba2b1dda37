"""What small calls and windows have in common: their future, their statistics, and the check of lengths."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any

from ratatoskr._core import Tokens
from ratatoskr.errors import ContextLengthExceeded
from ratatoskr.local.engine.loaded import LoadedModel

__all__ = ["BatchStats", "PendingCall", "refuse_truncation"]


@dataclass(frozen=True, slots=True)
class BatchStats:
    """Statistics of a call.

    Attributes:
        tokens: the number of tokens of all items after truncation, special tokens included.
        cut: indexes of the items that were truncated.
    """

    tokens: int = 0
    cut: tuple[int, ...] = ()

    def extend(self, other: BatchStats, first: int) -> BatchStats:
        """Return the sum of these statistics and those of the items from index `first` on."""
        return BatchStats(self.tokens + other.tokens, self.cut + tuple(first + index for index in other.cut))


def refuse_truncation(
    model: LoadedModel, items: Sequence[Any], tokens: Tokens, first: int = 0, indexes: Sequence[int] | None = None
) -> None:
    """Raise an error if an item was truncated.

    Args:
        model: the model.
        items: the items.
        tokens: their tokens.
        first: index in the call of the first item.
        indexes: the index of each item of `tokens` after `first`; by default they count from 0.

    Raises:
        ContextLengthExceeded: an item is too long; the message names its index and its length.
    """
    for item, count in tokens.cut()[:1]:
        index = first + (item if indexes is None else indexes[item])
        name, least = model.head.item, "at least " if model.is_long(items[item]) else ""
        raise ContextLengthExceeded(
            f"{name} {index} has {least}{count} tokens, and the model takes {model.folder.max_length}",
            model=model.name,
            field=f"{name}s",
        )


class PendingCall:
    """A call under way. Its caller cancels `future` to give it up."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()

    def fail(self, error: BaseException) -> None:
        """End the call with an error, unless it has ended or was cancelled."""
        try:
            self.future.set_exception(error)
        except InvalidStateError:
            return

    def succeed(self, value: Any) -> None:
        """End the call with its result, unless it has ended or was cancelled."""
        try:
            self.future.set_result(value)
        except InvalidStateError:
            return
