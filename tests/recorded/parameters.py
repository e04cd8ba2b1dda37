"""The parameters of a recorded request as a caller of the gateway would give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ratatoskr import ChatOptions, ChatRequest, JsonSchema, Message, ReasoningConfig, ToolDefinition

Body = Mapping[str, Any]

_SAME = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "service_tier", "metadata")
_GEMINI = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_OLLAMA = {
    **{name: name for name in ("temperature", "top_p", "top_k", "seed", "stop")},
    "max_tokens": "num_predict",
}


def read_request(family: str, model: str, body: Body) -> ChatRequest:
    """Return a request with the parameters of a recorded body, without its messages."""
    params = {name: value for name, value in READERS[family](body).items() if value is not None}
    choice = params.pop("tool_choice", None)
    tools = tuple(ToolDefinition(name, "", {"type": "object"}) for name in _tool_names(body))
    return ChatRequest((Message.user("Hi"),), tools, choice, options=ChatOptions(model, **params))


def _tool_names(body: Body) -> list[str]:
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, dict)]
    declared = [one for tool in tools for one in tool.get("functionDeclarations") or ()]
    functions = [tool.get("function", tool) for tool in tools if tool.get("type") in ("function", "custom", None)]
    return [one["name"] for one in (*declared, *functions) if isinstance(one.get("name"), str)]


def _read_schema(form: Body | None) -> Any:
    if form is None or form.get("type") == "text":
        return None
    if form.get("type") == "json_object":
        return "json"
    inner = form.get("json_schema", form)
    return JsonSchema(inner.get("name", "answer"), inner["schema"])


def _read_effort(effort: str | None, budget: int | None = None) -> ReasoningConfig | None:
    return ReasoningConfig(effort, budget) if effort is not None or budget is not None else None  # type: ignore[arg-type]


def _read_choice(choice: Any) -> str | None:
    if isinstance(choice, dict):
        name: str | None = choice.get("function", choice).get("name")
        return name or {"any": "required", "tool": "required"}.get(choice["type"], choice["type"])
    return choice  # type: ignore[no-any-return]  # a text


def _read_logprobs(body: Body) -> bool | int | None:
    number = body.get("top_logprobs")
    return number if isinstance(number, int) and body.get("logprobs", True) else body.get("logprobs")


def _chat_completions(body: Body) -> dict[str, Any]:
    reasoning = body.get("reasoning") or {}
    return {
        **{name: body.get(name) for name in _SAME},
        "max_tokens": body.get("max_completion_tokens", body.get("max_tokens")),
        "stop": body.get("stop"),
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "tool_choice": _read_choice(body.get("tool_choice")),
        "response_format": _read_schema(body.get("response_format")),
        "reasoning": _read_effort(body.get("reasoning_effort", reasoning.get("effort")), reasoning.get("max_tokens")),
        "logprobs": _read_logprobs(body),
        "user": body.get("user"),
    }


def _responses(body: Body) -> dict[str, Any]:
    return {
        **{name: body.get(name) for name in ("temperature", "top_p", "service_tier", "metadata")},
        "max_tokens": body.get("max_output_tokens"),
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "tool_choice": _read_choice(body.get("tool_choice")),
        "response_format": _read_schema((body.get("text") or {}).get("format")),
        "reasoning": _read_effort((body.get("reasoning") or {}).get("effort")),
        "logprobs": body.get("top_logprobs"),
        "user": body.get("user"),
    }


def _anthropic(body: Body) -> dict[str, Any]:
    thinking, output = body.get("thinking") or {}, body.get("output_config") or {}
    effort = "none" if thinking.get("type") == "disabled" else output.get("effort")
    return {
        **{name: body.get(name) for name in ("temperature", "top_p", "top_k", "max_tokens", "service_tier")},
        "stop": body.get("stop_sequences"),
        "tool_choice": _read_choice(body.get("tool_choice")),
        "response_format": _read_schema(output.get("format")),
        "reasoning": _read_effort(effort, thinking.get("budget_tokens")),
        "user": (body.get("metadata") or {}).get("user_id"),
    }


def _gemini(body: Body) -> dict[str, Any]:
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    level = thinking.get("thinkingLevel", thinking.get("thinking_level"))
    schema = config.get("responseJsonSchema", config.get("response_schema", config.get("responseSchema")))
    mime = config.get("responseMimeType", config.get("response_mime_type"))
    return {
        **{name: config.get(member) for name, member in _GEMINI.items()},
        "response_format": JsonSchema("answer", schema) if schema else "json" if mime == "application/json" else None,
        "reasoning": _read_effort(level and level.lower(), thinking.get("thinkingBudget")),
        "logprobs": config.get("logprobs", config.get("responseLogprobs")),
    }


def _ollama(body: Body) -> dict[str, Any]:
    options, think = body.get("options") or {}, body.get("think")
    form = body.get("format") or None
    return {
        **{name: options.get(member) for name, member in _OLLAMA.items()},
        "response_format": JsonSchema("answer", form) if isinstance(form, dict) else form,
        "reasoning": _read_effort("none" if think is False else think if isinstance(think, str) else None),
        "logprobs": _read_logprobs(body),
    }


READERS: Mapping[str, Callable[[Body], dict[str, Any]]] = {
    "chat_completions": _chat_completions,
    "responses": _responses,
    "messages": _anthropic,
    "generate_content": _gemini,
    "ollama": _ollama,
    "ollama generate": _ollama,
}
"""By the endpoint family."""
