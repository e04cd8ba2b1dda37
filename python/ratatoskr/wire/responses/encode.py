"""A chat as the body of `POST /responses`; the provider stores nothing.

Follows https://platform.openai.com/docs/api-reference/responses/create (November 2026).
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Raw

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart
from ratatoskr.types.tool import ProviderTool, Tool
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import (
    JSON_NAMED,
    EncodeContext,
    encode_json,
    mentions_json,
    require_utf8,
    schema_instructions,
)
from ratatoskr.wire.responses.history import History
from ratatoskr.wire.responses.thinking import encode_reasoning
from ratatoskr.wire.schema import StrictUse, plan_format, plan_parameters

PARAMETERS = frozenset(
    {
        "temperature",
        "top_p",
        "max_tokens",
        "parallel_tool_calls",
        "response_format",
        "reasoning",
        "cache_prompt",
        "logprobs",
        "user",
        "service_tier",
        "metadata",
        "raw_provider_options",
        "tool_choice",
    }
)
"""The parameters of a chat that the API supports."""

_API_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_output_tokens",
    "service_tier": "service_tier",
    "user": "safety_identifier",
}
_TOOL_CHOICES = frozenset({"auto", "none", "required"})
_GPT_VERSION = re.compile(r"(?:^|/)gpt-(\d{1,3})(?:\.(\d{1,3}))?(?![\d.])")
_JSON_INSTRUCTION = "Answer in JSON."
_CACHE_BREAKPOINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request.

    Raises:
        InvalidInput: the API does not support something in it; `field` is its path.
    """
    options = request.options
    body: dict[str, Any] = {"model": target.model}
    context = EncodeContext(target, _CACHE_BREAKPOINT if _has_breakpoints(target.model) else None)
    output_format, instructions = _encode_format(request, context)
    _add_messages(body, request.messages, context, instructions, output_format)
    tools = _encode_tools(request.tools, context)
    if tools:
        body["tools"] = tools
        if options.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = options.parallel_tool_calls
    if request.tool_choice is not None and (tools or request.tool_choice not in {"auto", "none"}):
        body["tool_choice"] = _encode_tool_choice(request.tool_choice, request.tools)
    if output_format is not None:
        body["text"] = {"format": output_format}
    reasoning = encode_reasoning(options.reasoning, context)
    if reasoning:
        body["reasoning"] = reasoning
    _add_options(body, options, context)
    include = _encode_include(options, target)
    if include:
        body["include"] = include
    body["store"] = False
    if stream:
        body["stream"] = True
    return Encoded("/responses", body, notices=context.notices)


def _has_breakpoints(model: str) -> bool:
    """Return whether the model supports cache breakpoints: gpt-5.6 and later (API reference, November 2026)."""
    version = _GPT_VERSION.search(model)
    return version is not None and (int(version[1]), int(version[2] or 0)) >= (5, 6)


def _add_messages(
    body: dict[str, Any],
    messages: tuple[Message, ...],
    context: EncodeContext,
    instructions: str,
    output_format: dict[str, Any] | None,
) -> None:
    """Add the messages to the body: leading system messages as `instructions` where possible, all others as `input`."""
    history = History(context)
    count = 0
    while count < len(messages) and messages[count].role == "system":
        count += 1
    # JSON mode requires the word in the input itself, and `instructions` cannot have a cache breakpoint.
    system, json_mode = messages[:count], output_format is not None and output_format["type"] == "json_object"
    if json_mode or count == len(messages) or not all(_is_plain(message, context) for message in system):
        if instructions:
            messages = (*system, Message.system(instructions), *messages[count:])
        count = 0
    else:
        texts = [require_utf8(message.text, f"messages[{i}].content") for i, message in enumerate(system)]
        joined = "\n\n".join(text for text in (*texts, instructions) if text)
        if joined:
            body["instructions"] = joined
    for i, message in enumerate(messages[count:], count):
        history.add(message, f"messages[{i}]")
    history.finish()
    if json_mode and not instructions and not mentions_json(messages):
        context.notices.append(JSON_NAMED)
        history.items.insert(0, {"role": context.target.rules.instructions_role, "content": _JSON_INSTRUCTION})
    body["input"] = history.items


def _is_plain(message: Message, context: EncodeContext) -> bool:
    has_mark = context.cache_mark is not None
    return all(isinstance(part, TextPart) and not (has_mark and part.cache) for part in message.content)


def _encode_format(request: ChatRequest, context: EncodeContext) -> tuple[dict[str, Any] | None, str]:
    """Return `text.format`, and instructions for what it does not cover."""
    response_format, support = request.options.response_format, context.target.rules.schema
    if response_format is None:
        return None, ""
    if isinstance(response_format, JsonSchema):
        plan = plan_format(response_format, context.target, StrictUse(), is_validated=request.output is not None)
        context.notices.extend(plan.notices)
        if plan.schema is not None:
            name = require_utf8(response_format.name, "response_format")
            return {"type": "json_schema", "name": name, "schema": plan.schema, "strict": plan.strict}, ""
        json_mode = {"type": "json_object"} if support == "json_mode" else None
        return json_mode, schema_instructions(response_format)
    if support == "instructions":
        return None, _JSON_INSTRUCTION
    return {"type": "json_object"}, ""


def _encode_tools(tools: tuple[Tool, ...], context: EncodeContext) -> list[Any]:
    encoded, use = list[Any](), StrictUse()
    for i, tool in enumerate(tools):
        where = f"tools[{i}]"
        if isinstance(tool, ProviderTool):
            if tool.provider == context.target.provider:
                encoded.append(Raw(encode_json(tool.definition, where)))
            else:
                message = f"a tool of {tool.provider} was left out"
                context.notices.append(Notice("provider_tool_dropped", message, where))
            continue
        item: dict[str, Any] = {"type": "function", "name": require_utf8(tool.name, where)}
        if tool.description:
            item["description"] = require_utf8(tool.description, where)
        plan = plan_parameters(tool, context.target, use, f"{where}.parameters")
        context.notices.extend(plan.notices)
        item["parameters"] = plan.schema
        # The default is true, and the API would then make every argument required.
        item["strict"] = bool(plan.strict)
        encoded.append(item)
    return encoded


def _encode_tool_choice(choice: str, tools: tuple[Tool, ...]) -> str | dict[str, Any]:
    """Return the tool choice; a name may also be that of a tool of the provider's own."""
    if choice in _TOOL_CHOICES:
        if choice == "required" and not tools:
            raise InvalidInput("tool_choice is 'required' without tools", field="tool_choice")
        return choice
    for tool in tools:
        if isinstance(tool, ProviderTool):
            kind = tool.definition.get("type")
            if kind == "mcp" and tool.definition.get("server_label") == choice:
                return {"type": "mcp", "server_label": choice}
            if kind == "custom" and tool.definition.get("name") == choice:
                return {"type": "custom", "name": choice}
            if kind == choice:
                return {"type": choice}
        elif tool.name == choice:
            return {"type": "function", "name": choice}
    if any(isinstance(tool, ProviderTool) and tool.definition.get("type") == "namespace" for tool in tools):
        return {"type": "function", "name": require_utf8(choice, "tool_choice")}  # a tool within a namespace
    raise InvalidInput(f"tool_choice names {choice!r}, which is not one of the tools", field="tool_choice")


def _add_options(body: dict[str, Any], options: ChatOptions, context: EncodeContext) -> None:
    for name, api_name in _API_NAMES.items():
        value = getattr(options, name)
        if value is not None:
            body[api_name] = require_utf8(value, name) if isinstance(value, str) else value
    if options.metadata is not None:
        encode_json(options.metadata, "metadata")
        body["metadata"] = dict(options.metadata)
    if options.logprobs is not None and options.logprobs is not True and options.logprobs > 0:
        body["top_logprobs"] = options.logprobs
    if options.cache_prompt is False and context.cache_mark is not None:
        body["prompt_cache_options"] = {"mode": "explicit"}  # caches nothing but the parts with a breakpoint


def _encode_include(options: ChatOptions, target: Target) -> list[str]:
    rules, include, reasoning = target.rules, list[str](), options.reasoning
    wants_reasoning = isinstance(reasoning, ReasoningConfig) and reasoning.effort not in {None, "none"}
    if wants_reasoning or rules.thinks or rules.thinking != "none" or "encrypted" in target.flags:
        include.append("reasoning.encrypted_content")  # 400 for models that do not reason
    if options.logprobs is not None and options.logprobs is not False:
        include.append("message.output_text.logprobs")
    return include
