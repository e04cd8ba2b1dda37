"""The recordings that are played and the provider that plays each, and those that are not played, with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import pytest

import recordings
from ratatoskr import EmbeddedGateway, Ratatoskr
from ratatoskr.providers.exchange import load_dialect
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.wire.dialect import Dialect, Target
from recorded.expected import anthropic, chat_completions, google, ollama, responses
from recorded.expected.answer import Answer, Failure, Reader

KEY = "sk-canary-recorded"

READERS: dict[str, Reader] = {
    "messages": anthropic.read,
    "responses": responses.read,
    "chat_completions": chat_completions.read,
    "generate_content": google.read,
    "ollama": ollama.read,
    "ollama generate": ollama.read,
}
"""Endpoint families, and the independent readers of their responses."""

DIALECT_MODULES = {
    "messages": "ratatoskr.wire.anthropic",
    "responses": "ratatoskr.wire.responses",
    "chat_completions": "ratatoskr.wire.chat_completions",
    "generate_content": "ratatoskr.wire.gemini",
    "ollama": "ratatoskr.wire.ollama",
    "ollama generate": "ratatoskr.wire.ollama",
}

FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("anthropic", r"/v1/messages", "messages"),
    ("openai", r"/v1/responses", "responses"),
    ("openrouter", r"/api/v1/responses", "responses"),
    ("google", r".*:(stream)?[gG]enerateContent", "generate_content"),
    ("ollama", r"/api/chat", "ollama"),
    ("ollama", r"/api/generate", "ollama generate"),
    ("", r".*/chat/completions", "chat_completions"),
)
"""Provider, path of its endpoint, family."""

PUBLISHED_WITHOUT_REQUEST = {"anthropic": "messages", "google": "generate_content"}
"""Families of recordings that have only payloads; those of OpenAI are of the Responses API, as their tags say."""

NOT_COVERED: tuple[tuple[str, str, str], ...] = (
    ("openai", r"/v1/embeddings", "embeddings; test_tasks.py plays it"),
    ("openai", r"/v1/moderations", "moderation, which the gateway does not support"),
    ("openai", r"/v1/completions", "text completions, which the gateway does not support"),
    ("openai", r"/v1/responses/input_tokens", "a count of tokens; test_token_counts.py plays it"),
    ("openai", r"/v1/models/.*", "the record of one model, which the gateway does not request"),
    ("anthropic", r"/v1/models", "a list of models; test_model_lists.py plays it"),
    ("google", r"/v1beta/models", "a list of models; test_model_lists.py plays it"),
    ("anthropic", r"/v1/complete", "text completions, which the gateway does not support"),
    ("anthropic", r"/v1/messages/count_tokens", "a count of tokens; test_token_counts.py plays it"),
    ("google", r".*:countTokens", "a count of tokens; test_token_counts.py plays it"),
    ("google", r".*:batchEmbedContents", "embeddings; test_tasks.py plays it"),
    ("google", r"/v1beta/cachedContents/.*", "explicit caches, which the gateway does not manage"),
    ("ollama", r"/api/embed", "embeddings; test_tasks.py plays it"),
    ("huggingface", r".*/pipeline/feature-extraction/.*", "embeddings; test_tasks.py plays it"),
    ("huggingface", r".*/models/sentence-transformers/.*", "embeddings; test_tasks.py plays it"),
    ("huggingface", r".*/models/facebook/bart-large-mnli", "zero-shot classification; test_tasks.py plays it"),
    ("huggingface", r".*/models/distilbert.*", "text classification; test_tasks.py plays it"),
    ("huggingface", r"/pipeline/question-answering/.*", "answers to questions, which the gateway does not support"),
    ("huggingface", r".*/models/dbmdz/.*", "labels of tokens, which the gateway does not support"),
    (
        "huggingface",
        r".*/models/(google|OpenAssistant|HuggingFaceH4)/(?!.*/v1/chat/completions).*",
        "text generation of the former inference API, which the router no longer has",
    ),
)
"""Provider, path, reason."""


@dataclass(frozen=True)
class Case:
    """One recording, and how it is played.

    Attributes:
        path: its file.
        family: the endpoint family.
        provider: the provider of the gateway that plays it.
        model: the model of the request.
        streamed: whether the response is a stream.
        operation: the method of the gateway.
    """

    path: Path
    family: str
    provider: str
    model: str
    streamed: bool
    operation: Literal["chat", "generate"] = "chat"

    @property
    def id(self) -> str:
        """The recording's name."""
        return self.path.stem

    @property
    def recording(self) -> dict[str, Any]:
        """The recording, framed as a stream where only payloads were published."""
        return add_framing(recordings.exchange(self.path))

    @property
    def expected(self) -> Answer | Failure:
        """The content, as the independent reader returns it."""
        return READERS[self.family](recordings.exchange(self.path))

    @property
    def body(self) -> bytes:
        """The bytes of a streamed response."""
        return bytes(self.recording["response"]["body_text"].encode())

    @property
    def dialect(self) -> Dialect:
        """The dialect of the endpoint."""
        return load_dialect(DIALECT_MODULES[self.family])

    @property
    def target(self) -> Target:
        """The target of the request."""
        flags = (
            {"openrouter"}
            if self.provider == "openrouter"
            else {"openai"}
            if self.provider.startswith("openai")
            else set()
        )
        return Target(self.provider, self.model, self.family.split()[0], flags=frozenset(flags))


def add_framing(recording: dict[str, Any]) -> dict[str, Any]:
    """Return a recording with bytes to play: mere payloads are framed as their provider frames them."""
    response = recording["response"]
    if "payloads" in response:
        names = recording["provider"] != "google"
        text = "".join(
            (f"event: {one['type']}\n" if names else "") + f"data: {json.dumps(one)}\n\n"
            for one in response["payloads"]
        )
        headers = {"content-type": "text/event-stream"}
        recording["response"] = {"status": 200, "headers": headers, "framing": "sse", "body_text": text}
    return recording


def _path(recording: dict[str, Any]) -> str:
    request = recording["request"]
    return urlsplit(request["url_path_and_query"]).path if request else ""


def family_of(recording: dict[str, Any]) -> str | None:
    """Return the endpoint family of a recording; `None` if it is not a chat."""
    provider, path = recording["provider"], _path(recording)
    if not path:
        return "responses" if "responses_api" in recording["tags"] else PUBLISHED_WITHOUT_REQUEST.get(provider)
    for name, pattern, family in FAMILIES:
        if name in {"", provider} and re.fullmatch(pattern, path):
            return family
    return None


def exclusion_reason(recording: dict[str, Any]) -> str | None:
    """Return why a recording is not played."""
    provider, path = recording["provider"], _path(recording)
    return next((why for name, pattern, why in NOT_COVERED if name == provider and re.fullmatch(pattern, path)), None)


def _case(path: Path) -> Case | None:
    recording = recordings.exchange(path)
    provider, family = recording["provider"], family_of(recording)
    if family is None:
        return None
    response, body = recording["response"], (recording["request"] or {}).get("body") or {}
    is_array = isinstance(response.get("body"), list)  # from Gemini, also for a complete response
    wants_stream = body.get("stream") or ":streamGenerateContent" in _path(recording)
    streamed = "body" not in response or (bool(wants_stream) and not is_array and response["status"] >= 400)
    model = unquote(recording.get("model") or "gemini-3-flash-preview")
    operation: Literal["chat", "generate"] = "generate" if family == "ollama generate" else "chat"
    return Case(path, family, _provider(provider, family), model, streamed, operation)


def _provider(provider: str, family: str) -> str:
    if provider == "openai":
        return f"openai {family}"
    if family == "responses":
        return "openrouter as openai"  # OpenRouter's Responses API is OpenAI's at another address
    if provider == "ollama" and family == "chat_completions":
        return "house"
    return provider


@cache
def all_cases() -> tuple[Case, ...]:
    """Return all cases, in the order of the files."""
    return tuple(case for path in recordings.paths() if (case := _case(path)) is not None)


def stream_cases() -> list[Case]:
    """Return the recordings of streams, including those with an error."""
    return [case for case in all_cases() if case.streamed and "body" not in case.recording["response"]]


def parameters(cases: Iterable[Case]) -> list[Any]:
    """Return cases as parameters of a test; without recordings, one that is skipped."""
    params = [pytest.param(case, id=case.id) for case in cases]
    return params or [pytest.param(None, id="no recordings", marks=recordings.needed)]


def build_gateway(upstream: ScriptedUpstream, case: Case) -> EmbeddedGateway:
    """Return a gateway whose only provider is the one that plays the recording."""
    builder = Ratatoskr.builder().retries(0).timeout(20)
    match case.provider.split():
        case ["openai", family]:
            api: Any = family
            builder.openai(KEY, base_url=upstream.base_url("openai"), api=api)
        case ["openrouter", "as", "openai"]:
            builder.openai(KEY, base_url=upstream.base_url("openrouter"), api="responses")
        case ["house"]:
            builder.compatible("house", base_url=upstream.base_url("compatible"))
        case _:
            builder.provider(case.provider, KEY, base_url=upstream.base_url(case.provider))
    return builder.build()


def model_name(case: Case) -> str:
    """Return the model's name, with the prefix of the provider."""
    prefix = "openai" if case.provider.startswith(("openai", "openrouter as")) else case.provider
    return f"{prefix}:{case.model}"
