"""A chat in the words of `/api/chat` and `/api/generate`.

Follows https://github.com/ollama/ollama/blob/main/docs/api.md (November 2026). `truncate` and `shift` are switched off,
so that a prompt longer than the context is an error instead of being cut in silence; the size of the context
(`options.num_ctx`) is the caller's, by `raw_provider_options`.
"""

from __future__ import annotations

from typing import Any, Literal

from ratatoskr.errors import UnsupportedParameter
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import OUTPUT_EMULATED, encode_json, require_utf8, schema_instructions
from ratatoskr.wire.ollama.messages import Messages, one_prompt

Json = dict[str, Any]

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
        "cache_prompt",  # prefixes are cached by themselves; nothing has to be said
        "logprobs",
    }
)
"""Not `tool_choice`: Ollama has no word for it, save that `none` sends no tools."""

FRAMING: Literal["ndjson"] = "ndjson"

_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "num_predict",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}

WORDS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max", "max": "max"}
"""Efforts for models that take a word and whose rules name none for one."""

_SWITCH = {"true": True, "false": False}


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request in Ollama's words.

    Raises:
        InvalidInput: it cannot be said in them.
    """
    options = request.options
    notices: list[Notice] = []
    form, instructions = _format(options, target.rules, notices)
    writer = Messages(target)
    messages = writer.write(request.messages, instructions)
    tools = _tools(request, target)
    prompt = one_prompt(messages) if "generate" in target.flags and not tools else None
    body: Json = {"model": require_utf8(target.model, "model")}
    body |= {"messages": messages} if prompt is None else prompt
    body["stream"] = stream
    if tools:
        body["tools"] = tools
    if form is not None:
        body["format"] = form
    if (think := _think(options.reasoning, target.rules)) is not None:
        body["think"] = think
    if options.logprobs is not None and options.logprobs is not False:
        body["logprobs"] = True
        if options.logprobs is not True and options.logprobs:
            body["top_logprobs"] = options.logprobs
    if sampling := _sampling(options):
        body["options"] = sampling
    body["truncate"] = body["shift"] = False
    if options.cache_prompt is False:
        notices.append(
            Notice("parameter_dropped", "Ollama keeps prefixes by itself and cannot be told not to", "cache_prompt")
        )
    return Encoded("/api/chat" if prompt is None else "/api/generate", body, (), notices + writer.notices)


def _sampling(options: ChatOptions) -> Json:
    said = {word: value for name, word in _OPTIONS.items() if (value := getattr(options, name)) is not None}
    if options.stop:
        said["stop"] = [require_utf8(text, "stop") for text in options.stop]
    return said


def _think(reasoning: Any, rules: ModelRules) -> bool | str | None:
    """Say whether to think; without an effort or a budget that is the model's own business, as most cannot."""
    if not isinstance(reasoning, ReasoningConfig) or (reasoning.effort is None and reasoning.budget_tokens is None):
        return None
    effort = reasoning.effort
    if effort == "none" or (effort is None and reasoning.budget_tokens == 0):
        word = rules.efforts.get("none", "false")
    elif effort is None or not rules.efforts:
        word = "true"
    else:
        word = rules.efforts.get(effort) or WORDS[effort]
    return _SWITCH.get(word, word)


def _format(options: ChatOptions, rules: ModelRules, notices: list[Notice]) -> tuple[Any, str | None]:
    """Return the value of `format`, and instructions where that cannot say it all."""
    form = options.response_format
    if form is None:
        return None, None
    mode = None if rules.schema == "instructions" else "json"
    if isinstance(form, JsonSchema):
        encode_json(form.schema, "response_format")
        if rules.schema == "native":
            return form.schema, None
        notices.append(OUTPUT_EMULATED)
        return mode, schema_instructions(form)
    if mode is not None:
        return mode, None
    notices.append(OUTPUT_EMULATED)
    return None, "Answer with one JSON value and with nothing besides it."


def _tools(request: ChatRequest, target: Target) -> list[Any]:
    if request.tool_choice == "none":
        return []
    if request.tools and request.tool_choice not in (None, "auto"):
        raise UnsupportedParameter("Ollama cannot be told which tool to call", field="tool_choice")
    tools: list[Any] = []
    for i, tool in enumerate(request.tools):
        where = f"tools[{i}]"
        if isinstance(tool, ProviderTool):
            encode_json(tool.definition, where)
            tools.append(tool.definition)
            continue
        encode_json(tool.parameters, where)
        function: Json = {"name": require_utf8(tool.name, where)}
        if tool.description:
            function["description"] = require_utf8(tool.description, where)
        tools.append({"type": "function", "function": {**function, "parameters": tool.parameters}})
    return tools
