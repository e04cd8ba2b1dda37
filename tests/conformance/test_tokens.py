"""Tokens over every way to a gateway: in this process, and by a client of a daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from conformance.faces import FACES, AsyncFace
from ratatoskr import InvalidInput, Message, ModelNotAvailable, Ratatoskr, TokenCount, ToolDefinition
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.types.chat import JsonSchema

TEXT = "Zwischen Ästen – 🐿️\n"
TOOL = ToolDefinition("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})


@pytest.fixture(params=FACES)
async def face(request: pytest.FixtureRequest) -> AsyncIterator[AsyncFace]:
    async with ScriptedUpstream() as upstream:
        builder = Ratatoskr.builder().openai("k", base_url=upstream.base_url("openai"))
        async with builder.anthropic("k", base_url=upstream.base_url("anthropic")).build() as gateway:
            made = FACES[request.param](gateway)
            yield made
            await made.gateway.aclose()


async def test_a_text_is_counted_exactly(face: AsyncFace) -> None:
    count = await face.call("count_tokens", "hello world", "gpt-4o")
    assert count == TokenCount(2, "exact", model="gpt-4o", tokenizer="o200k_base")
    assert (await face.call("count_tokens", "", "gpt-4o")).tokens == 0
    with pytest.raises(ModelNotAvailable):
        await face.call("count_tokens", "hello", "claude-sonnet-5", "local")


async def test_a_conversation_is_estimated_or_asked_of_the_provider(face: AsyncFace) -> None:
    history = [Message.system("Be brief."), Message.user("Hello?", metadata={"mine": 1})]
    plain = await face.call("count_tokens", history, "claude-sonnet-5")
    assert (plain.kind, plain.model, plain.provider) == ("estimate", "claude-sonnet-5", None)
    assert plain.error_band > 0
    schema = JsonSchema("answer", {"type": "object", "properties": {"a": {"type": "string"}}})
    longer = await face.call("count_tokens", history, "claude-sonnet-5", tools=[TOOL], response_format=schema)
    assert longer.tokens > plain.tokens
    told = await face.call("count_tokens", history, "claude-sonnet-5", "provider")
    assert (told.kind, told.provider, len(told.attempts)) == ("provider", "anthropic", 1)


async def test_tokens_have_ids_entries_and_places(face: AsyncFace) -> None:
    found = await face.call("tokenize", TEXT, "gpt-4o")
    assert (found.text, found.model, found.tokenizer) == (TEXT, "gpt-4o", "o200k_base")
    assert len(found) == (await face.call("count_tokens", TEXT, "gpt-4o")).tokens
    for token in found:
        assert token.text == TEXT[token.start : token.end]
        assert token.piece
        assert token.byte_start < token.byte_end <= len(TEXT.encode())
    async with Ratatoskr.builder().openai("k").build() as inside:
        assert (await inside.tokenize(TEXT, "gpt-4o")).to_dict() == found.to_dict()


async def test_many_texts_are_tokenised_in_order(face: AsyncFace) -> None:
    texts = [f"{number} {TEXT}" * (number % 3) for number in range(1100)]
    found = await face.call("tokenize_batch", texts, "gpt-4o")
    assert (len(found), list(found.texts), found.model, found.tokenizer) == (1100, texts, "gpt-4o", "o200k_base")
    for number in (0, 1, 599, 1099):
        alone = await face.call("tokenize", texts[number], "gpt-4o")
        assert found[number].to_dict() == alone.to_dict()
        np.testing.assert_array_equal(found[number].byte_offsets, alone.byte_offsets)
    assert len(await face.call("tokenize_batch", [], "gpt-4o")) == 0
    assert (
        await face.call("fit_tokens", TEXT, "gpt-4o", 3) == TEXT[: (await face.call("tokenize", TEXT, "gpt-4o"))[2].end]
    )


async def test_what_cannot_be_tokenised_is_told(face: AsyncFace) -> None:
    with pytest.raises(ModelNotAvailable):
        await face.call("tokenize", "hello", "claude-sonnet-5")
    wrong: Any
    for wrong in (None, 7, b"x", "half \ud83d"):
        with pytest.raises(InvalidInput, match="text 1"):
            await face.call("tokenize_batch", ["a", wrong], "gpt-4o")
    for wrong in ("one", None):
        with pytest.raises(InvalidInput, match="texts must be a sequence of str"):
            await face.call("tokenize_batch", wrong, "gpt-4o")
    for model in ("", " ", None):
        with pytest.raises(InvalidInput, match="model must be the name of one model"):
            await face.call("tokenize", "a", model)
        with pytest.raises(InvalidInput, match="model must be the name of one model"):
            await face.call("count_tokens", "a", model)
    with pytest.raises(InvalidInput, match="surrogate"):
        await face.call("count_tokens", "half \ud83d", "gpt-4o")


async def test_what_is_left_of_a_context_is_of_the_catalogue(face: AsyncFace) -> None:
    left = await face.call("context_left", "Hello?", "claude-opus-5-5")
    assert left.max_input_tokens == 1_000_000
    assert left.tokens == 1_000_000 - left.count.tokens
