"""Calls of tools that the API defines, which the provider or the caller runs, and the outputs of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.types.part import (
    AudioPart,
    FileRef,
    ImagePart,
    ProviderState,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolResult,
)
from ratatoskr.wire.encode import require_utf8
from ratatoskr.wire.json import decode, replace_surrogates, text_of
from ratatoskr.wire.responses.media import ContentEncoder, encode_url
from ratatoskr.wire.responses.shapes import BuiltInToolItem, ToolCallItem, TypeTag, raw_or_none
from ratatoskr.wire.turn import TurnBuilder

TOOL_CALLS = frozenset({"function_call", "custom_tool_call"})
"""Calls of tools that the caller defines."""

CLIENT_TOOLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "computer_call": ("computer", ("actions", "action")),
    "local_shell_call": ("local_shell", ("action",)),
    "shell_call": ("shell", ("action",)),
    "apply_patch_call": ("apply_patch", ("operation",)),
}
"""Calls of built-in tools that the caller runs: the tool's name, and the members that may contain the arguments."""

_SERVER_TOOLS: dict[str, tuple[str, str, str]] = {
    "web_search_call": ("web_search", "action", "results"),
    "file_search_call": ("file_search", "queries", "results"),
    "code_interpreter_call": ("code_interpreter", "code", "outputs"),
    "mcp_call": ("mcp", "arguments", "output"),
    "tool_search_call": ("tool_search", "arguments", ""),
    "shell_call": ("shell", "action", ""),
}
"""Calls that the provider runs: the tool's name, and the members with the arguments and the result."""

_SERVER_OUTPUTS: dict[str, tuple[str, str]] = {
    "tool_search_output": ("tool_search", "tools"),
    "shell_call_output": ("shell", "output"),
}
"""Results that are items of their own: the tool's name, and the member with the result."""

_SEARCHES = frozenset({"web_search", "file_search"})
"""Tools that are paid for by the call."""

_NOT_OBJECTS = frozenset({"queries", "code"})
"""Members with arguments that are not a JSON object."""

_ERROR_PREFIX = "Error: "
"""Marks the output of a failed call, for which the API has no member."""


def call_id_of(item: ToolCallItem | BuiltInToolItem) -> str | None:
    """Return the id that pairs a call with its output."""
    call_id = item.call_id or item.id
    return None if call_id is None else replace_surrogates(call_id)


class BuiltInToolReader:
    """Adds calls and results of built-in tools to a turn.

    Attributes:
        has_calls: whether there is a call that the caller has to run.
    """

    __slots__ = ("_call_ids", "_searches", "_turn", "has_calls")

    def __init__(self, turn: TurnBuilder) -> None:
        self._turn = turn
        self._call_ids: dict[str, str] = {}
        self._searches: dict[int, str] = {}
        self.has_calls = False

    def add(self, number: int, kind: str, data: bytes) -> bool:
        """Add a call or a result; return whether the item is one."""
        if kind in _SERVER_OUTPUTS:
            self._add_server_output(number, kind, data)
            return True
        if kind not in CLIENT_TOOLS and kind not in _SERVER_TOOLS:
            return False
        item = decode(BuiltInToolItem, data)
        if kind in CLIENT_TOOLS and (item.environment is None or item.environment.type == "local"):
            self._add_client_call(number, item, data)
            return True
        if kind not in _SERVER_TOOLS or item.execution == "client":
            return False
        self._add_server_call(number, item, data)
        return True

    def count_searches(self) -> dict[str, int]:
        """Return how often each of the provider's search tools was run; what was not run is left out.

        Of the actions of a web search only `search` is one; opening a page that it found is none
        (platform.openai.com/docs/guides/tools-web-search, 2026-11).
        """
        return dict(Counter(self._searches.values()))

    def _add_client_call(self, number: int, item: BuiltInToolItem, data: bytes) -> None:
        key, (name, members) = (number, -1), CLIENT_TOOLS[item.type]
        self.has_calls = True
        self._turn.tool(key, call_id_of(item), name)
        self._turn.arguments(key, next((text for member in members if (text := _member_text(item, member))), ""))
        self._turn.replace_state(key, data, "tool")
        self._turn.end(key)

    def _add_server_call(self, number: int, item: BuiltInToolItem, data: bytes) -> None:
        tool, arguments_member, result_member = _SERVER_TOOLS[item.type]
        call_id = replace_surrogates(item.call_id or item.id or self._turn.made_up_id(number, tool))
        name = replace_surrogates(item.name or tool)
        self._call_ids[tool] = call_id
        if tool in _SEARCHES and _is_search(item):
            self._searches[number] = tool
        states = (ProviderState(self._turn.issuer, data),)
        call = ServerToolCall(call_id, name, _arguments(item, arguments_member), state=states)
        self._turn.part((number, -1), call, item.type, data)
        failed = raw_or_none(item.error) is not None
        member = "error" if failed else result_member
        result = _member_text(item, member) if member else None
        if result is not None:
            is_error = failed or item.status == "failed"
            part = ServerToolResult(call_id, name, result, is_error)
            self._turn.part((number, -2), part, f"{item.type}.{member}", result.encode())

    def _add_server_output(self, number: int, kind: str, data: bytes) -> None:
        name, member = _SERVER_OUTPUTS[kind]
        item = decode(BuiltInToolItem, data)
        call_id = replace_surrogates(item.call_id or self._call_ids.get(name) or item.id or "")
        states = (ProviderState(self._turn.issuer, data),)
        part = ServerToolResult(call_id, name, _member_text(item, member) or "", state=states)
        self._turn.part((number, -1), part, kind, data)


def _is_search(item: BuiltInToolItem) -> bool:
    action = raw_or_none(item.action)
    try:
        return action is None or decode(TypeTag, action).type in ("", "search")
    except MalformedResponse:
        return True


def _member_text(item: BuiltInToolItem, name: str) -> str | None:
    data = raw_or_none(getattr(item, name))
    return None if data is None else text_of(data)


def _arguments(item: BuiltInToolItem, member: str) -> str:
    """Return a call's arguments as the text of a JSON object; those of MCP are such a text within a JSON string."""
    text = _member_text(item, member)
    if text is None:
        return ""
    if text.startswith('"') and member == "arguments":
        return replace_surrogates(decode(str, text.encode()))
    return f'{{"{member}":{text}}}' if member in _NOT_OBJECTS else text


def encode_output(
    call_type: str, call_id: str, result: ToolResult, contents: ContentEncoder, where: str
) -> dict[str, Any]:
    """Return the item with the output of a call of this type.

    Raises:
        InvalidInput: such an output cannot contain something in the result; `field` is its path.
    """
    if call_type in CLIENT_OUTPUTS:
        return CLIENT_OUTPUTS[call_type](call_id, result, where)
    output_type = "custom_tool_call_output" if call_type == "custom_tool_call" else "function_call_output"
    return {"type": output_type, "call_id": call_id, "output": _encode_content(result, contents, where)}


def _encode_content(result: ToolResult, contents: ContentEncoder, where: str) -> str | list[dict[str, Any]]:
    context = contents.context
    has_mark = context.cache_mark is not None and (result.cache or any(part.cache for part in result.content))
    if not has_mark and all(isinstance(part, TextPart) for part in result.content):
        text = require_utf8(result.text, where)
        return f"{_ERROR_PREFIX}{text}" if result.is_error else text
    encoded = []
    for i, part in enumerate(result.content):
        part_where = f"{where}.content[{i}]"
        if isinstance(part, AudioPart):
            raise InvalidInput("the Responses API does not accept audio in a tool result", field=part_where)
        encoded.append(contents.encode_part(part, part_where))
    if result.is_error:
        encoded.insert(0, {"type": "input_text", "text": _ERROR_PREFIX.strip()})
    if encoded:
        encoded[-1] = context.mark_cached(encoded[-1], cache=result.cache)
    return encoded


def _require_text(result: ToolResult, where: str) -> str:
    for i, part in enumerate(result.content):
        if not isinstance(part, TextPart):
            message = f"the result of this tool must be text, not {part.type}"
            raise InvalidInput(message, field=f"{where}.content[{i}]")
    return require_utf8(result.text, where)


def _computer_output(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    for i, part in enumerate(result.content):
        screen: dict[str, Any] = {"type": "computer_screenshot"}
        if isinstance(part, ImagePart):
            screen["image_url"] = encode_url(part, f"{where}.content[{i}]")
        elif isinstance(part, FileRef):
            screen["file_id"] = require_utf8(part.id, f"{where}.content[{i}]")
        else:
            continue
        return {"type": "computer_call_output", "call_id": call_id, "output": screen}
    raise InvalidInput("the result of a computer call must contain a screenshot", field=where)


def _local_shell_output(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    return {"type": "local_shell_call_output", "call_id": call_id, "output": _require_text(result, where)}


def _shell_output(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    text = _require_text(result, where)
    out, err = ("", text) if result.is_error else (text, "")
    outcome = {"type": "exit", "exit_code": 1 if result.is_error else 0}
    output = [{"stdout": out, "stderr": err, "outcome": outcome}]
    return {"type": "shell_call_output", "call_id": call_id, "output": output}


def _apply_patch_output(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    status = "failed" if result.is_error else "completed"
    text = _require_text(result, where)
    return {"type": "apply_patch_call_output", "call_id": call_id, "status": status, "output": text}


CLIENT_OUTPUTS: dict[str, Callable[[str, ToolResult, str], dict[str, Any]]] = {
    "computer_call": _computer_output,
    "local_shell_call": _local_shell_output,
    "shell_call": _shell_output,
    "apply_patch_call": _apply_patch_output,
}
"""How the output of each built-in tool that the caller runs is encoded, by the type of the call."""
