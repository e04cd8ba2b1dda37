"""A response, its events, and the response again: whole, and after every event."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.types import (
    ChatEvent,
    ChatResponse,
    Citation,
    CitationDelta,
    ContentDelta,
    Cost,
    Done,
    FileRef,
    ImagePart,
    Message,
    Notice,
    ProviderEvent,
    ProviderPart,
    ProviderState,
    RawResponse,
    ReasoningDelta,
    ReasoningPart,
    TextPart,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
    UsageEvent,
)
from ratatoskr.types.accumulator import ResponseBuilder, events_of, remainder_of
from ratatoskr.wire.turn import TurnBuilder

texts = st.text(max_size=20)
some_text = st.text(min_size=1, max_size=20)
citations = st.lists(st.builds(Citation, texts, texts), max_size=2).map(tuple)
states = st.lists(st.builds(ProviderState, texts, st.binary(max_size=4)), max_size=2).map(tuple)
logprobs = st.none() | st.lists(st.builds(TokenLogprob, texts, st.floats(-9, 0)), max_size=2).map(tuple)
calls = st.builds(ToolCall, texts, texts, texts)
wholes = st.builds(FileRef, texts, texts) | st.builds(ProviderPart, texts, st.binary(max_size=4), texts)
full_parts = (
    st.builds(TextPart, texts, citations, logprobs, cache=st.booleans(), state=states)
    | st.builds(ReasoningPart, texts, cache=st.booleans(), state=states)
    | st.builds(ToolCall, texts, texts, texts, cache=st.booleans(), state=states)
    | wholes
    | st.just(ImagePart(data=b"\x00", media_type="image/png"))
)
# Parts of which the events say everything.
event_parts = st.builds(TextPart, some_text, citations) | st.builds(ReasoningPart, some_text) | calls | wholes
counts = st.none() | st.integers(0, 9)
usages = st.builds(Usage, counts, counts, counts, counts, counts, st.sampled_from(["provider", "estimated"]))
finishes = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "refusal", "paused", "unknown"])


def collect(events: list[ChatEvent], **opening: Any) -> ResponseBuilder:
    builder = ResponseBuilder(**opening)
    for event in events:
        builder.add(event)
    return builder


@given(st.lists(event_parts, max_size=6), st.just(Usage()) | usages, finishes)
def test_events_make_the_message_the_usage_and_the_finish_again(parts: Any, usage: Usage, finish: Any) -> None:
    response = ChatResponse(Message.assistant(parts), usage, finish_reason=finish)
    assert collect(events_of(response)).response() == response


@given(
    st.lists(full_parts, max_size=6),
    st.builds(Usage, counts, source=st.sampled_from(["provider", "unknown"])),
    finishes,
    st.none() | st.integers(0, 99).map(lambda n: Cost(Decimal(n))),
)
def test_events_and_the_remainder_make_the_whole_response(parts: Any, usage: Usage, finish: Any, cost: Any) -> None:
    response: ChatResponse[Any] = ChatResponse(
        Message("assistant", tuple(parts), "n", {"a": 1}),
        usage,
        cost,
        finish,
        "end_turn",
        "p",
        "m",
        "r",
        (Notice("c", "m"),),
        raw=RawResponse(200, {}),
        _output=int,
    )
    remainder = ChatResponse.from_json(remainder_of(response).to_json(), output=int)
    built = collect(events_of(response)).response(remainder)
    assert built == response
    assert built._output is int
    assert remainder.content == remainder.reasoning == "".join(call.arguments for call in remainder.tool_calls) == ""


@given(st.lists(event_parts, max_size=6), usages)
def test_what_has_come_is_always_a_beginning_of_the_whole(parts: Any, usage: Usage) -> None:
    response = ChatResponse(Message.assistant(parts), usage, finish_reason="stop", provider="p", model="m")
    builder = ResponseBuilder(provider="p", model="m")
    for event in events_of(response):
        partial = builder.partial
        assert (partial.provider, partial.model, partial.finish_reason) == ("p", "m", "unknown")
        assert len(partial.message.content) <= len(parts)
        for part, whole in zip(partial.message.content, parts, strict=False):
            if isinstance(part, (TextPart, ReasoningPart)):
                assert whole.text.startswith(part.text)
                assert replace(whole, text=part.text, **cited(part)) == part
            else:
                assert part == whole
        builder.add(event)
    assert builder.partial == response


def cited(part: Any) -> dict[str, Any]:
    return {"citations": part.citations} if isinstance(part, TextPart) else {}


writes = st.lists(
    st.tuples(st.sampled_from(["text", "reasoning", "arguments"]), st.integers(0, 2), st.text("ab\ud83d\ude00"))
    | st.tuples(st.sampled_from(["place text", "place whole", "whole", "end", "citation", "state"]), st.integers(0, 2))
)


@given(writes)
def test_the_events_of_a_decoder_and_its_remainder_make_its_response(writes: list[tuple[Any, ...]]) -> None:
    turn = TurnBuilder("p/messages/m")
    for what, number, *rest in writes:
        match what:
            case "text":
                turn.text(("t", number), rest[0])
            case "reasoning":
                turn.reasoning(("r", number), rest[0])
            case "arguments":
                if not turn.has(("c", number)):
                    turn.tool(("c", number), None, "f")
                turn.arguments(("c", number), rest[0])
            case "place text":
                turn.place(("t", number), "text")
            case "place whole":
                turn.place(("w", number), "whole")
            case "whole":
                turn.part(("w", number), FileRef("p", str(number)), "file", b"{}")
            case "citation":
                turn.citation(("t", number), Citation("u"))
            case "state":
                turn.state(("t", number), b"{}", "text")
            case _:
                turn.end(("t", number))
    turn.finish("stop", "end_turn")
    turn.complete()
    response = turn.response()
    builder = collect(turn.take())
    if not any(what == "place whole" for what, *_ in writes):
        assert builder.response(remainder_of(response)) == response
    assert builder.response().content == response.content
    assert builder.response().reasoning == response.reasoning
    assert builder.response().tool_calls == response.tool_calls


def test_a_part_that_never_came_does_not_lose_the_text_behind_it() -> None:
    turn = TurnBuilder("p/responses/m")
    turn.place("search", "whole")
    turn.text("a", "one")
    turn.text("b", "two")
    turn.complete()
    response = turn.response()
    assert collect(turn.take()).response(remainder_of(response)) == response


def test_calls_that_are_not_complete_are_left_out() -> None:
    events: list[ChatEvent] = [
        ContentDelta("a"),
        ToolCallStart(0, "1", "f"),
        ToolCallStart(1, "2", "g"),
        ToolCallDelta(0, "{"),
        ToolCallEnd(1, ToolCall("2", "g", "{}")),
    ]
    assert collect(events).partial.message.content == (TextPart("a"), ToolCall("2", "g", "{}"))
    complete = collect([*events, ToolCallEnd(0, ToolCall("1", "f", "{}"))])
    assert [call.id for call in complete.partial.tool_calls] == ["1", "2"]


def test_parts_stand_at_their_index_whenever_they_begin() -> None:
    events: list[ChatEvent] = [
        ToolCallStart(0, "1", "f"),
        ContentDelta("b", part=3),
        ReasoningDelta("r", part=0),
        ToolCallEnd(0, ToolCall("1", "f", "{}")),
        ContentDelta("a", part=1),
        CitationDelta(Citation("u"), part=3),
    ]
    wanted = (ReasoningPart("r"), TextPart("a"), ToolCall("1", "f", "{}"), TextPart("b", (Citation("u"),)))
    assert collect(events).parts() == wanted


def test_thinking_and_text_of_the_same_index_stay_apart_in_their_order() -> None:
    events: list[ChatEvent] = [ReasoningDelta("r"), ContentDelta("t")]
    assert collect(events).parts() == (ReasoningPart("r"), TextPart("t"))


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["\ud83d", "\ude00"], "\U0001f600"),
        (["\ud83d", "x"], "\ufffdx"),
        (["x\ud83d"], "x\ufffd"),
        (["\ude00"], "\ufffd"),
    ],
)
def test_halves_of_surrogate_pairs_are_joined_and_lone_ones_replaced(pieces: list[str], text: str) -> None:
    builder = collect([ContentDelta(piece) for piece in pieces])
    builder.add(Done("stop"))
    assert builder.response().content == text


def test_events_of_a_provider_are_no_part_of_the_message() -> None:
    events: list[ChatEvent] = [ProviderEvent("ping", b"{}"), ProviderEvent("file_ref", b"[]"), UsageEvent(Usage(1))]
    builder = collect(events)
    assert (builder.parts(), builder.usage, builder.done) == ((), Usage(1), False)


def test_what_is_known_at_the_opening_stands_in_every_response() -> None:
    notice = Notice("parameter_dropped", "seed is not taken", "seed")
    builder = ResponseBuilder(provider="p", model="m", request_id="r", warnings=[notice])
    partial = builder.partial
    assert (partial.provider, partial.model, partial.request_id, partial.warnings) == ("p", "m", "r", (notice,))
