"""Plays one recording through the public gateway over real HTTP, and compares the result with the expectation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ratatoskr import (
    ChatEvent,
    ChatResponse,
    CitationDelta,
    ContentDelta,
    Cost,
    Done,
    GenerateResponse,
    ImagePart,
    Message,
    RatatoskrError,
    ReasoningDelta,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.testing import Replay, ScriptedUpstream
from recorded.cases import Case, build_gateway, model_name
from recorded.expected.answer import Answer


@dataclass
class PlayResult:
    """The result of one request.

    Attributes:
        response: the response; after an error the partial one.
        events: the events of a stream.
        error: the error that was raised.
    """

    response: ChatResponse[Any] | GenerateResponse | None
    events: list[ChatEvent]
    error: RatatoskrError | None = None


class Player:
    """A gateway to an upstream that plays one recording."""

    def __init__(self, case: Case, upstream: ScriptedUpstream) -> None:
        self.case = case
        self.recording = case.recording
        self.upstream = upstream
        self.gateway = build_gateway(upstream, case)
        self.replay = Replay([self.recording])

    async def play(self, messages: Any = "Hi", **options: Any) -> PlayResult:
        """Send one request; the options are those of `Replay`, which truncates the response."""
        self.replay = Replay([self.recording], **options)
        case, events = self.case, list[ChatEvent]()
        try:
            if not case.streamed:
                call = self.gateway.generate if case.operation == "generate" else self.gateway.chat
                return PlayResult(await call(messages, model_name(case)), events)
            open_stream = self.gateway.generate_stream if case.operation == "generate" else self.gateway.chat_stream
            async with open_stream(messages, model_name(case)) as stream:
                async for event in stream:
                    events.append(event)
                return PlayResult(stream.response, events)
        except RatatoskrError as error:
            return PlayResult(error.partial, events, error)


@asynccontextmanager
async def open_player(case: Case) -> AsyncIterator[Player]:
    """Open an upstream with one recording, and a gateway to it."""
    players: list[Player] = []
    async with ScriptedUpstream(lambda request: players[0].replay(request)) as upstream:
        players.append(Player(case, upstream))
        try:
            yield players[0]
        finally:
            await players[0].gateway.aclose()


def join_deltas(events: list[ChatEvent]) -> list[Any]:
    """Return events with the consecutive deltas of one part joined, so that only the content is compared."""
    out: list[Any] = []
    key: tuple[str, int]
    for event in events:
        match event:
            case ContentDelta(text) | ReasoningDelta(text):
                key = (event.type, event.part)
            case ToolCallDelta(index, text):
                key = (event.type, index)
            case _:
                out.append(event)
                continue
        if out and isinstance(out[-1], tuple) and out[-1][0] == key:
            out[-1] = (key, out[-1][1] + text)
        else:
            out.append((key, text))
    return out


def find_differences(expected: Answer, response: ChatResponse[Any] | GenerateResponse) -> dict[str, tuple[Any, Any]]:
    """Return the expected and the actual value of everything that differs."""
    usage = response.usage
    message = response.message if isinstance(response, ChatResponse) else Message.assistant(response.text)
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (expected.text, message.text),
        "reasoning": (expected.reasoning, response.reasoning),
        "calls": ([(c.name, c.arguments) for c in expected.calls], calls_of(message)),
        "ids": ([c.id or "generated" for c in expected.calls], ids_of(expected, message)),
        "sources": (expected.sources, [(c.url, c.title) for c in citations_of(message)]),
        "server calls": (expected.server_calls, [p.name for p in message.content if isinstance(p, ServerToolCall)]),
        "server results": (expected.server_results, sum(isinstance(p, ServerToolResult) for p in message.content)),
        "images": (expected.images, sum(isinstance(part, ImagePart) for part in message.content)),
        "tokens": (expected.tokens, [one.token for p in texts_of(message) for one in p.logprobs or ()]),
        "prompt": (expected.prompt, usage.prompt_tokens),
        "cached": (expected.cached, usage.cache_read_tokens),
        "written": (expected.written, usage.cache_write_tokens),
        "completion": (expected.completion, usage.completion_tokens),
        "reasoned": (expected.reasoned, usage.reasoning_tokens),
        "cost": (expected.cost, _billed(response.cost)),
        "finish": (expected.finish, response.native_finish_reason),
        "reason": (expected.reason, response.finish_reason),
    }
    if expected.model is not None:
        pairs["model"] = (expected.model, response.model)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def texts_of(message: Message) -> list[TextPart]:
    """Return the text parts."""
    return [part for part in message.content if isinstance(part, TextPart)]


def citations_of(message: Message) -> list[Any]:
    """Return the citations of all texts, in order."""
    return [citation for part in texts_of(message) for citation in part.citations]


def calls_of(message: Message) -> list[tuple[str, Any]]:
    """Return the calls with their arguments parsed; the text of a custom tool is returned as it is."""
    return [(c.name, c.args() if c.arguments[:1] in ("{", "") else c.arguments) for c in message.tool_calls]


def ids_of(expected: Answer, message: Message) -> list[str]:
    """Return the ids of the calls; those that the provider did not send must exist and be unique."""
    ids = [call.id for call in message.tool_calls]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    pairs = zip(ids, expected.calls, strict=False)
    return ["generated" if call.id is None else own for own, call in pairs] + ids[len(expected.calls) :]


def find_event_differences(events: list[ChatEvent], response: ChatResponse[Any]) -> list[str]:
    """Return the differences between the events of a stream and the response at its end."""
    message = response.message
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    arguments = [
        "".join(e.arguments for e in events if isinstance(e, ToolCallDelta) and e.index == s.index) for s in starts
    ]
    ends = [event.call for event in events if isinstance(event, ToolCallEnd)]
    usages = [event.usage for event in events if isinstance(event, UsageEvent)]
    pairs = {
        "text": ("".join(e.text for e in events if isinstance(e, ContentDelta)), message.text),
        "reasoning": ("".join(e.text for e in events if isinstance(e, ReasoningDelta)), message.reasoning),
        "part": (_parts_match(events, message), True),
        "starts": (
            [(s.id, s.name, text) for s, text in zip(starts, arguments, strict=True)],
            [(call.id, call.name, call.arguments) for call in message.tool_calls],
        ),
        "ends": (sorted(ends, key=_position_in(message)), list(message.tool_calls)),
        "citations": (
            sorted(e.citation.data or b"" for e in events if isinstance(e, CitationDelta)),
            sorted(c.data or b"" for c in citations_of(message)),
        ),
        "usage": (usages, [response.usage] if response.usage.source != "unknown" else []),
        "done": ([i for i, e in enumerate(events) if isinstance(e, Done)], [len(events) - 1]),
        "reason": (events[-1], Done(response.finish_reason)),
    }
    return [f"{name}: {streamed!r} but {actual!r}" for name, (streamed, actual) in pairs.items() if streamed != actual]


def _position_in(message: Message) -> Any:
    return lambda call: [other.id for other in message.tool_calls].index(call.id)


def _parts_match(events: list[ChatEvent], message: Message) -> bool:
    """Return whether the deltas of each part make up the part with its index."""
    texts: dict[int, str] = {}
    for event in events:
        if isinstance(event, ContentDelta | ReasoningDelta):
            texts[event.part] = texts.get(event.part, "") + event.text
    return all(getattr(message.content[index], "text", None) == text for index, text in texts.items())


def _billed(cost: Cost | None) -> float | None:
    """Return the amount that the provider bills; list prices are not part of a recording."""
    return float(cost.amount) if cost is not None and cost.source == "provider" else None
