"""Encodes a chat for `/api/chat` or `/api/generate`.

Follows https://github.com/ollama/ollama/blob/main/docs/api.md (November 2026). `truncate` and `shift` are switched off,
so that a prompt longer than the context is an error instead of being cut silently; the size of the context
(`options.num_ctx`) is set by the caller with `raw_provider_options`.
"""

from __future__ import annotations

from typing import Any

from ratatoskr.errors import UnsupportedParameter
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import OUTPUT_EMULATED, encode_json, require_utf8, schema_instructions
from ratatoskr.wire.json import JsonObject
from ratatoskr.wire.ollama.history import MessageWriter, generate_prompt
from ratatoskr.wire.schema import StrictUse, plan_format

PARAMETERS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "response_format",
        "reasoning",
        "cache_prompt",  # prompt prefixes are always cached; there is nothing to send
        "logprobs",
    }
)
"""Not `tool_choice`: the API has no such field; `none` leaves the tools out."""

_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "num_predict",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}

_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max", "max": "max"}
"""The value of `think` for an effort that the model's rules do not list."""

_BOOLEANS = {"true": True, "false": False}


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request as Ollama takes it.

    Raises:
        InvalidInput: Ollama cannot express a part of it.
    """
    options = request.options
    notices: list[Notice] = []
    output_format, instructions = _encode_format(request, target, notices)
    writer = MessageWriter(target)
    messages = writer.write(request.messages, instructions)
    tools = _encode_tools(request)
    prompt = generate_prompt(messages) if "generate" in target.flags and not tools else None
    body: JsonObject = {"model": require_utf8(target.model, "model")}
    body |= {"messages": messages} if prompt is None else prompt
    body["stream"] = stream
    if tools:
        body["tools"] = tools
    if output_format is not None:
        body["format"] = output_format
    if (think := _encode_think(options.reasoning, target.rules)) is not None:
        body["think"] = think
    if options.logprobs is not None and options.logprobs is not False:
        body["logprobs"] = True
        if options.logprobs is not True and options.logprobs:
            body["top_logprobs"] = options.logprobs
    sampling = {name: value for key, name in _OPTIONS.items() if (value := getattr(options, key)) is not None}
    if options.stop:
        sampling["stop"] = [require_utf8(text, "stop") for text in options.stop]
    if sampling:
        body["options"] = sampling
    body["truncate"] = body["shift"] = False
    if options.cache_prompt is False:
        message = "Ollama always caches prompt prefixes; this cannot be switched off"
        notices.append(Notice("parameter_dropped", message, "cache_prompt"))
    return Encoded("/api/chat" if prompt is None else "/api/generate", body, (), notices + writer.notices)


def _encode_think(reasoning: Any, rules: ModelRules) -> bool | str | None:
    """Return `think`, or `None` where neither effort nor budget is given: most models cannot think at all."""
    if not isinstance(reasoning, ReasoningConfig) or (reasoning.effort is None and reasoning.budget_tokens is None):
        return None
    effort = reasoning.effort
    if effort == "none" or (effort is None and reasoning.budget_tokens == 0):
        think = rules.efforts.get("none", "false")
    elif effort is None or not rules.efforts:
        think = "true"
    else:
        think = rules.efforts.get(effort) or _EFFORTS[effort]
    return _BOOLEANS.get(think, think)


def _encode_format(request: ChatRequest, target: Target, notices: list[Notice]) -> tuple[Any, str | None]:
    """Return the value of `format`, and instructions for what it cannot express."""
    wanted, rules = request.options.response_format, target.rules
    if wanted is None:
        return None, None
    mode = None if rules.schema == "instructions" else "json"
    if isinstance(wanted, JsonSchema):
        plan = plan_format(wanted, target, StrictUse(), is_validated=request.output is not None)
        notices.extend(plan.notices)
        return (plan.schema, None) if plan.schema is not None else (mode, schema_instructions(wanted))
    if mode is not None:
        return mode, None
    notices.append(OUTPUT_EMULATED)
    return None, "Answer with one JSON value and with nothing besides it."


def _encode_tools(request: ChatRequest) -> list[Any]:
    choice = request.tool_choice
    if choice == "none":
        return []
    if request.tools and choice not in (None, "auto"):
        raise UnsupportedParameter(
            f"Ollama does not support tool_choice {choice!r}: only 'auto' and 'none'", field="tool_choice"
        )
    tools: list[Any] = []
    for i, tool in enumerate(request.tools):
        where = f"tools[{i}]"
        if isinstance(tool, ProviderTool):
            encode_json(tool.definition, where)
            tools.append(tool.definition)
            continue
        encode_json(tool.parameters, where)
        function: JsonObject = {"name": require_utf8(tool.name, where)}
        if tool.description:
            function["description"] = require_utf8(tool.description, where)
        tools.append({"type": "function", "function": {**function, "parameters": tool.parameters}})
    return tools
