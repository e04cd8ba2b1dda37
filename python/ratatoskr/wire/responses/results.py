"""Results of tools: each kind of call has a kind of output of its own."""

from __future__ import annotations

from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FileRef, ImagePart, TextPart, ToolResult
from ratatoskr.wire.encode import require_utf8
from ratatoskr.wire.responses.content import Contents, address

_SPOKEN = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_FAILED = "Error: "
"""The API has no mark for a failed call, so it is said in words."""


def result_item(kind: str, call_id: str, result: ToolResult, contents: Contents, where: str) -> dict[str, Any]:
    """Return the item that answers a call of this kind.

    Raises:
        InvalidInput: the result holds what such an answer cannot carry; `field` is its path.
    """
    if kind in RESULTS:
        item: dict[str, Any] = RESULTS[kind](call_id, result, where)
        return item
    output_kind = _SPOKEN.get(kind, "function_call_output")
    return {"type": output_kind, "call_id": call_id, "output": _output(result, contents, where)}


def _output(result: ToolResult, contents: Contents, where: str) -> str | list[dict[str, Any]]:
    marked = contents.breakpoints and (result.cache or any(part.cache for part in result.content))
    if not marked and all(isinstance(part, TextPart) for part in result.content):
        return _text(result, where)
    spelled = []
    for i, part in enumerate(result.content):
        here = f"{where}.content[{i}]"
        if isinstance(part, AudioPart):
            raise InvalidInput("a tool's result cannot hold sound for the Responses API", field=here)
        spelled.append(contents.part(part, here))
    if result.is_error:
        spelled.insert(0, {"type": "input_text", "text": _FAILED.strip()})
    if result.cache and contents.breakpoints and spelled:
        spelled[-1]["prompt_cache_breakpoint"] = {"mode": "explicit"}
    return spelled


def _text(result: ToolResult, where: str) -> str:
    text = require_utf8(result.text, where)
    return f"{_FAILED}{text}" if result.is_error else text


def _only_text(result: ToolResult, where: str) -> str:
    for i, part in enumerate(result.content):
        if not isinstance(part, TextPart):
            raise InvalidInput(f"this tool's result is text, not {part.type}", field=f"{where}.content[{i}]")
    return require_utf8(result.text, where)


def _computer(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    for i, part in enumerate(result.content):
        screen: dict[str, Any] = {"type": "computer_screenshot"}
        if isinstance(part, ImagePart):
            screen["image_url"] = address(part, f"{where}.content[{i}]")
        elif isinstance(part, FileRef):
            screen["file_id"] = require_utf8(part.id, f"{where}.content[{i}]")
        else:
            continue
        return {"type": "computer_call_output", "call_id": call_id, "output": screen}
    raise InvalidInput("a computer call is answered with a picture of the screen", field=where)


def _local_shell(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    return {"type": "local_shell_call_output", "call_id": call_id, "output": _only_text(result, where)}


def _shell(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    text = _only_text(result, where)
    out, err = ("", text) if result.is_error else (text, "")
    outcome = {"type": "exit", "exit_code": 1 if result.is_error else 0}
    output = [{"stdout": out, "stderr": err, "outcome": outcome}]
    return {"type": "shell_call_output", "call_id": call_id, "output": output}


def _apply_patch(call_id: str, result: ToolResult, where: str) -> dict[str, Any]:
    status = "failed" if result.is_error else "completed"
    text = _only_text(result, where)
    return {"type": "apply_patch_call_output", "call_id": call_id, "status": status, "output": text}


RESULTS = {
    "computer_call": _computer,
    "local_shell_call": _local_shell,
    "shell_call": _shell,
    "apply_patch_call": _apply_patch,
}
"""How the caller answers calls of OpenAI's own tools, by the type of the call."""
