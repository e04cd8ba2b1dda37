"""Which recordings are played, through which way in, and which are not, with the reason."""

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
"""Families of endpoints, and what tells independently what their answers say."""

WIRES = {
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
"""Families of recordings of which only the payloads are there; OpenAI's are of the Responses API, as their tags say."""

NOT_COVERED: tuple[tuple[str, str, str], ...] = (
    # where the request went (or, without one, a word of the tags), and why nothing here asks for it
    ("openai", r"/v1/embeddings", "embeddings"),
    ("openai", r"/v1/moderations", "moderation"),
    ("openai", r"/v1/completions", "text completions of the old kind, which no face of the gateway asks for"),
    ("openai", r"/v1/responses/input_tokens", "a count of tokens"),
    ("openai", r"/v1/models/.*", "one model's record, which no face of the gateway asks for"),
    ("anthropic", r"/v1/models", "an error of a list of models, not of a chat"),
    ("google", r"/v1beta/models", "an error of a list of models, not of a chat"),
    ("anthropic", r"/v1/complete", "text completions of the old kind, which no face of the gateway asks for"),
    ("anthropic", r"/v1/messages/count_tokens", "a count of tokens"),
    ("google", r".*:countTokens", "a count of tokens"),
    ("google", r".*:batchEmbedContents", "embeddings"),
    ("google", r"/v1beta/cachedContents/.*", "upkeep of explicit caches, which no face of the gateway does"),
    ("ollama", r"/api/embed", "embeddings"),
    ("huggingface", r".*/pipeline/feature-extraction/.*", "embeddings"),
    ("huggingface", r"/pipeline/question-answering/.*", "a task of the inference API, not chat"),
    ("huggingface", r"(/hf-inference)?/models/(?!.*/v1/chat/completions).*", "a task of the inference API, not chat"),
)
"""Provider, path, reason."""


@dataclass(frozen=True)
class Case:
    """One recording and how it is played.

    Attributes:
        path: of its file.
        family: of the endpoint.
        way: which of the gateways' providers asks for it.
        model: as asked for.
        streamed: whether the answer comes as a stream.
        asks: what the caller does.
    """

    path: Path
    family: str
    way: str
    model: str
    streamed: bool
    asks: Literal["chat", "generate"] = "chat"

    @property
    def id(self) -> str:
        """The recording's name."""
        return self.path.stem

    @property
    def recording(self) -> dict[str, Any]:
        """The recording, framed as a stream where only payloads were published."""
        return framed(recordings.exchange(self.path))

    @property
    def expected(self) -> Answer | Failure:
        """What it says."""
        return READERS[self.family](recordings.exchange(self.path))

    @property
    def body(self) -> bytes:
        """The bytes of a streamed answer."""
        return bytes(self.recording["response"]["body_text"].encode())

    @property
    def dialect(self) -> Dialect:
        """The package that speaks it."""
        return load_dialect(WIRES[self.family])

    @property
    def target(self) -> Target:
        """Who is asked."""
        flags = {"openrouter"} if self.way == "openrouter" else {"openai"} if self.way.startswith("openai") else set()
        return Target(self.way, self.model, self.family.split()[0], flags=frozenset(flags))


def framed(recording: dict[str, Any]) -> dict[str, Any]:
    """Return a recording with bytes to play: payloads alone are framed as each provider frames them."""
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


def _where(recording: dict[str, Any]) -> str:
    request = recording["request"]
    return urlsplit(request["url_path_and_query"]).path if request else ""


def family_of(recording: dict[str, Any]) -> str | None:
    """Return the family of endpoints that a recording is of; `None` if it is no chat."""
    provider, path = recording["provider"], _where(recording)
    if not path:
        return "responses" if "responses_api" in recording["tags"] else PUBLISHED_WITHOUT_REQUEST.get(provider)
    for name, pattern, family in FAMILIES:
        if name in {"", provider} and re.fullmatch(pattern, path):
            return family
    return None


def reason_of(recording: dict[str, Any]) -> str | None:
    """Return why a recording is not played."""
    provider, path = recording["provider"], _where(recording)
    return next((why for name, pattern, why in NOT_COVERED if name == provider and re.fullmatch(pattern, path)), None)


def _case(path: Path) -> Case | None:
    recording = recordings.exchange(path)
    provider, family = recording["provider"], family_of(recording)
    if family is None:
        return None
    response, body = recording["response"], (recording["request"] or {}).get("body") or {}
    is_array = isinstance(response.get("body"), list)  # of Gemini, which a whole answer may be too
    asked = body.get("stream") or ":streamGenerateContent" in _where(recording)
    streamed = "body" not in response or (bool(asked) and not is_array and response["status"] >= 400)
    return Case(path, family, _way(provider, family), _model(recording), streamed, _asks(family))


def _asks(family: str) -> Literal["chat", "generate"]:
    return "generate" if family == "ollama generate" else "chat"


def _way(provider: str, family: str) -> str:
    if provider == "openai":
        return f"openai {family}"
    if family == "responses":
        return "openrouter as openai"  # OpenRouter's Responses API is OpenAI's at another address
    if provider == "ollama" and family == "chat_completions":
        return "house"
    return provider


def _model(recording: dict[str, Any]) -> str:
    return unquote(recording.get("model") or "gemini-3-flash-preview")


@cache
def all_cases() -> tuple[Case, ...]:
    """Return what is played, in the order of the files."""
    return tuple(case for path in recordings.paths() if (case := _case(path)) is not None)


def streams() -> list[Case]:
    """Return the recordings of streams, those that tell of an error too."""
    return [case for case in all_cases() if case.streamed and "body" not in case.recording["response"]]


def parameters(cases: Iterable[Case]) -> list[Any]:
    """Return cases as parameters of a test; without recordings one that is skipped."""
    found = [pytest.param(case, id=case.id) for case in cases]
    return found or [pytest.param(None, id="no recordings", marks=recordings.needed)]


def gateway_to(upstream: ScriptedUpstream, case: Case) -> EmbeddedGateway:
    """Return a gateway whose only provider is the one that asks for this recording."""
    builder = Ratatoskr.builder().retries(0).timeout(20)
    match case.way.split():
        case ["openai", family]:
            api: Any = family
            builder.openai(KEY, base_url=upstream.base_url("openai"), api=api)
        case ["openrouter", "as", "openai"]:
            builder.openai(KEY, base_url=upstream.base_url("openrouter"), api="responses")
        case ["house"]:
            builder.compatible("house", base_url=upstream.base_url("compatible"))
        case _:
            builder.provider(case.way, KEY, base_url=upstream.base_url(case.way))
    return builder.build()


def name_of(case: Case) -> str:
    """Return the model's name for the gateway."""
    prefix = "openai" if case.way.startswith(("openai", "openrouter as")) else case.way
    return f"{prefix}:{case.model}"
