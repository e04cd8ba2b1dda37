"""Writes requests.

Follows https://docs.anthropic.com/en/api/messages, …/api/versioning and the types of the official Python SDK 2.12
(read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig, ResponseFormat
from ratatoskr.types.tool import ProviderTool, Tool, ToolDefinition
from ratatoskr.wire.anthropic.history import Turns, terse, write_messages
from ratatoskr.wire.anthropic.parts import Block, PartWriter
from ratatoskr.wire.anthropic.thinking import thought_of
from ratatoskr.wire.dialect import Encoded, Target

PATH = "/v1/messages"
VERSION = "2026-10-21"
SAMPLING_VERSION = "2023-06-01"
"""The last version that knows `temperature`, `top_p` and `top_k`."""
VERSION_FLAG = "version_2023"
"""Flag of hosts that know the old version alone."""
DEFAULT_MAX_TOKENS = 8192
"""Where neither the caller nor the rules say: every model since Claude 3.5 can answer that much."""

PARAMETERS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "stop",
        "parallel_tool_calls",
        "tool_choice",
        "response_format",
        "reasoning",
        "cache_prompt",
        "user",
        "service_tier",
        "raw_provider_options",
    }
)
_SAMPLING = ("temperature", "top_p", "top_k")
_TOOL_BETAS = {
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "mcp_toolset": "mcp-client-2025-11-20",
}
"""Tools of the provider that must be asked for by header."""


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request in the words of Anthropic Messages.

    Flags of the target: `version_2023`, for hosts that know the old version of the API alone.

    Raises:
        InvalidInput: something cannot be said; `field` is its path.
        UnsupportedParameter: a tool of another provider.
    """
    options, writer = request.options, PartWriter(target)
    max_tokens = options.max_tokens
    if max_tokens is None:
        max_tokens = target.rules.max_output_tokens or DEFAULT_MAX_TOKENS
    body: dict[str, Any] = {"model": target.model, "max_tokens": max_tokens}
    tools = [_tool(writer, i, tool) for i, tool in enumerate(request.tools)]
    system, turns = write_messages(writer, request.messages)
    notices: list[Notice] = []
    output: dict[str, Any] = {}
    if options.response_format is not None:
        instructions = _format(options.response_format, target, output, notices)
        if instructions:
            system.append({"type": "text", "text": instructions})
    if system:
        body["system"] = terse(system)
    body["messages"] = turns
    if tools:
        body["tools"] = tools
    choice = _choice(request)
    if choice:
        body["tool_choice"] = choice
    if isinstance(options.reasoning, ReasoningConfig):
        _think(options.reasoning, target, turns, body, output, notices)
    if output:
        body["output_config"] = output
    if writer.container is not None:
        body["container"] = writer.container
    _say_options(options, writer, body)
    if stream:
        body["stream"] = True
    return Encoded(PATH, body, _headers(options, target, writer.betas), [*writer.notices, *notices])


def _headers(options: ChatOptions, target: Target, betas: list[str]) -> tuple[tuple[str, str], ...]:
    raw = options.raw_provider_options or {}
    sampled = any(getattr(options, name) is not None or name in raw for name in _SAMPLING)
    old = VERSION_FLAG in target.flags or (sampled and target.rules.sampling != "never")
    version = ("anthropic-version", SAMPLING_VERSION if old else VERSION)
    return (version, ("anthropic-beta", ",".join(betas))) if betas else (version,)


def _say_options(options: ChatOptions, writer: PartWriter, body: dict[str, Any]) -> None:
    for name in _SAMPLING:
        value = getattr(options, name)
        if value is not None:
            body[name] = value
    if options.stop:
        body["stop_sequences"] = [_clean(text, "stop") for text in options.stop]
    if options.user is not None:
        body["metadata"] = {"user_id": _clean(options.user, "user")}
    if options.service_tier is not None:
        body["service_tier"] = _clean(options.service_tier, "service_tier")
    if options.cache_prompt:
        writer.count_breakpoint("cache_prompt")
        body["cache_control"] = {"type": "ephemeral"}


def _tool(writer: PartWriter, i: int, tool: Tool) -> dict[str, Any] | Raw:
    where = f"tools[{i}]"
    if isinstance(tool, ProviderTool):
        if tool.provider != writer.target.provider:
            raise UnsupportedParameter(
                f"a tool of {tool.provider!r} cannot be run by {writer.target.provider!r}", field=where
            )
        beta = _TOOL_BETAS.get(str(tool.definition.get("type")))
        if beta is not None and beta not in writer.betas:
            writer.betas.append(beta)
        if tool.definition.get("cache_control") is not None:
            writer.count_breakpoint(where)
        return _raw(tool.definition, where)
    written: dict[str, Any] = {"name": _clean(tool.name, where)}
    if tool.description:
        written["description"] = _clean(tool.description, where)
    written["input_schema"] = _raw(tool.parameters, where)
    if tool.strict is not None:
        written["strict"] = tool.strict
    if tool.cache:
        writer.count_breakpoint(where)
        written["cache_control"] = {"type": "ephemeral"}
    return written


def _choice(request: ChatRequest) -> dict[str, Any] | None:
    """Return `tool_choice`, which the provider takes beside tools only."""
    choice, tools = request.tool_choice, request.tools
    if not tools:
        if choice not in (None, "auto", "none"):
            raise InvalidInput(f"tool_choice {choice!r} without tools", field="tool_choice")
        return None
    said: dict[str, Any]
    match choice:
        case None | "auto":
            said = {"type": "auto"}
        case "none":
            return {"type": "none"}
        case "required":
            said = {"type": "any"}
        case name:
            if all(isinstance(tool, ToolDefinition) and tool.name != name for tool in tools):
                raise InvalidInput(f"tool_choice names {name!r}, which is none of the tools", field="tool_choice")
            said = {"type": "tool", "name": name}
    if request.options.parallel_tool_calls is False:
        said["disable_parallel_tool_use"] = True
    elif choice is None:
        return None
    return said


def _format(wish: ResponseFormat, target: Target, output: dict[str, Any], notices: list[Notice]) -> str:
    """Ask for the provider's own guarantee, or return instructions where it gives none."""
    schema = _raw(wish.schema, "response_format") if isinstance(wish, JsonSchema) else None
    native = isinstance(wish, JsonSchema) and target.rules.schema == "native" and (wish.strict or _closed(wish.schema))
    if schema is not None and native:
        output["format"] = {"type": "json_schema", "schema": schema}
        return ""
    notices.append(
        Notice(
            "output_emulated", "the form of the answer was asked for in words: nothing guarantees it", "response_format"
        )
    )
    if schema is None:
        return "Answer with one JSON object and nothing else: no other words, no code fence."
    return (
        "Answer with JSON that follows this JSON Schema and nothing else: no other words, no code fence.\n"
        + bytes(schema).decode()
    )


def _closed(schema: Any) -> bool:
    """Tell whether all objects forbid other members, without which the provider refuses the schema."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            return False
        return all(_closed(value) for value in schema.values())
    return not isinstance(schema, list) or all(_closed(value) for value in schema)


def _think(
    wish: ReasoningConfig,
    target: Target,
    turns: Turns,
    body: dict[str, Any],
    output: dict[str, Any],
    notices: list[Notice],
) -> None:
    thought = thought_of(wish, target.rules, body["max_tokens"])
    if thought.thinking.get("type") == "enabled" and _mid_round(turns):
        notices.append(
            Notice(
                "parameter_dropped",
                "the model does not think in this step: the round of tool calls began without its thinking",
                "reasoning",
            )
        )
        return
    if thought.thinking:
        body["thinking"] = thought.thinking
    if thought.effort is not None:
        output["effort"] = thought.effort


def _mid_round(turns: Turns) -> bool:
    """Tell whether the last turns are a round of tool calls that began without thinking.

    With a budget the provider refuses to think then; it happens when another model had begun the round.
    """
    began = None
    for heard, said in zip(turns[::-2], turns[-2::-2], strict=False):
        if said["role"] != "assistant" or not _holds(heard["content"], "tool_result"):
            break
        began = said["content"]
    return began is not None and not _holds(began[:1], "thinking", "redacted_thinking")


def _holds(content: str | list[Block], *kinds: str) -> bool:
    """Tell whether one of the blocks is of one of these types."""
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind in kinds or (isinstance(kind, Raw) and bytes(kind).strip(b'"').decode() in kinds):
            return True
    return False


def _clean(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{where} holds half of a surrogate pair", field=where) from None
    return text


def _raw(value: Any, where: str) -> Raw:
    """Return a JSON value of the caller's as it is, written once."""
    try:
        return Raw(msgspec.json.encode(value if isinstance(value, dict) else dict(value), enc_hook=_plain))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{where} has no JSON form: {error}", field=where) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
