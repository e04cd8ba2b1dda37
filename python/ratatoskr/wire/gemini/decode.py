"""Gemini's answers, whole and in streams, by one reader: both give the same message."""

from __future__ import annotations

from msgspec import UNSET, Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.usage import Usage
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.gemini.citations import Sources
from ratatoskr.wire.gemini.failure import decode_error
from ratatoskr.wire.gemini.finish import block, finish
from ratatoskr.wire.gemini.parts import Parts
from ratatoskr.wire.gemini.shapes import Candidate, Chunk, UsageMetadata, given
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.turn import TurnBuilder


class CountedTurn(TurnBuilder):
    """A turn whose usage is reckoned when it is asked for: Gemini counts anew in every chunk."""

    __slots__ = ("counts",)

    def __init__(self, issuer: str) -> None:
        self.counts = UsageMetadata()
        super().__init__(issuer)

    @property
    def usage(self) -> Usage:
        """Tokens, as far as told."""
        return usage_of(self.counts)

    @usage.setter
    def usage(self, usage: Usage) -> None:
        """Ignore the base's start value: the counts stand for it."""


class Reader:
    """Takes `GenerateContentResponse`s one after the other and fills a turn."""

    def __init__(self, target: Target) -> None:
        self.turn = CountedTurn(target.issuer)
        self._parts = Parts(self.turn)
        self._sources = Sources()
        self._told = False
        self.answered = False

    @property
    def ended(self) -> bool:
        """Whether Gemini has said why it ended."""
        return self.turn.finish_reason is not None

    def chunk(self, data: bytes) -> None:
        """Take one response.

        Raises:
            FailureReported: it is an error, or ended in one before any output.
            MalformedResponse: it is none.
        """
        chunk = decode(Chunk, data)
        if chunk.error is not UNSET and given(chunk.error) is not None:
            raise FailureReported(decode_error(data))
        turn = self.turn
        if not self._told:
            self._meet(chunk, data)
        if chunk.usage_metadata is not None:
            self._count(chunk.usage_metadata)
        if chunk.candidates:
            for place, candidate in enumerate(chunk.candidates):
                if not candidate.index:
                    self._candidate(candidate, data, place)
                    break
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason and not self.ended:
            feedback = chunk.prompt_feedback
            block(turn, replace_surrogates(feedback.block_reason or ""), _whole(feedback.block_reason_message))

    def _meet(self, chunk: Chunk, data: bytes) -> None:
        """Note what every chunk repeats."""
        if chunk.response_id is None and chunk.model_version is None and not chunk.candidates:
            return
        self._told = True
        self.turn.model = _whole(chunk.model_version)
        self.turn.response_id = _whole(chunk.response_id)
        self._parts.seed(data)

    def _candidate(self, candidate: Candidate, data: bytes, place: int) -> None:
        self.answered = True
        content = candidate.content
        if content is not None and content.parts:
            for index, part in enumerate(content.parts):
                self._parts.add(part, data, place, index)
        if candidate.logprobs_result is not None:
            self._parts.logprobs(candidate.logprobs_result)
        if (
            candidate.finish_reason is None
            and candidate.grounding_metadata is UNSET
            and candidate.citation_metadata is UNSET
            and candidate.url_context_metadata is UNSET
        ):
            return
        told = self._sources.add(
            candidate.grounding_metadata, candidate.citation_metadata, candidate.url_context_metadata
        )
        for kind, metadata in told:
            self.turn.event(kind, metadata)
        if (token := given(candidate.continuation_token)) is not None:
            self._parts.keep(CONTINUATION, token)
        if candidate.finish_reason:
            native, message = replace_surrogates(candidate.finish_reason), _whole(candidate.finish_message)
            finish(self.turn, native, message, spoken=self._parts.spoken, called=self._parts.called)

    def _count(self, new: UsageMetadata) -> None:
        """Take the newest snapshot; a count that it leaves out keeps its value."""
        old, self.turn.counts = self.turn.counts, new
        if new.prompt_token_count is None:
            new.prompt_token_count = old.prompt_token_count
        if new.cached_content_token_count is None:
            new.cached_content_token_count = old.cached_content_token_count
        if new.candidates_token_count is None:
            new.candidates_token_count = old.candidates_token_count
        if new.thoughts_token_count is None:
            new.thoughts_token_count = old.thoughts_token_count
        if new.tool_use_prompt_token_count is None:
            new.tool_use_prompt_token_count = old.tool_use_prompt_token_count
        if new.total_token_count is None:
            new.total_token_count = old.total_token_count

    def finish(self) -> None:
        """Note that the body has come to its clean end."""
        if self.ended and not self.turn.done:
            if self.turn.native_finish_reason == "STOP":
                self._parts.close()
            self._sources.cite(self.turn)
            self.turn.complete()


CONTINUATION = "continuationToken"
"""The kind of the part that keeps the token by which an answer that was cut off goes on."""


def _whole(text: str | None) -> str | None:
    return None if text is None else replace_surrogates(text)


def usage_of(counts: UsageMetadata) -> Usage:
    """Return Google's counts in disjoint buckets.

    The prompt is what was sent and what tools added to it; thinking stands beside the answer. A back-end that counts
    the thinking into the answer is known by its total.
    """
    prompt, said, thought = counts.prompt_token_count, counts.candidates_token_count, counts.thoughts_token_count
    tools, cached = counts.tool_use_prompt_token_count, counts.cached_content_token_count
    if tools:
        prompt = (prompt or 0) + tools
    completion = said
    if said is not None and thought:
        folded = said >= thought and counts.total_token_count == (prompt or 0) + said
        completion = said if folded else said + thought
    return Usage.of(
        prompt=_known(prompt), cache_read=_known(cached), completion=_known(completion), reasoning=_known(thought)
    )


def _known(n: int | None) -> int | None:
    return None if n is None or n < 0 else n


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the turn that a whole response holds: one object, or the array of a stream without `alt=sse`.

    Raises:
        FailureReported: the body is an error.
        MalformedResponse: it is no answer.
    """
    reader = Reader(target)
    is_array = body.lstrip()[:1] == b"["
    for item in decode(list[Raw], body) if is_array else (body,):
        reader.chunk(bytes(item))
    if not reader.ended:
        if is_array or not reader.turn.parts():
            raise MalformedResponse("an answer without an end: no finishReason")
        reader.turn.finish("unknown", None)
    reader.finish()
    reader.turn.take()
    return reader.turn


class StreamDecoder:
    """Turns the chunks of one stream into events; the end is a `finishReason` and then a clean end of the body."""

    def __init__(self, target: Target) -> None:
        self._reader = Reader(target)
        self.turn = self._reader.turn
        self._chunk = self._reader.chunk

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return what one chunk means; an array of chunks is taken as its items one after the other.

        Raises:
            FailureReported: it is an error, or ended in one before any output.
            MalformedResponse: it is no chunk.
        """
        if self.turn.done:
            return []
        if data[:1] != b"{" and data.lstrip()[:1] == b"[":
            if data.strip() == b"[DONE]":  # some proxies end every stream in this way
                return []
            for item in decode(list[Raw], data):
                self._chunk(bytes(item))
        else:
            self._chunk(data)
        return self.turn.take()

    def end(self) -> list[ChatEvent]:
        """Return what the clean end of the body means."""
        self._reader.finish()
        return self.turn.take()
