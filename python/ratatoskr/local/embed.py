"""`LocalEmbedder`: text embeddings computed in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from ratatoskr._core import pool, take_pooled
from ratatoskr.errors import ConfigurationError, InvalidInput, MalformedResponse, UnsupportedParameter
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.pool import ModelKey, ModelPool
from ratatoskr.local.engine.runner import WINDOW, ModelRunner
from ratatoskr.local.precision import PrecisionChoice, choose_precision
from ratatoskr.local.store.folder import ModelFolder
from ratatoskr.local.store.store import ModelStore
from ratatoskr.local.vectors import load_steps, pool_states
from ratatoskr.types.embed import Embedding, Embeddings, InputType, check_order
from ratatoskr.types.model import ModelStatus
from ratatoskr.types.usage import Usage
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr._core import Tokens
    from ratatoskr.local.engine.call import BatchStats
    from ratatoskr.local.engine.tokenizer import Tokenizer
    from ratatoskr.types.embed import Floats

__all__ = ["EmbedHead", "LocalEmbedder"]

_OUTPUTS: Final = ("last_hidden_state", "token_embeddings", "sentence_embedding")


class EmbedHead:
    """The embedding head of the engine: an item is a text, and a row is its vector.

    Args:
        folder: the model's folder, which gives the modules after the transformer; their weights are read.
    """

    item = "text"

    def __init__(self, folder: ModelFolder) -> None:
        self._folder, self._skipped = folder, 0
        self._steps = load_steps(folder.steps[1:] if folder.normalise else folder.steps)

    def skipping(self, tokens: int) -> EmbedHead:
        """Return a head that leaves out the tokens of a prompt."""
        head = copy(self)
        head._skipped = tokens
        return head

    def count_characters(self, items: Sequence[str]) -> Iterable[int]:
        """Return the lengths of texts."""
        return map(len, items)

    def tokenise(self, tokenizer: Tokenizer, items: list[str], limit: int, first: int) -> Tokens:
        """Return the tokens of texts; raises what `Tokenizer.encode` raises."""
        return tokenizer.encode(items, limit, first)

    def choose_output(self, outputs: Mapping[str, Sequence[Any]]) -> str:
        """Return the output with the hidden states or, if the graph pools them, with the vectors.

        Raises:
            ConfigurationError: the graph's output is neither.
        """
        output = next((name for name in _OUTPUTS if name in outputs), next(iter(outputs)))
        axes, folder = len(outputs[output]), self._folder
        if axes not in {2, 3}:
            text = f"the graph's output {output} has {axes} axes: it is neither hidden states nor vectors"
            raise ConfigurationError(text, model=folder.name)
        if axes == 2 and folder.graph and (self._steps or len(folder.poolings) > 1 or not folder.include_prompt):
            text = f"the graph's output {output} is pooled, and the folder's modules need hidden states"
            raise ConfigurationError(text, model=folder.name)
        return output

    def count_columns(self, width: int) -> int:
        """Return the number of dimensions of a vector, from the size of hidden states or pooled vectors.

        Raises:
            ConfigurationError: the graph's output is not of the size that the folder's files give.
        """
        folder = self._folder
        if folder.hidden not in {None, width}:
            text = f"the graph's output has the size {width}, and the files of the folder give {folder.hidden}"
            raise ConfigurationError(text, model=folder.name)
        return folder.count_dimensions(width)

    def write_rows(self, output: Floats, tokens: Tokens, batch: list[int], rows: Floats) -> None:
        """Pool hidden states, (texts, width, dimensions), unless the graph did, and apply the modules that follow.

        Raises:
            MalformedResponse: a vector is not finite, or the output has another shape.
        """
        try:
            self._write(output, tokens, batch, rows)
        except ValueError as error:
            text = f"the graph's output has the shape {output.shape}: {error}"
            raise MalformedResponse(text, model=self._folder.name, retryable=False) from None

    def _write(self, output: Floats, tokens: Tokens, batch: list[int], rows: Floats) -> None:
        folder = self._folder
        if output.ndim not in {2, 3}:
            raise ValueError("it is neither hidden states nor vectors")
        if self._steps or rows.shape[1] < output.shape[-1] or (output.ndim == 3 and folder.pooling is None):
            self._write_modules(output, tokens, batch, rows)
        elif output.ndim == 2:
            take_pooled(output, batch, folder.normalise, rows)
        else:
            pool(output, tokens, batch, str(folder.pooling), folder.normalise, rows)

    def _write_modules(self, output: Floats, tokens: Tokens, batch: list[int], rows: Floats) -> None:
        import numpy as np

        folder = self._folder
        if output.ndim == 3:
            lengths = [len(tokens.ids(text)) for text in batch]
            output = pool_states(output, lengths, folder.poolings, self._skipped)
        vectors = np.empty_like(output)
        take_pooled(output, list(range(len(batch))), folder.normalise, vectors)
        for step in self._steps:
            vectors = step(vectors)
        vectors = np.ascontiguousarray(vectors[:, : rows.shape[1]], np.float32)
        take_pooled(vectors, batch, False, rows)


class LocalEmbedder:
    """One embedding model. It belongs to no event loop and may be used from several at once.

    Args:
        model: a name of the catalogue, a model of the store, or a folder.
        precision: `fp32`; `int8` for an approximation that is about twice as fast; `bf16` on processors that compute in
            it; or `auto` for the fastest one that is as good as fp32 on this processor.
        device: where the model runs.
        store: the store of the model's files.
        pool: shares threads and memory with other models; it determines device and store.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        precision: PrecisionChoice = "fp32",
        device: Device | None = None,
        store: ModelStore | None = None,
        pool: ModelPool | None = None,
    ) -> None:
        self._own_pool = ModelPool(store, device) if pool is None else None
        pool = pool or self._own_pool
        assert pool is not None  # noqa: S101  # one of them is given
        self.model = pool.store.name_of(model)
        self.precision = choose_precision(precision, pool.device.kind)
        self.key = ModelKey(self.model, self.precision, EmbedHead)
        self._runner = ModelRunner(pool, self.key)

    async def embed(
        self,
        text: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
    ) -> Embedding:
        """Return the vector of one text; raises what `embed_batch` raises."""
        many = await self.embed_batch(
            [text], input_type=input_type, dimensions=dimensions, truncate=truncate, prompt=prompt
        )
        return Embedding(many.vectors[0], many.model, many.usage, many.truncated > 0, many.provider)

    async def embed_batch(
        self,
        texts: Sequence[str],
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
    ) -> Embeddings:
        """Return the vectors of many texts in their order.

        Args:
            texts: any number; identical ones are computed once.
            input_type: the model's prompt for it is put before each text, by the rules of sentence-transformers'
                `encode_query` and `encode_document`: a query gets the prompt `query`, a document the first of
                `document`, `passage` and `corpus`, and either the model's default prompt if it has none of these.
            dimensions: `None`, or the model's number of dimensions.
            truncate: whether texts that are too long are cut, and counted, or refused.
            prompt: put before each text in place of the model's own prompt; an empty one puts nothing.

        Raises:
            InvalidInput: a text is not a `str`, or contains an unpaired surrogate; the message names its index.
            ContextLengthExceeded: a text is too long, and `truncate` is false.
            UnsupportedParameter: the model has another number of dimensions.
            ModelNotAvailable: the model is not in the store, or exceeds the memory budget.
            ConfigurationError: the model's files are not what was pulled, or cannot be used.
            MalformedResponse: a vector is not finite.
        """
        texts = _check_texts(texts)
        with await self._runner.acquire() as model:
            self._check_dimensions(model, dimensions)
            prompt = _choose_prompt(model, input_type, prompt)
            ready = _leave_out_prompt(model, prompt)
            return self._to_embeddings(*await self._runner.run(ready, _prepend(prompt, texts), truncate=truncate))

    async def embed_iter(
        self,
        texts: Iterable[str],
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        window: int = WINDOW,
    ) -> AsyncIterator[Embedding]:
        """Yield the vectors of any iterable's texts in its order; only a few windows of texts are held at a time.

        Raises what `embed_batch` raises, after the vectors of earlier windows.
        """
        async for embeddings in self.embed_windows(
            texts, input_type=input_type, dimensions=dimensions, truncate=truncate, prompt=prompt, window=window
        ):
            for embedding in embeddings:
                yield embedding

    async def embed_windows(
        self,
        texts: Iterable[str],
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        window: int = WINDOW,
    ) -> AsyncIterator[Embeddings]:
        """Yield the vectors of any iterable's texts a window at a time, while the next windows are computed."""
        check_order(texts)
        if window < 1:
            raise InvalidInput("a window must have at least one text", field="window")

        async def read_windows(prompt: str) -> AsyncIterator[tuple[int, list[str]]]:
            source, first = iter(texts), 0
            while block := list(islice(source, window)):
                yield first, _prepend(prompt, _check_texts(block, first))
                first += len(block)

        with await self._runner.acquire() as model:
            self._check_dimensions(model, dimensions)
            chosen = _choose_prompt(model, input_type, prompt)
            ready = _leave_out_prompt(model, chosen)
            async with aclosing(self._runner.run_windows(ready, read_windows(chosen), truncate=truncate)) as results:
                async for vectors, stats in results:
                    yield self._to_embeddings(vectors, stats)

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
        """Close the embedder's own pool; calls under way fail with `GatewayClosed`."""
        if self._own_pool is not None:
            await asyncio.to_thread(self._own_pool.close)

    def _to_embeddings(self, vectors: Floats, stats: BatchStats) -> Embeddings:
        usage = Usage(input_tokens=stats.tokens, source="local")
        return Embeddings(vectors, self.model, usage, len(stats.cut), "local", cut=stats.cut)

    def _check_dimensions(self, model: LoadedModel, dimensions: int | None) -> None:
        if dimensions is not None and dimensions != model.row_size:
            raise UnsupportedParameter(
                f"the model has {model.row_size} dimensions, not {dimensions}", field="dimensions", model=self.model
            )


def _check_texts(texts: Sequence[Any], first: int = 0) -> list[str]:
    check_order(texts)
    items = list(texts)
    if set(map(type, items)) <= {str}:
        return items  # the common case, without a step of the interpreter for each text on the event loop
    for index, text in enumerate(items):
        if not isinstance(text, str):
            raise InvalidInput(f"text {first + index} is not a str but {type(text).__name__}", field="texts")
    return items


def _choose_prompt(model: LoadedModel, input_type: InputType, prompt: str | None) -> str:
    if input_type not in {"document", "query"}:
        raise InvalidInput(f"input_type must be document or query, not {quote(input_type)}", field="input_type")
    if prompt is not None and not isinstance(prompt, str):
        raise InvalidInput(f"prompt must be a str, not {type(prompt).__name__}", field="prompt")
    if prompt is not None and any("\ud800" <= letter <= "\udfff" for letter in prompt):
        raise InvalidInput("prompt holds half of a surrogate pair, which is not a character", field="prompt")
    prompts = model.folder.prompts
    return (prompts.query if input_type == "query" else prompts.document) if prompt is None else prompt


def _prepend(prompt: str, texts: list[str]) -> list[str]:
    return [prompt + text for text in texts] if prompt else texts


def _leave_out_prompt(model: LoadedModel, prompt: str) -> LoadedModel:
    """Return the model with a head that does not pool the tokens of the prompt, if the model is one that does not."""
    if model.folder.include_prompt or not prompt:
        return model
    ids, bare = (model.tokenise([text]).ids(0) for text in (prompt, ""))
    ends_in_special_token = len(bare) > 0 and ids[-1] == bare[-1]
    return model.with_head(cast("EmbedHead", model.head).skipping(len(ids) - ends_in_special_token))
