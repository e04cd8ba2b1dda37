"""Recorded counts of tokens: what is sent equals what other clients sent, and the number is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import recordings
from ratatoskr import ModelNotFound, Ratatoskr
from ratatoskr.testing import Replay, ScriptedUpstream
from recorded.conversations import read_conversation

COUNTS = {
    "anthropic": ("messages", r"/v1/messages/count_tokens"),
    "google": ("generate_content", r".*:countTokens"),
    "openai": ("responses", r"/v1/responses/input_tokens"),
}
EMPTY = (None, "", [], {}, {"text": ""}, [{"text": ""}])


def count_paths() -> list[Path]:
    """Return the recordings of counts."""
    return [
        path
        for provider, (_, pattern) in COUNTS.items()
        for path in recordings.paths(provider)
        if re.fullmatch(pattern, (recordings.exchange(path)["request"] or {}).get("url_path_and_query", ""))
    ]


def meaning(value: Any) -> Any:
    """Return JSON without empty members, a list of one text as that text, and without what has the same meaning."""
    if isinstance(value, dict):
        value = value.get("generateContentRequest", value)
        cleaned = {name: meaning(one) for name, one in value.items() if name not in ("role", "strict", "model")}
        kept = {name: one for name, one in cleaned.items() if one not in EMPTY}
        return kept["text"] if kept.keys() <= {"text", "type"} and isinstance(kept.get("text"), str) else kept
    if isinstance(value, list):
        several = [meaning(one) for one in value]
        return several[0] if len(several) == 1 else several
    return value


@pytest.mark.parametrize(
    "path", count_paths() or [pytest.param(None, marks=recordings.needed)], ids=lambda p: p and p.stem
)
async def test_a_recorded_count_is_asked_for_and_read(path: Path) -> None:
    recording = recordings.exchange(path)
    provider, body = recording["provider"], recording["request"]["body"]
    model, inner = recording["model"], body.get("generateContentRequest", body)
    chat = read_conversation(COUNTS[provider][0], model, inner)
    replay = Replay([recording])
    async with ScriptedUpstream(replay) as upstream:
        builder = Ratatoskr.builder().retries(0).provider(provider, "key", base_url=upstream.base_url(provider))
        async with builder.build() as gateway:
            call = gateway.backend.count_tokens(_request(f"{provider}:{model}", chat))
            if recording["response"]["status"] != 200:
                with pytest.raises(ModelNotFound):
                    await call
                return
            count = await call
        sent = upstream.last
    answer = recording["response"]["body"]
    assert (count.tokens, count.kind, count.provider) == (
        answer.get("input_tokens", answer.get("totalTokens")),
        "provider",
        provider,
    )
    assert sent.path == recording["request"]["url_path_and_query"]
    assert meaning(sent.json) == meaning(body)


def _request(model: str, chat: Any) -> Any:
    from dataclasses import replace

    from ratatoskr.types.tokens import CountRequest

    return CountRequest(model, chat=replace(chat, options=replace(chat.options, model=model)), method="provider")
