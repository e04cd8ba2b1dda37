"""fastembed with a local export, in a separate module, so that its process imports nothing of Ratatoskr."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np


def embedder(folder: Path) -> Callable[..., np.ndarray]:
    """Return a function from texts, and a `batch_size`, to their vectors."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    name = "local/minilm"
    if name not in {model["model"] for model in TextEmbedding.list_supported_models()}:
        TextEmbedding.add_custom_model(
            name,
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(hf=name),
            dim=384,
            model_file="model.onnx",
        )
    model = TextEmbedding(name, specific_model_path=str(folder))
    return lambda texts, batch_size=256: np.stack(list(model.embed(texts, batch_size=batch_size)))
