"""The engines of the bench, each a function from texts to an array of vectors, all with the same weights."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore

Embed = Callable[[list[str]], np.ndarray]


class Ours:
    """Ratatoskr on its own event loop."""

    def __init__(self, store: ModelStore, precision: str = "fp32") -> None:
        self.models = ModelPool(store)
        self.embedder = LocalEmbedder("AllMiniLmL6V2", precision=precision, pool=self.models)
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.embedder.preload())

    def __call__(self, texts: list[str]) -> np.ndarray:
        return np.asarray(self.loop.run_until_complete(self.embedder.embed_batch(texts)))

    def at_once(self, texts: list[str]) -> None:
        async def run() -> None:
            await asyncio.gather(*(self.embedder.embed(text) for text in texts))

        self.loop.run_until_complete(run())

    def one_by_one(self, texts: list[str]) -> None:
        """Embed each text in a separate run, with as many runs at a time as there are cores."""

        async def run() -> None:
            gate = asyncio.Semaphore(self.models.device.workers)

            async def one(text: str) -> None:
                async with gate:
                    await self.embedder.embed(text)

            await asyncio.gather(*(one(text) for text in texts))

        self.loop.run_until_complete(run())


BATCH_SIZES = (8, 16, 32, 64, 256)
"""What peers are tried with; 32 is the default of sentence-transformers, 256 that of fastembed."""


def with_best_batch(embed: Callable[..., np.ndarray], texts: list[str]) -> Embed:
    """Return a peer with the batch size that is fastest on a sample of the texts, by the better of two turns each."""
    seconds = dict.fromkeys(BATCH_SIZES, float("inf"))
    for _ in range(2):
        for size in BATCH_SIZES:
            begun = time.perf_counter()
            embed(texts, batch_size=size)
            seconds[size] = min(seconds[size], time.perf_counter() - begun)
    return partial(embed, batch_size=min(seconds, key=seconds.__getitem__))


def sentence_transformers(folder: Path) -> Callable[..., np.ndarray]:
    """Return a function from texts, and a `batch_size`, to their vectors."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts, batch_size=32: model.encode(texts, batch_size=batch_size, convert_to_numpy=True)


def export(folder: Path, into: Path) -> Path:
    """Write torch's standard export of the model and the other files that fastembed needs.

    The tokenizer's own padding to 128 tokens is left out: fastembed keeps it where it is given, and pads to the longest
    text of each batch where it is not.
    """
    into.mkdir(parents=True, exist_ok=True)
    if not (into / "model.onnx").exists():
        _write_graph(folder, into / "model.onnx")
    shutil.copy(folder / "config.json", into / "config.json")
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    (into / "tokenizer.json").write_text(json.dumps({**tokenizer, "padding": None, "truncation": None}), "utf-8")
    (into / "tokenizer_config.json").write_text('{"model_max_length": 256, "pad_token": "[PAD]"}')
    (into / "special_tokens_map.json").write_text(
        json.dumps({f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "CLS", "SEP", "UNK", "MASK")})
    )
    return into


def _write_graph(folder: Path, file: Path) -> None:
    import torch
    from transformers import AutoModel

    names = ["input_ids", "attention_mask", "token_type_ids"]
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()

    class Named(torch.nn.Module):
        """Maps the positional inputs of the export to the keyword arguments of the model."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, *places: torch.Tensor) -> torch.Tensor:
            return self.inner(**dict(zip(names, places, strict=True))).last_hidden_state

    ones = torch.ones(2, 8, dtype=torch.int64)
    torch.onnx.export(
        Named(),
        (ones, ones, ones),
        str(file),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes={name: {0: "texts", 1: "width"} for name in [*names, "last_hidden_state"]},
        opset_version=17,
        dynamo=False,
    )
