"""`LocalClassifier`: the labels that a model was trained for, computed in this process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ratatoskr._core import sigmoid, softmax
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.labels import check_label_names, read_labels
from ratatoskr.local.model import LocalModel, LogitsHead
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.local.store.store import ModelStore
from ratatoskr.types.classify import Classification, Classifications, ClassifyRequest, rank_labels
from ratatoskr.types.local import LabelNames, LocalModelName
from ratatoskr.types.usage import Usage

if TYPE_CHECKING:
    from ratatoskr._core import Tokens
    from ratatoskr.local.engine.tokenizer import Tokenizer
    from ratatoskr.local.store.folder import ModelFolder

__all__ = ["ClassifyHead", "LocalClassifier"]


class ClassifyHead(LogitsHead):
    """The head of models for text classification: an item is a text."""

    def count_characters(self, items: Sequence[str]) -> Iterable[int]:
        """Return the lengths of texts."""
        return map(len, items)

    def tokenise(self, tokenizer: Tokenizer, items: list[str], limit: int, first: int) -> Tokens:
        """Return the tokens of texts; raises what `Tokenizer.encode` raises."""
        return tokenizer.encode(items, limit, first)


class LocalClassifier(LocalModel):
    """One model for text classification. It belongs to no event loop and may be used from several at once.

    Args:
        model: a model of the store, a folder, or an ONNX file and its tokenizer.json.
        labels: the names of the labels, in the order of the logits or by the names that config.json has; by default
            `id2label` of config.json.
        precision: `fp32`, `int8` for the quantised graph of the model's folder, `bf16` or `auto`; see `LocalEmbedder`.
        device: where the model runs.
        store: the store of the model's files.
        pool: shares threads and memory with other models; it determines device and store.
    """

    def __init__(
        self,
        model: LocalModelName,
        *,
        labels: LabelNames | None = None,
        precision: PrecisionChoice = "fp32",
        device: Device | None = None,
        store: ModelStore | None = None,
        pool: ModelPool | None = None,
    ) -> None:
        if labels is not None:
            check_label_names(labels)
        self._labels = labels
        super().__init__(model, ClassifyHead, precision=precision, device=device, store=store, pool=pool)

    async def classify(self, text: str, *, multi_label: bool | None = None, truncate: bool = True) -> Classification:
        """Return the scores of the model's labels for one text; raises what `classify_batch` raises."""
        return (await self.run(ClassifyRequest([text], self.model, multi_label, truncate))).single()

    async def classify_batch(
        self, texts: Sequence[str], *, multi_label: bool | None = None, truncate: bool = True
    ) -> Classifications:
        """Return the scores of the model's labels for many texts in their order.

        Args:
            texts: any number; identical ones are computed once.
            multi_label: whether several labels may be true of a text, so that each score is by itself; `None` for what
                config.json says, which is true for a model of one label.
            truncate: whether texts that are too long are cut, or refused.

        Raises:
            InvalidInput: a text is not a `str`; the message names its index.
            ContextLengthExceeded: a text is too long, and `truncate` is false.
            ModelNotAvailable: the model is not in the store, or exceeds the memory budget.
            ConfigurationError: the model's files are not what was pulled, it does not classify, or its labels are not
                known.
            MalformedResponse: the output for a text is not finite; the message names its index.
        """
        return await self.run(ClassifyRequest(texts, self.model, multi_label, truncate))

    async def run(self, request: ClassifyRequest) -> Classifications:
        """Return the labels of a request's texts; raises what `classify_batch` raises."""
        with await self._runner.acquire() as model:
            labels = read_labels(model.folder, model.row_size, self._labels)
            multi_label = _is_multi_label(model.folder, len(labels))
            if request.multi_label is not None:
                multi_label = request.multi_label
            rows, stats = await self._runner.run(model, list(request.texts), truncate=request.truncate)
        scores = self.score(sigmoid if multi_label else softmax, rows, "text")
        cut = frozenset(stats.cut)
        results = tuple(
            Classification(rank_labels(labels, row), multi_label, self.model, index in cut, "local")
            for index, row in enumerate(scores.tolist())
        )
        usage = Usage(input_tokens=stats.tokens, source="local")
        return Classifications(results, self.model, "local", usage)


def _is_multi_label(folder: ModelFolder, count: int) -> bool:
    """Return whether each label of a model is judged by itself, as transformers' pipeline has it.

    Raises:
        ConfigurationError: the model gives numbers that are no scores of labels.
    """
    kind = folder.config.get("problem_type")
    if kind == "regression":
        raise ConfigurationError("problem_type of config.json is regression: it gives no labels", model=folder.name)
    return kind == "multi_label_classification" or count == 1
