"""Each family has the vectors of sentence-transformers on the same weights, alone and in a padded batch."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import ConfigurationError, UnsupportedParameter
from ratatoskr.local import Device, LocalEmbedder
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine.loaded import load_model
from ratatoskr.local.graph.cache import ensure_graph
from ratatoskr.local.graph.positions import bucket_deberta, bucket_mpnet, compute_rotary
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.store.architecture import Rotary, read_architecture
from ratatoskr.local.store.catalog import CATALOG, find_in_catalog
from ratatoskr.local.store.folder import read_folder
from unit.local.corpus import texts
from unit.local.families import FAMILIES, make_family
from unit.local.remake_reference import FEW
from unit.local.saved import update
from unit.local.stand_ins import safetensors

REFERENCE = np.load(Path(__file__).with_name("families.npz"))
CORPUS = texts()[::FEW]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function from the name of a family to its stand-in."""
    place = tmp_path_factory.mktemp("families")
    return lambda name: place / name if (place / name).is_dir() else make_family(place / name, name)


def tensors_of(folder: Path) -> dict[str, np.ndarray]:
    data = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = Tensors(folder, data)
    return {name: tensors.get(name, tuple(entry["shape"])) for name, entry in header.items() if name[0] != "_"}


def rewrite(folder: Path, name: str, change: Any = None, **config: Any) -> Path:
    """Write a stand-in whose tensors and config.json are changed."""
    make_family(folder, name)
    if change is not None:
        (folder / "model.safetensors").write_bytes(safetensors(change(tensors_of(folder))))
    update("config.json", **config)(folder)
    return folder


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_family_has_the_vectors_of_sentence_transformers(models, family, name):
    embedder = LocalEmbedder(family(name), pool=models)
    vectors = np.asarray(await embedder.embed_batch(CORPUS))
    assert np.abs(vectors - REFERENCE[name]).max() <= 1e-5
    alone = np.stack([(await embedder.embed(text)).vector for text in CORPUS[:12]])
    assert np.abs(vectors[:12] - alone).max() <= 1e-6
    short, long = "time", "the state of the world " * 12
    padded = np.asarray(await embedder.embed_batch([short, long, long + "x"]))[0]
    assert np.abs(padded - (await embedder.embed(short)).vector).max() <= 1e-6


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "qwen3"])
async def test_eight_bits_stay_close_and_do_not_depend_on_other_texts(models, family, name):
    embedder = LocalEmbedder(family(name), precision="int8", pool=models)
    vectors = np.asarray(await embedder.embed_batch(CORPUS))
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(REFERENCE[name], axis=1)
    cosines = (vectors * REFERENCE[name]).sum(axis=1) / lengths
    assert not np.allclose(vectors, REFERENCE[name], atol=1e-5)
    assert cosines.min() >= 0.997
    alone = np.stack([(await embedder.embed(text)).vector for text in CORPUS[:12]])
    assert np.abs(vectors[:12] - alone).max() <= 1e-4


async def test_eight_bits_are_refused_by_name_where_they_make_no_sense(models, family):
    embedder = LocalEmbedder(family("qwen3"), precision="int8", pool=models)
    with pytest.raises(ConfigurationError, match="int8 is not supported for qwen3") as told:
        await embedder.embed("time")
    assert told.value.field == "precision"


@pytest.mark.parametrize("name", FAMILIES)
async def test_the_half_precision_graph_stays_close(tmp_path, models, family, name):
    read = read_folder(family(name), name)
    graph = ensure_graph(tmp_path / "graphs", read, models.store.check(read)["model.safetensors"], "fp16")
    loaded = load_model(read, EmbedHead(read), graph, Device.cpu())
    some = ["time", "the state of the world " * 12, "", "embedding"]
    tokens, rows = loaded.tokenise(some), loaded.allocate_rows(len(some))
    loaded.compute(tokens, [0, 1, 2, 3], rows)
    exact = load_model(
        read,
        EmbedHead(read),
        ensure_graph(tmp_path / "g", read, models.store.check(read)["model.safetensors"], "fp32"),
        Device.cpu(),
    )
    right = exact.allocate_rows(len(some))
    exact.compute(tokens, [0, 1, 2, 3], right)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(right, axis=1)
    assert ((rows * right).sum(axis=1) / lengths).min() >= 0.999


# The same model under other names


async def vectors_of(models: Any, folder: Path) -> np.ndarray:
    embedder = LocalEmbedder(folder, pool=models)
    vectors = np.asarray(await embedder.embed_batch(CORPUS[:8]))
    await embedder.unload()
    return vectors


async def test_nomic_is_read_in_the_spelling_of_its_own_code(models, tmp_path):
    older = {"n_embd": 48, "n_layer": 4, "n_head": 4, "n_inner": 80, "n_positions": 66, "rotary_emb_base": 1000}
    older |= {"activation_function": "swiglu", "layer_norm_epsilon": 1e-12, "rotary_emb_fraction": 1.0}
    older |= {"qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "prenorm": False}
    code = "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"
    folder = make_family(tmp_path / "model", "nomic")
    (folder / "config.json").write_text(
        json.dumps({"model_type": "nomic_bert", "auto_map": {"AutoModel": code}, "pad_token_id": 0, **older})
    )
    assert np.abs(await vectors_of(models, folder) - REFERENCE["nomic"][:8]).max() <= 1e-5


async def test_gte_is_read_under_its_older_name(models, tmp_path):
    code = {"auto_map": {"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"}, "position_embedding_type": "rope"}
    folder = rewrite(
        tmp_path / "model",
        "gte",
        lambda tensors: {f"new.{name}": tensor for name, tensor in tensors.items()},
        model_type="new",
        pack_qkv=True,
        layer_norm_type="layer_norm",
        **code,
    )
    assert np.abs(await vectors_of(models, folder) - REFERENCE["gte"][:8]).max() <= 1e-5


def _separate(tensors: dict[str, np.ndarray], fused: str, parts: tuple[str, ...]) -> dict[str, np.ndarray]:
    made: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        if fused not in name:
            made[name] = tensor
            continue
        for part, piece in zip(parts, np.split(tensor, len(parts)), strict=True):
            made[name.replace(fused, part)] = piece
    return made


@pytest.mark.parametrize("name", ["nomic", "gte"])
async def test_the_names_of_transformers_own_models_are_read(models, tmp_path, name):
    common = ("norm1", "post_attention_layernorm"), ("norm2", "post_mlp_layernorm")
    attention = ("attn.out_proj", "self_attn.o_proj"), ("attention.o_proj", "self_attn.o_proj")
    norms = ("attn_ln", "post_attention_layernorm"), ("mlp_ln", "post_mlp_layernorm")
    places = ("encoder.layers", "layers"), ("encoder.layer", "layers"), ("emb_ln", "embeddings.LayerNorm")
    inner = ("fc11", "up_proj"), ("fc12", "gate_proj"), ("fc2", "down_proj")

    def change(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        qkv = tuple(f"self_attn.{part}_proj" for part in "qkv")
        tensors = _separate(tensors, "attn.Wqkv" if name == "nomic" else "attention.qkv_proj", qkv)
        tensors = _separate(tensors, "up_gate_proj", ("up_proj", "gate_proj"))
        for old, new in (*places, *attention, *inner, *norms, *common):
            tensors = {key.replace(old, new): tensor for key, tensor in tensors.items()}
        return tensors

    folder = rewrite(tmp_path / "model", name, change)
    assert np.abs(await vectors_of(models, folder) - REFERENCE[name][:8]).max() <= 1e-5


async def test_newer_spellings_of_positions_are_read(models, tmp_path):
    parameters = {"full_attention": {"rope_theta": 160000.0, "rope_type": "default"}}
    parameters["sliding_attention"] = {"rope_theta": 10000.0, "rope_type": "default"}
    kinds = ["full_attention" if number % 3 == 0 else "sliding_attention" for number in range(4)]
    removed = {"global_rope_theta": 5.0, "local_rope_theta": 5.0, "global_attn_every_n_layers": 2}
    folder = rewrite(tmp_path / "modern", "modernbert", rope_parameters=parameters, layer_types=kinds, **removed)
    assert np.abs(await vectors_of(models, folder) - REFERENCE["modernbert"][:8]).max() <= 1e-5
    folder = rewrite(tmp_path / "qwen", "qwen3", rope_parameters={"rope_theta": 1000000}, rope_theta=None)
    assert np.abs(await vectors_of(models, folder) - REFERENCE["qwen3"][:8]).max() <= 1e-5


# What is refused


@pytest.mark.parametrize(
    ("name", "config", "told"),
    [
        ("nomic", {"prenorm": True}, "prenorm = True"),
        ("nomic", {"rotary_emb_fraction": 0.5}, "rotary_emb_fraction = 0.5"),
        ("nomic", {"moe_every_n_layers": 2}, "moe_every_n_layers = 2"),
        ("nomic", {"rotary_scaling_factor": 2}, "rotary_scaling_factor = 2"),
        ("modernbert", {"norm_bias": True}, "norm_bias = True"),
        ("modernbert", {"layer_types": ["full_attention"]}, "layer_types as full_attention or sliding_attention"),
        ("modernbert", {"layer_types": [{}] * 4}, "layer_types as"),
        ("modernbert", {"rope_parameters": 7}, "rope_parameters as an object"),
        ("gte", {"logn_attention_scale": True}, "logn_attention_scale = True"),
        ("gte", {"rope_scaling": {"type": "yarn", "factor": 2.0}}, "scaling of rotary positions"),
        ("gte", {"rope_theta": True}, "base of rotary positions"),
        ("gte", {"position_embedding_type": "absolute"}, "position_embedding_type = 'absolute'"),
        ("deberta_v3", {"relative_attention": False}, "relative_attention = False"),
        ("deberta_v3", {"conv_kernel_size": 3}, "conv_kernel_size = 3"),
        ("deberta_v3", {"pos_att_type": "p2p"}, "pos_att_type = "),
        ("deberta_v3", {"position_buckets": "many"}, "position_buckets and max_relative_positions"),
        ("qwen3", {"use_sliding_window": True}, "use_sliding_window = True"),
        ("qwen3", {"num_key_value_heads": 3}, "not a multiple of the 3"),
        ("qwen3", {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "scaling of rotary positions"),
        ("qwen3", {"head_dim": 0}, "head_dim as a positive number"),
        ("mpnet", {"relative_attention_num_buckets": -1}, "relative_attention_num_buckets as a positive number"),
        ("electra", {"embedding_size": "small"}, "embedding_size as a positive number"),
        ("electra", {"hidden_act": "tanh"}, "the activation 'tanh'"),
        ("xlm_roberta", {"position_embedding_type": "relative_key"}, "position_embedding_type = 'relative_key'"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(tmp_path, name, config, told):
    with pytest.raises(ConfigurationError, match=told):
        read_folder(rewrite(tmp_path / "model", name, **config), "model")


@pytest.mark.parametrize(
    "code", ["someone/else--modeling.Model", "nomic-ai/nomic-bert-2048-evil--x.Y", "modeling.X", 7]
)
def test_other_code_of_a_repository_is_refused(tmp_path, code):
    with pytest.raises(ConfigurationError, match="auto_map"):
        read_folder(rewrite(tmp_path / "model", "nomic", auto_map={"AutoModel": code}), "model")


@pytest.mark.parametrize("name", ["mpnet", "nomic", "gte", "modernbert", "electra", "deberta_v3", "qwen3"])
def test_a_tensor_that_the_family_does_not_have_is_named(tmp_path, name):
    first = next(key for key in tensors_of(make_family(tmp_path / "one", name)) if ".0." in key)
    extra = f"{first.partition('.0.')[0]}.0.experts.weight"
    folder = rewrite(tmp_path / "model", name, lambda tensors: {**tensors, extra: np.ones((2, 2), np.float32)})
    shape = read_folder(folder, "model").architecture
    assert shape is not None
    with pytest.raises(ConfigurationError, match=r"experts\.weight is none of the family"):
        read_weights(Tensors(folder, (folder / "model.safetensors").read_bytes()), shape)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "xlm_roberta"])
def test_each_tensor_is_needed_and_named_if_it_is_missing(tmp_path, name):
    folder = make_family(tmp_path / "model", name)
    arrays = tensors_of(folder)
    shape = read_architecture(json.loads((folder / "config.json").read_text()), folder)
    optional = {key for key in arrays if "token_type" in key}
    optional |= {key for key in arrays if "position_embeddings" in key}
    for key in sorted(arrays.keys() - optional):
        rest = {other: array for other, array in arrays.items() if other != key}
        with pytest.raises(ConfigurationError):
            read_weights(Tensors(folder, safetensors(rest)), shape)


# Positions


def test_ntk_scaling_lengthens_waves_and_leaves_the_first_position():
    plain, scaled = compute_rotary(Rotary(10_000.0), 8, 50), compute_rotary(Rotary(10_000.0, 4.0), 8, 50)
    assert np.array_equal(scaled[0][0], np.ones(4))
    speeds = 1 / (40_000.0 ** (np.arange(0, 8, 2) / 8)) / 4 ** (2 / 8)
    assert np.allclose(scaled[1][1], np.sin(speeds))
    assert np.allclose(plain[1][1], np.sin(1 / (10_000.0 ** (np.arange(0, 8, 2) / 8))))


def test_buckets_are_those_of_the_papers():
    near, far = bucket_mpnet(np.array([0, -1, -7, 1, 7]), 32), bucket_mpnet(np.array([-500, 500, -8, -128]), 32)
    assert near.tolist() == [0, 1, 7, 17, 23]
    assert far.tolist() == [15, 31, 8, 15]
    folder = Path("model")
    config = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4}
    config |= {"model_type": "deberta-v2", "relative_attention": True, "max_position_embeddings": 512}
    shape = read_architecture({**config, "position_buckets": 256, "pos_att_type": ["p2c", "c2p"]}, folder)
    places = bucket_deberta(np.arange(-511, 512), shape)
    assert places[511] == 256
    assert (np.diff(places) >= 0).all(), "farther tokens are in later buckets"
    assert (places[511 - 128 : 511 + 129] == np.arange(128, 385)).all(), "near ones each in their own"
    assert (places[0], places[-1]) == (1, 511)
    every = bucket_deberta(np.arange(-511, 512), dataclasses.replace(shape, buckets=0))
    assert every.tolist() == [*range(1, 1024)]


# What the catalogue adds


async def test_vectors_are_cut_and_then_normalised_only_where_the_catalogue_says_so(models, family, tmp_path):
    folder = make_family(tmp_path / "Qwen3-Embedding-0.6B", "qwen3")
    embedder = LocalEmbedder(folder, pool=models)
    some = [*CORPUS[:6], *CORPUS[:2]] * 5
    whole = np.asarray(await embedder.embed_batch(some))
    expected = whole[:, :40] / np.linalg.norm(whole[:, :40], axis=1, keepdims=True)
    cut = await embedder.embed_batch(some, dimensions=40)
    assert cut.dimensions == 40
    assert np.abs(np.asarray(cut) - expected).max() <= 1e-6
    assert np.abs((await embedder.embed(some[0], dimensions=40)).vector - expected[0]).max() <= 1e-6
    found = [one.vector async for one in embedder.embed_iter(iter(some), dimensions=40, window=7)]
    assert np.abs(np.stack(found) - expected).max() <= 1e-6
    assert np.array_equal(np.asarray(await embedder.embed_batch(some, dimensions=48)), whole)
    for wrong in (31, 49, 0, -40, True, 40.0, "40"):
        with pytest.raises(UnsupportedParameter, match="48 dimensions, or 32 and more, not ") as told:
            await embedder.embed("time", dimensions=wrong)
        assert told.value.field == "dimensions"
    with pytest.raises(UnsupportedParameter, match="the model has 48 dimensions, not 40"):
        await LocalEmbedder(family("qwen3"), pool=models).embed("time", dimensions=40)
    await embedder.unload()


@pytest.mark.parametrize(
    ("name", "query", "document"),
    [
        ("multilingual-e5-small", "query: ", "passage: "),
        ("nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("bge-m3", "", ""),
    ],
)
def test_prompts_of_the_catalogue_are_those_of_a_folder_without_its_own(tmp_path, name, query, document):
    folder = make_family(tmp_path / name, "gte")
    entry = find_in_catalog(name)
    prompts = read_folder(folder, name, entry).prompts
    assert (prompts.query, prompts.document) == (query, document)
    own = {"prompts": {"query": "Q ", "document": ""}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(own))
    prompts = read_folder(folder, name, entry).prompts
    assert (prompts.query, prompts.document) == ("Q ", "")


def test_a_model_of_the_catalogue_without_digests_is_not_pulled_unseen(store):
    without = [entry for entry in CATALOG if entry.needs_digests]
    assert {entry.name for entry in without} >= {"BgeM3", "Qwen3Embedding06B", "MultilingualE5Small"}
    for entry in without:
        assert not entry.digests
        with pytest.raises(ConfigurationError, match=r"give digests= or allow_unpinned=True"):
            store.pull(entry.name)


def test_rows_of_the_catalogue_say_what_embedding_needs():
    for entry in CATALOG:
        if entry.task == "embed":
            assert entry.pooling in {"mean", "cls", "last"}
            assert 0 <= entry.least_dimensions < entry.dimensions
