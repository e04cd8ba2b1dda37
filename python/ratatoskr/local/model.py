"""`LocalModel`: what all classifiers of this process have in common."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ratatoskr.errors import ConfigurationError, InvalidInput, MalformedResponse
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.head import HeadFactory
from ratatoskr.local.engine.pool import ModelKey, ModelPool
from ratatoskr.local.engine.runner import ModelRunner
from ratatoskr.local.precision import PrecisionChoice, choose_precision
from ratatoskr.local.store.classifier import name_of_files
from ratatoskr.local.store.store import ModelStore
from ratatoskr.types.local import LocalModelName
from ratatoskr.types.model import ModelStatus
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from ratatoskr._core import Tokens
    from ratatoskr.local.engine.head import Rows
    from ratatoskr.local.store.folder import ModelFolder

    Scores: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

__all__ = ["LocalModel", "LogitsHead", "canonical_name"]


class LogitsHead:
    """The base of heads of classifiers: a row is the logits of an item.

    Args:
        folder: the model's folder.
    """

    item = "text"

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder

    def choose_output(self, outputs: Mapping[str, Sequence[Any]]) -> str:
        """Return the output with the logits.

        Raises:
            ConfigurationError: the graph gives none, so that it is no classifier.
        """
        flat = [name for name, shape in outputs.items() if len(shape) == 2]
        if "logits" in flat:
            return "logits"
        if len(flat) != 1 or len(outputs) != 1:
            shapes = ", ".join(f"{name} {[*shape]}" for name, shape in outputs.items())
            text = f"it is no classifier: its graph gives {shapes}, and a classifier gives logits of (items, labels)"
            raise ConfigurationError(text, model=self._folder.name)
        return flat[0]

    def count_columns(self, width: int) -> int:
        """Return the number of logits."""
        return width

    def write_rows(self, output: Rows, tokens: Tokens, batch: list[int], rows: Rows) -> None:
        """Copy logits; whether they are finite is checked for the whole call, which knows the items' places."""
        rows[batch] = output


def canonical_name(store: ModelStore, model: object) -> str:
    """Return the name of a model in a pool, which a `LocalModelName` gives; raises what `ModelStore.name_of` raises."""
    if isinstance(model, tuple):
        if len(model) != 2 or not all(isinstance(file, str | Path) and str(file) for file in model):
            text = f"two files are (model.onnx, tokenizer.json), not {quote(model)}"
            raise InvalidInput(text, field="model")
        graph, tokenizer = (str(file) for file in model)
        if not graph.endswith(".onnx") or not tokenizer.endswith(".json"):
            text = f"two files are (model.onnx, tokenizer.json) in this order, not {quote(model)}"
            raise InvalidInput(text, field="model")
        return name_of_files(graph, tokenizer)
    if not isinstance(model, str | Path):
        text = f"a local model is named by a str, a Path or two files, not {quote(model)}"
        raise InvalidInput(text, field="model")
    return store.name_of(model)


class LocalModel:
    """One classifier. It belongs to no event loop and may be used from several at once.

    Args:
        model: a name of the catalogue, a model of the store, a folder, or an ONNX file and its tokenizer.json.
        head: makes the head of the capability.
        precision: `fp32`, `int8` for the quantised graph of the model's folder, `bf16` or `auto`; see `LocalEmbedder`.
        device: where the model runs.
        store: the store of the model's files.
        pool: shares threads and memory with other models; it determines device and store.
    """

    def __init__(
        self,
        model: LocalModelName,
        head: HeadFactory,
        *,
        precision: PrecisionChoice,
        device: Device | None,
        store: ModelStore | None,
        pool: ModelPool | None,
    ) -> None:
        self._own_pool = ModelPool(store, device) if pool is None else None
        pool = pool or self._own_pool
        assert pool is not None  # noqa: S101  # one of them is given
        self.model = canonical_name(pool.store, model)
        self.precision = choose_precision(precision, pool.device.kind)
        self.key = ModelKey(self.model, self.precision, head, classifies=True)
        self._runner = ModelRunner(pool, self.key)

    def score(self, function: Callable[[Any, str], Scores], rows: Rows, item: str) -> Scores:
        """Return the probabilities that `softmax` or `sigmoid` gives for logits.

        Raises:
            MalformedResponse: the logits of an item are not finite; the message names its index.
        """
        try:
            return function(rows, item)
        except MalformedResponse as error:
            raise MalformedResponse(error.message, model=self.model, retryable=False) from None

    async def preload(self) -> None:
        """Load the model unless it is loaded; raises what loading raises."""
        await self._runner.preload()

    async def unload(self) -> None:
        """Unload the model and release its memory; the next call loads it again."""
        await self._runner.unload()

    def status(self) -> ModelStatus:
        """Return whether the model is loaded, loading, available, or why it cannot be used."""
        return self._runner.status()

    async def aclose(self) -> None:
        """Close the model's own pool; calls under way fail with `GatewayClosed`."""
        if self._own_pool is not None:
            await asyncio.to_thread(self._own_pool.close)
