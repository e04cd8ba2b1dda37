"""Eight-bit graphs: close to the exact ones, and independent of the other texts of a batch."""

from __future__ import annotations

import numpy as np
import pytest

from ratatoskr.local import LocalEmbedder
from ratatoskr.local.graph.int8 import _compute_smoothing, _quantise_columns
from unit.local.corpus import texts

SOME = [text for text in texts() if text.isascii()][:60]


@pytest.mark.parametrize("name", ["bert_mean_384", "roberta_mean_96", "distilbert_max_96"])
async def test_vectors_are_close_to_those_of_the_exact_graph(models, stand_in, name):
    exact = np.asarray(await LocalEmbedder(stand_in(name), pool=models).embed_batch(SOME))
    rough = np.asarray(await LocalEmbedder(stand_in(name), precision="int8", pool=models).embed_batch(SOME))
    lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(rough, axis=1)
    assert not np.array_equal(exact, rough)
    assert ((exact * rough).sum(axis=1) / lengths).min() >= 0.99


async def test_a_text_has_the_same_vector_whatever_is_computed_with_it(models, stand_in):
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), precision="int8", pool=models)
    together = np.asarray(await embedder.embed_batch(SOME))
    alone = np.stack([(await embedder.embed(text)).vector for text in SOME[:20]])
    assert np.abs(together[:20] - alone).max() <= 1e-4


def test_a_weights_columns_have_scales_of_their_own():
    weight = np.random.default_rng(1).standard_normal((32, 8)).astype(np.float32) * 10.0 ** np.arange(-4, 4)
    weight[:, 3] = 0
    quantised, scale = _quantise_columns(weight.astype(np.float32))
    assert quantised.dtype == np.int8
    assert (np.abs(quantised * scale - weight) <= scale / 2 + 1e-12).all()
    assert not quantised[:, 3].any()


def test_smoothing_moves_large_channels_and_keeps_the_mean():
    smoothing = _compute_smoothing(np.array([1, 100, 1], np.float32), np.ones((3, 4), np.float32))
    assert smoothing[1] == pytest.approx(10 * smoothing[0])
    assert np.prod(smoothing) == pytest.approx(1, rel=1e-5)
