"""Encodes a chat as a `GenerateContentRequest`.

Follows https://ai.google.dev/api/generate-content and …/gemini-api/docs/structured-output (November 2026).
"""

from __future__ import annotations

from urllib.parse import quote

from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.encode import OUTPUT_EMULATED, require_utf8, schema_instructions
from ratatoskr.wire.gemini.history import ContentWriter
from ratatoskr.wire.gemini.thinking import encode_thinking
from ratatoskr.wire.gemini.tools import encode_tool_config, encode_tools
from ratatoskr.wire.json import JsonObject
from ratatoskr.wire.schema import FormatPlan, StrictUse, plan_format

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
        "cache_prompt",  # prompts are always cached; there is nothing to send
        "logprobs",
        "service_tier",
        "tool_choice",
    }
)

_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}


def encode_request(request: ChatRequest, target: Target, *, stream: bool) -> Encoded:
    """Return the request as a `GenerateContentRequest`.

    Raises:
        InvalidInput: Gemini cannot express a part of it.
    """
    options, rules = request.options, target.rules
    history = ContentWriter(target, requires_signatures=rules.thinking == "level")
    history.write(request.messages)
    notices = history.notices
    body: JsonObject = {"contents": history.contents}
    config = _encode_config(options, rules)
    if options.response_format is not None:
        _encode_format(request, target, history.system, config, notices)
    if history.system:
        body["systemInstruction"] = {"parts": history.system}
    if request.tools:
        body["tools"] = encode_tools(request, target, notices)
    if tool_config := encode_tool_config(request, rules):
        body["toolConfig"] = tool_config
    if config:
        body["generationConfig"] = config
    if options.service_tier is not None:
        body["serviceTier"] = require_utf8(options.service_tier, "service_tier")
    if history.continuation is not None:
        body["continuationToken"] = history.continuation
    if options.cache_prompt is False:
        message = "Gemini always caches prompts; this cannot be switched off"
        notices.append(Notice("parameter_dropped", message, "cache_prompt"))
    version = "v1" if "v1" in target.flags else "v1beta"
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    model = quote(require_utf8(target.model.removeprefix("models/"), "model"), safe="")
    return Encoded(f"/{version}/models/{model}:{method}", body, (), notices)


def _encode_config(options: ChatOptions, rules: ModelRules) -> JsonObject:
    config: JsonObject = {}
    for key, name in _CONFIG.items():
        if (value := getattr(options, key)) is not None:
            config[name] = value
    if options.stop:
        config["stopSequences"] = [require_utf8(text, "stop") for text in options.stop]
    if options.logprobs is not None and options.logprobs is not False:
        config["responseLogprobs"] = True
        if options.logprobs is not True and options.logprobs:
            config["logprobs"] = options.logprobs
    if isinstance(options.reasoning, ReasoningConfig) and (thinking := encode_thinking(options.reasoning, rules)):
        config["thinkingConfig"] = thinking
    return config


def _encode_format(
    request: ChatRequest, target: Target, system: list[JsonObject], config: JsonObject, notices: list[Notice]
) -> None:
    """Ask for JSON; with tools, models before Gemini 3 are asked by instructions, as they refuse the parameters."""
    wanted, rules = request.options.response_format, target.rules
    with_tools = bool(request.tools) and rules.thinking != "level"
    if isinstance(wanted, JsonSchema):
        plan = FormatPlan(None, notices=(OUTPUT_EMULATED,))
        if not with_tools:
            plan = plan_format(wanted, target, StrictUse(), is_validated=request.output is not None)
        notices.extend(plan.notices)
        if plan.schema is not None:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = plan.schema
            return
        system.append({"text": schema_instructions(wanted)})
    if rules.schema != "instructions" and not with_tools:
        config["responseMimeType"] = "application/json"
    elif wanted == "json":
        system.append({"text": "Answer with one JSON value and with nothing besides it."})
        notices.append(OUTPUT_EMULATED)
