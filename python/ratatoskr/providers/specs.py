"""The providers as rows of data: address, key, dialects and quirks. A new OpenAI-compatible host is one more row.

Addresses and headers are from the vendors' API references as of November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

_BEARER = ("authorization", "Bearer ")

CHAT_COMPLETIONS = MappingProxyType({"chat_completions": "ratatoskr.wire.chat_completions"})


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider.

    Attributes:
        name: prefix of its models' names.
        base_url: where its API begins.
        dialects: endpoint family to the package that speaks it; the first is the default.
        key_header: header name and what stands before the key.
        needs_key: whether it answers without one.
        request_id: response headers that may hold the id of the request, best first.
        flags: quirks that the dialects read.
        refused: chat parameters that the dialect knows and this host does not take.
        models_path: where its list of models is, below `base_url`; a whole page of it where it comes in pages.
        models_headers: what that request needs besides the key.
        body_limit: the largest request it takes, in bytes.
    """

    name: str
    base_url: str
    dialects: Mapping[str, str] = field(default_factory=lambda: CHAT_COMPLETIONS)
    key_header: tuple[str, str] = _BEARER
    needs_key: bool = True
    request_id: tuple[str, ...] = ("x-request-id",)
    flags: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    models_path: str = "/models"
    models_headers: tuple[tuple[str, str], ...] = ()
    models_shape: Literal["data", "models"] = "data"
    body_limit: int | None = None


SPECS: dict[str, ProviderSpec] = {
    row.name: row
    for row in (
        ProviderSpec(
            "openrouter",
            "https://openrouter.ai/api/v1",
            needs_key=False,
            request_id=("x-generation-id", "x-request-id"),
            flags=frozenset({"openrouter"}),
        ),
        ProviderSpec(
            "anthropic",
            "https://api.anthropic.com",
            {"messages": "ratatoskr.wire.anthropic"},
            ("x-api-key", ""),
            request_id=("request-id",),
            models_path="/v1/models?limit=1000",
            models_headers=(("anthropic-version", "2023-06-01"),),
            body_limit=32 * 1024 * 1024,
        ),
        ProviderSpec(
            "openai",
            "https://api.openai.com/v1",
            {**CHAT_COMPLETIONS, "responses": "ratatoskr.wire.responses"},
            flags=frozenset({"openai"}),
            refused=frozenset({"top_k"}),
        ),
        ProviderSpec(
            "google",
            "https://generativelanguage.googleapis.com",
            {"generate_content": "ratatoskr.wire.gemini"},
            ("x-goog-api-key", ""),
            models_path="/v1beta/models?pageSize=1000",
            models_shape="models",
        ),
        ProviderSpec(
            "ollama",
            "http://localhost:11434",
            {"ollama": "ratatoskr.wire.ollama"},
            needs_key=False,
            models_path="/api/tags",
            models_shape="models",
        ),
        ProviderSpec(
            "huggingface", "https://router.huggingface.co/v1", flags=frozenset({"reasoning_content", "usage_or_done"})
        ),
        ProviderSpec("groq", "https://api.groq.com/openai/v1", flags=frozenset({"groq"})),
        ProviderSpec("mistral", "https://api.mistral.ai/v1", flags=frozenset({"mistral"})),
        ProviderSpec("deepseek", "https://api.deepseek.com", flags=frozenset({"reasoning_content"})),
        ProviderSpec("together", "https://api.together.xyz/v1", flags=frozenset({"reasoning"})),
        ProviderSpec("xai", "https://api.x.ai/v1", flags=frozenset({"reasoning_content"})),
    )
}
"""The built-in providers by name."""


def compatible(name: str, base_url: str) -> ProviderSpec:
    """Return the row of an OpenAI-compatible host that has none of its own."""
    return ProviderSpec(name, base_url.rstrip("/"), needs_key=False, flags=frozenset({"reasoning_content"}))
