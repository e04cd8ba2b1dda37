"""Answers of tasks, mutated: each decoder returns finite results for every text, or raises `MalformedResponse`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import ContentFiltered, MalformedResponse
from ratatoskr.wire.classify.decisions import decode_decisions
from ratatoskr.wire.classify.huggingface import decode_scores, split_inference
from ratatoskr.wire.embed import cohere, google, huggingface, ollama, openai
from ratatoskr.wire.rerank import decode_ranking

ROWS = [[0.5, -1.0], [1.0, 2.0]]
SHARES = [{"value": "a", "probability": 0.25}, {"value": "b", "probability": 0.75}]


def flatten(states: Any) -> Any:
    return np.concatenate([np.ravel(one) for one in states])


ANSWERS: dict[str, tuple[Any, Callable[[bytes], Any]]] = {
    "openai": (
        {"data": [{"index": n, "embedding": row} for n, row in enumerate(ROWS)], "usage": {"prompt_tokens": 3}},
        lambda body: openai.decode_response(body, 2).vectors,
    ),
    "openai base64": (
        {"data": [{"index": n, "embedding": "AACAPwAAAEA="} for n in range(2)], "model": "m"},
        lambda body: openai.decode_response(body, 2).vectors,
    ),
    "google": (
        {"embeddings": [{"values": row} for row in ROWS], "usageMetadata": {"promptTokenCount": 3}},
        lambda body: google.decode_response(body, 2).vectors,
    ),
    "ollama": (
        {"embeddings": ROWS, "model": "m", "prompt_eval_count": 4},
        lambda body: ollama.decode_response(body, 2).vectors,
    ),
    "cohere": (
        {"embeddings": {"float": ROWS}, "meta": {"billed_units": {"input_tokens": 2}}},
        lambda body: cohere.decode_response(body, 2).vectors,
    ),
    "huggingface": (ROWS, lambda body: huggingface.decode_response(body, 2).vectors),
    "states": (
        [ROWS, ROWS],
        lambda body: np.concatenate([one.ravel() for one in huggingface.decode_response(body, 2).vectors]),
    ),
    "ranking": (
        {"results": [{"index": n, "relevance_score": 0.5} for n in range(2)]},
        lambda body: [one.score for one in decode_ranking(body, 2, 2).documents],
    ),
    "labels": (
        [{"labels": ["a", "b"], "scores": [0.5, 0.5]}, [{"label": "a", "score": 1}, {"label": "b", "score": 0}]],
        lambda body: [[*one.values()] for one in decode_scores(body, 2, ["a", "b"])],
    ),
    "inference": (
        [[{"label": "ENTAILMENT", "score": 0.5}, {"label": "contradiction", "score": 0.5}]],
        lambda body: [one for one in split_inference(decode_scores(body, 1)[0]) if one is not None],
    ),
    "choices": (
        {"answers": [{"type": "choice", "choice": "a", "probabilities": SHARES}], "usage": {"input_tokens": 1}},
        lambda body: [*decode_decisions(body, ["a", "b"], by_itself=False)[0].values()],
    ),
    "named": (
        {"answers": {"label_0": {"noul": 0.5}, "label_1": {"noul": 1}}},
        lambda body: [*decode_decisions(body, ["a", "b"], by_itself=True)[0].values()],
    ),
}
ODD = (None, True, -1, 2**70, 1e308, "x", "", "AA==", [], {}, [None], [[]], {"error": 1}, [1e39], ["NaN"])


def places_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, one in inner for path in places_in(one, (*at, key)))]


def replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """Return a JSON value with another one at a path."""
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = replaced(value[at[0]], at[1:], new)
    return copy


def check(decode: Callable[[bytes], Any], body: bytes) -> None:
    try:
        found = decode(body)
    except (MalformedResponse, ContentFiltered):
        return
    assert np.isfinite(np.asarray(found, float)).all(), body


@pytest.mark.parametrize("name", ANSWERS)
def test_a_whole_answer_is_read(name: str) -> None:
    value, decode = ANSWERS[name]
    assert np.size(decode(json.dumps(value).encode())) > 0


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_with_an_odd_member_is_read_or_malformed(name: str) -> None:
    value, decode = ANSWERS[name]
    for at in places_in(value):
        for odd in ODD:
            check(decode, json.dumps(replaced(value, at, odd)).encode())


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_broken_bytes_is_read_or_malformed(name: str) -> None:
    value, decode = ANSWERS[name]
    body, chance = json.dumps(value).encode(), random.Random(name)
    for _ in range(300):
        octets = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        check(decode, bytes(octets[: chance.randint(0, len(octets))]) if chance.random() < 0.3 else bytes(octets))
    for hostile in (
        b"",
        b"[" * 100_000,
        b'{"data":' + b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"[[[[[[1]]]]]]",
    ):
        with pytest.raises(MalformedResponse):
            decode(hostile)
