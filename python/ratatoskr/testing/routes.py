"""Which provider and which dialect an address belongs to, and what stands at addresses that answer without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ratatoskr.testing.dialects.anthropic import Messages
from ratatoskr.testing.dialects.chat_completions import ChatCompletions
from ratatoskr.testing.dialects.dialect import CREATED, Dialect
from ratatoskr.testing.dialects.gemini import Gemini
from ratatoskr.testing.dialects.ollama import Ollama
from ratatoskr.testing.dialects.responses import Responses

_CHAT, _RESPONSES, _MESSAGES, _GEMINI, _OLLAMA = ChatCompletions(), Responses(), Messages(), Gemini(), Ollama()
DIALECTS: Mapping[str, Dialect] = {one.name: one for one in (_MESSAGES, _CHAT, _GEMINI, _OLLAMA, _RESPONSES)}

BASES: Mapping[str, str] = {
    "openai": "/v1",
    "openrouter": "/api/v1",
    "anthropic": "",
    "google": "",
    "ollama": "",
    "huggingface": "/huggingface/v1",
    "compatible": "/compatible/v1",
}
"""Provider -> path of its base URL here. Any address also works below `/{provider}`, where that tells more."""

MODELS: Mapping[str, tuple[str, ...]] = {
    "openai": ("gpt-5.6-sol", "gpt-5.4", "gpt-4o-mini"),
    "openrouter": ("anthropic/claude-sonnet-5", "openai/gpt-5.4", "deepseek/deepseek-r1:free"),
    "anthropic": ("claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5"),
    "google": ("gemini-3.5-flash", "gemini-pro-latest"),
    "ollama": ("qwen3.5:2b", "gemma4:e2b"),
    "huggingface": ("Qwen/Qwen3-4B", "moonshotai/Kimi-K2-Instruct-0905"),
    "compatible": ("scripted-1",),
}
"""What the model lists name unless the upstream is told otherwise."""

_NATURAL: Mapping[str, Dialect] = {"anthropic": _MESSAGES, "google": _GEMINI, "ollama": _OLLAMA}
Place = Literal["answer", "list", "version", "root", "count", "nowhere"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request arrived."""

    provider: str
    dialect: Dialect
    place: Place


def route(method: str, path: str, headers: Mapping[str, str]) -> Route:
    """Find out whom a request is for."""
    first, _, rest = path.lstrip("/").partition("/")
    named = first if first in BASES else None
    if named:
        path = "/" + rest
    place, dialect = _place(path)
    provider = named or _guess(path, dialect, headers)
    if place == "answer" and method != "POST":
        place = "nowhere"
    return Route(provider, dialect or _NATURAL.get(provider, _CHAT), place)


_ANSWERS: tuple[tuple[Callable[[str], bool], Dialect], ...] = (
    (lambda path: path.endswith("/chat/completions"), _CHAT),
    (lambda path: path.endswith("/responses"), _RESPONSES),
    (lambda path: path.endswith("/v1/messages"), _MESSAGES),
    (lambda path: path.endswith((":generateContent", ":streamGenerateContent")), _GEMINI),
    (lambda path: path.endswith(("/api/chat", "/api/generate")), _OLLAMA),
)
_COUNTS: Mapping[str, Dialect] = {
    "/messages/count_tokens": _MESSAGES,
    "/responses/input_tokens": _RESPONSES,
    ":countTokens": _GEMINI,
}


def _place(path: str) -> tuple[Place, Dialect | None]:
    for fits, dialect in _ANSWERS:
        if fits(path):
            return "answer", dialect
    for ending, dialect in _COUNTS.items():
        if path.endswith(ending):
            return "count", dialect
    if path.endswith(("/models", "/api/tags")):
        return "list", None
    if path.endswith("/api/version"):
        return "version", _OLLAMA
    return ("root" if path in {"", "/"} else "nowhere"), None


def _guess(path: str, dialect: Dialect | None, headers: Mapping[str, str]) -> str:
    """Return the provider where the address alone does not name it."""
    if "/api/v1" in path:
        return "openrouter"
    if path.startswith("/api/") or path in {"", "/"} or dialect is _OLLAMA:
        return "ollama"
    if dialect is _GEMINI or "/v1beta" in path or (dialect is None and "x-goog-api-key" in headers):
        return "google"
    if dialect is _MESSAGES or (dialect is None and "anthropic-version" in headers):
        return "anthropic"
    return "openai"


def key_of(provider: str, headers: Mapping[str, str]) -> str | None:
    """Return the key that a request carries in the header where this provider looks for it."""
    if provider == "google" and "x-goog-api-key" in headers:
        return headers["x-goog-api-key"]
    if provider == "anthropic" and "x-api-key" in headers:
        return headers["x-api-key"]
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" and provider != "google" else None


def model_list(provider: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the provider's list of models."""
    return _LISTS.get(provider, _openai_list)(names)


def _openai_list(names: Sequence[str]) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": CREATED, "owned_by": "scripted"} for name in names],
    }


def _openrouter_list(names: Sequence[str]) -> dict[str, Any]:
    price = {"prompt": "0.000001", "completion": "0.000002"}
    architecture = {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]}
    rest = {"created": CREATED, "context_length": 200_000, "architecture": architecture, "pricing": price}
    rest |= {"supported_parameters": ["max_tokens", "temperature", "tools"]}
    return {"data": [{"id": name, "name": name, **rest} for name in names]}


def _anthropic_list(names: Sequence[str]) -> dict[str, Any]:
    rest = {"created_at": "2026-01-01T00:00:00Z", "max_input_tokens": 200_000, "max_tokens": 64_000}
    data = [{"type": "model", "id": name, "display_name": name, "lifecycle": "active", **rest} for name in names]
    first, last = (names[0], names[-1]) if names else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def _google_list(names: Sequence[str]) -> dict[str, Any]:
    rest = {"version": "001", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536}
    rest |= {"supportedGenerationMethods": ["generateContent", "countTokens"]}
    return {"models": [{"name": f"models/{name}", "displayName": name, **rest} for name in names]}


def _ollama_list(names: Sequence[str]) -> dict[str, Any]:
    details = {"format": "gguf", "family": "qwen", "parameter_size": "2B", "quantization_level": "Q4_K_M"}
    rest = {"modified_at": "2026-11-01T12:00:00Z", "size": 1_900_000_000, "digest": "0" * 64, "details": details}
    return {"models": [{"name": name, "model": name, **rest} for name in names]}


_LISTS: Mapping[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "openrouter": _openrouter_list,
    "anthropic": _anthropic_list,
    "google": _google_list,
    "ollama": _ollama_list,
}


def token_count(dialect: str, size: int) -> dict[str, Any]:
    """Return an answer of a counting address: a token for four bytes of the request."""
    count = max(1, size // 4)
    if dialect == "gemini":
        return {"totalTokens": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]}
    return (
        {"object": "response.input_tokens", "input_tokens": count}
        if dialect == "responses"
        else {"input_tokens": count}
    )
