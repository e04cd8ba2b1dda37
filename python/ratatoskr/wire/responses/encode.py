"""A chat as a request of the Responses API; nothing is stored at the provider.

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
from ratatoskr.wire.encode import OUTPUT_EMULATED, encode_json, require_utf8, schema_instructions
from ratatoskr.wire.responses.content import Contents
from ratatoskr.wire.responses.history import History

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
"""The parameters of a chat that the API has words for."""

_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_output_tokens",
    "service_tier": "service_tier",
    "user": "safety_identifier",
}
_CHOICES = frozenset({"auto", "none", "required"})
_GENERATION = re.compile(r"(?:^|/)gpt-(\d{1,3})(?:\.(\d{1,3}))?(?![\d.])")
_JSON_WORD = "Answer in JSON."


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request.

    Raises:
        InvalidInput: something in it cannot be said in the API; `field` is its path.
    """
    options, notices = request.options, list[Notice]()
    body: dict[str, Any] = {"model": target.model}
    contents = Contents(target.provider, _takes_breakpoints(target.model))
    form, extra = _format(options, target, notices)
    _say(body, request.messages, History(target, contents, notices), extra, form)
    tools = _tools(request.tools, target, notices)
    if tools:
        body["tools"] = tools
        if options.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = options.parallel_tool_calls
    if request.tool_choice is not None and (tools or request.tool_choice not in {"auto", "none"}):
        body["tool_choice"] = _choice(request.tool_choice, request.tools)
    if form is not None:
        body["text"] = {"format": form}
    reasoning = _reasoning(options.reasoning, target, notices)
    if reasoning:
        body["reasoning"] = reasoning
    _options(body, options, contents.breakpoints)
    include = _include(options, target)
    if include:
        body["include"] = include
    body["store"] = False
    if stream:
        body["stream"] = True
    return Encoded("/responses", body, notices=notices)


def _takes_breakpoints(model: str) -> bool:
    """Tell whether prompt caching takes options: from gpt-5.6 on, says the API reference (November 2026)."""
    found = _GENERATION.search(model)
    return found is not None and (int(found[1]), int(found[2] or 0)) >= (5, 6)


def _say(
    body: dict[str, Any], messages: tuple[Message, ...], history: History, extra: str, form: dict[str, Any] | None
) -> None:
    """Put the messages into the body: leading system texts as instructions, where nothing speaks against it."""
    system = 0
    while system < len(messages) and messages[system].role == "system":
        system += 1
    # JSON mode looks for the word in the input alone, and instructions have no place for a cache breakpoint.
    lead = messages[:system]
    json_mode = form is not None and form["type"] == "json_object"
    as_items = json_mode or system == len(messages) or not all(_is_plain(message, history) for message in lead)
    if as_items:
        if extra:
            messages = (*lead, Message.system(extra), *messages[system:])
        system = 0
    else:
        texts = [require_utf8(message.text, f"messages[{i}].content") for i, message in enumerate(lead)]
        instructions = "\n\n".join(text for text in (*texts, extra) if text)
        if instructions:
            body["instructions"] = instructions
    for i, message in enumerate(messages[system:], system):
        history.add(message, f"messages[{i}]")
    if not history.items:
        raise InvalidInput("there is nothing to answer to", field="messages")
    if json_mode and not extra and not _mentions_json(messages):
        history.items.insert(0, {"role": history.role, "content": _JSON_WORD})
    body["input"] = history.items


def _is_plain(message: Message, history: History) -> bool:
    marks = history.contents.breakpoints
    return all(isinstance(part, TextPart) and not (marks and part.cache) for part in message.content)


def _mentions_json(messages: tuple[Message, ...]) -> bool:
    return any("json" in message.text.lower() for message in messages if message.role != "assistant")


def _format(options: ChatOptions, target: Target, notices: list[Notice]) -> tuple[dict[str, Any] | None, str]:
    """Return `text.format` and what has to be said in words besides."""
    wanted = options.response_format
    if wanted is None:
        return None, ""
    if isinstance(wanted, JsonSchema):
        if target.rules.schema == "native":
            schema = Raw(encode_json(wanted.schema, "response_format"))
            name = require_utf8(wanted.name, "response_format")
            return {"type": "json_schema", "name": name, "schema": schema, "strict": wanted.strict}, ""
        notices.append(OUTPUT_EMULATED)
        form = {"type": "json_object"} if target.rules.schema == "json_mode" else None
        return form, schema_instructions(wanted)
    if target.rules.schema == "instructions":
        return None, _JSON_WORD
    return {"type": "json_object"}, ""


def _tools(tools: tuple[Tool, ...], target: Target, notices: list[Notice]) -> list[Any]:
    spelled: list[Any] = []
    for i, tool in enumerate(tools):
        where = f"tools[{i}]"
        if isinstance(tool, ProviderTool):
            if tool.provider == target.provider:
                spelled.append(Raw(encode_json(tool.definition, where)))
            else:
                words = f"a tool of {tool.provider} was left out"
                notices.append(Notice("provider_tool_dropped", words, where))
            continue
        item: dict[str, Any] = {"type": "function", "name": require_utf8(tool.name, where)}
        if tool.description:
            item["description"] = require_utf8(tool.description, where)
        item["parameters"] = Raw(encode_json(tool.parameters, f"{where}.parameters"))
        # Left out it means true here, and the API would then rewrite the schema: every argument required.
        item["strict"] = bool(tool.strict)
        spelled.append(item)
    return spelled


def _choice(choice: str, tools: tuple[Tool, ...]) -> str | dict[str, Any]:
    """Return the tool choice; a name may also be that of a tool of the provider's own."""
    if choice in _CHOICES:
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
        return {"type": "function", "name": require_utf8(choice, "tool_choice")}  # a namespace holds tools of its own
    raise InvalidInput(f"tool_choice names {choice!r}, which is none of the tools", field="tool_choice")


def _reasoning(config: Any, target: Target, notices: list[Notice]) -> dict[str, Any]:
    if not isinstance(config, ReasoningConfig):
        return {}
    rules, spelled = target.rules, dict[str, Any]()
    if config.effort == "none":
        return _off(target)
    if rules.thinking == "none" and config.effort is None:
        return {}  # whether to show what is thought means nothing to a model that does not think
    if config.budget_tokens is not None:
        if rules.thinking == "budget":
            spelled["max_tokens"] = config.budget_tokens
        else:
            words = "a budget in tokens has no word here"
            notices.append(Notice("parameter_dropped", words, "reasoning.budget_tokens"))
    if config.effort is not None:
        if rules.thinking == "switch":
            spelled["enabled"] = True
        else:
            spelled["effort"] = rules.efforts.get(config.effort, config.effort)
    if config.include:
        spelled["summary"] = "auto"
    return spelled


def _off(target: Target) -> dict[str, Any]:
    rules = target.rules
    if rules.thinking == "none":
        return {}
    if rules.thinking == "switch":
        return {"enabled": False}
    if rules.off == "lowest" and rules.efforts:
        return {"effort": next(iter(rules.efforts.values()))}
    return {"effort": rules.efforts.get("none", "none")}


def _options(body: dict[str, Any], options: ChatOptions, breakpoints: bool) -> None:
    for name, word in _NAMES.items():
        value = getattr(options, name)
        if value is not None:
            body[word] = require_utf8(value, name) if isinstance(value, str) else value
    if options.metadata is not None:
        encode_json(options.metadata, "metadata")
        body["metadata"] = dict(options.metadata)
    if options.logprobs is not None and options.logprobs is not True and options.logprobs > 0:
        body["top_logprobs"] = options.logprobs
    if options.cache_prompt is False and breakpoints:
        body["prompt_cache_options"] = {"mode": "explicit"}  # without breakpoints of its own, nothing is cached


def _include(options: ChatOptions, target: Target) -> list[str]:
    rules, include, asked = target.rules, list[str](), options.reasoning
    thinks = isinstance(asked, ReasoningConfig) and asked.effort not in {None, "none"}
    if thinks or rules.thinks or rules.thinking != "none" or "encrypted" in target.flags:
        include.append("reasoning.encrypted_content")  # a model that does not reason answers it with a 400
    if options.logprobs is not None and options.logprobs is not False:
        include.append("message.output_text.logprobs")
    return include
