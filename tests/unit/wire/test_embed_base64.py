"""Vectors in base64: the quick reader gives what the careful one gives, or leaves an answer to it."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import numpy as np
import pytest

from ratatoskr import _core
from ratatoskr.errors import MalformedResponse
from ratatoskr.models.embeddings import find_embedding_model
from ratatoskr.providers.embed import _tokens_at_most, count_at_most
from ratatoskr.wire.embed import openai


def encode(row: Any) -> str:
    return base64.b64encode(np.asarray(row, "<f4").tobytes()).decode()


def answer_of(rows: Any, order: list[int] | None = None, **members: Any) -> bytes:
    order = list(range(len(rows))) if order is None else order
    data = [{"object": "embedding", "index": place, "embedding": encode(rows[place])} for place in order]
    return json.dumps({"object": "list", "data": data, **members}).encode()


def read_with_care(monkeypatch: pytest.MonkeyPatch, body: bytes, count: int) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(_core, "decode_vectors", lambda *_: None)
        try:
            return openai.decode_response(body, count)
        except MalformedResponse as error:
            return str(error)


def test_both_readers_agree_on_answers_of_every_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    chance, quick = random.Random(3), 0
    for _ in range(300):
        count, size = chance.randrange(1, 40), chance.choice([1, 2, 3, 16, 17, 255, 1536])
        rows = np.array([[chance.gauss(0, 1) for _ in range(size)] for _ in range(count)], np.float32)
        order = chance.choice([None, chance.sample(range(count), count)])
        members = chance.choice([{}, {"model": "mé"}, {"usage": {"prompt_tokens": 7, "total_tokens": 9}, "more": [1]}])
        body = answer_of(rows, order, **members)
        found, careful = openai.decode_response(body, count), read_with_care(monkeypatch, body, count)
        np.testing.assert_array_equal(found.vectors, rows)
        np.testing.assert_array_equal(careful.vectors, rows)
        assert (found.usage, found.model, found.notices) == (careful.usage, careful.model, careful.notices)
        assert found.vectors.dtype == np.float32
        assert found.vectors.flags.c_contiguous
        quick += _core.decode_vectors(body, count) is not None
    assert quick == 300


ROW = encode([1.0, 2.0])


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"index": 0, "embedding": ROW}, {"index": 0, "embedding": ROW}], "index 0 of a vector is missing, given"),
        ([{"index": 0, "embedding": ROW}, {"embedding": ROW}], "index None of a vector"),
        ([{"index": 0, "embedding": ROW}, {"index": 2**70, "embedding": ROW}], "the index 11805"),
        ([{"embedding": ROW}], "2 texts got 1 vectors"),
        ([{"embedding": ROW}, {"embedding": encode([1.0])}], "text 1 has another size"),
        ([{"embedding": ROW}, {"embedding": encode([1.0, np.nan])}], "text 1 is not finite"),
        ([{"embedding": ROW}, {"embedding": ROW[:-1]}], "text 1 is neither base64 nor numbers"),
        ([{"embedding": ""}, {"embedding": ""}], "empty vectors"),
    ],
)
def test_what_is_wrong_is_said_by_the_careful_reader(rows: list[dict[str, Any]], problem: str) -> None:
    body = json.dumps({"data": rows}).encode()
    assert _core.decode_vectors(body, 2) is None
    with pytest.raises(MalformedResponse, match=problem):
        openai.decode_response(body, 2)


def test_a_huge_number_of_expected_rows_takes_no_memory() -> None:
    assert _core.decode_vectors(answer_of(np.ones((1, 1000), np.float32)), 2**60) is None


def test_the_quick_estimate_of_tokens_is_never_below_the_sum_of_the_careful_ones() -> None:
    chance = random.Random(5)
    known = find_embedding_model("text-embedding-3-small")
    for _ in range(300):
        texts = ["".join(chance.choices("aé語🐿", k=chance.randrange(60))) for _ in range(chance.randrange(20))]
        assert _tokens_at_most(texts) >= sum(count_at_most(text, known and known.max_tokens) for text in texts)
