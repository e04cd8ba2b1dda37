"""The repair of a history before a dialect writes it: every provider accepts calls with one result each, and UTF-8.

A history that the gateway made can hold a call that the token limit cut off; one that a program made can lack a result,
hold one twice, or have it in the wrong place. Providers refuse such a request, so it is repaired or refused here.

Lone surrogates become U+FFFD in what a model or a tool wrote, as they do in streams; a program's own text with one is
refused by the dialects.
"""

from __future__ import annotations

import operator
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    Part,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.json import arguments_object, replace_surrogates

STORED_CONTEXT = frozenset({"previous_response_id", "conversation"})
"""Members of `raw_provider_options` by which a provider adds turns that the messages do not hold."""

_GO_ON = "Go on."
_CUT_OFF = "The call was not run: its arguments are no complete JSON object."
_NO_RESULT = "The call was not run: there is no result."

_TEXTS: dict[type[Any], tuple[str, ...]] = {
    TextPart: ("text",),
    ReasoningPart: ("text",),
    ToolCall: ("id", "name", "arguments"),
    ToolResult: ("tool_call_id", "name"),
    ServerToolCall: ("id", "name", "arguments"),
    ServerToolResult: ("tool_call_id", "name", "content"),
}
"""The fields of a part that hold text of a model or a tool."""


def repair_messages(
    messages: tuple[Message, ...], target: Target, policy: ParameterPolicy
) -> tuple[tuple[Message, ...], list[Notice]]:
    """Return the messages with exactly one result behind each call, and notices of what was changed.

    Args:
        messages: the history.
        target: the model that it is for.
        policy: what is done with a call without a result, a result without a call, and an answer at the end that the
            model does not continue: `error` refuses it, `drop` adds an error result, leaves the result out, and adds a
            message of the user; `pass` sends the history as it is.

    Raises:
        InvalidInput: there is one of these; `field` is its path.
    """
    if not _holds_answers_or_results(messages):
        return messages, []
    repair = _Repair(policy)
    for answers, inputs in _rounds(messages):
        repair.add_round(answers, inputs)
    if "no_prefill" in target.flags and messages[-1].role == "assistant" and not is_paused(messages[-1]):
        repair.end_with_user(target.model, len(messages) - 1)
    if not repair.changed:
        return messages, []
    return tuple(repair.out), list(repair.notices.values())


def _holds_answers_or_results(messages: Sequence[Message]) -> bool:
    """Return whether there is anything to pair; loops, because every request passes here."""
    for message in messages:
        if message.role == "assistant" or message.role == "tool":  # noqa: PLR1714  # a tuple would take longer
            return True
        for part in message.content:
            if type(part) is ToolResult:
                return True
    return False


def is_paused(message: Message) -> bool:
    """Return whether a provider may have paused in this answer: it then continues it when it is sent back."""
    return any(isinstance(part, (ServerToolCall, ServerToolResult, ProviderPart)) for part in message.content)


_Indexed = list[tuple[int, Message]]


def _rounds(messages: Sequence[Message]) -> Iterator[tuple[_Indexed, _Indexed]]:
    """Yield consecutive messages of the assistant with all messages up to the next of the assistant."""
    answers: _Indexed = []
    inputs: _Indexed = []
    for one in enumerate(messages):
        if one[1].role != "assistant":
            inputs.append(one)
            continue
        if inputs:
            yield answers, inputs
            answers, inputs = [], []
        answers.append(one)
    yield answers, inputs


@dataclass(slots=True)
class _Repair:
    """The repaired messages so far.

    Attributes:
        policy: for calls without results and results without calls.
        out: the messages.
        changed: whether they differ from the history.
        notices: one for each kind.
        ids: the ids of all calls so far.
        repeats: how often an id has been replaced.
        nameless: the ids of calls that were left out because they name no tool.
    """

    policy: ParameterPolicy
    out: list[Message] = field(default_factory=list)
    changed: bool = False
    notices: dict[str, Notice] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    repeats: Counter[str] = field(default_factory=Counter)
    nameless: set[str] = field(default_factory=set)

    def add_round(self, answers: _Indexed, inputs: _Indexed) -> None:
        """Add messages of the assistant and all that answers them."""
        open_calls: dict[str, deque[tuple[str, ToolCall]]] = {}
        spoken = [self._repair_answer(i, message, open_calls) for i, message in answers]
        if len(spoken) > 1 and open_calls:  # the results of all calls come behind the last of these messages
            self.changed = True
            parts = tuple(part for message in spoken for part in message.content)
            spoken = [replace(spoken[0], content=parts)]
        self.out += spoken
        results, others, in_order = self._pair_results(inputs, open_calls)
        added = [self._complete(path, call) for calls in open_calls.values() for path, call in calls]
        missing = [result for result in added if result is not None]
        if in_order and not missing:
            self.out += others
            return
        self.changed = True
        if not in_order:
            self._note("results_moved", "results of tools were moved directly behind their calls")
        self.out.append(Message.tool_results(*results, *missing))
        self.out += [rest for message in others if (rest := _without_results(message)) is not None]

    def end_with_user(self, model: str, i: int) -> None:
        """Add a message of the user behind an answer that the model does not continue, if the caller allows it."""
        if self.policy == "pass" or self.out[-1].role != "assistant":
            return
        what = f"{model} does not continue a message of the assistant"
        if self.policy == "error":
            advice = 'end the messages with one of the user, or choose the parameter policy "drop"'
            raise InvalidInput(f"{what}; {advice}", field=f"messages[{i}]")
        self.changed = True
        self._note("message_added", f"{what}: a message of the user was added behind it")
        self.out.append(Message.user(_GO_ON))

    def _repair_answer(self, i: int, message: Message, open_calls: dict[str, deque[tuple[str, ToolCall]]]) -> Message:
        """Return a message of the assistant with valid texts and unique ids of calls; these are open now."""
        parts: list[Part] = []
        for j, original in enumerate(message.content):
            part = self._repair_texts(original)
            if isinstance(part, ToolCall):
                given = part.id
                if not part.name.strip():
                    self.changed = True
                    self.nameless.add(given)
                    self._note("call_dropped", "a call without the name of a tool was left out, with its result")
                    continue
                if not given or given in self.ids:
                    part = replace(part, id=self._new_id(given))
                self.ids.add(part.id)
                open_calls.setdefault(given, deque()).append((f"messages[{i}].content[{j}]", part))
            parts.append(part)
        return self._replace_parts(message, parts)

    def _new_id(self, id: str) -> str:
        """Return an id for a call whose id is blank or that of an earlier call."""
        while True:
            self.repeats[id] += 1
            made = f"{id or 'call'}_{self.repeats[id] + 1}"
            if made not in self.ids:
                return made

    def _pair_results(
        self, inputs: _Indexed, open_calls: dict[str, deque[tuple[str, ToolCall]]]
    ) -> tuple[list[ToolResult], list[Message], bool]:
        """Return the results, the messages that hold them, and whether the results come before anything else."""
        results: list[ToolResult] = []
        messages: list[Message] = []
        in_order, others_began = True, False
        for i, message in inputs:
            parts: list[Part] = []
            for j, part in enumerate(message.content):
                if not isinstance(part, ToolResult):
                    others_began = True
                    parts.append(part)
                    continue
                result = self._pair_result(self._repair_texts(part), f"messages[{i}].content[{j}]", open_calls)
                if result is None:
                    continue
                in_order = in_order and not others_began
                parts.append(result)
                results.append(result)
            if parts or not message.content:
                messages.append(self._replace_parts(message, parts))
            others_began = others_began or not message.content
        return results, messages, in_order

    def _pair_result(
        self, result: ToolResult, where: str, open_calls: dict[str, deque[tuple[str, ToolCall]]]
    ) -> ToolResult | None:
        """Return a result under the id of its call; `None` if it has none and is left out."""
        if calls := open_calls.get(result.tool_call_id):
            _, call = calls.popleft()
            return result if call.id == result.tool_call_id else replace(result, tool_call_id=call.id)
        if result.tool_call_id in self.nameless:
            self.changed = True
            return None
        if self.policy == "pass":
            return result
        what = f"the result of {result.tool_call_id!r:.80} has no call of this id in the turn before it"
        if result.tool_call_id in open_calls:
            what = f"the call {result.tool_call_id!r:.80} has more than one result"
        if self.policy == "error":
            advice = 'put it directly behind its call, leave it out, or choose the parameter policy "drop"'
            raise InvalidInput(f"{what}; {advice}", field=where)
        self.changed = True
        self._note("result_dropped", f"{what}: it was left out")
        return None

    def _complete(self, where: str, call: ToolCall) -> ToolResult | None:
        """Return an error result for a call that has none; `None` if it is left as it is."""
        if self.policy == "pass":
            return None
        is_cut = call.arguments.lstrip().startswith("{") and arguments_object(call.arguments) is None
        if not is_cut and self.policy == "error":
            advice = 'add its result, leave the call out, or choose the parameter policy "drop"'
            raise InvalidInput(f"the call {call.id!r:.80} of {call.name!r:.80} has no result; {advice}", field=where)
        self._note("result_added", f"an error result was added for the call {call.id!r:.80} of {call.name!r:.80}")
        text = TextPart(_CUT_OFF if is_cut else _NO_RESULT)
        return ToolResult(call.id, (text,), is_error=True, name=call.name or None)

    def _repair_texts(self, part: Any) -> Any:
        """Return a part of a model or a tool with U+FFFD for each lone surrogate."""
        changes: dict[str, Any] = {}
        for name in _TEXTS.get(type(part), ()):
            text = getattr(part, name)
            if text is not None and not text.isascii() and (valid := replace_surrogates(text)) is not text:
                changes[name] = valid
        if isinstance(part, ToolResult):
            content = [self._repair_texts(one) for one in part.content]
            if any(map(operator.is_not, content, part.content)):
                changes["content"] = tuple(content)
        if not changes:
            return part
        self.changed = True
        self._note("text_replaced", "U+FFFD was sent for each lone surrogate, which UTF-8 cannot encode")
        return replace(part, **changes)

    def _replace_parts(self, message: Message, parts: list[Part]) -> Message:
        if len(parts) == len(message.content) and all(map(operator.is_, parts, message.content)):
            return message
        self.changed = True
        return replace(message, content=tuple(parts))

    def _note(self, code: str, message: str) -> None:
        self.notices.setdefault(message, Notice(code, message, "messages"))


def _without_results(message: Message) -> Message | None:
    """Return a message without the results in it; `None` if it holds nothing else."""
    rest = tuple(part for part in message.content if not isinstance(part, ToolResult))
    if len(rest) == len(message.content):
        return message
    return replace(message, content=rest) if rest else None
