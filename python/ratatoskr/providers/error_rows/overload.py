"""Rows of overload and of keys, for providers that report them with a status of a refused request, or inside a 200."""

from __future__ import annotations

from ratatoskr.errors import AuthenticationFailed, RateLimited, ServiceUnavailable
from ratatoskr.providers.error_rows.row import Row

_REQUEST: frozenset[int | None] = frozenset({None, 400})
_LOAD: frozenset[int | None] = frozenset({None, 429})
_INSIDE: frozenset[int | None] = frozenset({None})

ROWS: tuple[Row, ...] = (
    Row(AuthenticationFailed, "Google, Troubleshooting, 2026-11", frozenset({400}), "api_key_invalid"),
    Row(
        AuthenticationFailed,
        "Google, public reports, 2026-11",
        _REQUEST,
        None,
        r"\bapi key (not valid|expired)|\b(invalid|incorrect) api key",
        "API key not valid. Please pass a valid API key.",
    ),
    Row(ServiceUnavailable, "Fireworks, Moonshot, public reports, 2026-11", _LOAD, "engine_overloaded_error"),
    Row(ServiceUnavailable, "Mistral, Groq, public reports, 2026-11", _INSIDE, "capacity_exceeded"),
    Row(ServiceUnavailable, "TGI, router, 2026-11", _LOAD, None, "^model is overloaded", "Model is overloaded"),
    Row(
        ServiceUnavailable,
        "Anthropic, llama.cpp, streams, 2026-11",
        _INSIDE,
        None,
        "^overloaded$|server is (currently )?(overloaded|busy)|currently overloaded",
        "The server is currently overloaded with other requests.",
    ),
    Row(
        ServiceUnavailable,
        "Google, streams, 2026-11",
        _INSIDE,
        None,
        "the model is overloaded",
        "The model is overloaded. Please try again later.",
    ),
    Row(
        RateLimited,
        "OpenRouter, Together, streams, 2026-11",
        _INSIDE,
        None,
        "^rate limit (exceeded|reached)|^too many requests|temporarily rate-limited upstream",
        "Rate limit exceeded",
    ),
)
