"""Small calls: those that wait at the same time are computed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ratatoskr._core import Tokens
from ratatoskr.local.engine.call import BatchStats, PendingCall, refuse_truncation
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.stop import StopSignal
from ratatoskr.local.engine.workers import Delivery

__all__ = ["SmallCall", "run_small"]

_SINGLE_TEXTS_BEFORE_SESSION: Final = 2
"""Single texts before a session of several threads is opened: a process that computes one text needs none."""


class SmallCall(PendingCall):
    """A few items; the result of its future is (rows, stats)."""

    def __init__(
        self, model: LoadedModel, items: list[Any], *, truncate: bool, may_open_session: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.key: object = id(model)
        self.may_open_session = may_open_session
        self.model, self.items, self.truncate = model, items, truncate
        self.size = len(items)


def run_small(calls: list[Any], alone: bool) -> Delivery:
    """Compute calls of one model together and return the function that delivers their results.

    If computing them together fails, each is computed by itself, so that a call fails only for its own items.
    """
    ready: list[tuple[SmallCall, Tokens]] = []
    for call in calls:
        if call.future.done():
            continue
        try:
            tokens = call.model.tokenise(call.items)
            if not call.truncate:
                refuse_truncation(call.model, call.items, tokens)
        except Exception as error:  # any error is the caller's
            call.fail(error)
        else:
            ready.append((call, tokens))
    if not ready:
        return _deliver_nothing
    try:
        return _compute(ready, alone)
    except Exception as error:  # any error is the callers'
        if len(ready) == 1:
            ready[0][0].fail(error)
            return _deliver_nothing
        deliveries = [run_small([call], alone=False) for call, _ in ready]

        def deliver_all() -> None:
            for deliver in deliveries:
                deliver()

        return deliver_all


def _deliver_nothing() -> None:
    return None


def _compute(ready: list[tuple[SmallCall, Tokens]], alone: bool) -> Delivery:
    model = ready[0][0].model
    tokens = ready[0][1] if len(ready) == 1 else Tokens.concat([own for _, own in ready])
    rows = model.allocate_rows(len(tokens))
    alone = alone and len(tokens) == 1
    stop = StopSignal.when_done([call.future for call, _ in ready])
    for batch in model.plan(tokens):
        model.compute(tokens, batch, rows, alone=alone, stop=stop)

    def deliver() -> None:
        start = 0
        for call, own in ready:
            end = start + len(own)
            call.succeed((rows[start:end], BatchStats(own.total(), tuple(item for item, _ in own.cut()))))
            start = end
        if alone:
            _count_single_text(ready[0][0])

    return deliver


def _count_single_text(call: SmallCall) -> None:
    """Open the session for single texts once there were enough of them; the result is delivered by then."""
    model = call.model
    model.single_texts += 1
    if (
        model.single_texts >= _SINGLE_TEXTS_BEFORE_SESSION
        and model.single_text_session is None
        and not model.single_text_session_failed
        and call.may_open_session()
    ):
        model.open_single_text_session()
