"""A chat as the body of `POST /chat/completions`; `model` is the first member, as the HuggingFace router requires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.subschema import admitted_types
from ratatoskr.types.tool import ProviderTool, Tool, ToolDefinition
from ratatoskr.wire.chat_completions.history import encode_messages
from ratatoskr.wire.chat_completions.thinking import encode_reasoning
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import JSON_NAMED, OUTPUT_EMULATED, EncodeContext, encode_json, mentions_json, require_utf8
from ratatoskr.wire.schema import StrictUse, plan_format, plan_parameters

PATH = "/chat/completions"

PARAMETERS: frozenset[str] = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "parallel_tool_calls",
        "tool_choice",
        "response_format",
        "reasoning",
        "cache_prompt",
        "logprobs",
        "user",
        "service_tier",
        "metadata",
    }
)
"""The parameters that some host of this API supports."""

_SAME_NAME = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "service_tier")

_CACHE_CONTROL: Mapping[str, Any] = {"cache_control": {"type": "ephemeral"}}
_CACHE_BREAKPOINT: Mapping[str, Any] = {"prompt_cache_breakpoint": {"mode": "explicit"}}
_CACHE_CONTROL_VENDORS = ("anthropic/", "google/")
_MAX_ANTHROPIC_MARKS = 4  # passed on by OpenRouter and refused by Anthropic; not by Google: public reports, 2026-04
"""Vendors whose models OpenRouter caches by `cache_control` (https://openrouter.ai/docs/features/prompt-caching)."""


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request.

    Raises:
        InvalidInput: the API does not support something in it; `field` is its path.
    """
    options = request.options
    context = EncodeContext(target, _cache_mark(target))
    body: dict[str, Any] = {"model": target.model}
    body["messages"] = messages = encode_messages(request.messages, context)
    use = StrictUse()
    if request.tools or request.tool_choice:
        _add_tools(body, request, context, use)
    _add_options(body, options, target)
    if options.response_format is not None:
        _add_format(body, messages, request, context, use)
    if context.has("reasoning_split"):
        body["reasoning_split"] = True
    if isinstance(options.reasoning, ReasoningConfig) or options.reasoning is None:
        body.update(encode_reasoning(options.reasoning, target))
    if options.cache_prompt is not None:
        _add_caching(body, request, context)
    if context.marks > _MAX_ANTHROPIC_MARKS and target.model.startswith("anthropic/"):
        raise InvalidInput(f"more than {_MAX_ANTHROPIC_MARKS} cache breakpoints", field="messages")
    if stream:
        body["stream"] = True
        if not context.has("no_stream_options", "mistral"):
            no_padding = {"include_obfuscation": False} if context.has("openai") else {}
            body["stream_options"] = {"include_usage": True, **no_padding}
    return Encoded(PATH, body, notices=context.notices)


def _cache_mark(target: Target) -> Mapping[str, Any] | None:
    if "cache_breakpoints" in target.flags:
        return _CACHE_BREAKPOINT
    by_control = "openrouter" in target.flags and target.model.startswith(_CACHE_CONTROL_VENDORS)
    return _CACHE_CONTROL if by_control or "cache_control" in target.flags else None


def _add_options(body: dict[str, Any], options: ChatOptions, target: Target) -> None:
    for name in _SAME_NAME:
        if (value := getattr(options, name)) is not None:
            body[name] = value
    if options.max_tokens is not None:
        body[target.rules.max_tokens_field] = options.max_tokens
    if options.stop:
        body["stop"] = [require_utf8(text, "stop") for text in options.stop]
    if options.seed is not None:
        body["random_seed" if "mistral" in target.flags else "seed"] = options.seed
    if options.logprobs is not None and options.logprobs is not False:
        body["logprobs"] = True
        if options.logprobs is not True and options.logprobs > 0:
            body["top_logprobs"] = options.logprobs
    if options.user is not None:
        body["safety_identifier" if "openai" in target.flags else "user"] = require_utf8(options.user, "user")
    if options.metadata is not None:
        encode_json(options.metadata, "metadata")
        body["metadata"] = dict(options.metadata)
    if "openai" in target.flags:
        body["store"] = options.metadata is not None


def _add_tools(body: dict[str, Any], request: ChatRequest, context: EncodeContext, use: StrictUse) -> None:
    encoded = (_encode_tool(tool, f"tools[{i}]", context, use) for i, tool in enumerate(request.tools))
    tools = [tool for tool in encoded if tool is not None]
    if tools:
        body["tools"] = tools
    choice = request.tool_choice
    if choice is not None and (tools or choice not in ("auto", "none")):
        body["tool_choice"] = _encode_tool_choice(choice, request.tools)
    if tools and request.options.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.options.parallel_tool_calls


def _encode_tool(tool: Tool, where: str, context: EncodeContext, use: StrictUse) -> dict[str, Any] | None:
    if isinstance(tool, ProviderTool):
        if tool.provider == context.target.provider:
            encode_json(tool.definition, where)
            return dict(tool.definition)
        message = f"{context.target.provider} has no tools of {tool.provider}"
        context.notice("provider_tool_dropped", tool.provider, message, where)
        return None
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    encode_json([tool.name, tool.description], where)
    plan = plan_parameters(tool, context.target, use, where)
    context.notices.extend(plan.notices)
    function["parameters"] = plan.schema
    if plan.strict is not None:
        function["strict"] = plan.strict
    return context.mark_cached({"type": "function", "function": function}, cache=tool.cache)


def _encode_tool_choice(choice: str, tools: Sequence[Tool]) -> Any:
    if choice in ("auto", "none", "required"):
        if choice == "required" and not tools:
            raise InvalidInput("tool_choice is 'required' without tools", field="tool_choice")
        return choice
    for tool in tools:
        if isinstance(tool, ToolDefinition):
            if tool.name == choice:
                return {"type": "function", "function": {"name": choice}}
        elif (custom := tool.definition.get("custom")) and custom.get("name") == choice:
            return {"type": "custom", "custom": {"name": choice}}
    raise InvalidInput(f"tool_choice names {choice!r}, which is not one of the tools", field="tool_choice")


def _add_format(
    body: dict[str, Any],
    messages: list[dict[str, Any]],
    request: ChatRequest,
    context: EncodeContext,
    use: StrictUse,
) -> None:
    """Request JSON natively, or by instructions where the model has no structured output."""
    wanted, support = request.options.response_format, context.target.rules.schema
    if isinstance(wanted, JsonSchema):
        schema = encode_json(wanted.schema, "response_format")
        if support == "native" and context.has("json_object_value"):
            body["response_format"] = {"type": "json_object", "value": Raw(schema)}
            return
        plan = plan_format(wanted, context.target, use, is_validated=request.output is not None)
        context.notices.extend(plan.notices)
        if plan.schema is not None:
            form = {"name": wanted.name, "schema": plan.schema, "strict": plan.strict}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
            return
        instructions = (
            "Answer with JSON alone, without any other words or a code fence. "
            f"It must follow this JSON Schema:\n{schema.decode()}"
        )
    else:
        instructions = "Answer with one JSON object alone, without any other words or a code fence."
    if support != "instructions" and _may_be_object(wanted):
        body["response_format"] = {"type": "json_object"}
        if not isinstance(wanted, JsonSchema):
            if mentions_json(request.messages):
                return
            context.notices.append(JSON_NAMED)
    elif not isinstance(wanted, JsonSchema):
        context.notices.append(OUTPUT_EMULATED)
    _add_instructions(messages, instructions, context)


def _may_be_object(wanted: Any) -> bool:
    return not isinstance(wanted, JsonSchema) or "object" in admitted_types(wanted.schema, wanted.schema)


def _add_instructions(messages: list[dict[str, Any]], instructions: str, context: EncodeContext) -> None:
    """Append to the instructions at the beginning of the messages, or insert some."""
    role = "user" if context.has("no_system") else context.target.rules.instructions_role
    if not messages or messages[0]["role"] != role:
        messages.insert(0, {"role": role, "content": instructions})
    elif isinstance(content := messages[0]["content"], str):
        messages[0]["content"] = f"{content}\n\n{instructions}" if content else instructions
    else:
        messages[0]["content"] = [*content, {"type": "text", "text": instructions}]


def _add_caching(body: dict[str, Any], request: ChatRequest, context: EncodeContext) -> None:
    """Add breakpoints after the instructions and at the end of the prompt, unless the caller has set some.

    Hosts without breakpoints cache by themselves; OpenAI's can be told not to, where they support breakpoints.
    """
    if context.cache_mark is _CACHE_BREAKPOINT:
        if request.options.cache_prompt is False:
            body["prompt_cache_options"] = {"mode": "explicit"}
    elif context.cache_mark is not None and request.options.cache_prompt and not _has_breakpoints(request):
        messages = body["messages"]
        instructions = [message for message in messages if message["role"] in ("system", "developer")]
        for message in {id(one): one for one in (*instructions[-1:], *messages[-1:])}.values():
            message["content"] = _mark_last_part(message["content"], context)


def _mark_last_part(content: Any, context: EncodeContext) -> Any:
    """Return the content with a breakpoint at its last part."""
    if isinstance(content, str) and content:
        return [context.mark_cached({"type": "text", "text": content}, cache=True)]
    if isinstance(content, list) and content and isinstance(content[-1], dict):
        return [*content[:-1], context.mark_cached(content[-1], cache=True)]
    return content


def _has_breakpoints(request: ChatRequest) -> bool:
    return any(part.cache for message in request.messages for part in message.content) or any(
        isinstance(tool, ToolDefinition) and tool.cache for tool in request.tools
    )
