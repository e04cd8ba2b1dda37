"""Models saved under each setting that sentence-transformers obeys have its vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ratatoskr.local import LocalEmbedder
from unit.local.saved import METHODS, SAVED, TEXTS, save

REFERENCE = np.load(Path(__file__).with_name("saved.npz"))


@pytest.mark.parametrize("name", SAVED)
async def test_a_saved_model_has_the_vectors_of_sentence_transformers(models, tmp_path, name):
    embedder = LocalEmbedder(save(tmp_path / name, name), pool=models)
    for method in METHODS:
        expected = REFERENCE[f"{name}/{method}"]
        scale = max(1.0, np.abs(expected).max())
        together = np.asarray(await embedder.embed_batch(TEXTS, input_type=method))
        assert np.abs(together - expected).max() <= 1e-5 * scale
        alone = np.stack([(await embedder.embed(text, input_type=method)).vector for text in TEXTS[:3]])
        assert np.abs(alone - expected[:3]).max() <= 1e-5 * scale
    await embedder.unload()
