"""Middleware that only looks: `Observer`, the base of `Hooks` (plain functions) and `Log` (one record a call)."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.middleware.base import (
    AskChat,
    AskClassify,
    AskEmbed,
    AskEmbedWindows,
    AskNli,
    AskRerank,
    AskStance,
    AskStream,
    AskZeroShot,
    Middleware,
)
from ratatoskr.middleware.watch import Guarded, watch
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.providers.protocol import CallOptions
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults

Request: TypeAlias = (
    "ChatRequest | EmbedRequest | NliRequest | ZeroShotRequest | ClassifyRequest | StanceRequest | RerankRequest"
)
Response: TypeAlias = "ChatResponse[Any] | Embeddings | NliResults | Classifications | StanceResults | Ranking"
Q = TypeVar(
    "Q",
    "ChatRequest",
    "EmbedRequest",
    "NliRequest",
    "ZeroShotRequest",
    "ClassifyRequest",
    "StanceRequest",
    "RerankRequest",
)
A = TypeVar("A", bound="Response")

__all__ = ["Hooks", "Log", "Observer"]


class Observer(Middleware):
    """Base of middleware that looks at calls and their ends and changes nothing."""

    def begin(self, request: Request, call: CallOptions) -> Any:
        """Return what `end` takes as `begun`; called before a request is passed on."""

    def end(self, begun: Any, request: Request, call: CallOptions, result: Response | BaseException) -> None:
        """Take the answer, or the error; of a stream what has come of it. Each call that has begun ends once."""

    async def chat(self, request: ChatRequest, call: CallOptions, ask: AskChat) -> ChatResponse[Any]:
        """Observe a chat."""
        return await self._observe(request, call, ask)

    async def open_stream(self, request: ChatRequest, call: CallOptions, ask: AskStream) -> OpenStream:
        """Observe a stream to its end."""
        begun = self.begin(request, call)
        try:
            opened = await ask(request, call)
        except BaseException as error:
            self.end(begun, request, call, error)
            raise
        return watch(opened, on_end=partial(self._end_stream, begun, request, call))

    def _end_stream(
        self,
        begun: Any,
        request: Request,
        call: CallOptions,
        response: ChatResponse[Any],
        error: BaseException | None,
    ) -> None:
        self.end(begun, request, call, response if error is None else error)

    async def embed(self, request: EmbedRequest, call: CallOptions, ask: AskEmbed) -> Embeddings:
        """Observe an embedding request."""
        return await self._observe(request, call, ask)

    async def nli(self, request: NliRequest, call: CallOptions, ask: AskNli) -> NliResults:
        """Observe a request for the judgements of pairs."""
        return await self._observe(request, call, ask)

    async def zero_shot(self, request: ZeroShotRequest, call: CallOptions, ask: AskZeroShot) -> Classifications:
        """Observe a request for the scores of labels of the caller's."""
        return await self._observe(request, call, ask)

    async def classify(self, request: ClassifyRequest, call: CallOptions, ask: AskClassify) -> Classifications:
        """Observe a request for the scores of a model's own labels."""
        return await self._observe(request, call, ask)

    async def stance(self, request: StanceRequest, call: CallOptions, ask: AskStance) -> StanceResults:
        """Observe a request for the stances of texts."""
        return await self._observe(request, call, ask)

    async def rerank(self, request: RerankRequest, call: CallOptions, ask: AskRerank) -> Ranking:
        """Observe a request for documents by relevance."""
        return await self._observe(request, call, ask)

    async def _observe(self, request: Q, call: CallOptions, ask: Callable[[Q, CallOptions], Awaitable[A]]) -> A:
        begun = self.begin(request, call)
        try:
            result = await ask(request, call)
        except BaseException as error:
            self.end(begun, request, call, error)
            raise
        self.end(begun, request, call, result)
        return result

    async def embed_windows(
        self, request: EmbedRequest, call: CallOptions, ask: AskEmbedWindows
    ) -> AsyncGenerator[Embeddings, None]:
        """Observe the windows of an iterable to their end; its result is their usage, without vectors."""
        begun = self.begin(request, call)
        seen: Embeddings | None = None
        windows = ask(request, call)
        try:
            async for window in windows:
                seen = _without_vectors(window, seen)
                yield window
        except GeneratorExit:
            self.end(begun, request, call, seen or _without_vectors(None, None))
            raise
        except BaseException as error:
            self.end(begun, request, call, error)
            raise
        else:
            self.end(begun, request, call, seen or _without_vectors(None, None))
        finally:
            await windows.aclose()


def _without_vectors(window: Embeddings | None, before: Embeddings | None) -> Embeddings:
    """Return what is known of a window and those before it, without their vectors."""
    import numpy as np

    from ratatoskr.types.embed import Embeddings

    window = window or Embeddings(np.empty((0, 0), np.float32))
    empty = replace(window, vectors=window.vectors[:0], cut=())
    if before is None:
        return empty
    return replace(empty, usage=before.usage + window.usage, truncated=before.truncated + window.truncated)


class Hooks(Observer):
    """Calls plain functions before and after each call.

    They only look: what they return is ignored. One that raises is logged once and left out from then on, save that
    `before` refuses a call with a `RatatoskrError`. To change a request or an answer, write a `Middleware`.

    Args:
        before: called with the request and the `CallOptions`.
        after: called with the request, the options and the answer; of a stream at its end, with what has come.
        failed: called with the request, the options and the error.

    Raises:
        ConfigurationError: no function is given, or one is not a plain function.
    """

    def __init__(
        self,
        before: Callable[[Any, CallOptions], object] | None = None,
        after: Callable[[Any, CallOptions, Any], object] | None = None,
        failed: Callable[[Any, CallOptions, BaseException], object] | None = None,
    ) -> None:
        if before is None and after is None and failed is None:
            raise ConfigurationError("hooks need a function: before, after or failed", field="hooks")
        for name, function in (("before", before), ("after", after), ("failed", failed)):
            if function is not None and (not callable(function) or iscoroutinefunction(function)):
                raise ConfigurationError(f"{name} must be a plain function, not {quote(function)}", field=name)
        self._before = None if before is None else Guarded(before, lets_pass=RatatoskrError)
        self._after = None if after is None else Guarded(after)
        self._failed = None if failed is None else Guarded(failed)

    def begin(self, request: Request, call: CallOptions) -> None:
        """Call `before`."""
        if self._before is not None:
            self._before(request, call)

    def end(self, begun: Any, request: Request, call: CallOptions, result: Response | BaseException) -> None:
        """Call `after` or `failed`."""
        if not isinstance(result, BaseException):
            if self._after is not None:
                self._after(request, call, result)
        elif self._failed is not None:
            self._failed(request, call, result)


class Log(Observer):
    """Logs each call when it ends, at INFO or, if it failed, at WARNING; without keys, prompts and answers.

    Args:
        logger: the name of the logger.
    """

    def __init__(self, logger: str = "ratatoskr.calls") -> None:
        if not isinstance(logger, str) or not logger:
            raise ConfigurationError(f"logger must be the name of a logger, not {quote(logger)}", field="logger")
        self._logger = logging.getLogger(logger)

    def begin(self, request: Request, call: CallOptions) -> float:
        """Return the time."""
        return time.monotonic()

    def end(self, begun: float, request: Request, call: CallOptions, result: Response | BaseException) -> None:
        """Log a call."""
        failed = isinstance(result, BaseException)
        level = logging.WARNING if failed else logging.INFO
        if not self._logger.isEnabledFor(level):
            return
        options: Any = getattr(request, "options", request)
        usage = getattr(result, "usage", None)
        fields = {
            "requested_model": call.model or options.model,
            "provider": getattr(result, "provider", None) or call.provider,
            "model": getattr(result, "model", None),
            "attempt": call.attempt,
            "input_tokens": getattr(usage, "input_tokens", None),
            "output_tokens": getattr(usage, "output_tokens", None),
            "finish_reason": getattr(result, "finish_reason", None),
            "request_id": getattr(result, "request_id", None),
            "code": getattr(result, "code", type(result).__name__) if failed else None,
            "status": getattr(result, "status", None),
            "seconds": time.monotonic() - begun,
        }
        self._logger.log(level, "a call failed" if failed else "a call ended", extra=fields)
