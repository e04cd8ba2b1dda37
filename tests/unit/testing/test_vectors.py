"""Scripted embeddings: foreseen vectors, and those that depend on nothing but the text."""

from __future__ import annotations

import numpy as np
import pytest

from ratatoskr import InvalidInput, ServiceUnavailable, UnsupportedParameter
from ratatoskr.testing import ScriptedGateway
from ratatoskr.testing.vectors import hash_vector


def test_a_text_has_one_vector_of_length_one_and_others_have_others():
    for dimensions in (1, 8, 13):
        vector = hash_vector("text", dimensions)
        assert len(vector) == dimensions
        assert np.linalg.norm(vector) == pytest.approx(1)
        assert vector == hash_vector("text", dimensions)
    assert abs(np.dot(hash_vector("text", 64), hash_vector("texts", 64))) < 0.5


async def test_vectors_are_those_of_the_mapping_of_the_function_or_of_the_text():
    mapped = await ScriptedGateway(vectors={"a": [1, 2]}).embed_batch(["a", "b"], "m")
    assert mapped[0].vector.tolist() == [1, 2]
    assert mapped[1].vector.tolist() == pytest.approx(hash_vector("b", 2))
    made = await ScriptedGateway(vectors=lambda text: [len(text)]).embed_batch(["abc"], "m")
    assert made[0].vector.tolist() == [3]
    assert (await ScriptedGateway(dimensions=5).embed("a", "m")).dimensions == 5


async def test_errors_are_raised():
    with pytest.raises(ServiceUnavailable):
        await ScriptedGateway(vectors=ServiceUnavailable("down")).embed("a", "m")
    with pytest.raises(InvalidInput, match="surrogate"):
        await ScriptedGateway().embed_batch(["a", "\ud83d"], "m")
    with pytest.raises(UnsupportedParameter, match="8 dimensions, not 3"):
        await ScriptedGateway().embed("a", "m", dimensions=3)
    with pytest.raises(AssertionError, match="different lengths"):
        await ScriptedGateway(vectors={"a": [1], "b": [1, 2]}).embed_batch(["a", "b"], "m")


async def test_requests_are_kept_with_the_texts_that_were_taken():
    gateway = ScriptedGateway()
    await gateway.embed_batch(["a", "b"], "m")
    assert [one.dimensions async for one in gateway.embed_iter(iter(["c"] * 300), "m")] == [8] * 300
    assert [len(list(request.texts)) for request in gateway.embed_requests] == [2, 300]
