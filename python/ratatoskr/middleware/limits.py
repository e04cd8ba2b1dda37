"""`RateLimits`: keeps to limits of requests and tokens before a provider enforces them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ratatoskr.errors import RatatoskrError, RateLimited
from ratatoskr.ledger.memory import as_local
from ratatoskr.ledger.protocol import Charge, Hold, Ledger
from ratatoskr.middleware.base import Middleware
from ratatoskr.middleware.estimate import (
    CountInput,
    MeanTokens,
    estimate_input,
    estimate_usage,
    largest_output,
)
from ratatoskr.middleware.lane import Lane, Late
from ratatoskr.middleware.ratelimit_headers import least_remaining, read_remaining
from ratatoskr.middleware.watch import watch
from ratatoskr.registry.backoff import PATIENCE
from ratatoskr.registry.policy import maybe_billed
from ratatoskr.types.allowance import LimitStatus

if TYPE_CHECKING:
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.middleware.base import AskChat, AskEmbed, AskStream
    from ratatoskr.providers.protocol import CallOptions
    from ratatoskr.registry.backoff import Clock
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.limit import Limit
    from ratatoskr.types.usage import Usage

__all__ = ["OrderKeys", "RateLimits"]

OrderKeys: TypeAlias = "Callable[[ChatRequest | EmbedRequest, str], Sequence[int]]"
"""Returns which of a provider's keys a request to a model may use, the preferred one first."""

_UNNOTICED: Final = 0.001
"""Seconds of waiting that are not taken off the time of a try."""
_new: Final = tuple.__new__  # of a `NamedTuple`, without the function of Python that its class adds
_MAX_MODELS: Final = 1024
"""The most models that are remembered: their names may come from the caller's users."""


class _Dimension(NamedTuple):
    """One thing that is limited.

    Attributes:
        account: where it is counted.
        name: one of `DIMENSIONS`.
        limit: the most.
        per: seconds.
        each_key: whether each key has an account of its own.
        place: of its amount in `_amounts`.
    """

    account: str
    name: str
    limit: int
    per: float
    each_key: bool
    place: int


class _LimitedModel:
    """What is known of one model at the provider.

    Attributes:
        dimensions: one for each charge.
        each_key: whether any of them holds for each key.
        places: of the dimensions in `_amounts`.
        lane: where its calls queue.
        mean: of its answers.
    """

    __slots__ = ("dimensions", "each_key", "lane", "mean", "places")

    def __init__(self, dimensions: tuple[_Dimension, ...], lane: Lane) -> None:
        self.dimensions = dimensions
        self.places = tuple(one.place for one in dimensions)
        self.each_key = any(one.each_key for one in dimensions)
        self.lane = lane
        self.mean = MeanTokens()


class _LimitedTry:
    """A try that has reserved its amounts.

    Attributes:
        model: what it asks.
        hold: what it has reserved.
        estimated: the input tokens, as counted before any correction.
    """

    __slots__ = ("estimated", "hold", "model")

    def __init__(self, model: _LimitedModel, hold: Hold, estimated: int) -> None:
        self.model = model
        self.hold = hold
        self.estimated = estimated


class RateLimits(Middleware):
    """Limits the tries at one provider; innermost, so that every repeat counts.

    A try reserves one request, its input as counted, and its output as far as `max_tokens` allows or as the model's
    answers had so far. When it ends, what it used replaces that.

    Args:
        limits: of this provider.
        ledger: counts.
        clock: that is waited on.
        count: returns the input tokens of a request.
        order_keys: of the provider; `None` where it has one key at most.
        keys: how many the provider has.
    """

    def __init__(
        self,
        limits: Sequence[Limit],
        ledger: Ledger,
        clock: Clock,
        count: CountInput = estimate_input,
        order_keys: OrderKeys | None = None,
        keys: int = 1,
    ) -> None:
        self._limits = limits
        self._ledger = ledger
        self._clock = clock
        self._count = count
        self._order_keys = order_keys
        self._keys = keys
        self._now: Callable[[], float] = getattr(clock, "time", time.time) if ledger.shared else clock.now
        self._models: dict[str, _LimitedModel] = {}
        self._lanes: dict[tuple[int, ...], Lane] = {}
        self._local = as_local(ledger)

    async def chat(self, request: ChatRequest, call: CallOptions, ask: AskChat) -> ChatResponse[Any]:
        """Return the answer to a chat, asked for when the limits allow it."""
        model = self._models.get(call.model) or self._add_model(call.model)
        if not model.dimensions:
            return await ask(request, call)
        current = self._begin_now(model, request, call)
        if current is None:
            current, call = await self._begin(model, request, call)
        try:
            response = await ask(request, call)
        except BaseException as error:
            self._fail(current, error)
            raise
        self._settle(current, response.usage)
        raw = response.raw
        if raw is not None and (less := self._find_less(current, raw.headers)):
            await self._lower(current, raw.headers, less)
        return response

    async def open_stream(self, request: ChatRequest, call: CallOptions, ask: AskStream) -> OpenStream:
        """Return a stream, asked for when the limits allow it; it is settled when it ends."""
        model = self._models.get(call.model) or self._add_model(call.model)
        if not model.dimensions:
            return await ask(request, call)
        current = self._begin_now(model, request, call)
        if current is None:
            current, call = await self._begin(model, request, call)
        try:
            stream = await ask(request, call)
        except BaseException as error:
            self._fail(current, error)
            raise

        headers = getattr(stream.source, "headers", None)
        if headers is not None and (less := self._find_less(current, headers)):
            await self._lower(current, headers, less)

        def end(response: ChatResponse[Any], error: BaseException | None) -> None:
            usage = response.usage
            complete = error is None and response.finish_reason != "unknown" and usage.output_tokens is not None
            self._settle(current, usage if complete else estimate_usage(current.estimated, response))

        return watch(stream, on_end=end)

    async def embed(self, request: EmbedRequest, call: CallOptions, ask: AskEmbed) -> Embeddings:
        """Return vectors, asked for when the limits allow it."""
        model = self._models.get(call.model) or self._add_model(call.model)
        if not model.dimensions:
            return await ask(request, call)
        current = self._begin_now(model, request, call)
        if current is None:
            current, call = await self._begin(model, request, call)
        try:
            embeddings = await ask(request, call)
        except BaseException as error:
            self._fail(current, error)
            raise
        self._settle(current, embeddings.usage)
        return embeddings

    async def status(self, model: str | None = None) -> list[LimitStatus]:
        """Return what is used of each limit, or of those of one model."""
        found = []
        for limit in self._limits:
            for key in range(self._keys) if limit.each_key else (None,):
                for name, most in limit.dimensions() if model is None or limit.holds_for(model) else ():
                    used = await self._ledger.total(_of_key(limit.account(name), key), self._now())
                    found.append(LimitStatus(limit.provider, limit.model, name, most, limit.per, used, key))
        return found

    def close(self) -> None:
        """End every wait with `GatewayClosed`."""
        for lane in list(self._lanes.values()):
            lane.close()

    def _begin_now(
        self, model: _LimitedModel, request: ChatRequest | EmbedRequest, call: CallOptions
    ) -> _LimitedTry | None:
        """Reserve what a try needs, without a coroutine; return `None` where that takes one.

        Raises:
            RateLimited: it is more than a limit.
        """
        local, lane = self._local, model.lane
        if local is None or model.each_key or lane.waiters or lane.closed:
            return None
        estimated = self._count(request, call.provider or "", call.model)
        found = local.reserve_now(self._charges(model, request, estimated, call), self._now())
        return _LimitedTry(model, found, estimated) if isinstance(found, Hold) else None

    async def _begin(
        self, model: _LimitedModel, request: ChatRequest | EmbedRequest, call: CallOptions
    ) -> tuple[_LimitedTry, CallOptions]:
        """Reserve what a try needs, and return it with the options of the try: waiting took of its time.

        Raises:
            RateLimited: it cannot be had in time, or is more than a limit.
        """
        estimated = self._count(request, call.provider or "", call.model)
        charges = self._charges(model, request, estimated, call)
        choices = self._choices(model, charges, request, call.model)
        total = math.inf if call.deadlines.total is None else call.deadlines.total
        patience = min(PATIENCE, total) if call.has_next else total
        began = self._clock.now()
        try:
            hold = await model.lane.reserve([charges for _, charges in choices], patience, hopeful=not call.has_next)
        except Late as late:
            one, seconds = model.dimensions[late.refusal.position], late.seconds
            limit = f"{one.limit} {_words(one.name)} in {one.per:g} s{' for each key' if one.each_key else ''}"
            message = f"the limit of {limit} is reached; there is room in {seconds:.3g} s"
            raise RateLimited(message, provider="ratatoskr", model=call.model, retry_after=seconds) from None
        waited = self._clock.now() - began
        if waited > _UNNOTICED and call.deadlines.total is not None:
            call = replace(call, deadlines=replace(call.deadlines, total=max(total - waited, 0.001)))
        if model.each_key:
            call = replace(call, key=next(key for key, one in choices if one[0].account == hold.charges[0].account))
        return _LimitedTry(model, hold, estimated), call

    def _charges(
        self, model: _LimitedModel, request: ChatRequest | EmbedRequest, estimated: int, call: CallOptions
    ) -> list[Charge]:
        input_tokens = model.mean.correct(estimated)
        most = largest_output(request)
        amounts = _amounts(input_tokens, model.mean.output() if most is None else most)
        charges = []
        for account, name, limit, per, _, place in model.dimensions:
            amount = amounts[place]
            if amount > limit:
                if name in ("tokens", "input_tokens") and input_tokens > limit:
                    text = f"{limit} {_words(name)} in {per:g} s"
                    raise RateLimited(
                        f"the input has about {input_tokens} tokens, and the limit is {text}",
                        provider="ratatoskr",
                        model=call.model,
                        retryable=False,
                        field="messages",
                    )
                amount = limit  # an output that may be longer than the limit waits until nothing else is under way
            charges.append(_new(Charge, (account, amount, limit, per, math.inf)))
        return charges

    def _choices(
        self, model: _LimitedModel, charges: list[Charge], request: ChatRequest | EmbedRequest, name: str
    ) -> list[tuple[int | None, list[Charge]]]:
        """Return the charges for each key that may be used, with the key; `None` stands for any key."""
        if not model.each_key:
            return [(None, charges)]
        keys = self._order_keys(request, name) if self._order_keys is not None else ()
        return [
            (
                key,
                [
                    one._replace(account=_of_key(one.account, key)) if dimension.each_key else one
                    for one, dimension in zip(charges, model.dimensions, strict=True)
                ],
            )
            for key in keys or (0,)
        ]

    def _settle(self, current: _LimitedTry, usage: Usage) -> None:
        """Replace what was reserved by what was used; where a count is not known, the reserved amount stays."""
        current.model.mean.add(current.estimated, usage)
        reserved = current.hold.charges
        if usage.input_tokens is None:
            amounts = [charge.amount for charge in reserved]
        else:
            known = _amounts(usage.input_tokens, usage.output_tokens or 0)
            amounts = list(map(known.__getitem__, current.model.places))
        self._replace(current, amounts)

    def _fail(self, current: _LimitedTry, error: BaseException) -> None:
        """Give back what a try that failed cannot have used."""
        if isinstance(error, RatatoskrError):
            if error.partial is not None and error.partial.usage.input_tokens is not None:
                self._settle(current, error.partial.usage)
                return
            if not maybe_billed(error):
                was_sent = error.status is not None or error.request_id is not None
                self._replace(current, [int(was_sent and one.name == "requests") for one in current.model.dimensions])
                return
        self._replace(current, [charge.amount for charge in current.hold.charges])

    def _replace(self, current: _LimitedTry, amounts: list[int]) -> None:
        self._ledger.settle(current.hold, amounts, self._now())
        for lane in tuple(self._lanes.values()):
            if lane.waiters:
                lane.wake()

    def _find_less(self, current: _LimitedTry, headers: Mapping[str, str]) -> list[int]:
        """Return the places of the dimensions of which the provider says that less may be left than is counted."""
        found, local, several_keys = [], self._local, self._order_keys is not None
        for place, (_, name, limit, _, each_key, _) in enumerate(current.model.dimensions):
            if several_keys and not each_key:
                continue  # the headers are about one of several keys
            least = least_remaining(headers, name)
            if least is None:
                continue
            if local is None or least < limit - local.total_now(current.hold.charges[place].account, self._now()):
                found.append(place)
        return found

    async def _lower(self, current: _LimitedTry, headers: Mapping[str, str], places: Sequence[int]) -> None:
        """Count what the provider says that others have used, until it says that it is free again."""
        for place in places:
            charge, one = current.hold.charges[place], current.model.dimensions[place]
            now = self._now()
            left = one.limit - await self._ledger.total(charge.account, now)
            found = read_remaining(headers, one.name, getattr(self._clock, "time", time.time), left)
            if found is not None:
                unseen = left - found.remaining
                lowered = Charge(charge.account, unseen, None, min(found.seconds, one.per))
                hold = await self._ledger.reserve([lowered], now)
                if isinstance(hold, Hold):
                    self._ledger.settle(hold, [unseen], now)

    def _add_model(self, name: str) -> _LimitedModel:
        which = tuple(index for index, limit in enumerate(self._limits) if limit.holds_for(name))
        lane = self._lanes.get(which)
        if lane is None:
            lane = self._lanes[which] = Lane(self._ledger, self._now, self._clock)
        limits = [self._limits[index] for index in which]
        # Those of each key first: the first account says which key was chosen.
        dimensions = tuple(
            _Dimension(limit.account(name), name, most, limit.per, limit.each_key, _PLACES.index(name))
            for limit in sorted(limits, key=lambda one: not one.each_key)
            for name, most in limit.dimensions()
        )
        if len(self._models) >= _MAX_MODELS:
            self._models.clear()
        model = self._models[name] = _LimitedModel(dimensions, lane)
        return model


def _of_key(account: str, key: int | None) -> str:
    return account if key is None else f"{account}:key{key}"


_PLACES: Final = ("requests", "tokens", "input_tokens", "output_tokens")


def _amounts(input_tokens: int, output_tokens: int) -> tuple[int, int, int, int]:
    """Return the amounts of `_PLACES`."""
    return 1, input_tokens + output_tokens, input_tokens, output_tokens


def _words(dimension: str) -> str:
    return dimension.replace("_", " ")
