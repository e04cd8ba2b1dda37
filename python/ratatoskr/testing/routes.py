"""The provider and the dialect of an address, and the responses of addresses that need no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ratatoskr.testing.dialects.anthropic import AnthropicDialect
from ratatoskr.testing.dialects.chat_completions import ChatCompletionsDialect
from ratatoskr.testing.dialects.dialect import CREATED, ScriptedDialect
from ratatoskr.testing.dialects.gemini import GeminiDialect
from ratatoskr.testing.dialects.ollama import OllamaDialect
from ratatoskr.testing.dialects.responses import ResponsesDialect
from ratatoskr.testing.tasks import find_task

_CHAT, _RESPONSES, _MESSAGES, _GEMINI, _OLLAMA = (
    ChatCompletionsDialect(),
    ResponsesDialect(),
    AnthropicDialect(),
    GeminiDialect(),
    OllamaDialect(),
)
DIALECTS: Mapping[str, ScriptedDialect] = {one.name: one for one in (_MESSAGES, _CHAT, _GEMINI, _OLLAMA, _RESPONSES)}

BASES: Mapping[str, str] = {
    "openai": "/v1",
    "openrouter": "/api/v1",
    "anthropic": "",
    "google": "",
    "ollama": "",
    "huggingface": "/huggingface/v1",
    "compatible": "/compatible/v1",
}
"""Provider -> the path of its base URL. Any address also works below `/{provider}`, which makes it unambiguous."""

MODELS: Mapping[str, tuple[str, ...]] = {
    "openai": ("gpt-5.6-sol", "gpt-5.4", "gpt-4o-mini"),
    "openrouter": ("anthropic/claude-sonnet-5", "openai/gpt-5.4", "deepseek/deepseek-r1:free"),
    "anthropic": ("claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5"),
    "google": ("gemini-3.5-flash", "gemini-pro-latest"),
    "ollama": ("qwen3.5:2b", "gemma4:e2b"),
    "huggingface": ("Qwen/Qwen3-4B", "moonshotai/Kimi-K2-Instruct-0905"),
    "compatible": ("scripted-1",),
}
"""The default names in the model lists."""

_DEFAULT_DIALECTS: Mapping[str, ScriptedDialect] = {"anthropic": _MESSAGES, "google": _GEMINI, "ollama": _OLLAMA}
Place = Literal["answer", "list", "version", "root", "count", "task", "unknown"]


@dataclass(frozen=True, slots=True)
class Route:
    """The provider, the dialect and the kind of address of a request."""

    provider: str
    dialect: ScriptedDialect
    place: Place


def route(method: str, path: str, headers: Mapping[str, str]) -> Route:
    """Return the route of a request."""
    first, _, rest = path.lstrip("/").partition("/")
    named = first if first in BASES else None
    if named:
        path = "/" + rest
    place, dialect = _classify_path(path)
    provider = named or _guess_provider(path, dialect, headers)
    if place in {"answer", "task"} and method != "POST":
        place = "unknown"
    return Route(provider, dialect or _DEFAULT_DIALECTS.get(provider, _CHAT), place)


_CHAT_PATHS: tuple[tuple[Callable[[str], bool], ScriptedDialect], ...] = (
    (lambda path: path.endswith("/chat/completions"), _CHAT),
    (lambda path: path.endswith("/responses"), _RESPONSES),
    (lambda path: path.endswith("/v1/messages"), _MESSAGES),
    (lambda path: path.endswith((":generateContent", ":streamGenerateContent")), _GEMINI),
    (lambda path: path.endswith(("/api/chat", "/api/generate")), _OLLAMA),
)
_COUNT_PATHS: Mapping[str, ScriptedDialect] = {
    "/messages/count_tokens": _MESSAGES,
    "/responses/input_tokens": _RESPONSES,
    ":countTokens": _GEMINI,
}


def _classify_path(path: str) -> tuple[Place, ScriptedDialect | None]:
    for fits, dialect in _CHAT_PATHS:
        if fits(path):
            return "answer", dialect
    for ending, dialect in _COUNT_PATHS.items():
        if path.endswith(ending):
            return "count", dialect
    if find_task(path) is not None:
        return "task", None
    if path.endswith(("/models", "/api/tags")):
        return "list", None
    if path.endswith("/api/version"):
        return "version", _OLLAMA
    return ("root" if path in {"", "/"} else "unknown"), None


def _guess_provider(path: str, dialect: ScriptedDialect | None, headers: Mapping[str, str]) -> str:
    """Return the provider of an address that does not name it."""
    if "/hf-inference/" in path:
        return "huggingface"
    if "/api/v1" in path or "/api/alpha" in path:
        return "openrouter"
    if path.startswith("/api/") or path in {"", "/"} or dialect is _OLLAMA:
        return "ollama"
    if dialect is _GEMINI or "/v1beta" in path or (dialect is None and "x-goog-api-key" in headers):
        return "google"
    if dialect is _MESSAGES or (dialect is None and "anthropic-version" in headers):
        return "anthropic"
    return "openai"


def key_of(provider: str, headers: Mapping[str, str]) -> str | None:
    """Return the key of a request, from the header that this provider reads."""
    if provider == "google" and "x-goog-api-key" in headers:
        return headers["x-goog-api-key"]
    if provider == "anthropic" and "x-api-key" in headers:
        return headers["x-api-key"]
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" and provider != "google" else None


def build_model_list(provider: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the provider's list of models."""
    return _LISTS.get(provider, _build_openai_list)(names)


def _build_openai_list(names: Sequence[str]) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": CREATED, "owned_by": "scripted"} for name in names],
    }


def _build_openrouter_list(names: Sequence[str]) -> dict[str, Any]:
    price = {"prompt": "0.000001", "completion": "0.000002"}
    architecture = {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]}
    rest = {"created": CREATED, "context_length": 200_000, "architecture": architecture, "pricing": price}
    rest |= {"supported_parameters": ["max_tokens", "temperature", "tools"]}
    return {"data": [{"id": name, "name": name, **rest} for name in names]}


def _build_anthropic_list(names: Sequence[str]) -> dict[str, Any]:
    rest = {"created_at": "2026-01-01T00:00:00Z", "max_input_tokens": 200_000, "max_tokens": 64_000}
    data = [{"type": "model", "id": name, "display_name": name, "lifecycle": "active", **rest} for name in names]
    first, last = (names[0], names[-1]) if names else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def _build_google_list(names: Sequence[str]) -> dict[str, Any]:
    rest = {"version": "001", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536}
    rest |= {"supportedGenerationMethods": ["generateContent", "countTokens"]}
    return {"models": [{"name": f"models/{name}", "displayName": name, **rest} for name in names]}


def _build_ollama_list(names: Sequence[str]) -> dict[str, Any]:
    details = {"format": "gguf", "family": "qwen", "parameter_size": "2B", "quantization_level": "Q4_K_M"}
    rest = {"modified_at": "2026-11-01T12:00:00Z", "size": 1_900_000_000, "digest": "0" * 64, "details": details}
    return {"models": [{"name": name, "model": name, **rest} for name in names]}


_LISTS: Mapping[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "openrouter": _build_openrouter_list,
    "anthropic": _build_anthropic_list,
    "google": _build_google_list,
    "ollama": _build_ollama_list,
}


def build_token_count(dialect: str, size: int) -> dict[str, Any]:
    """Return the response of an address that counts tokens: one token for four bytes of the request."""
    count = max(1, size // 4)
    if dialect == "gemini":
        return {"totalTokens": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]}
    return (
        {"object": "response.input_tokens", "input_tokens": count}
        if dialect == "responses"
        else {"input_tokens": count}
    )
