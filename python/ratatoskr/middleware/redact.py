"""`Redact`: keeps what matches a pattern from providers, and out of answers or restored in them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.middleware.base import (
    AskChat,
    AskClassify,
    AskCount,
    AskEmbed,
    AskEmbedWindows,
    AskNli,
    AskRerank,
    AskStance,
    AskStream,
    AskZeroShot,
    Middleware,
)
from ratatoskr.middleware.prefix import SplitPattern
from ratatoskr.middleware.redaction import Redaction, RedactionRules
from ratatoskr.middleware.rewrite import TextRewriter
from ratatoskr.types.event import (
    ChatEvent,
    CitationDelta,
    ContentDelta,
    Done,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
)
from ratatoskr.types.fairness import yield_to_loop
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import EventSource
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.providers.protocol import CallOptions
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults
    from ratatoskr.types.tokens import CountRequest, TokenCount

__all__ = ["Redact"]

Patterns: TypeAlias = "Iterable[str | re.Pattern[str]] | Mapping[str, str | re.Pattern[str]]"


class Redact(Middleware):
    """Replaces what matches a pattern by placeholders such as `[REDACTED_1]`, the same for the same value of a call.

    In requests these are the texts of messages, reasoning, text files, the arguments and results of tools, `user`,
    `metadata`, and the texts to embed, classify, judge, rerank and count; not labels, targets, other media, definitions
    of tools, and `raw_provider_options`. In answers these are text, reasoning, citations and the arguments of tools, in
    streams too: the end of what has come is held back while it may be the beginning of a match. A notice `redacted`
    says how many values were replaced.

    Args:
        patterns: regular expressions; a mapping gives each the name that its placeholders have.
        restore: put the values back where an answer has their placeholders, in place of redacting answers.

    Raises:
        ConfigurationError: there is no pattern, one is not a regular expression or matches the empty text, or a name is
            not a word.
    """

    def __init__(self, patterns: Patterns, *, restore: bool = False) -> None:
        if isinstance(patterns, str | bytes | re.Pattern) or not isinstance(patterns, Iterable):
            text = f"patterns must be a sequence or a mapping of regular expressions, not {quote(patterns)}"
            raise ConfigurationError(text, field="patterns")
        if not isinstance(restore, bool):
            raise ConfigurationError(f"restore must be true or false, not {quote(restore)}", field="restore")
        named = dict(patterns) if isinstance(patterns, Mapping) else None
        names = tuple(named) if named is not None else ()
        found = tuple(SplitPattern(one) for one in (patterns if named is None else named.values()))
        if not found:
            raise ConfigurationError("there is no pattern", field="patterns")
        for name in names:
            if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
                raise ConfigurationError(f"the name of a pattern must be a word, not {quote(name)}", field="patterns")
        names = names or ("REDACTED",) * len(found)
        placeholder = SplitPattern(rf"\[(?:{'|'.join(sorted(set(names)))})_[1-9][0-9]*\]")
        self._rules = RedactionRules(names, found, (placeholder,), restore)

    async def chat(self, request: ChatRequest, call: CallOptions, ask: AskChat) -> ChatResponse[Any]:
        """Redact a chat."""
        redaction = Redaction(self._rules)
        try:
            return redaction.response(await ask(redaction.request(request), call))
        except RatatoskrError as error:
            redaction.error(error)
            raise

    async def open_stream(self, request: ChatRequest, call: CallOptions, ask: AskStream) -> OpenStream:
        """Redact a stream."""
        redaction = Redaction(self._rules)
        opened = await ask(redaction.request(request), call)
        opened.source = source = _RedactedSource(opened.source, redaction)
        opened.events = source.rewrite(opened.events)
        return opened

    async def count_tokens(self, request: CountRequest, call: CallOptions, ask: AskCount) -> TokenCount:
        """Redact what is to be counted: the number is that of what a chat would send."""
        redaction = Redaction(self._rules)
        if request.chat is not None:
            return await ask(replace(request, chat=redaction.request(request.chat)), call)
        return await ask(replace(request, text=redaction.text(request.text or "")), call)

    async def embed(self, request: EmbedRequest, call: CallOptions, ask: AskEmbed) -> Embeddings:
        """Redact texts to embed."""
        redaction = Redaction(self._rules)
        return await ask(redaction.embed_request(request, [redaction.text(one) for one in request.texts]), call)

    async def embed_windows(
        self, request: EmbedRequest, call: CallOptions, ask: AskEmbedWindows
    ) -> AsyncGenerator[Embeddings, None]:
        """Redact an iterable of texts to embed."""
        redaction = Redaction(self._rules)
        request = redaction.embed_request(request, map(redaction.text, request.texts))
        async with aclosing(ask(request, call)) as windows:
            async for window in windows:
                yield window

    async def nli(self, request: NliRequest, call: CallOptions, ask: AskNli) -> NliResults:
        """Redact the texts of a request for the judgements of pairs."""
        redaction = Redaction(self._rules)
        return await ask(
            replace(request, pairs=[(redaction.text(one), redaction.text(other)) for one, other in request.pairs]), call
        )

    async def zero_shot(self, request: ZeroShotRequest, call: CallOptions, ask: AskZeroShot) -> Classifications:
        """Redact the texts of a request for the scores of labels of the caller's."""
        redaction = Redaction(self._rules)
        return await ask(replace(request, texts=[*map(redaction.text, request.texts)]), call)

    async def classify(self, request: ClassifyRequest, call: CallOptions, ask: AskClassify) -> Classifications:
        """Redact the texts of a request for the scores of a model's own labels."""
        redaction = Redaction(self._rules)
        return await ask(replace(request, texts=[*map(redaction.text, request.texts)]), call)

    async def stance(self, request: StanceRequest, call: CallOptions, ask: AskStance) -> StanceResults:
        """Redact the texts of a request for the stances of texts."""
        redaction = Redaction(self._rules)
        return await ask(replace(request, texts=[*map(redaction.text, request.texts)]), call)

    async def rerank(self, request: RerankRequest, call: CallOptions, ask: AskRerank) -> Ranking:
        """Redact the texts of a request for documents by relevance."""
        redaction = Redaction(self._rules)
        return await ask(
            replace(request, query=redaction.text(request.query), documents=[*map(redaction.text, request.documents)]),
            call,
        )


class _RedactedSource:
    """The events of another source, redacted or restored."""

    def __init__(self, source: EventSource, redaction: Redaction) -> None:
        self._source = source
        self._redaction = redaction
        self._text = redaction.answer_text()
        self._reasoning = redaction.answer_text()
        self._arguments: dict[int, TextRewriter] = {}
        self._done = False
        self.provider = source.provider

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._source.request_id

    async def batch(self) -> list[ChatEvent]:
        """Return the events that have arrived and are settled."""
        while True:
            try:
                events = self.rewrite(await self._source.batch())
            except RatatoskrError as error:
                self._redaction.error(error)
                raise
            if events:
                return events
            await yield_to_loop()

    def rewrite(self, events: list[ChatEvent]) -> list[ChatEvent]:
        """Return the events that are settled with further ones."""
        out: list[ChatEvent] = []
        for event in events:
            match event:
                case ContentDelta(text):
                    out += _contents(self._text.feed(event.part, text))
                case ReasoningDelta(text):
                    out += _reasonings(self._reasoning.feed(event.part, text))
                case ToolCallDelta(index, arguments):
                    if index not in self._arguments:
                        self._arguments[index] = self._redaction.answer_arguments()
                    out += _arguments(self._arguments[index].feed(index, arguments))
                case ToolCallEnd(index, call):
                    if index in self._arguments:
                        out += _arguments(self._arguments.pop(index).flush())
                    out.append(ToolCallEnd(index, self._redaction.call(call)))
                case CitationDelta(citation):
                    out.append(CitationDelta(self._redaction.citation(citation), part=event.part))
                case Done():
                    self._done = True
                    out += [*_reasonings(self._reasoning.flush()), *_contents(self._text.flush()), event]
                case _:
                    out.append(event)
        return out

    def response(self) -> ChatResponse[Any]:
        """Return what has arrived so far, without an end that may be part of a value."""
        return self._redaction.response(self._source.response(), is_whole=self._done)

    def close(self) -> None:
        """Close the upstream."""
        self._source.close()


def _contents(pieces: list[tuple[int, str]]) -> list[ContentDelta]:
    return [ContentDelta(text, part=part) for part, text in pieces]


def _reasonings(pieces: list[tuple[int, str]]) -> list[ReasoningDelta]:
    return [ReasoningDelta(text, part=part) for part, text in pieces]


def _arguments(pieces: list[tuple[int, str]]) -> list[ToolCallDelta]:
    return [ToolCallDelta(index, text) for index, text in pieces]
