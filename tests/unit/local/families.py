"""Small models of further families with random weights, in the layout of their files on the hub.

The names and shapes of tensors are written out here again, so that a wrong name in the package is found. Their
reference vectors, in families.npz, are those of sentence-transformers (see `remake_reference.py`).
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unit.local.stand_ins import _word_tokenizer, make, safetensors

VOCABULARY = _word_tokenizer()[1]
POSITIONS = 66


@dataclass(frozen=True)
class Sizes:
    """The sizes of a stand-in: small ones for the tests, those of a published model for a comparison by hand."""

    hidden: int = 48
    layers: int = 4
    heads: int = 4
    wide: int = 80
    vocabulary: int = VOCABULARY
    positions: int = POSITIONS


@dataclass
class Maker:
    """Makes the tensors of a model: each with its name and shape."""

    sizes: Sizes
    rng: np.random.Generator
    made: dict[str, np.ndarray] = field(default_factory=dict)

    def table(self, name: str, *shape: int, scale: float = 0.5) -> None:
        self.made[name] = (self.rng.standard_normal(shape) * scale).astype(np.float32)

    def linear(self, name: str, inputs: int, outputs: int, *, bias: bool = True) -> None:
        self.table(f"{name}.weight", outputs, inputs, scale=1.2 / inputs**0.5)
        if bias:
            self.table(f"{name}.bias", outputs, scale=0.1)

    def norm(self, name: str, size: int | None = None, *, bias: bool = True) -> None:
        size = size or self.sizes.hidden
        self.made[f"{name}.weight"] = (1 + self.rng.standard_normal(size) * 0.1).astype(np.float32)
        if bias:
            self.table(f"{name}.bias", size, scale=0.1)


def _bert_layers(m: Maker, names: dict[str, str], place: str = "encoder.layer") -> None:
    s = m.sizes
    for n in range(s.layers):
        for part in ("q", "k", "v", "o"):
            m.linear(f"{place}.{n}.{names[part]}", s.hidden, s.hidden)
        m.norm(f"{place}.{n}.{names['first']}")
        m.linear(f"{place}.{n}.intermediate.dense", s.hidden, s.wide)
        m.linear(f"{place}.{n}.output.dense", s.wide, s.hidden)
        m.norm(f"{place}.{n}.output.LayerNorm")


_BERT = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
_BERT |= {"o": "attention.output.dense", "first": "attention.output.LayerNorm"}


def mpnet(m: Maker) -> dict[str, Any]:
    s = m.sizes
    m.table("embeddings.word_embeddings.weight", s.vocabulary, s.hidden)
    m.table("embeddings.position_embeddings.weight", s.positions, s.hidden)
    m.norm("embeddings.LayerNorm")
    m.table("encoder.relative_attention_bias.weight", 32, s.heads)
    _bert_layers(m, {**{k: f"attention.attn.{k}" for k in ("q", "k", "v", "o")}, "first": "attention.LayerNorm"})
    return {"model_type": "mpnet", "relative_attention_num_buckets": 32, "layer_norm_eps": 1e-5, "pad_token_id": 1}


def xlm_roberta(m: Maker) -> dict[str, Any]:
    s = m.sizes
    m.table("roberta.embeddings.word_embeddings.weight", s.vocabulary, s.hidden)
    m.table("roberta.embeddings.position_embeddings.weight", s.positions, s.hidden)
    m.table("roberta.embeddings.token_type_embeddings.weight", 1, s.hidden)
    m.norm("roberta.embeddings.LayerNorm")
    _bert_layers(m, _BERT, "roberta.encoder.layer")
    return {"model_type": "xlm-roberta", "layer_norm_eps": 1e-5, "pad_token_id": 1, "type_vocab_size": 1}


def electra(m: Maker) -> dict[str, Any]:
    s, narrow = m.sizes, m.sizes.hidden // 2
    m.table("electra.embeddings.word_embeddings.weight", s.vocabulary, narrow)
    m.table("electra.embeddings.position_embeddings.weight", s.positions, narrow)
    m.table("electra.embeddings.token_type_embeddings.weight", 2, narrow)
    m.norm("electra.embeddings.LayerNorm", narrow)
    m.linear("electra.embeddings_project", narrow, s.hidden)
    _bert_layers(m, _BERT, "electra.encoder.layer")
    return {"model_type": "electra", "embedding_size": narrow, "layer_norm_eps": 1e-12, "type_vocab_size": 2}


def _deberta(m: Maker, *, buckets: int, shares: bool, biased: bool) -> dict[str, Any]:
    s = m.sizes
    narrow = s.hidden // 2 if biased else s.hidden
    m.table("deberta.embeddings.word_embeddings.weight", s.vocabulary, narrow)
    if biased:
        m.table("deberta.embeddings.position_embeddings.weight", s.positions, narrow)
        m.table("deberta.embeddings.token_type_embeddings.weight", 2, narrow)
        m.linear("deberta.embeddings.embed_proj", narrow, s.hidden, bias=False)
    m.norm("deberta.embeddings.LayerNorm")
    m.table("deberta.encoder.rel_embeddings.weight", 2 * (buckets or s.positions), s.hidden)
    if shares:
        m.norm("deberta.encoder.LayerNorm")
    names = {k: f"attention.self.{name}_proj" for k, name in (("q", "query"), ("k", "key"), ("v", "value"))}
    _bert_layers(m, _BERT | names, "deberta.encoder.layer")
    if not shares:
        for n in range(s.layers):
            for part in ("pos_key_proj", "pos_query_proj"):
                m.linear(f"deberta.encoder.layer.{n}.attention.self.{part}", s.hidden, s.hidden)
    config: dict[str, Any] = {"model_type": "deberta-v2", "relative_attention": True, "pos_att_type": "p2c|c2p"}
    config |= {"position_buckets": buckets or -1, "max_relative_positions": -1, "share_att_key": shares}
    config |= {"position_biased_input": biased, "type_vocab_size": 2 if biased else 0, "layer_norm_eps": 1e-7}
    return config | ({"norm_rel_ebd": "layer_norm"} if shares else {}) | {"embedding_size": narrow}


def deberta_v3(m: Maker) -> dict[str, Any]:
    return _deberta(m, buckets=256 if m.sizes.positions == 512 else 16, shares=True, biased=False)


def deberta_v2(m: Maker) -> dict[str, Any]:
    return _deberta(m, buckets=0, shares=False, biased=True)


def nomic(m: Maker) -> dict[str, Any]:
    s = m.sizes
    m.table("embeddings.word_embeddings.weight", s.vocabulary, s.hidden)
    m.table("embeddings.token_type_embeddings.weight", 2, s.hidden)
    m.norm("emb_ln")
    for n in range(s.layers):
        place = f"encoder.layers.{n}"
        m.linear(f"{place}.attn.Wqkv", s.hidden, 3 * s.hidden, bias=False)
        m.linear(f"{place}.attn.out_proj", s.hidden, s.hidden, bias=False)
        m.linear(f"{place}.mlp.fc11", s.hidden, s.wide, bias=False)
        m.linear(f"{place}.mlp.fc12", s.hidden, s.wide, bias=False)
        m.linear(f"{place}.mlp.fc2", s.wide, s.hidden, bias=False)
        m.norm(f"{place}.norm1")
        m.norm(f"{place}.norm2")
    return {"model_type": "nomic_bert", "rope_theta": 1000.0, "layer_norm_eps": 1e-12, "type_vocab_size": 2} | {
        "hidden_act": "silu"
    }


def gte(m: Maker) -> dict[str, Any]:
    s = m.sizes
    m.table("embeddings.word_embeddings.weight", s.vocabulary, s.hidden)
    m.table("embeddings.token_type_embeddings.weight", 1, s.hidden)
    m.norm("embeddings.LayerNorm")
    for n in range(s.layers):
        place = f"encoder.layer.{n}"
        m.linear(f"{place}.attention.qkv_proj", s.hidden, 3 * s.hidden)
        m.linear(f"{place}.attention.o_proj", s.hidden, s.hidden)
        m.linear(f"{place}.mlp.up_gate_proj", s.hidden, 2 * s.wide, bias=False)
        m.linear(f"{place}.mlp.down_proj", s.wide, s.hidden)
        m.norm(f"{place}.attn_ln")
        m.norm(f"{place}.mlp_ln")
    return {"model_type": "gte", "rope_theta": 20000.0, "layer_norm_eps": 1e-12, "type_vocab_size": 1}


def modernbert(m: Maker) -> dict[str, Any]:
    s = m.sizes
    m.table("model.embeddings.tok_embeddings.weight", s.vocabulary, s.hidden)
    m.norm("model.embeddings.norm", bias=False)
    for n in range(s.layers):
        place = f"model.layers.{n}"
        if n:
            m.norm(f"{place}.attn_norm", bias=False)
        m.linear(f"{place}.attn.Wqkv", s.hidden, 3 * s.hidden, bias=False)
        m.linear(f"{place}.attn.Wo", s.hidden, s.hidden, bias=False)
        m.norm(f"{place}.mlp_norm", bias=False)
        m.linear(f"{place}.mlp.Wi", s.hidden, 2 * s.wide, bias=False)
        m.linear(f"{place}.mlp.Wo", s.wide, s.hidden, bias=False)
    m.norm("model.final_norm", bias=False)
    config = {"model_type": "modernbert", "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0}
    return (
        config
        | {"local_rope_theta": 10000.0, "local_attention": 128 if s.positions > 1000 else 10}
        | {"norm_eps": 1e-5}
    )


def qwen3(m: Maker) -> dict[str, Any]:
    s, size, keys = m.sizes, 2 * m.sizes.hidden // m.sizes.heads, m.sizes.heads // 2
    m.table("embed_tokens.weight", s.vocabulary, s.hidden)
    for n in range(s.layers):
        place = f"layers.{n}"
        m.linear(f"{place}.self_attn.q_proj", s.hidden, s.heads * size, bias=False)
        m.linear(f"{place}.self_attn.k_proj", s.hidden, keys * size, bias=False)
        m.linear(f"{place}.self_attn.v_proj", s.hidden, keys * size, bias=False)
        m.linear(f"{place}.self_attn.o_proj", s.heads * size, s.hidden, bias=False)
        m.norm(f"{place}.self_attn.q_norm", size, bias=False)
        m.norm(f"{place}.self_attn.k_norm", size, bias=False)
        m.norm(f"{place}.input_layernorm", bias=False)
        m.norm(f"{place}.post_attention_layernorm", bias=False)
        m.linear(f"{place}.mlp.gate_proj", s.hidden, s.wide, bias=False)
        m.linear(f"{place}.mlp.up_proj", s.hidden, s.wide, bias=False)
        m.linear(f"{place}.mlp.down_proj", s.wide, s.hidden, bias=False)
    m.norm("norm", bias=False)
    config = {"model_type": "qwen3", "num_key_value_heads": keys, "head_dim": size, "rms_norm_eps": 1e-6}
    return config | {"rope_theta": 1000000, "hidden_act": "silu", "use_sliding_window": False, "attention_bias": False}


FAMILIES = {
    "mpnet": (mpnet, "mean", Sizes(768, 12, 12, 3072, 30527, 514)),
    "xlm_roberta": (xlm_roberta, "cls", Sizes(1024, 24, 16, 4096, 2000, 8194)),
    "nomic": (nomic, "mean", Sizes(768, 12, 12, 3072, 30528, 8192)),
    "modernbert": (modernbert, "cls", Sizes(768, 22, 12, 1152, 2000, 8192)),
    "gte": (gte, "cls", Sizes(768, 12, 12, 3072, 30528, 8192)),
    "electra": (electra, "cls", Sizes(256, 12, 4, 1024, 30522, 512)),
    "deberta_v3": (deberta_v3, "mean", Sizes(768, 12, 12, 3072, 2000, 512)),
    "deberta_v2": (deberta_v2, "mean", Sizes(768, 6, 12, 3072, 2000, 512)),
    "qwen3": (qwen3, "last", Sizes(1024, 28, 16, 3072, 2000, 32768)),
}
"""By name: what makes a model, its pooling, and the sizes of a published model (most with a smaller vocabulary)."""
MODES = {"mean": "mean_tokens", "cls": "cls_token", "last": "lasttoken"}


def make_family(folder: Path, name: str, sizes: Sizes | None = None) -> Path:
    """Write a stand-in of a family as a sentence-transformers folder."""
    maker, pooling, _ = FAMILIES[name]
    make(folder, name, {"family": "bert", "hidden": 24, "heads": 2, "pooling": "mean", "normalise": True})
    m = Maker(sizes or Sizes(), np.random.default_rng(zlib.crc32(name.encode())))
    s = m.sizes
    config = {"hidden_size": s.hidden, "num_hidden_layers": s.layers, "num_attention_heads": s.heads}
    config |= {"intermediate_size": s.wide, "vocab_size": s.vocabulary, "max_position_embeddings": s.positions}
    config |= {"hidden_act": "gelu", "pad_token_id": 0} | maker(m)
    (folder / "config.json").write_text(json.dumps(config))
    settings = {"word_embedding_dimension": s.hidden, "pooling_mode_mean_tokens": pooling == "mean"}
    settings[f"pooling_mode_{MODES[pooling]}"] = True
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(settings))
    (folder / "model.safetensors").write_bytes(safetensors(m.made))
    return folder
