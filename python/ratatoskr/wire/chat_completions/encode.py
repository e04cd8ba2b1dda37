"""A chat as the body of `POST /chat/completions`; `model` stands first, as the HuggingFace router wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.message import Message
from ratatoskr.types.tool import ProviderTool, Tool, ToolDefinition
from ratatoskr.wire.chat_completions.content import Asked, checked
from ratatoskr.wire.chat_completions.history import encode_messages
from ratatoskr.wire.chat_completions.reasoning import encode_reasoning
from ratatoskr.wire.dialect import Encoded, Target

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
"""The superset of what hosts of this dialect have words for."""

_SAME_WORD = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "service_tier")

_CACHE_CONTROL: Mapping[str, Any] = {"cache_control": {"type": "ephemeral"}}
_CACHE_BREAKPOINT: Mapping[str, Any] = {"prompt_cache_breakpoint": {"mode": "explicit"}}
_CACHED_BY_CONTROL = ("anthropic/", "google/")
"""Makers whose models OpenRouter caches by `cache_control` (https://openrouter.ai/docs/features/prompt-caching)."""


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request in the dialect's words.

    Raises:
        InvalidInput: something in it cannot be said; `field` names it.
    """
    options = request.options
    asked = Asked(target, _mark(target))
    body: dict[str, Any] = {"model": target.model}
    body["messages"] = messages = encode_messages(request.messages, asked)
    if request.tools or request.tool_choice:
        _add_tools(body, request, asked)
    _add_options(body, options, target)
    if options.response_format is not None:
        _add_format(body, messages, options.response_format, asked)
    if isinstance(options.reasoning, ReasoningConfig) or options.reasoning is None:
        body.update(encode_reasoning(options.reasoning, target))
    if options.cache_prompt is not None:
        _add_caching(body, request, asked)
    if stream:
        body["stream"] = True
        if not asked.has("no_stream_options", "mistral"):
            quiet = {"include_obfuscation": False} if asked.has("openai") else {}
            body["stream_options"] = {"include_usage": True, **quiet}
    return Encoded(PATH, body, notices=asked.notices)


def _mark(target: Target) -> Mapping[str, Any] | None:
    if "cache_breakpoints" in target.flags:
        return _CACHE_BREAKPOINT
    by_control = "openrouter" in target.flags and target.model.startswith(_CACHED_BY_CONTROL)
    return _CACHE_CONTROL if by_control or "cache_control" in target.flags else None


def _add_options(body: dict[str, Any], options: ChatOptions, target: Target) -> None:
    for name in _SAME_WORD:
        if (value := getattr(options, name)) is not None:
            body[name] = value
    if options.max_tokens is not None:
        body[target.rules.max_tokens_field] = options.max_tokens
    if options.stop:
        body["stop"] = [checked(text, "stop") for text in options.stop]
    if options.seed is not None:
        body["random_seed" if "mistral" in target.flags else "seed"] = options.seed
    if options.logprobs is not None and options.logprobs is not False:
        body["logprobs"] = True
        if options.logprobs is not True and options.logprobs > 0:
            body["top_logprobs"] = options.logprobs
    if options.user is not None:
        body["safety_identifier" if "openai" in target.flags else "user"] = checked(options.user, "user")
    if options.metadata is not None:
        body["metadata"] = _sendable(dict(options.metadata), "metadata")
    if "openai" in target.flags:
        body["store"] = options.metadata is not None


def _sendable(value: Any, where: str) -> Any:
    """Return a value that has a JSON form; `InvalidInput` for one that has none."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise InvalidInput(f"{where} holds a lone surrogate", field=where) from None
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput(f"{where} has no JSON form: {error}", field=where) from None
    return value


def _add_tools(body: dict[str, Any], request: ChatRequest, asked: Asked) -> None:
    tools = [tool for i, one in enumerate(request.tools) if (tool := _tool(one, f"tools[{i}]", asked)) is not None]
    if tools:
        body["tools"] = tools
    choice = request.tool_choice
    if choice is not None and (tools or choice not in ("auto", "none")):
        body["tool_choice"] = _choice(choice, request.tools)
    if tools and request.options.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.options.parallel_tool_calls


def _tool(tool: Tool, where: str, asked: Asked) -> dict[str, Any] | None:
    if isinstance(tool, ProviderTool):
        if tool.provider == asked.target.provider:
            return _sendable(dict(tool.definition), where)  # type: ignore[no-any-return]  # the dict that went in
        message = f"{asked.target.provider} has no tools of {tool.provider}"
        asked.notice("provider_tool_dropped", tool.provider, message, where)
        return None
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = dict(tool.parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    _sendable(function, where)
    return asked.marked({"type": "function", "function": function}, cache=tool.cache)


def _choice(choice: str, tools: Sequence[Tool]) -> Any:
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
    raise InvalidInput(f"tool_choice names {choice!r}, which is none of the tools", field="tool_choice")


def _add_format(body: dict[str, Any], messages: list[dict[str, Any]], wanted: Any, asked: Asked) -> None:
    """Ask for JSON: by the host's own means, or in words where the model has none."""
    how = asked.target.rules.schema
    if isinstance(wanted, JsonSchema):
        schema = _sendable(dict(wanted.schema), "response_format")
        if how == "native":
            body["response_format"] = _native_format(wanted, schema, asked)
            return
        text = msgspec.json.encode(schema).decode()
        words = (
            f"Answer with JSON alone, without any other words or a code fence. It must follow this JSON Schema:\n{text}"
        )
    else:
        words = "Answer with one JSON object alone, without any other words or a code fence."
    if how != "instructions":
        body["response_format"] = {"type": "json_object"}
        if not isinstance(wanted, JsonSchema):
            return
    _instruct(messages, words, asked)
    message = f"{asked.target.model} cannot guarantee the form of the answer; it was asked for in words"
    asked.notice("output_emulated", "", message, "response_format")


def _native_format(wanted: JsonSchema, schema: dict[str, Any], asked: Asked) -> dict[str, Any]:
    if asked.has("json_object_value"):
        return {"type": "json_object", "value": schema}
    name = checked(wanted.name, "response_format")
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": wanted.strict}}


def _instruct(messages: list[dict[str, Any]], words: str, asked: Asked) -> None:
    """Add to the instructions at the head of the history, or put some there."""
    role = "user" if asked.has("no_system") else asked.target.rules.instructions_role
    if not messages or messages[0]["role"] != role:
        messages.insert(0, {"role": role, "content": words})
    elif isinstance(content := messages[0]["content"], str):
        messages[0]["content"] = f"{content}\n\n{words}" if content else words
    else:
        messages[0]["content"] = [*content, {"type": "text", "text": words}]


def _add_caching(body: dict[str, Any], request: ChatRequest, asked: Asked) -> None:
    """Put breakpoints behind the instructions and the whole prompt, unless the caller has put some.

    Hosts without breakpoints cache by themselves; OpenAI's can be kept from it where they know breakpoints.
    """
    if asked.mark is _CACHE_BREAKPOINT:
        if request.options.cache_prompt is False:
            body["prompt_cache_options"] = {"mode": "explicit"}
    elif asked.mark is not None and request.options.cache_prompt and not _has_breakpoints(request):
        messages = body["messages"]
        heads = [message for message in messages if message["role"] in ("system", "developer")]
        for message in {id(one): one for one in (*heads[-1:], *messages[-1:])}.values():
            message["content"] = _broken_after(message["content"], asked)


def _broken_after(content: Any, asked: Asked) -> Any:
    """Return content with a breakpoint behind its last part."""
    if isinstance(content, str) and content:
        return [asked.marked({"type": "text", "text": content}, cache=True)]
    if isinstance(content, list) and content and isinstance(content[-1], dict):
        return [*content[:-1], asked.marked(content[-1], cache=True)]
    return content


def _has_breakpoints(request: ChatRequest) -> bool:
    return any(_any_cached(message) for message in request.messages) or any(
        isinstance(tool, ToolDefinition) and tool.cache for tool in request.tools
    )


def _any_cached(message: Message) -> bool:
    return any(part.cache for part in message.content)
