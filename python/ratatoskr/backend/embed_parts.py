"""Embeddings of many texts by providers whose APIs take few at a time: parts, each tried by itself, joined in order."""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, Final

from ratatoskr.backend.deadline import Deadline, timed_out
from ratatoskr.backend.pace import Pace
from ratatoskr.errors import (
    ContextLengthExceeded,
    InvalidInput,
    MalformedResponse,
    RatatoskrError,
    RateLimited,
    Timeout,
)
from ratatoskr.models.pricing import Pricing
from ratatoskr.providers.protocol import CallOptions, RemoteEmbedProvider
from ratatoskr.registry.backoff import HINT_CAP
from ratatoskr.registry.chain import Chain
from ratatoskr.registry.registry import ProviderRegistry
from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.timeouts import Timeouts

__all__ = ["PartsEmbedder"]

_MAX_PACES: Final = 1024
"""The most models whose pace is remembered: their names may come from the caller's users."""


@dataclass(slots=True)
class _EmbedPart:
    """Some consecutive texts of a call."""

    first: int
    texts: Sequence[str]
    answer: Embeddings | None = None
    attempts: tuple[Attempt, ...] = ()


class PartsEmbedder:
    """Embeds any number of texts by providers of limited requests.

    Each part is tried as a call is: retried, with the next key, at the next candidate; a part that was answered is not
    sent again for the failure of another. The number under way follows the provider's rate.

    Args:
        providers: by name.
        chain: tries candidates in order.
        pricing: knows what tokens cost.
    """

    def __init__(self, providers: dict[str, RemoteEmbedProvider], chain: Chain, pricing: Pricing | None = None) -> None:
        self.registry = ProviderRegistry(providers, chain, pricing=pricing)
        self._clock = chain.clock
        self._paces: dict[tuple[str, str], Pace] = {}

    async def embed(
        self, request: EmbedRequest, candidates: Sequence[Candidate], timeouts: Timeouts, first: int = 0
    ) -> Embeddings:
        """Return the vectors of a list of texts, with every attempt.

        Args:
            request: with a list of texts.
            candidates: in order of preference; all serve the very same model.
            timeouts: of the whole call, none of them inherited.
            first: the index of the first text, for messages.

        Raises:
            RatatoskrError: a part could not be had; the others are given up.
        """
        texts: Sequence[str] = request.texts  # type: ignore[assignment]  # a list, as the caller makes sure
        _check_texts(texts, first)
        unique = list(dict.fromkeys(texts))
        total = None if timeouts.total in (None, math.inf) else timeouts.total
        async with Deadline(total, "total", "the vectors"):
            parts = await self._run(replace(request, texts=unique), candidates, timeouts, first)
        embeddings = _join(parts, request.model)
        if len(unique) == len(texts):
            return embeddings
        places = {text: place for place, text in enumerate(unique)}
        return replace(embeddings, vectors=embeddings.vectors[[places[text] for text in texts]])

    async def _run(
        self, request: EmbedRequest, candidates: Sequence[Candidate], timeouts: Timeouts, first: int
    ) -> list[_EmbedPart]:
        """Return the answered parts in the order of the texts."""
        pace, began = self._pace_of(candidates[0]), self._clock.now()
        waiting = deque(self._cut(request, candidates[0], first))
        done: list[_EmbedPart] = []
        running: dict[asyncio.Task[None], _EmbedPart] = {}
        try:
            while waiting or running:
                while waiting and len(running) < pace.limit:
                    part = waiting.popleft()
                    running[asyncio.ensure_future(self._ask(part, request, candidates, timeouts, began, pace))] = part
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in running if task.done()]:
                    part = running.pop(task)
                    try:
                        task.result()
                    except RatatoskrError as error:
                        if _is_too_large(error) and len(part.texts) > 1:
                            part_attempts = error.attempts
                            waiting.extendleft(reversed(_halve(part, part_attempts)))
                            continue
                        error.attempts = (*(one for other in done for one in other.attempts), *error.attempts)
                        raise
                    done.append(part)
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.gather(*running, return_exceptions=True)
        return sorted(done, key=lambda part: part.first)

    async def _ask(
        self,
        part: _EmbedPart,
        request: EmbedRequest,
        candidates: Sequence[Candidate],
        timeouts: Timeouts,
        began: float,
        pace: Pace,
    ) -> None:
        """Have one part answered; without a limit in time, as jobs have none, for as long as the rate is refused."""
        part_request = replace(request, texts=part.texts)

        async def attempt(provider: RemoteEmbedProvider, options: CallOptions) -> Embeddings:
            try:
                async with Deadline(options.deadlines.total, options.deadlines.total_phase, "the vectors"):
                    answer = await provider.embed_batch(part_request, options)
            except RatatoskrError as error:
                pace.record_error(error, self._clock.now())
                _name_text(error, part)
                raise
            pace.record_answer()
            return answer

        while True:
            if wait := pace.wait(self._clock.now()):
                await self._clock.sleep(wait)
            try:
                part.answer, attempts = await self.registry.run(
                    candidates, attempt, self._what_is_left(timeouts, began)
                )
            except Timeout as error:
                if error.phase == "total" and timeouts.total is not None:
                    raise _with_attempts(timed_out(timeouts.total, "total", "the vectors"), error) from None
                raise
            except RateLimited as error:
                endless = timeouts.total in (None, math.inf)
                if not endless or not error.retryable or (error.retry_after or 0.0) > HINT_CAP:
                    raise
                part.attempts += error.attempts
            else:
                part.attempts += attempts
                return

    def _what_is_left(self, timeouts: Timeouts, began: float) -> Timeouts:
        if timeouts.total in (None, math.inf):
            return timeouts
        left = timeouts.total - (self._clock.now() - began)
        if left <= 0:
            raise timed_out(timeouts.total, "total", "the vectors")
        return replace(timeouts, total=left)

    def _cut(self, request: EmbedRequest, candidate: Candidate, first: int) -> Iterator[_EmbedPart]:
        """Yield the texts in parts that the first candidate takes; of no texts, nothing is asked."""
        texts: Any = request.texts
        place = 0
        for size in self.registry[candidate.provider].split(texts, candidate.model):
            yield _EmbedPart(first + place, texts[place : place + size])
            place += size

    def _pace_of(self, candidate: Candidate) -> Pace:
        key = (candidate.provider, candidate.model)
        pace = self._paces.get(key)
        if pace is None:
            if len(self._paces) >= _MAX_PACES:
                self._paces.clear()
            pace = self._paces[key] = Pace(self.registry[candidate.provider].concurrency())
        return pace


def _check_texts(texts: Sequence[Any], first: int) -> None:
    """Check that texts can be sent.

    Raises:
        InvalidInput: one is not a `str`, or holds half of a surrogate pair; the message names its index.
    """
    with suppress(TypeError):  # what is not a str is named below
        if all(map(str.isascii, texts)):
            return
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInput(f"text {first + index} is not a str but {type(text).__name__}", field="texts")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                message = f"text {first + index} holds half of a surrogate pair, which is not a character"
                raise InvalidInput(message, field="texts") from None


def _is_too_large(error: RatatoskrError) -> bool:
    return isinstance(error, ContextLengthExceeded) or error.status == 413


def _halve(part: _EmbedPart, attempts: tuple[Attempt, ...]) -> list[_EmbedPart]:
    middle = len(part.texts) // 2
    return [
        _EmbedPart(part.first, part.texts[:middle], attempts=attempts),
        _EmbedPart(part.first + middle, part.texts[middle:]),
    ]


def _name_text(error: RatatoskrError, part: _EmbedPart) -> None:
    """Put the index in the call in place of that in its part, or name the only text that was too long."""
    if isinstance(error, MalformedResponse):
        message = re.sub(r"\btext (\d+)\b", lambda match: f"text {part.first + int(match[1])}", error.message)
    elif _is_too_large(error) and len(part.texts) == 1:
        message = f"text {part.first} is too long: {error.message}"
    else:
        return
    error.args = (message, *error.args[1:])


def _with_attempts(error: Timeout, cause: RatatoskrError) -> Timeout:
    error.provider, error.model, error.attempts = cause.provider, cause.model, cause.attempts
    return error


def _join(parts: Sequence[_EmbedPart], model: str) -> Embeddings:
    """Return the answers of parts as one; warnings once each.

    Raises:
        MalformedResponse: the parts have vectors of different dimensions.
    """
    import numpy as np

    answers = [part.answer for part in parts if part.answer is not None]
    if not answers:
        return Embeddings(np.empty((0, 0), np.float32), model)
    arrays = [answer.vectors for answer in answers]
    sizes = {array.shape[1] for array in arrays}
    if len(sizes) > 1:
        message = f"the parts of one call have vectors of different dimensions: {sorted(sizes)}"
        raise MalformedResponse(message, provider=answers[0].provider, model=answers[0].model)
    return Embeddings(
        arrays[0] if len(arrays) == 1 else np.concatenate(arrays),
        answers[0].model,
        reduce(add, (answer.usage for answer in answers)) if len(answers) > 1 else answers[0].usage,
        sum(answer.truncated for answer in answers),
        answers[0].provider,
        tuple(attempt for part in parts for attempt in part.attempts),
        tuple(dict.fromkeys(notice for answer in answers for notice in answer.warnings)),
    )
