"""An embedder whose vectors are digests of the texts: quick, exact, without any model; and a program that uses it."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Sequence

import numpy as np

from ratatoskr.jobs import EmbedJob, run
from ratatoskr.types.embed import Embeddings
from ratatoskr.types.usage import Usage

MODEL = "fake"
DIMENSIONS = 8


def vector(text: str, dimensions: int = DIMENSIONS) -> np.ndarray:
    """Return a text's vector: of length 1, with numbers of many sizes."""
    short = hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest()
    octets = hashlib.shake_128(short).digest(4 * dimensions)
    raw = np.frombuffer(octets, "<u4").astype(np.float64) / 2**31 - 1
    return (raw**3 / np.linalg.norm(raw**3)).astype(np.float32)


class FakeGateway:
    """Embeds at once, or after a pause for each window; records its calls."""

    def __init__(self, pause: float = 0.0, dimensions: int = DIMENSIONS) -> None:
        self.pause, self.dimensions = pause, dimensions
        self.calls: list[list[str]] = []

    async def embed_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        input_type: str,
        dimensions: int | None,
        truncate: bool,
        timeout: float,
    ) -> Embeddings:
        self.calls.append(list(texts))
        await asyncio.sleep(self.pause)
        vectors = np.stack([vector(text, self.dimensions) for text in texts])
        tokens = sum(1 + text.count(" ") for text in texts)
        return Embeddings(vectors, model, Usage(input_tokens=tokens), sum(len(text) > 1000 for text in texts), "fake")


if __name__ == "__main__":  # SOURCE OUT WINDOW PAUSE
    source, out, window, pause = sys.argv[1:]
    asyncio.run(run(EmbedJob(source, out, MODEL, window=int(window)), FakeGateway(float(pause))))
