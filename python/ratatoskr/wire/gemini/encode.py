"""A chat in the words of `GenerateContentRequest`.

Follows https://ai.google.dev/api/generate-content and …/gemini-api/docs/{thinking,structured-output,function-calling}
(November 2026).
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import OUTPUT_EMULATED, encode_json, require_utf8, schema_instructions
from ratatoskr.wire.gemini.contents import History, Json

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
        "cache_prompt",  # prompts are cached by themselves; nothing has to be said
        "logprobs",
        "service_tier",
        "tool_choice",
    }
)
FRAMING: Literal["sse"] = "sse"

_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}

LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""Efforts for models whose rules name no level for one."""

BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""Tokens of thinking for Gemini 2.5: Google's own 1K, 8K and 24K for low, medium and high; the rest is the nearest."""


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request in Gemini's words.

    Raises:
        InvalidInput: it cannot be said in them.
    """
    options, rules = request.options, target.rules
    history = History(target, signs=rules.thinking == "level")
    history.write(request.messages)
    notices = history.notices
    body: Json = {"contents": history.contents}
    config = _config(options, rules)
    if options.response_format is not None:
        _output(request, rules, history, config, notices)
    if history.system:
        body["systemInstruction"] = {"parts": history.system}
    if request.tools:
        body["tools"] = _tools(request)
    if (calling := _calling(request, rules)) is not None:
        body["toolConfig"] = calling
    if config:
        body["generationConfig"] = config
    if options.service_tier is not None:
        body["serviceTier"] = require_utf8(options.service_tier, "service_tier")
    if history.continuation is not None:
        body["continuationToken"] = history.continuation
    if options.cache_prompt is False:
        message = "Gemini caches prompts by itself and cannot be told not to"
        notices.append(Notice("parameter_dropped", message, "cache_prompt"))
    return Encoded(_path(target, stream=stream), body, (), notices)


def _path(target: Target, *, stream: bool) -> str:
    version = "v1" if "v1" in target.flags else "v1beta"
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    model = quote(require_utf8(target.model.removeprefix("models/"), "model"), safe="")
    return f"/{version}/models/{model}:{method}"


def _config(options: ChatOptions, rules: ModelRules) -> Json:
    config: Json = {}
    for name, word in _CONFIG.items():
        if (value := getattr(options, name)) is not None:
            config[word] = value
    if options.stop:
        config["stopSequences"] = [require_utf8(text, "stop") for text in options.stop]
    if options.logprobs is not None and options.logprobs is not False:
        config["responseLogprobs"] = True
        if options.logprobs is not True and options.logprobs:
            config["logprobs"] = options.logprobs
    if isinstance(options.reasoning, ReasoningConfig) and (thinking := _thinking(options.reasoning, rules)):
        config["thinkingConfig"] = thinking
    return config


def _thinking(reasoning: ReasoningConfig, rules: ModelRules) -> Json:
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort == "none" or (effort is None and budget == 0):
        return _no_thinking(rules)
    if rules.thinking == "none" and effort is None and budget is None:
        return {}  # nothing is thought that could be shown
    said: Json = {"includeThoughts": reasoning.include}
    if rules.thinking == "budget":
        if budget is not None:
            said["thinkingBudget"] = budget
        elif effort is not None:
            word = rules.efforts.get(effort, "")
            said["thinkingBudget"] = int(word) if word.isdigit() else BUDGETS[effort]
    elif effort is not None:
        said["thinkingLevel"] = rules.efforts.get(effort) or LEVELS[effort]
    elif budget is not None:
        said["thinkingBudget"] = budget
    return said


def _no_thinking(rules: ModelRules) -> Json:
    """Say that nothing is to be thought; a model that cannot is asked all the same when the caller insists."""
    if rules.off != "lowest":
        return {"thinkingBudget": 0}
    word = rules.efforts.get("minimal") or rules.efforts.get("low") or "low"
    return {"includeThoughts": False, "thinkingLevel": word}


def _output(request: ChatRequest, rules: ModelRules, history: History, config: Json, notices: list[Notice]) -> None:
    """Ask for JSON. Before Gemini 3 it cannot be had together with functions, so it is asked for in words then."""
    form = request.options.response_format
    with_tools = bool(request.tools) and rules.thinking != "level"
    if isinstance(form, JsonSchema):
        encode_json(form.schema, "response_format")
        if rules.schema == "native" and not with_tools:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = form.schema
            return
        history.system.append({"text": schema_instructions(form)})
        notices.append(OUTPUT_EMULATED)
    if rules.schema != "instructions" and not with_tools:
        config["responseMimeType"] = "application/json"
    elif form == "json":
        history.system.append({"text": "Answer with one JSON value and with nothing besides it."})
        notices.append(OUTPUT_EMULATED)


def _tools(request: ChatRequest) -> list[Any]:
    """Write the tools; Gemini takes functions in one list, which stands where the first of them does."""
    tools: list[Any] = []
    functions: list[Json] = []
    for i, tool in enumerate(request.tools):
        where = f"tools[{i}]"
        if isinstance(tool, ProviderTool):
            encode_json(tool.definition, where)
            tools.append(tool.definition)
            continue
        if not functions:
            tools.append({"functionDeclarations": functions})
        encode_json(tool.parameters, where)
        function: Json = {"name": require_utf8(tool.name, where)}
        if tool.description:
            function["description"] = require_utf8(tool.description, where)
        functions.append({**function, "parametersJsonSchema": tool.parameters})
    return tools


def _strict(wishes: list[bool | None], rules: ModelRules) -> bool:
    """Tell whether to ask for `VALIDATED`: it holds for the whole request, from Gemini 2.5 on, where models think."""
    return rules.thinking != "none" and any(wishes) and False not in wishes


def _calling(request: ChatRequest, rules: ModelRules) -> Json | None:
    if not request.tools:
        return None
    functions = [tool for tool in request.tools if not isinstance(tool, ProviderTool)]
    config: Json = {}
    if functions:
        choice, strict = request.tool_choice, _strict([tool.strict for tool in functions], rules)
        if choice == "none":
            config["functionCallingConfig"] = {"mode": "NONE"}
        elif choice == "required":
            config["functionCallingConfig"] = {"mode": "ANY"}
        elif choice not in (None, "auto"):
            name = require_utf8(choice or "", "tool_choice")
            config["functionCallingConfig"] = {"mode": "ANY", "allowedFunctionNames": [name]}
        elif strict or choice == "auto":
            config["functionCallingConfig"] = {"mode": "VALIDATED" if strict else "AUTO"}
    if functions and len(functions) < len(request.tools) and rules.thinking == "level":
        config["includeServerSideToolInvocations"] = True
    return config or None
