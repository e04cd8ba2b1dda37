"""Complete responses, and the reader of output items that they share with streams.

The parts of a message have the message without its content as state, so that id, status and phase are sent back. The
state of every other part is its item, byte for byte.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import msgspec
from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.types.part import ProviderPart, ProviderState, TokenLogprob
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.json import decode, decode_answer, is_blank, replace_surrogates
from ratatoskr.wire.responses.citations import parse_annotation
from ratatoskr.wire.responses.finish import map_finish_reason, raise_for_failure
from ratatoskr.wire.responses.media import decode_image
from ratatoskr.wire.responses.shapes import (
    MINOR,
    RESPONSE_MINOR,
    CreatedResponse,
    Logprob,
    OutputContent,
    OutputItem,
    Response,
    ResponseOutputMessage,
    ResponseReasoningItem,
    ToolCallItem,
    decode_members,
    raw_or_none,
    read_item,
)
from ratatoskr.wire.responses.tools import TOOL_CALLS, BuiltInToolReader, call_id_of
from ratatoskr.wire.responses.usage import parse_bill, parse_usage
from ratatoskr.wire.turn import REFUSAL_STATE, TurnBuilder

SECTION_SEPARATOR = "\n\n"
"""Between two sections of one reasoning item."""

_DEFAULT_TIERS = frozenset({"auto", "default", "standard"})


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the turn of a complete response.

    Raises:
        FailureReported: the response failed, was cancelled, is not finished, or is an error object.
        MalformedResponse: it is not a response.
    """
    try:
        body.decode()
    except UnicodeDecodeError:  # items are kept as raw JSON, which must be valid
        body = body.decode("utf-8", "replace").encode()
    turn = TurnBuilder(target.issuer, streamed=False)
    response = decode_answer(Response, body, RESPONSE_MINOR, turn.notices)
    if raw_or_none(response.error) is None and response.output is None and response.status in {None, "completed"}:
        raise MalformedResponse("unexpected shape: a response without output")
    read_head(turn, response)
    raise_for_failure(response)
    reader = OutputReader(turn)
    for number, raw in enumerate(response.output or ()):
        reader.add(number, read_item(raw, turn.notices)[1])
    reader.complete(response, response.status)
    return turn


def read_head(turn: TurnBuilder, response: Response | CreatedResponse) -> None:
    """Read the model and the id of the response."""
    if response.id is not None:
        turn.response_id = replace_surrogates(response.id)
    if response.model is not None:
        turn.model = replace_surrogates(response.model)
    turn.seed = turn.seed or turn.response_id or str(response.created_at or "")


class StreamedText:
    """A text that has come in deltas."""

    __slots__ = ("deltas", "length")

    def __init__(self) -> None:
        self.deltas: list[str] = []
        self.length = 0

    def add(self, delta: str) -> None:
        """Add a delta."""
        self.deltas.append(delta)
        self.length += len(delta)

    def rest_of(self, text: str) -> str:
        """Return what of a complete text has not come in deltas; nothing if it differs from them."""
        if self.length > len(text):
            return ""
        self.deltas = ["".join(self.deltas)]
        return text[self.length :] if text.startswith(self.deltas[0]) else ""


class OutputReader:
    """Fills a turn from output items, each under a number of its own that never changes.

    Attributes:
        turn: the turn.
        streamed: the deltas that have come, by key.
        streamed_citations: the number of citations that have come as events, by key.
        streamed_logprobs: the log probabilities that have come with deltas, by key.
        has_calls: whether there is a call that the caller has to answer.
        is_refusal: whether the model refused.
    """

    __slots__ = (
        "_items",
        "_tools",
        "has_calls",
        "is_refusal",
        "streamed",
        "streamed_citations",
        "streamed_logprobs",
        "turn",
    )

    def __init__(self, turn: TurnBuilder) -> None:
        self.turn = turn
        self.streamed: dict[Hashable, StreamedText] = {}
        self.streamed_citations: dict[Hashable, int] = {}
        self.streamed_logprobs: dict[Hashable, list[TokenLogprob]] = {}
        self.has_calls = False
        self.is_refusal = False
        self._items: dict[str, bytes] = {}
        self._tools = BuiltInToolReader(turn)

    def add(self, number: int, raw: Raw) -> None:
        """Add a complete item, or complete one that has been streamed."""
        data = bytes(raw)
        head = decode(OutputItem, data)
        kind = head.type
        if head.id:
            if self._items.get(head.id) == data:
                return  # sent again
            self._items[head.id] = data
        if kind == "message":
            self._add_message(number, data)
        elif kind == "reasoning":
            self._add_reasoning(number, data)
        elif kind in TOOL_CALLS:
            self._add_call(number, data)
        elif kind == "image_generation_call" and (image := decode_image(data, self.turn.issuer)) is not None:
            self.turn.part((number, -1), image, kind, data)
        elif not self._tools.add(number, kind, data):
            self.turn.part((number, -1), ProviderPart(kind, data, self.turn.issuer), kind, data)

    def _add_message(self, number: int, data: bytes) -> None:
        contents = decode(ResponseOutputMessage, data).content
        if not contents:  # without text, but part of the turn
            self.turn.part((number, -1), ProviderPart("message", data, self.turn.issuer), "message", data)
            return
        envelope = decode_members(data)
        envelope.pop("content", None)
        # Hosts order the members of a streamed and of a complete item in different ways.
        state = msgspec.json.encode(envelope, order="deterministic")
        for index, raw in enumerate(contents):
            self._add_content((number, index), bytes(raw), state)

    def _add_content(self, key: tuple[int, int], data: bytes, state: bytes) -> None:
        turn = self.turn
        content = decode_answer(OutputContent, data, MINOR, turn.notices)
        if content.type == "refusal":
            self.complete_text(key, content.refusal or "")
            turn.replace_state(key, state, "text")
            turn.state(key, REFUSAL_STATE, "text")
            self.is_refusal, turn.detail = True, replace_surrogates(content.refusal or "")
        elif content.type == "output_text":
            self.complete_text(key, content.text or "")
            turn.replace_state(key, state, "text")
            for annotation in (content.annotations or [])[self.streamed_citations.get(key, 0) :]:
                turn.citation(key, parse_annotation(annotation))
            logprobs = parse_logprobs(content.logprobs or ()) or self.streamed_logprobs.get(key)
            if logprobs:
                turn.logprobs(key, logprobs)
        else:
            states = (ProviderState(turn.issuer, state),)
            turn.part(key, ProviderPart(content.type, data, turn.issuer, state=states), content.type, data)
        turn.end(key)

    def _unstreamed_rest(self, key: Hashable, text: str) -> str:
        """Return what of a complete text has not been streamed; nothing if it differs from the deltas."""
        streamed = self.streamed.get(key)
        return text if streamed is None else streamed.rest_of(text)

    def complete_text(self, key: Hashable, text: str) -> None:
        """Add what of a text part has not been streamed."""
        if rest := self._unstreamed_rest(key, text):
            self.turn.text(key, rest)
            self.streamed.setdefault(key, StreamedText()).add(rest)

    def _add_reasoning(self, number: int, data: bytes) -> None:
        item, key = decode(ResponseReasoningItem, data), (number, -1)
        sections = [one.text for one in (*(item.summary or ()), *(item.content or ())) if one.text]
        self.turn.reasoning(key, self._unstreamed_rest(key, SECTION_SEPARATOR.join(sections)))
        self.turn.replace_state(key, data, "reasoning")
        self.turn.end(key)

    def _add_call(self, number: int, data: bytes) -> None:
        item, key = decode(ToolCallItem, data), (number, -1)
        if key not in self.streamed:
            if not item.name and is_blank(item.input_text):
                return
            self.turn.tool(key, call_id_of(item), replace_surrogates(item.name or ""))
        self.has_calls = True
        self.turn.arguments(key, self._unstreamed_rest(key, item.input_text))
        self.turn.replace_state(key, data, "tool")
        self.turn.end(key)

    def complete(self, response: Response, status: str | None) -> None:
        """Read usage, cost, service tier and finish reason, and complete the turn."""
        turn, usage = self.turn, response.usage
        if usage is not None:
            turn.usage = parse_usage(usage, response.service_tier, self._tools.count_searches())
            turn.cost = parse_bill(usage)
        tier = response.service_tier
        if tier and tier not in _DEFAULT_TIERS:
            message = f"served at service tier {replace_surrogates(tier)!r}"
            turn.notices.append(Notice("service_tier", message, "service_tier"))
        has_calls = self.has_calls or self._tools.has_calls
        turn.finish(*map_finish_reason(response, status, has_calls=has_calls, is_refusal=self.is_refusal))
        turn.complete()


def parse_logprobs(tokens: Iterable[Logprob]) -> list[TokenLogprob]:
    """Return log probabilities as our type; tokens without one are left out."""
    return [
        TokenLogprob(
            replace_surrogates(one.token),
            one.logprob,
            None if one.bytes is None else tuple(one.bytes),
            tuple(parse_logprobs(one.top_logprobs or ())),
        )
        for one in tokens
        if one.token is not None and one.logprob is not None
    ]
