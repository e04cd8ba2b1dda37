"""Vectors keep their bits and their type wherever they go."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types import Embedding, Embeddings, Usage
from ratatoskr.types.embed import EmbedRequest

VECTORS = np.array([[0.1, -2.5, 3e-38], [1.0, 0.0, -0.0]], np.float32)


@pytest.fixture
def embeddings() -> Embeddings:
    return Embeddings(VECTORS, "model", Usage(input_tokens=7, source="provider"), 1, "local")


def test_as_an_array_it_costs_nothing(embeddings):
    assert np.asarray(embeddings) is VECTORS
    assert np.asarray(embeddings, np.float64).dtype == np.float64
    assert np.array(embeddings, copy=True) is not VECTORS
    with pytest.raises(ValueError):
        np.asarray(embeddings, np.float64, copy=False)


def test_it_iterates_as_single_vectors(embeddings):
    ones = list(embeddings)
    assert [type(one) for one in ones] == [Embedding, Embedding]
    assert np.array_equal(np.stack(ones), VECTORS)
    assert (len(embeddings), embeddings.dimensions, ones[0].dimensions, ones[0].model) == (2, 3, 3, "model")


@pytest.mark.parametrize("index", [None, 1])
def test_json_and_pickle_keep_every_bit(embeddings, index):
    thing = embeddings if index is None else embeddings[index]
    for again in (type(thing).from_json(thing.to_json()), pickle.loads(pickle.dumps(thing))):
        assert again == thing
        assert again.vectors.tobytes() == thing.vectors.tobytes()
        assert again.vectors.dtype == np.float32
    assert json.loads(thing.to_json())["type"] == thing.type


def test_different_vectors_are_not_equal(embeddings):
    assert embeddings != Embeddings(VECTORS + 1, "model", embeddings.usage, 1, "local")
    assert embeddings != Embeddings(VECTORS, "other", embeddings.usage, 1, "local")
    assert embeddings != 3


@pytest.mark.parametrize("change", [{"vectors": "?"}, {"shape": [5]}, {"shape": None}, {"model": 3}])
def test_what_is_no_embedding_is_refused(embeddings, change):
    with pytest.raises(InvalidInput):
        Embeddings.from_dict({**embeddings.to_dict(), **change})


def test_a_slice_is_embeddings_and_knows_which_of_its_texts_were_cut():
    four = Embeddings(np.arange(8, dtype=np.float32).reshape(4, 2), "model", truncated=2, provider="local", cut=(1, 3))
    part = four[1:]
    assert type(part) is Embeddings
    assert (part.vectors.tolist(), part.cut, part.truncated) == ([[2, 3], [4, 5], [6, 7]], (0, 2), 2)
    assert np.shares_memory(part.vectors, four.vectors)
    assert [one.truncated for one in four[::-2]] == [True, True]
    assert four[2:2].vectors.shape == (0, 2)
    assert four[-1].vectors.tolist() == [6, 7]
    with pytest.raises(IndexError):
        four[4]


@pytest.mark.parametrize(
    "texts", [{"id": "text"}, {"a", "b"}, frozenset("ab"), "text", b"text", np.array("text"), 3, None]
)
def test_texts_without_an_order_are_refused(texts):
    with pytest.raises(InvalidInput, match=f"must be a sequence of str, not {type(texts).__name__}") as told:
        EmbedRequest(texts, "model")
    assert told.value.field == "texts"


@pytest.mark.parametrize("texts", [{"text": 1}.keys(), np.array(["text"]), ("text",), (text for text in ("text",))])
def test_what_gives_texts_in_order_is_taken(texts):
    assert list(EmbedRequest(texts, "model").texts) == ["text"]
