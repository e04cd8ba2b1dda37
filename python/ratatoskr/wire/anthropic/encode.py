"""Encodes a chat for Anthropic Messages.

Follows https://docs.anthropic.com/en/api/messages, …/api/versioning and the types of the official Python SDK 2.12
(read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig, ResponseFormat
from ratatoskr.wire.anthropic.history import BlockWriter, simplify_content, write_messages
from ratatoskr.wire.anthropic.thinking import continues_without_thinking, encode_thinking
from ratatoskr.wire.anthropic.tools import encode_tool, encode_tool_choice
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import OUTPUT_EMULATED, encode_json, require_utf8

PATH = "/v1/messages"
VERSION = "2026-10-21"
SAMPLING_VERSION = "2023-06-01"
"""The last version with `temperature`, `top_p` and `top_k`."""
VERSION_FLAG = "version_2023"
"""The flag of hosts that know the old version only."""
DEFAULT_MAX_TOKENS = 8192
"""The `max_tokens` if neither the caller nor the rules give one; every model since Claude 3.5 supports it."""

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


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request as Anthropic Messages takes it.

    Raises:
        InvalidInput: the API cannot express a part of it; `field` is its path.
        UnsupportedParameter: a tool is another provider's.
    """
    options, rules, writer = request.options, target.rules, BlockWriter(target)
    max_tokens = options.max_tokens
    if max_tokens is None:
        max_tokens = rules.max_output_tokens or DEFAULT_MAX_TOKENS
    body: dict[str, Any] = {"model": target.model, "max_tokens": max_tokens}
    tools = [encode_tool(writer, tool, f"tools[{i}]") for i, tool in enumerate(request.tools)]
    system, turns = write_messages(writer, request.messages)
    notices: list[Notice] = []
    output: dict[str, Any] = {}
    if options.response_format is not None:
        instructions = _encode_format(options.response_format, target, output)
        if instructions:
            notices.append(OUTPUT_EMULATED)
            system.append({"type": "text", "text": instructions})
    if system:
        body["system"] = simplify_content(system)
    body["messages"] = turns
    if tools:
        body["tools"] = tools
    if tool_choice := encode_tool_choice(request):
        body["tool_choice"] = tool_choice
    if isinstance(options.reasoning, ReasoningConfig):
        thinking, effort = encode_thinking(options.reasoning, rules, max_tokens)
        if thinking and thinking["type"] == "enabled" and continues_without_thinking(turns):
            thinking = None
            message = "the model does not think in this step: the round of tool calls began without thinking"
            notices.append(Notice("parameter_dropped", message, "reasoning"))
        if thinking:
            body["thinking"] = thinking
        if effort is not None:
            output["effort"] = effort
    if output:
        body["output_config"] = output
    if writer.container is not None:
        body["container"] = writer.container
    _encode_options(options, writer, body)
    if stream:
        body["stream"] = True
    return Encoded(PATH, body, _make_headers(options, target, writer.betas), [*writer.notices, *notices])


def _encode_options(options: ChatOptions, writer: BlockWriter, body: dict[str, Any]) -> None:
    for name in _SAMPLING:
        value = getattr(options, name)
        if value is not None:
            body[name] = value
    if options.stop:
        body["stop_sequences"] = [require_utf8(text, "stop") for text in options.stop]
    if options.user is not None:
        body["metadata"] = {"user_id": require_utf8(options.user, "user")}
    if options.service_tier is not None:
        body["service_tier"] = require_utf8(options.service_tier, "service_tier")
    if options.cache_prompt:
        writer.count_breakpoint("cache_prompt")
        body["cache_control"] = {"type": "ephemeral"}


def _make_headers(options: ChatOptions, target: Target, betas: list[str]) -> tuple[tuple[str, str], ...]:
    raw = options.raw_provider_options or {}
    sampled = any(getattr(options, name) is not None or name in raw for name in _SAMPLING)
    old = VERSION_FLAG in target.flags or (sampled and target.rules.sampling != "never")
    version = ("anthropic-version", SAMPLING_VERSION if old else VERSION)
    return (version, ("anthropic-beta", ",".join(betas))) if betas else (version,)


def _encode_format(wanted: ResponseFormat, target: Target, output: dict[str, Any]) -> str:
    """Set `format` in `output` if the provider can guarantee it, or return instructions to use in its place."""
    if not isinstance(wanted, JsonSchema):
        return "Answer with one JSON object and nothing else: no other words, no code fence."
    schema = encode_json(wanted.schema, "response_format")
    if target.rules.schema == "native" and (wanted.strict or _is_closed(wanted.schema)):
        output["format"] = {"type": "json_schema", "schema": Raw(schema)}
        return ""
    return (
        "Answer with JSON that follows this JSON Schema and nothing else: no other words, no code fence.\n"
        + schema.decode()
    )


def _is_closed(schema: Any) -> bool:
    """Return whether all objects forbid additional properties; the provider refuses other schemas."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            return False
        return all(map(_is_closed, schema.values()))
    return not isinstance(schema, list) or all(map(_is_closed, schema))
