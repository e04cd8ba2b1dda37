"""Vectors keep their bits and their type wherever they go."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types import Embedding, Embeddings, Usage

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
