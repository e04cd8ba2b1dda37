"""Poolings and modules that are computed in numpy, against loops over tokens, and prompts before texts."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr import Ratatoskr
from ratatoskr.errors import ConfigurationError, InvalidInput, MalformedResponse
from ratatoskr.local import LocalEmbedder
from ratatoskr.local.store.modules import Dense, LayerNorm, Normalise
from ratatoskr.local.store.settings import ACTIVATIONS, POOLINGS
from ratatoskr.local.vectors import load_steps, pool_states
from unit.local.ready_made import ready_made
from unit.local.saved import HIDDEN, SHAPES, dense, model, pooling, prompts, replace
from unit.local.stand_ins import make, safetensors

RNG = np.random.default_rng(5)
STATES = RNG.standard_normal((3, 5, 4)).astype(np.float32)
LENGTHS = [5, 2, 3]
VECTORS = RNG.standard_normal((6, 4)).astype(np.float32)
QUERY = "the time of: "


def pool_one(tokens: list[tuple[int, Any]], name: str) -> Any:
    """Pool (place, state) of the tokens of one text."""
    states = [state for _, state in tokens]
    match name:
        case "cls":
            return states[0]
        case "last":
            return states[-1]
        case "max":
            return [max(state[axis] for state in states) for axis in range(4)]
        case "weightedmean":
            return sum(place * state for place, state in tokens) / sum(place for place, _ in tokens)
        case "mean":
            return sum(states) / len(states)
        case _:
            return sum(states) / math.sqrt(len(states))


@pytest.mark.parametrize("skipped", [0, 1, 2, 9])
@pytest.mark.parametrize("names", [*((name,) for name in POOLINGS.values()), ("mean", "cls", "mean")])
def test_states_are_pooled_over_the_tokens_of_a_text_after_those_that_are_skipped(names, skipped):
    pooled = pool_states(STATES, LENGTHS, names, skipped)
    for row, (states, length) in enumerate(zip(STATES.astype(float), LENGTHS, strict=True)):
        tokens = [(place + 1, states[place]) for place in range(length)]
        kept = tokens[skipped:] or tokens[-1:]  # the last token always remains: it ends the text
        expected = np.concatenate([pool_one(kept, name) for name in names])
        assert np.abs(pooled[row] - expected).max() <= 1e-6


def test_padding_that_is_not_finite_does_not_reach_a_maximum():
    states = STATES.copy()
    states[1, 2:] = 1e30
    assert np.array_equal(pool_states(states, LENGTHS, ["max"])[1], states[1, :2].max(axis=0))


ONE: dict[str, Callable[[float], float]] = {
    "Identity": lambda x: x,
    "Tanh": math.tanh,
    "ReLU": lambda x: max(x, 0.0),
    "GELU": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "Sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "SiLU": lambda x: x / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("outputs", [3, 4])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dense_is_a_linear_layer_and_its_activation(tmp_path, outputs, bias, residual, activation):
    tensors = {"linear.weight": RNG.standard_normal((outputs, 4)), "linear.bias": RNG.standard_normal(outputs)}
    tensors["residual.weight"] = RNG.standard_normal((outputs, 4))
    (tmp_path / "w").write_bytes(safetensors(tensors))
    (apply,) = load_steps([Dense(tmp_path / "w", 4, outputs, bias, activation, residual)])
    for vector, computed in zip(VECTORS.astype(float), apply(VECTORS), strict=True):
        added = vector if outputs == 4 else tensors["residual.weight"] @ vector
        for axis in range(outputs):
            sum_ = tensors["linear.weight"][axis] @ vector + (tensors["linear.bias"][axis] if bias else 0)
            assert abs(ONE[activation](sum_) + (added[axis] if residual else 0) - computed[axis]) <= 1e-5


def test_layer_norm_and_normalise_are_those_of_torch(tmp_path):
    tensors = {"norm.weight": RNG.standard_normal(4), "norm.bias": RNG.standard_normal(4)}
    (tmp_path / "w").write_bytes(safetensors(tensors))
    standardise, normalise = load_steps([LayerNorm(tmp_path / "w", 4), Normalise()])
    for vector, computed in zip(VECTORS.astype(float), standardise(VECTORS), strict=True):
        spread = math.sqrt(((vector - vector.mean()) ** 2).mean() + 1e-5)
        expected = (vector - vector.mean()) / spread * tensors["norm.weight"] + tensors["norm.bias"]
        assert np.abs(computed - expected).max() <= 1e-5
    assert np.abs(np.linalg.norm(normalise(VECTORS), axis=1) - 1).max() <= 1e-6
    assert np.array_equal(normalise(np.zeros((1, 4), np.float32)), np.zeros((1, 4)))


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (3,)])
def test_weights_of_another_shape_are_refused(tmp_path, shape):
    (tmp_path / "w").write_bytes(safetensors({"linear.weight": RNG.standard_normal(shape)}))
    with pytest.raises(ConfigurationError, match=r"linear\.weight has the shape"):
        load_steps([Dense(tmp_path / "w", 4, 3, bias=False, activation="Tanh", residual=False)])


def small(folder: Path, *changes: Callable[[Path], object]) -> Path:
    make(folder, "model", SHAPES["bert"])
    for change in changes:
        change(folder)
    return folder


async def test_a_vector_of_modules_that_is_not_finite_is_told(tmp_path, models):
    folder = small(tmp_path / "model", dense(bias=False, activation_function="torch.nn.modules.linear.Identity"))
    weights = {"linear.weight": np.full((10, HIDDEN), np.nan)}
    (folder / "2_Dense" / "model.safetensors").write_bytes(safetensors(weights))
    with pytest.raises(MalformedResponse, match="not finite"):
        await LocalEmbedder(folder, pool=models).embed("time")


async def test_dimensions_are_those_after_the_modules(tmp_path, models):
    embedder = LocalEmbedder(small(tmp_path / "model", dense(), model(truncate_dim=7)), pool=models)
    assert (await embedder.embed("time", dimensions=7)).dimensions == 7


@pytest.mark.parametrize("precision", ["fp32", "int8"])
async def test_modules_follow_every_precision(tmp_path, models, precision):
    identity = dense(HIDDEN, activation_function="torch.nn.modules.linear.Identity", bias=False)
    plain = LocalEmbedder(small(tmp_path / "plain"), pool=models, precision=precision)
    embedder = LocalEmbedder(small(tmp_path / "model", identity), pool=models, precision=precision)
    weights = {"linear.weight": 3 * np.eye(HIDDEN)}
    (tmp_path / "model" / "2_Dense" / "model.safetensors").write_bytes(safetensors(weights))
    some = ["time", "the state of the world"]
    vectors = np.asarray(await embedder.embed_batch(some))
    assert np.abs(vectors - np.asarray(await plain.embed_batch(some))).max() <= 1e-6


async def test_a_ready_made_graph_that_pools_itself_cannot_have_modules(tmp_path, models, stand_in):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), output="sentence_embedding", wide=HIDDEN)
    dense()(tmp_path / "model")
    pooling(pooling_mode="mean")(tmp_path / "model")
    with pytest.raises(ConfigurationError, match="sentence_embedding is pooled"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_a_ready_made_graph_of_another_size_is_refused(tmp_path, models, stand_in):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), wide=HIDDEN + 1)
    dense()(tmp_path / "model")
    pooling(pooling_mode="mean")(tmp_path / "model")
    with pytest.raises(ConfigurationError, match="has the size 25, and the files of the folder give 24"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


@pytest.mark.parametrize(
    ("written", "query", "document"),
    [
        ({"prompts": {"query": "q: ", "document": "d: "}}, "q: ", "d: "),
        ({"prompts": {"query": "q: ", "passage": "p: ", "corpus": "c: "}}, "q: ", "p: "),
        ({"prompts": {"corpus": "c: "}}, "", "c: "),
        ({"prompts": {"document": "", "passage": "p: "}}, "", ""),
        ({"prompts": {"x": "x: "}, "default_prompt_name": "x"}, "x: ", "x: "),
        ({"prompts": {"query": "q: ", "x": "x: "}, "default_prompt_name": "x"}, "q: ", "x: "),
        ({"prompts": {"query": "", "document": "", "x": "x: "}, "default_prompt_name": "x"}, "", ""),
        ({"prompts": {"x": "x: "}}, "", ""),
        ({"prompts": {"query": None}}, "", ""),
        ({"prompts": None}, "", ""),
    ],
)
async def test_the_prompt_of_an_input_type_goes_before_its_texts(tmp_path, models, written, query, document):
    embedder = LocalEmbedder(small(tmp_path / "model", model(**written)), pool=models)
    texts = ["time", "the state"]
    for input_type, prompt in (("query", query), ("document", document)):
        expected = await embedder.embed_batch([prompt + text for text in texts], prompt="")
        assert np.array_equal(
            np.asarray(await embedder.embed_batch(texts, input_type=input_type)), np.asarray(expected)
        )
    bare = np.asarray(await embedder.embed_batch(texts, prompt=""))
    other = np.asarray(await embedder.embed_batch(texts, input_type="query", prompt="world "))
    assert np.array_equal(other, np.asarray(await embedder.embed_batch([f"world {text}" for text in texts], prompt="")))
    assert not np.allclose(other, bare)


async def test_the_files_prompt_is_used_in_place_of_the_catalogues_but_an_empty_one_is_not(tmp_path, models):
    told, empty = (
        LocalEmbedder(small(tmp_path / text / "bge-small-en-v1.5", model(prompts={"query": text})), pool=models)
        for text in ("q ", "")
    )
    given = "Represent this sentence for searching relevant passages: "
    for embedder, prompt in ((told, "q "), (empty, given)):
        expected = await embedder.embed("time", prompt=prompt)
        assert np.array_equal((await embedder.embed("time", input_type="query")).vector, expected.vector)


@pytest.mark.parametrize("mode", ["mean", "cls", "lasttoken", ["max", "weightedmean"]])
async def test_tokens_of_a_prompt_that_is_not_pooled_are_left_out(tmp_path, models, mode):
    """Other prompts, prompts of the call, windows and single texts, each against a loop over the model's own states."""
    folder = small(tmp_path / "model", *prompts(pooled=False, mode=mode), replace("modules.json", MODULES))
    embedder = LocalEmbedder(folder, pool=models)
    texts = ["time", "", "the state of the world is time " * 12]
    names = [{"lasttoken": "last"}.get(name, name) for name in ([mode] if isinstance(mode, str) else mode)]
    for prompt in (None, "world ", ""):
        whole = (QUERY if prompt is None else prompt) or ""
        await embedder.preload()
        with models.acquire(embedder.key) as loaded:
            tokens = loaded.tokenise([whole + text for text in texts])
            skipped = len(loaded.tokenise([whole]).ids(0)) - 1 if whole else 0
            expected = []
            for row in range(len(texts)):
                (states,) = loaded.session.run(*tokens.pad([row])).astype(float)
                kept = [(place + 1, state) for place, state in enumerate(states)][skipped:]
                expected.append(np.concatenate([pool_wide(kept, name) for name in names]))
        together = np.asarray(await embedder.embed_batch(texts, input_type="query", prompt=prompt))
        assert np.abs(together - np.stack(expected)).max() <= 1e-5
        window = [vector.vector async for vector in embedder.embed_iter(texts * 5, input_type="query", prompt=prompt)]
        assert np.abs(np.stack(window) - np.tile(together, (5, 1))).max() <= 1e-5
        alone = await embedder.embed(texts[0], input_type="query", prompt=prompt)
        assert np.abs(alone.vector - together[0]).max() <= 1e-5


MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def pool_wide(tokens: list[tuple[int, Any]], name: str) -> Any:
    """Pool (place, state) of tokens of any size."""
    if name == "max":
        return np.max([state for _, state in tokens], axis=0)
    return pool_one(tokens, name)


@pytest.mark.parametrize("prompt", [7, b"q", ["q"]])
def test_a_prompt_that_is_no_text_is_refused_before_anything_is_loaded(tmp_path, prompt):
    with Ratatoskr.builder().local_embeddings(tmp_path).cache_dir(tmp_path / "c").build().sync() as gateway:
        for call in (gateway.embed, lambda text, name, **rest: gateway.embed_batch([text], name, **rest)):
            with pytest.raises(InvalidInput, match=f"prompt must be a str, not {type(prompt).__name__}") as told:
                call("time", str(tmp_path), prompt=prompt)
            assert told.value.field == "prompt"


async def test_a_prompt_that_is_not_unicode_is_refused_by_name(tmp_path, models):
    with pytest.raises(InvalidInput, match="prompt holds half of a surrogate pair") as told:
        await LocalEmbedder(small(tmp_path / "model"), pool=models).embed("time", prompt="a\udc00")
    assert told.value.field == "prompt"


def test_a_gateway_passes_a_prompt_on_in_all_its_methods(tmp_path):
    folder = small(tmp_path / "model", model(prompts={"query": "q "}))
    with Ratatoskr.builder().local_embeddings(folder).cache_dir(tmp_path / "c").build().sync() as gateway:
        expected = gateway.embed("the time", str(folder)).vector
        assert np.array_equal(gateway.embed("time", str(folder), prompt="the ").vector, expected)
        (batch,) = gateway.embed_batch(["time"], str(folder), input_type="query", prompt="the ")
        assert np.array_equal(batch.vector, expected)
        (streamed,) = gateway.embed_iter(["time"], str(folder), prompt="the ")
        assert np.array_equal(streamed.vector, expected)
