"""Our vectors are those of sentence-transformers on the same weights, whatever a text is computed with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ratatoskr.local import LocalEmbedder
from unit.local.corpus import texts
from unit.local.remake_reference import DIMENSIONS, FEW, WHOLE
from unit.local.stand_ins import STAND_INS

REFERENCE = np.load(Path(__file__).with_name("reference.npz"))
CORPUS = texts()
FAR = slice(None, None, 17)


@pytest.mark.timeout(300)
async def test_minilm_equals_sentence_transformers_on_two_thousand_texts(real):
    vectors = np.asarray(await LocalEmbedder("AllMiniLmL6V2", pool=real).embed_batch(CORPUS))
    assert vectors.shape == (2000, 384)
    assert vectors.dtype == np.float32
    assert np.abs(vectors[::WHOLE] - REFERENCE["minilm_whole"]).max() <= 1e-5
    assert np.abs(vectors[:, :DIMENSIONS] - REFERENCE["minilm_part"]).max() <= 1e-5


@pytest.mark.parametrize("name", STAND_INS)
async def test_other_architectures_equal_torch(models, stand_in, name):
    vectors = np.asarray(await LocalEmbedder(stand_in(name), pool=models).embed_batch(CORPUS[::FEW]))
    scale = np.abs(REFERENCE[name]).max() if not STAND_INS[name]["normalise"] else 1.0
    assert np.abs(vectors - REFERENCE[name]).max() <= 1e-5 * scale


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", 1e-6), ("int8", 1e-4)])
async def test_a_text_alone_equals_itself_in_a_batch(real, precision, allowed):
    embedder = LocalEmbedder("AllMiniLmL6V2", precision=precision, pool=real)
    some = CORPUS[FAR][:60]
    together = np.asarray(await embedder.embed_batch(some))
    alone = np.stack([(await embedder.embed(text)).vector for text in some])
    assert np.abs(together - alone).max() <= allowed


async def test_int8_stays_close_to_fp32_on_texts_that_did_not_calibrate_it(real):
    some = [text for text in CORPUS if len(text) > 40][:200]
    exact = np.asarray(await LocalEmbedder("AllMiniLmL6V2", pool=real).embed_batch(some))
    rough = np.asarray(await LocalEmbedder("AllMiniLmL6V2", precision="int8", pool=real).embed_batch(some))
    cosines = (exact * rough).sum(axis=1)
    assert not np.array_equal(exact, rough)
    assert cosines.mean() >= 0.996  # random words and letters are harder than prose, which the bench measures
    assert cosines.min() >= 0.97


async def test_identical_texts_have_identical_vectors_at_every_place(models, stand_in):
    embedder = LocalEmbedder(stand_in("bert_mean_384"), pool=models)
    some = [CORPUS[i % 7] for i in range(40)]
    vectors = np.asarray(result := await embedder.embed_batch(some))
    once = await embedder.embed_batch(some[:7])
    assert np.abs(vectors - np.asarray(once)[[i % 7 for i in range(40)]]).max() <= 1e-6
    counted = [(await embedder.embed(text)).usage.input_tokens for text in some[:7]]
    assert result.usage.input_tokens == sum(counted[i % 7] for i in range(40))
