"""Histories are repaired before they are sent: one result behind each call, valid text, an end that models accept."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    ImagePart,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.history import repair_messages

TARGET = Target("host", "m", "chat_completions")
NO_PREFILL = Target("anthropic", "claude-opus-5", "messages", flags=frozenset({"no_prefill"}))
USER = Message.user("Hi")
A, B = ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")
CUT = ToolCall("c", "write", '{"text": "once')


def repair(*messages: Message, policy: Any = "error", target: Target = TARGET) -> tuple[list[Message], list[str]]:
    repaired, notices = repair_messages(messages, target, policy)
    return list(repaired), [notice.code for notice in notices]


def refuse(*messages: Message, target: Target = TARGET) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        repair_messages(messages, target, "error")
    return refused.value


@pytest.mark.parametrize(
    "messages",
    [
        (USER,),
        (),
        (Message.system("s"),),
        (USER, Message.assistant("a"), USER),
        (USER, Message.assistant([A, B]), Message.tool_results(B.result("2"), A.result("1")), USER),
        (USER, Message.assistant([A, B]), Message.tool_results(B.result("2")), Message.tool_results(A.result("1"))),
        (USER, Message.assistant([A]), Message.user([A.result("1"), "and now?"])),
        (USER, Message.assistant([A]), Message.tool_results(A.result("1")), Message.assistant("done")),
    ],
)
def test_a_history_that_is_right_stays_the_same_object(messages: tuple[Message, ...]) -> None:
    repaired, notices = repair_messages(messages, TARGET, "error")
    assert repaired is messages
    assert notices == []


def test_a_call_without_a_result_is_refused_by_name() -> None:
    error = refuse(USER, Message.assistant(["x", A, B]), Message.tool_results(A.result("1")), USER)
    assert error.field == "messages[1].content[2]"
    assert "'b'" in error.message
    assert "'g'" in error.message
    assert refuse(USER, Message.assistant([A])).field == "messages[1].content[0]"
    late = refuse(USER, Message.assistant([A]), USER, Message.assistant("wait"), Message.tool_results(A.result("1")))
    assert late.field == "messages[1].content[0]"


def test_a_call_without_a_result_is_completed_under_the_policy_drop() -> None:
    repaired, codes = repair(USER, Message.assistant([A, B]), Message.tool_results(B.result("2")), USER, policy="drop")
    assert codes == ["result_added"]
    assert [message.role for message in repaired] == ["user", "assistant", "tool", "user"]
    first, second = repaired[2].content
    assert first == B.result("2")
    assert isinstance(second, ToolResult)
    assert (second.tool_call_id, second.is_error, second.name) == ("a", True, "f")


@pytest.mark.parametrize("policy", ["error", "drop"])
@pytest.mark.parametrize("rest", [(), (USER,), (Message.assistant("more"), USER)])
def test_a_call_that_was_cut_off_is_answered_by_an_error(policy: Any, rest: tuple[Message, ...]) -> None:
    repaired, codes = repair(USER, Message.assistant(["x", CUT]), *rest, policy=policy)
    assert codes == ["result_added"]
    (result,) = repaired[2].content
    assert isinstance(result, ToolResult)
    assert (result.tool_call_id, result.is_error) == ("c", True)
    assert "no complete JSON object" in result.text


def test_a_result_without_a_call_is_refused_by_name_or_left_out() -> None:
    lost = Message.tool_results(A.result("1"), B.result("2"))
    messages = (USER, Message.assistant([B]), lost, USER)
    error = refuse(*messages)
    assert error.field == "messages[2].content[0]"
    assert "'a'" in error.message
    repaired, codes = repair(*messages, policy="drop")
    assert codes == ["result_dropped"]
    assert repaired == [USER, Message.assistant([B]), Message.tool_results(B.result("2")), USER]
    alone, codes = repair(USER, Message.tool_results(A.result("1")), policy="drop")
    assert (alone, codes) == ([USER], ["result_dropped"])


def test_a_second_result_of_a_call_is_refused_or_left_out() -> None:
    messages = (USER, Message.assistant([A]), Message.tool_results(A.result("1"), A.result("2")))
    assert "more than one result" in refuse(*messages).message
    repaired, codes = repair(*messages, policy="drop")
    assert repaired[2] == Message.tool_results(A.result("1"))
    assert codes == ["result_dropped"]


def test_the_policy_pass_sends_the_history_as_it_is() -> None:
    messages = (USER, Message.assistant([A, CUT]), Message.tool_results(B.result("2")), Message.assistant("x"))
    assert repair_messages(messages, NO_PREFILL, "pass") == (messages, [])


def test_results_are_moved_behind_their_calls() -> None:
    messages = (USER, Message.assistant([A, B]), Message.user("wait"), Message.tool_results(A.result("1")))
    repaired, codes = repair(*messages, Message.user(["so", B.result("2"), "and?"]))
    assert codes == ["results_moved"]
    assert repaired == [
        *messages[:2],
        Message.tool_results(A.result("1"), B.result("2")),
        Message.user("wait"),
        Message.user(["so", "and?"]),
    ]


def test_calls_in_messages_one_after_the_other_become_one_turn() -> None:
    results = Message.tool_results(A.result("1"), B.result("2"))
    repaired, codes = repair(USER, Message.assistant(["x", A], name="n"), Message.assistant([B]), results)
    assert repaired == [USER, Message.assistant(["x", A, B], name="n"), results]
    assert codes == []


def test_ids_that_are_used_twice_or_blank_become_unique_in_call_and_result() -> None:
    again, blank = ToolCall("a", "g", "{}"), ToolCall("", "h", "{}")
    repaired, codes = repair(
        USER,
        Message.assistant([A, again]),
        Message.tool_results(A.result("1"), again.result("2")),
        Message.assistant([A, blank]),
        Message.tool_results(blank.result("4"), A.result("3")),
    )
    calls = [call.id for message in repaired for call in message.tool_calls]
    assert len(set(calls)) == 4
    assert all(calls)
    parts = [part for message in repaired for part in message.content]
    answered = {part.tool_call_id: part.text for part in parts if isinstance(part, ToolResult)}
    assert [answered[call] for call in calls] == ["1", "2", "3", "4"]
    assert codes == []


def test_a_call_that_names_no_tool_is_left_out_with_its_result() -> None:
    nameless = ToolCall("n", " ", "{}")
    repaired, codes = repair(
        USER, Message.assistant(["x", nameless, A]), Message.tool_results(nameless.result("0"), A.result("1"))
    )
    assert repaired == [USER, Message.assistant(["x", A]), Message.tool_results(A.result("1"))]
    assert codes == ["call_dropped"]
    alone, codes = repair(USER, Message.assistant([nameless]), Message.tool_results(nameless.result("0")), USER)
    assert [message.role for message in alone] == ["user", "assistant", "user"]
    assert codes == ["call_dropped"]


HALF = "a\ud800b"


@pytest.mark.parametrize(
    "part",
    [
        TextPart(HALF),
        ReasoningPart(HALF),
        ServerToolCall("s", "search", HALF),
        ToolCall("a", HALF, "{}"),
        ToolCall(HALF, "f", "{}"),
    ],
)
def test_lone_surrogates_of_a_model_are_replaced(part: Any) -> None:
    call = part if isinstance(part, ToolCall) else A
    parts = [part] if part is call else [part, A]
    repaired, codes = repair(USER, Message.assistant(parts), Message.tool_results(call.result("1")))
    assert codes == ["text_replaced"]
    assert "a\ufffdb" in str(repaired[1].to_dict())
    assert "ud800" not in str([message.to_dict() for message in repaired])
    (result,) = repaired[2].content
    assert isinstance(result, ToolResult)
    assert result.tool_call_id == repaired[1].tool_calls[0].id


def test_lone_surrogates_of_a_tool_are_replaced_beside_other_parts() -> None:
    picture = ImagePart(data=b"x", media_type="image/png")
    repaired, codes = repair(
        USER, Message.assistant([A]), Message.tool_results(A.result([HALF, picture, "\U0001f600"]))
    )
    assert codes == ["text_replaced"]
    assert repaired[2] == Message.tool_results(A.result(["a\ufffdb", picture, "\U0001f600"]))


def test_text_of_the_caller_is_left_to_the_dialects() -> None:
    messages = (Message.user(HALF), Message.assistant("a"), USER)
    assert repair_messages(messages, TARGET, "error") == (messages, [])


def test_an_answer_at_the_end_is_refused_where_the_model_does_not_continue_it() -> None:
    messages = (USER, Message.assistant("One, two"))
    error = refuse(*messages, target=NO_PREFILL)
    assert error.field == "messages[1]"
    assert "claude-opus-5" in error.message
    repaired, codes = repair(*messages, policy="drop", target=NO_PREFILL)
    assert [message.role for message in repaired] == ["user", "assistant", "user"]
    assert codes == ["message_added"]
    assert repair(*messages) == ([*messages], [])


@pytest.mark.parametrize("part", [ServerToolCall("s", "web_search", "{}"), ProviderPart("x", b"{}", "anthropic/a/b")])
def test_an_answer_in_which_the_provider_paused_is_continued(part: Any) -> None:
    messages = (USER, Message.assistant(["One", part]))
    assert repair_messages(messages, NO_PREFILL, "error") == (messages, [])


def test_a_call_that_was_cut_off_at_the_end_is_no_answer_to_continue() -> None:
    repaired, codes = repair(USER, Message.assistant([CUT]), target=NO_PREFILL)
    assert [message.role for message in repaired] == ["user", "assistant", "tool"]
    assert codes == ["result_added"]


def test_many_calls_of_one_id() -> None:
    turn = [USER, Message.assistant([ToolCall("same", "f", "{}")]), Message.tool_result("same", "r")]
    repaired, _ = repair(*(turn * 2000))
    calls = [call.id for message in repaired for call in message.tool_calls]
    assert len(set(calls)) == 2000
    results = [part for message in repaired for part in message.content if isinstance(part, ToolResult)]
    assert calls == [result.tool_call_id for result in results]
