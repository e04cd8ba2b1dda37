"""Opaque state is sent back byte for byte and in order, also after a JSON round trip and after pickling."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

import recordings
from ratatoskr import (
    ChatResponse,
    ContentFiltered,
    Message,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    dump_messages,
    load_messages,
)
from recorded.cases import Case, all_cases, parameters
from recorded.expected.answer import Answer
from recorded.player import open_player
from recorded.turns import follow_ups, is_subset, last_turn, normalize, recorded_turn

ROUND_TRIPS: dict[str, Callable[[list[Message]], list[Message]]] = {
    "straight": lambda history: history,
    "json": lambda history: load_messages(dump_messages(history)),
    "pickle": lambda history: pickle.loads(pickle.dumps(history)),
}


def answer_cases() -> list[Case]:
    """Return the recordings that hold an assistant's turn of a chat."""
    return [c for c in all_cases() if c.operation == "chat" and isinstance(c.expected, Answer)]


def follow_up(response: ChatResponse[Any]) -> list[Message]:
    """Return a history with the response and results of its calls."""
    history = [Message.user("Hi"), response.message]
    if response.tool_calls:
        history.append(Message.tool_results(*(call.result("done") for call in response.tool_calls)))
    return [*history, Message.user("Go on.")]


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def in_order(texts: list[str], sent: list[str]) -> str | None:
    """Return the first of the texts that does not follow the one before it; `None` if all do."""
    rest = iter(sent)
    return next((text for text in texts if text not in rest), None)


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
@pytest.mark.parametrize("case", parameters(answer_cases()))
async def test_opaque_state_is_sent_back(case: Case, round_trip: str) -> None:
    expected = case.expected
    assert isinstance(expected, Answer)
    async with open_player(case) as player:
        first = await player.play()
        response = first.response
        if not isinstance(response, ChatResponse):
            assert expected.reason in {"refusal", "content_filter"}, first.error
            return
        history = ROUND_TRIPS[round_trip](follow_up(response))
        assert history[1] == response.message
        await player.play(history)
        sent = list(strings(player.upstream.requests[-1].json))
        if expected.opaque and not recorded_turn(case, expected):
            assert case.family == "responses"
            assert not {*expected.opaque} & {*sent}
            return
        assert in_order(expected.opaque, sent) is None
        for part in response.message.content:
            check_part(part, sent)


DIFFERENT: dict[str, str] = {
    "anthropic-llm_anthropic-test_tools-0": "its client sends a blank before the calls, which is not in the response",
    "openrouter-fantasy-testopenroutercommon_grok_multi_tool_streaming-0": "its client sends a summary as text",
    "openrouter-fantasy-testopenroutercommon_kimi_multi_tool_streaming-0": "its client dropped the first word",
}
"""Follow-ups whose clients sent something else than the response."""


@pytest.mark.parametrize("case", parameters(answer_cases()))
async def test_the_turn_is_sent_back_as_it_was_recorded(case: Case) -> None:
    """Every block, item and part is in the next request, and so is everything that the recorded client sent."""
    expected = case.expected
    assert isinstance(expected, Answer)
    async with open_player(case) as player:
        played = await player.play()
        if isinstance(played.error, ContentFiltered):
            return  # there is no turn to send back
        response = played.response
        assert isinstance(response, ChatResponse)
        await player.play(follow_up(response))
        ours = normalize(case.family, last_turn(case.family, player.upstream.requests[-1].json), expected)
    assert ours == normalize(case.family, recorded_turn(case, expected), expected)
    theirs = dict(bodies()).get(case.id)
    if theirs is not None:
        assert is_subset(normalize(case.family, last_turn(case.family, theirs), expected), ours) == (
            case.id not in DIFFERENT
        )


@cache
def bodies() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the names of the cases with a follow-up, and the body of that request."""
    return tuple((case.id, body) for case, body in follow_ups(answer_cases()))


@recordings.needed
def test_there_are_enough_recordings() -> None:
    answers = [case.expected for case in answer_cases()]
    assert sum(len(answer.opaque) for answer in answers if isinstance(answer, Answer)) > 90
    assert len(bodies()) > 25


def check_part(part: Any, sent: list[str]) -> None:
    """Check that a part's text and its opaque state were sent."""
    match part:
        case TextPart(text) if text:
            assert any(text in one for one in sent)
        case ProviderPart("container", data, _):
            assert json.loads(data)["id"] in sent  # the expiry is not sent
        case ProviderPart(_, data, _):
            assert set(strings(json.loads(data))) <= {*sent}
        case ReasoningPart() | ServerToolCall() | ServerToolResult():
            for state in part.state:
                for text in strings(json.loads(state.data)):
                    assert text in sent or text in MARKERS
        case _:
            pass


MARKERS = frozenset({"reasoning", "reasoning_content"})
"""State that names the member of plain thinking, which is sent back as that member."""
