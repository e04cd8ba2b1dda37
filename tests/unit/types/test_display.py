"""What a terminal and a notebook show."""

from __future__ import annotations

import numpy as np
import pytest

from ratatoskr import (
    ChatResponse,
    Embedding,
    Embeddings,
    ImagePart,
    Message,
    Notice,
    ProviderState,
    Ratatoskr,
    TextPart,
    ToolCall,
    Usage,
)
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.display import represent

LONG = "word " * 1000
ANSWER = ChatResponse(
    Message.assistant([TextPart(LONG), ToolCall("c1", "weather", '{"city": "Oslo"}')]),
    Usage(12, output_tokens=5, source="provider"),
    finish_reason="tool_calls",
    provider="openai",
    model="gpt-4.1",
    warnings=(Notice("member_ignored", "usage"),),
)


def test_defaults_are_left_out() -> None:
    assert repr(TextPart("Hi")) == "TextPart(text='Hi')"
    assert repr(TextPart("Hi", cache=True)) == "TextPart(cache=True, text='Hi')"
    assert repr(Message.user("Hi")) == "Message(role='user', content=(TextPart(text='Hi'),))"
    assert repr(Usage(1, output_tokens=0)) == "Usage(input_tokens=1, output_tokens=0)"
    assert repr(ToolCall("1", "f", "{}")) == "ToolCall(id='1', name='f', arguments='{}')"


def test_a_response_shows_its_text_and_where_it_came_from() -> None:
    assert repr(ANSWER) == (
        f"ChatResponse(text={LONG[:80]!r}… (5000 in all), tool_calls=('weather',), provider='openai', model='gpt-4.1', "
        "input_tokens=12, output_tokens=5, finish_reason='tool_calls', warnings=('member_ignored',))"
    )
    assert ANSWER._repr_markdown_() == LONG + '\n\n`weather({"city": "Oslo"})`'


def test_vectors_show_their_size_type_and_model() -> None:
    assert repr(Embedding(np.zeros(384, np.float32), "m")) == "Embedding(384 float32, model='m')"
    assert repr(Embeddings(np.zeros((2, 384), np.float32))) == "Embeddings(2 x 384 float32)"


def test_a_gateway_shows_its_providers_and_no_key() -> None:
    gateway = (
        Ratatoskr.builder().openai("sk-canary").compatible("house", base_url="http://127.0.0.1:1", key="k9").build()
    )
    assert repr(gateway) == "EmbeddedGateway(openai, house)"
    assert repr(gateway.sync()) == "SyncGateway(EmbeddedGateway(openai, house))"
    assert repr(ScriptedGateway("x")) == "ScriptedGateway()"


@pytest.mark.parametrize(
    "value",
    [
        ANSWER,
        Message.user([LONG, ImagePart.from_bytes(b"x" * 10**6, "image/png")]),
        ProviderState("a/b/c", b"x" * 10**6),
        {"key": LONG},
        [LONG] * 100,
        Message.user([LONG] * 100),
        Message.assistant([ToolCall(f"call_{i}", "weather", LONG) for i in range(5)]),
        tuple(range(10**5)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_large_values_are_cut(value: object) -> None:
    assert len(represent(value)) <= 600
    assert "…" in represent(value)
