"""What a provider wants back goes back byte for byte and in order, also after JSON save and load and after pickling."""

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
from recorded.playing import player
from recorded.sent_back import as_answered, follow_ups, is_within, last_turn, plain

WAYS: dict[str, Callable[[list[Message]], list[Message]]] = {
    "straight": lambda history: history,
    "json": lambda history: load_messages(dump_messages(history)),
    "pickle": lambda history: pickle.loads(pickle.dumps(history)),
}


def answered() -> list[Case]:
    """Return the recordings that hold an assistant's turn of a chat."""
    return [c for c in all_cases() if c.asks == "chat" and isinstance(c.expected, Answer)]


def follow_up(response: ChatResponse[Any]) -> list[Message]:
    """Return a history with the answer in it, its calls answered."""
    history = [Message.user("Hi"), response.message]
    if response.tool_calls:
        history.append(Message.tool_results(*(call.result("done") for call in response.tool_calls)))
    return [*history, Message.user("Go on.")]


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, in the order in which it stands."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def in_order(wanted: list[str], found: list[str]) -> str | None:
    """Return the first wanted text that does not follow the one before it; `None` if all do."""
    rest = iter(found)
    return next((text for text in wanted if text not in rest), None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", parameters(answered()))
async def test_the_assistants_turn_goes_back_as_it_came(case: Case, way: str) -> None:
    expected = case.expected
    assert isinstance(expected, Answer)
    async with player(case) as at:
        first = await at.play()
        response = first.response
        if not isinstance(response, ChatResponse):
            assert expected.reason in {"refusal", "content_filter"}, first.error
            return
        history = WAYS[way](follow_up(response))
        assert history[1] == response.message
        await at.play(history)
        sent = list(strings(at.upstream.requests[-1].json))
        assert in_order(expected.opaque, sent) is None
        for part in response.message.content:
            check_part(part, sent)


OTHERWISE: dict[str, str] = {
    "anthropic-llm_anthropic-test_tools-0": "its client says a blank before the calls that the model did not say",
    "openrouter-fantasy-testopenroutercommon_grok_multi_tool_streaming-0": "its client made text of a summary",
    "openrouter-fantasy-testopenroutercommon_kimi_multi_tool_streaming-0": "its client lost the first word of the text",
}
"""Follow-ups whose clients sent something else than what they had got."""


@pytest.mark.parametrize("case", parameters(answered()))
async def test_the_turn_goes_back_in_the_words_in_which_it_came(case: Case) -> None:
    """Every block, item and part is in the next request as it was recorded, and so is all that its own client sent."""
    expected = case.expected
    assert isinstance(expected, Answer)
    async with player(case) as at:
        played = await at.play()
        if isinstance(played.error, ContentFiltered):
            return  # there is no turn to send back
        response = played.response
        assert isinstance(response, ChatResponse)
        await at.play(follow_up(response))
        ours = plain(case.family, last_turn(case.family, at.upstream.requests[-1].json), expected)
    assert ours == plain(case.family, as_answered(case, expected), expected)
    theirs = dict(bodies()).get(case.id)
    if theirs is not None:
        assert is_within(plain(case.family, last_turn(case.family, theirs), expected), ours) == (
            case.id not in OTHERWISE
        )


@cache
def bodies() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the names of the answers that were followed up, and the body of the request that did it."""
    return tuple((case.id, body) for case, body in follow_ups(answered()))


@recordings.needed
def test_there_is_something_to_send_back() -> None:
    answers = [case.expected for case in answered()]
    assert sum(len(answer.opaque) for answer in answers if isinstance(answer, Answer)) > 90
    assert len(bodies()) > 25


def check_part(part: Any, sent: list[str]) -> None:
    """Check that a part's words and its opaque state are among what was sent."""
    match part:
        case TextPart(text) if text:
            assert any(text in one for one in sent)
        case ProviderPart("container", data, _):
            assert json.loads(data)["id"] in sent  # when it expires is the provider's to know
        case ProviderPart(_, data, _):
            assert set(strings(json.loads(data))) <= {*sent}
        case ReasoningPart() | ServerToolCall() | ServerToolResult():
            for state in part.state:
                for text in strings(json.loads(state.data)):
                    assert text in sent or text in MARKERS
        case _:
            pass


MARKERS = frozenset({"reasoning", "reasoning_content"})
"""State that names the member in which plain thinking came; it goes back under that name, not as a text."""
