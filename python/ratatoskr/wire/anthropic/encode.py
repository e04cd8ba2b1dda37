"""Encodes a chat for Anthropic Messages.

Follows https://docs.anthropic.com/en/api/messages, …/api/versioning and the types of the official Python SDK 2.12
(read November 2026).
"""

from __future__ import annotations

from typing import Any

from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.wire.anthropic.history import BlockWriter, simplify_content, write_messages
from ratatoskr.wire.anthropic.thinking import continues_without_thinking, encode_thinking
from ratatoskr.wire.anthropic.tools import encode_tool, encode_tool_choice
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import OUTPUT_EMULATED, encode_json, require_utf8
from ratatoskr.wire.schema import plan_format

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
    notices: list[Notice] = []
    output: dict[str, Any] = {}
    instructions = "" if options.response_format is None else _encode_format(request, writer, output, notices)
    tools = [encode_tool(writer, tool, f"tools[{i}]") for i, tool in enumerate(request.tools)]
    system, turns = write_messages(writer, request.messages)
    if instructions:
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


def _encode_format(request: ChatRequest, writer: BlockWriter, output: dict[str, Any], notices: list[Notice]) -> str:
    """Set `format` in `output` if the provider can guarantee it, or return instructions to use in its place."""
    wanted = request.options.response_format
    if not isinstance(wanted, JsonSchema):
        notices.append(OUTPUT_EMULATED)
        return "Answer with one JSON object and nothing else: no other words, no code fence."
    plan = plan_format(wanted, writer.target, writer.strict_use, is_validated=request.output is not None)
    notices.extend(plan.notices)
    if plan.schema is not None:
        output["format"] = {"type": "json_schema", "schema": plan.schema}
        return ""
    return (
        "Answer with JSON that follows this JSON Schema and nothing else: no other words, no code fence.\n"
        + encode_json(wanted.schema, "response_format").decode()
    )
