"""A model without ONNX Runtime, whose rows hold the number of tokens: a head that is not one of embeddings."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ratatoskr._core import Tokens
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.tokenizer import Tokenizer
from ratatoskr.local.store.folder import read_folder


class CountHead:
    """An item is a text, and its row is the number of its tokens."""

    item = "line"

    def count_characters(self, items: Sequence[str]) -> Iterable[int]:
        return map(len, items)

    def tokenise(self, tokenizer: Tokenizer, items: list[str], limit: int, first: int) -> Tokens:
        return tokenizer.encode(items, limit, first)

    def choose_output(self, outputs: Mapping[str, Sequence[Any]]) -> str:
        return next(iter(outputs))

    def count_columns(self, width: int) -> int:
        return width

    def write_rows(self, output: Any, tokens: Tokens, batch: list[int], rows: Any) -> None:
        rows[batch] = output


class CountSession:
    """Counts tokens; notes the size of each batch, and fails for batches of more than `most`."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.most = most
        self.sizes: list[int] = []

    def run(self, ids: Any, mask: Any, *, stop: Any = None) -> Any:
        self.sizes.append(len(ids))
        if len(ids) > self.most:
            raise RuntimeError("too many")
        return mask.sum(axis=1, keepdims=True).astype(np.float32)


def counting_model(folder: Path, *, budget: int = 64, in_flight: int | None = None, most: int = 1_000_000) -> Any:
    """Return a model over the tokenizer of a stand-in, whose session is `CountSession`."""
    session: Any = CountSession(most)
    return LoadedModel(
        folder=read_folder(folder, "counting"),
        head=CountHead(),
        tokenizer=Tokenizer((folder / "tokenizer.json").read_bytes()),
        session=session,
        row_size=1,
        budget=budget,
        device=Device.cpu(workers=1),
        open_single_text=None,
        gate=None if in_flight is None else threading.Semaphore(in_flight),
    )
