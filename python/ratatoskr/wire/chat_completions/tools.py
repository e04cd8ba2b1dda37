"""Tool calls out of deltas, which may interleave or lack index or id, and out of complete messages."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec
from msgspec import Raw, UnsetType

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import ProviderState, ServerToolCall, ServerToolResult
from ratatoskr.wire.chat_completions.shapes import ChatCompletionMessageToolCall, Function
from ratatoskr.wire.json import decode, is_blank, replace_surrogates, text_of
from ratatoskr.wire.json_end import JsonEnd
from ratatoskr.wire.turn import TurnBuilder

_EXECUTED_TOOL_RESULTS = ("output", "search_results", "code_results", "browser_results")
"""Members of Groq's `executed_tools` that contain a result."""

_LONGEST_SCALAR = 64
"""The most characters of arguments that are compared with a JSON value which is neither an array nor an object."""

_decode_string = msgspec.json.Decoder(str).decode
_decode_any = msgspec.json.Decoder(Raw).decode


class _OpenCall:
    """A call that has begun; its part begins when its name is known."""

    __slots__ = ("_end", "_is_valid", "_read", "deltas", "id", "key", "length", "name", "state")

    def __init__(self, key: tuple[str, int]) -> None:
        self.key = key
        self.id = ""
        self.name = ""
        self.deltas: list[str] = []
        self.length = 0
        self.state: dict[str, bytes] = {}
        self._end = JsonEnd()
        self._read = 0
        self._is_valid: bool | None = None

    def is_complete(self) -> bool:
        """Return whether the arguments so far are a complete JSON value; each delta is looked at once."""
        for delta in self.deltas[self._read :]:
            self._end.read(delta)
        self._read = len(self.deltas)
        if self._end.state == "closed":
            if self._is_valid is None:
                self._is_valid = _is_json("".join(self.deltas))
            return self._is_valid
        return self._end.state == "other" and self.length <= _LONGEST_SCALAR and _is_json("".join(self.deltas))


def _is_json(text: str) -> bool:
    try:
        _decode_any(text.encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return False
    return True


class ToolCallReader:
    """The tool calls of one response: a delta belongs to the call of its index, else of its id, never to the latest.

    Calls whose arguments may be incomplete are kept apart, so that they can be found without a look at all calls.
    """

    __slots__ = ("_by_id", "_by_index", "_calls", "_incomplete", "_nameless", "_turn")

    def __init__(self, turn: TurnBuilder) -> None:
        self._turn = turn
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int | None, _OpenCall] = {}
        self._by_id: dict[str, _OpenCall] = {}
        self._incomplete: dict[Hashable, _OpenCall] = {}
        self._nameless: dict[Hashable, _OpenCall] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add_delta(self, delta: ChatCompletionMessageToolCall) -> None:
        """Add a delta of a stream.

        Raises:
            MalformedResponse: it neither names the call it belongs to nor begins one.
        """
        call_id = _id_of(delta)
        name, arguments, extra = _content_of(delta)
        if not (call_id or name or arguments or extra):
            return
        if call_id and self._repeats(delta.index, call_id, name, arguments):
            return
        call = self._find(delta.index, call_id, name, arguments)
        if call is None:
            call = self._begin(call_id)
            self._by_index[delta.index] = call
        self._set_id(call, call_id)
        self._extend(call, name, arguments, extra)

    def add_call(self, call: ChatCompletionMessageToolCall) -> None:
        """Add a complete call, whatever index and id it has; one without any content is no call."""
        call_id, content = _id_of(call), _content_of(call)
        if call_id or any(content):
            self._extend(self._begin(call_id), *content)

    def add_function_call(self, function: Function, *, is_delta: bool) -> None:
        """Add a `function_call`, the form before tools: one call without index and id."""
        call = ChatCompletionMessageToolCall(index=-1, function=function)
        if is_delta:
            self.add_delta(call)
        else:
            self.add_call(call)

    def finish(self) -> None:
        """Begin the calls whose name never came, so that their arguments are not lost; blank ones are no calls."""
        if not self._nameless:
            return
        for key, call in list(self._nameless.items()):
            if call.id or call.state or not is_blank("".join(call.deltas)):
                self._start(call, "")
                del self._nameless[key]
        self._calls = [call for call in self._calls if call.key not in self._nameless]

    def _repeats(self, index: int | None, id: str, name: str, arguments: str) -> bool:
        """Return whether a delta is the whole call of its index and id once more, as some hosts send it at the end."""
        call = self._by_index.get(index)
        return (
            call is not None
            and call.id == replace_surrogates(id)
            and name in ("", call.name)
            and len(arguments) == call.length
            and "".join(call.deltas) == arguments
            and call.is_complete()
        )

    def _find(self, index: int | None, id: str | None, name: str, arguments: str) -> _OpenCall | None:
        if index is None and not id and not name:
            # A delta without index, id and name can only belong to the one call that is not complete.
            calls = self._calls if len(self._calls) == 1 else self._two_incomplete(self._incomplete, self._nameless)
            if len(calls) != 1:
                raise MalformedResponse("a piece of a tool call has neither index nor id")
            return calls[0]
        call = None if index is None and id else self._by_index.get(index)
        if id and (call is None or call.id not in ("", replace_surrogates(id))):
            call = self._by_id.get(id, call)
        if call is None and not id and not name:
            call = self._find_by_arguments(index)
        if call is None or (name and _begins_another(call, id, name, arguments)):
            return None
        begins = name and index is not None and index not in self._by_index
        return None if begins and call.name not in ("", name) else call

    def _find_by_arguments(self, index: int | None) -> _OpenCall | None:
        """Return the only call without complete arguments, for a delta of a new index that begins no call.

        Some hosts send the arguments of a call under another index than its name.
        """
        calls = self._two_incomplete(self._incomplete)
        if len(calls) != 1:
            return None
        self._by_index[index] = calls[0]
        return calls[0]

    def _two_incomplete(self, *groups: dict[Hashable, _OpenCall]) -> list[_OpenCall]:
        """Return the calls with incomplete arguments, at most two; those that are found complete leave their group."""
        found: list[_OpenCall] = []
        for group in groups:
            complete = []
            for key, call in group.items():
                if not call.is_complete():
                    found.append(call)
                    if len(found) == 2:
                        break
                elif call.name:
                    complete.append(key)
            for key in complete:
                del group[key]
        return found

    def _begin(self, id: str | None) -> _OpenCall:
        call = _OpenCall(("call", len(self._calls)))
        self._calls.append(call)
        self._nameless[call.key] = call
        self._set_id(call, id)
        return call

    def _set_id(self, call: _OpenCall, id: str | None) -> None:
        if id and not call.id and id not in self._by_id:  # an id that two calls share identifies no result
            call.id = replace_surrogates(id)
            self._by_id[id] = call

    def _extend(self, call: _OpenCall, name: str, arguments: str, extra: dict[str, bytes]) -> None:
        if extra:
            call.state |= extra
        if name and not call.name:
            self._start(call, name)
        elif call.name and extra:
            self._set_state(call)
        if arguments:
            call.deltas.append(arguments)
            call.length += len(arguments)
            if call.name:
                self._incomplete[call.key] = call
                self._turn.arguments(call.key, arguments)

    def _start(self, call: _OpenCall, name: str) -> None:
        call.name = name
        if name:
            self._incomplete[call.key] = self._nameless.pop(call.key)
        self._turn.tool(call.key, call.id or None, name)
        for delta in call.deltas:
            self._turn.arguments(call.key, delta)
        if call.state:
            self._set_state(call)

    def _set_state(self, call: _OpenCall) -> None:
        self._turn.replace_state(call.key, b"{" + b",".join(call.state.values()) + b"}", "tool")


def _begins_another(call: _OpenCall, id: str | None, name: str, arguments: str) -> bool:
    """Return whether a delta with a name begins another call than the one under its index or id."""
    if id and call.id and replace_surrogates(id) != call.id:
        return True
    if not call.name:
        return False
    if name != call.name and not (id and replace_surrogates(id) == call.id):
        return True
    return bool(arguments.strip()) and call.is_complete()


def _id_of(call: ChatCompletionMessageToolCall) -> str | None:
    return str(call.id) if isinstance(call.id, int) else call.id


def _content_of(call: ChatCompletionMessageToolCall) -> tuple[str, str, dict[str, bytes]]:
    """Return name, arguments, and the members that the call's state must contain."""
    extra: dict[str, bytes] = {}
    if not isinstance(call.extra_content, UnsetType) and (text := text_of(call.extra_content)) != "null":
        extra["extra_content"] = f'"extra_content":{text}'.encode()
    if call.custom is not None:
        extra["type"] = b'"type":"custom"'
        return replace_surrogates(call.custom.name or ""), call.custom.input or "", extra
    if call.type and call.type != "function":  # Moonshot's `builtin_function` is sent back unchanged
        extra["type"] = b'"type":' + msgspec.json.encode(replace_surrogates(call.type))
    if call.function is None:
        return "", "", extra
    return replace_surrogates(call.function.name or ""), _decode_arguments(call.function.arguments), extra


def _decode_arguments(raw: Raw | UnsetType) -> str:
    """Return the arguments as the model wrote them: the text of a string, or any other value byte for byte."""
    if isinstance(raw, UnsetType):
        return ""
    data = bytes(raw)
    if data[:1] == b'"':
        try:
            return _decode_string(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return decode(str, data)
    return "" if data == b"null" else text_of(data)


def add_executed_tool(turn: TurnBuilder, tool: dict[str, Any], data: bytes, position: int) -> None:
    """Add a tool that Groq ran (https://console.groq.com/docs/compound): a stream has first the call, then its result.

    Args:
        turn: the turn to add to.
        tool: an item of `executed_tools`.
        data: its JSON.
        position: its place in the list, for items without an index.
    """
    index = str(tool.get("index", position))
    texts = (tool.get("type"), tool.get("arguments"))
    name, arguments = (replace_surrogates(text) if isinstance(text, str) else "" for text in texts)
    state = (ProviderState(turn.issuer, b'"executed_tools"'),)
    key = ("executed", index)
    if not turn.has(key):
        turn.part(key, ServerToolCall(index, name, arguments, state=state), "executed_tools", data)
    if any(tool.get(member) is not None for member in _EXECUTED_TOOL_RESULTS):
        result = ServerToolResult(index, name, text_of(data), state=state)
        turn.part(("output", index), result, "executed_tools", data)
