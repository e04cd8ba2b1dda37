"""Heads other than that of embeddings: items that are pairs, and rows that are not vectors, in the same engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from ratatoskr._core import Tokenizer, Tokens
from ratatoskr.errors import ConfigurationError, ContextLengthExceeded, InvalidInput, MalformedResponse
from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine.pool import ModelKey
from ratatoskr.local.engine.runner import ModelRunner
from ratatoskr.local.store.folder import ModelFolder, read_folder
from unit.local.ready_made import ready_made

LABELS = 3


class PairHead:
    """An item is a pair of texts, and its row is a probability for each label."""

    item = "pair"

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder

    def count_characters(self, items: Sequence[tuple[str, str]]) -> Iterable[int]:
        return (len(first) + len(second) for first, second in items)

    def tokenise(self, tokenizer: Tokenizer, items: list[tuple[str, str]], limit: int, first: int) -> Tokens:
        return tokenizer.encode([f"{one} [SEP] {other}" for one, other in items], limit, first)

    def choose_output(self, outputs: Mapping[str, Sequence[Any]]) -> str:
        if "logits" not in outputs:
            raise ConfigurationError("the graph has no output logits", model=self.folder.name)
        return "logits"

    def count_columns(self, width: int) -> int:
        return width

    def write_rows(self, output: Any, tokens: Tokens, batch: list[int], rows: Any) -> None:
        if not np.isfinite(output).all():
            raise MalformedResponse("not finite", model=self.folder.name)
        powers = np.exp(output - output.max(axis=1, keepdims=True))
        rows[batch] = powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def classifier(stand_in, tmp_path):
    """A folder whose graph gives logits."""
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), output="logits", wide=LABELS)
    return tmp_path / "model"


def runner_of(models: ModelPool, folder: Any) -> ModelRunner:
    return ModelRunner(models, ModelKey(models.store.name_of(folder), "fp32", PairHead))


async def compute(runner: ModelRunner, pairs: list[Any], *, truncate: bool = True) -> tuple[Any, Any]:
    with await runner.acquire() as model:
        return await runner.run(model, pairs, truncate=truncate)


@pytest.mark.parametrize("count", [1, 5, 30])
async def test_pairs_become_probabilities_in_their_order(models, classifier, count):
    runner = runner_of(models, classifier)
    pairs = [(f"the time {number % 4}", f"state {number % 3}") for number in range(count)]
    rows, stats = await compute(runner, pairs)
    assert rows.shape == (count, LABELS)
    assert np.abs(rows.sum(axis=1) - 1).max() <= 1e-6
    alone = np.concatenate([(await compute(runner, [pair]))[0] for pair in pairs])
    assert np.abs(rows - alone).max() <= 1e-5
    assert stats.tokens == sum([(await compute(runner, [pair]))[1].tokens for pair in pairs])


@pytest.mark.parametrize("many", [1, 30])
async def test_errors_name_a_pair_by_its_index(models, classifier, many):
    runner = runner_of(models, classifier)
    pairs = [("the", str(number)) for number in range(many)]
    with pytest.raises(ContextLengthExceeded, match=f"pair {many} has 204 tokens") as caught:
        await compute(runner, [*pairs, ("the " * 101, "of " * 100)], truncate=False)
    assert caught.value.field == "pairs"
    with pytest.raises(InvalidInput):
        await compute(runner, [*pairs, ("half", "\ud800")])


async def test_a_graph_without_the_output_that_a_head_needs_is_refused(models, stand_in):
    with pytest.raises(ConfigurationError, match="no output logits"):
        await compute(runner_of(models, stand_in("bert_cls_384")), [("a", "b")])


async def test_one_folder_under_two_heads_is_two_models(classifier, tmp_path):
    models = ModelPool(ModelStore(tmp_path / "store"))
    rows, _ = await compute(runner_of(models, classifier), [("the", "time")])
    vector = (await LocalEmbedder(classifier, pool=models).embed("the [SEP] time")).vector
    assert len(models._residents) == 2
    assert not np.array_equal(rows[0], vector), "one normalises to probabilities, the other does not"
    models.close()


@pytest.mark.parametrize(
    ("outputs", "chosen"),
    [
        ({"pooler": ("n", 8), "last_hidden_state": ("n", "w", 8)}, "last_hidden_state"),
        ({"sentence_embedding": ("n", 8), "token_embeddings": ("n", "w", 8)}, "token_embeddings"),
        ({"other": ("n", 8)}, "other"),
    ],
)
def test_the_embedding_head_takes_states_before_vectors(stand_in, outputs, chosen):
    assert EmbedHead(read_folder(stand_in("bert_cls_384"), "model")).choose_output(outputs) == chosen


@pytest.mark.parametrize("axes", [("n",), ("n", "heads", "w", "w")])
def test_the_embedding_head_refuses_other_outputs(stand_in, axes):
    with pytest.raises(ConfigurationError, match=f"has {len(axes)} axes"):
        EmbedHead(read_folder(stand_in("bert_cls_384"), "model")).choose_output({"attention": axes})
