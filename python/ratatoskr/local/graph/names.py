"""The names of tensors in files of weights, by family.

From transformers 5.23.0 (its models, and `conversion_mapping.py` for the names on the hub), read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ratatoskr.local.store.architecture import Family

__all__ = ["IGNORED", "LAYOUTS", "PREFIXES", "Layout"]

PREFIXES: Final = (
    "",
    "bert.",
    "roberta.",
    "distilbert.",
    "mpnet.",
    "electra.",
    "deberta.",
    "nomic_bert.",
    "gte.",
    "new.",
    "model.",
)
"""What may be before all names: a model with a head names the transformer in it."""
IGNORED: Final = ("inv_freq", "position_ids", "masked_bias")
"""The ends of names of tensors that follow from config.json."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of one family.

    Attributes:
        words: the embeddings of words.
        layers: what is before the number of a layer.
        parts: the parts of a layer: `query`, `key` and `value` or `qkv`; `output`; `attention_norm`; `up`, with `gate`
            if that is a tensor of its own, or `up_gate` for both, `up` first; `down`; `norm`; and what some have more.
        positions: the embeddings of positions; empty for none.
        types: the embeddings of token types, which a file need not have.
        norm: the norm of embeddings.
        final_norm: the norm after the last layer.
        projection: from embeddings to hidden states, where their sizes differ.
        bias: the bias of relative positions.
        without_bias: the ends of the names of what has no bias.
        is_open: whether a layer may have tensors that are not read.
        sample: a tensor by which this layout is told from others of the family.
    """

    words: str
    layers: str
    parts: Mapping[str, str]
    positions: str = ""
    types: str = ""
    norm: str = ""
    final_norm: str = ""
    projection: str = ""
    bias: str = ""
    without_bias: tuple[str, ...] = ()
    is_open: bool = False
    sample: str = ""


_BERT: Final = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
_DISTILBERT: Final = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "output": "attention.out_lin",
    "attention_norm": "sa_layer_norm",
    "up": "ffn.lin1",
    "down": "ffn.lin2",
    "norm": "output_layer_norm",
}
_MPNET: Final = {
    **{part: f"attention.attn.{letter}" for part, letter in (("query", "q"), ("key", "k"), ("value", "v"))},
    "output": "attention.attn.o",
    "attention_norm": "attention.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
_DEBERTA: Final = {
    **_BERT,
    **{part: f"attention.self.{part}_proj" for part in ("query", "key", "value")},
    "position_key": "attention.self.pos_key_proj",
    "position_query": "attention.self.pos_query_proj",
}
_NOMIC: Final = {
    "qkv": "attn.Wqkv",
    "output": "attn.out_proj",
    "attention_norm": "norm1",
    "gate": "mlp.fc12",
    "up": "mlp.fc11",
    "down": "mlp.fc2",
    "norm": "norm2",
}
_GTE: Final = {
    "qkv": "attention.qkv_proj",
    "output": "attention.o_proj",
    "attention_norm": "attn_ln",
    "up_gate": "mlp.up_gate_proj",
    "down": "mlp.down_proj",
    "norm": "mlp_ln",
}
_MODERNBERT: Final = {
    "qkv": "attn.Wqkv",
    "output": "attn.Wo",
    "attention_norm": "attn_norm",
    "up": "mlp.Wi",
    "down": "mlp.Wo",
    "norm": "mlp_norm",
}
_SEPARATE: Final = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
_AFTER: Final = {**_SEPARATE, "attention_norm": "post_attention_layernorm", "norm": "post_mlp_layernorm"}
_QWEN3: Final = {
    **_SEPARATE,
    "attention_norm": "input_layernorm",
    "norm": "post_attention_layernorm",
    "query_norm": "self_attn.q_norm",
    "key_norm": "self_attn.k_norm",
}

_WORDS: Final = "embeddings.word_embeddings"
_POSITIONS: Final = "embeddings.position_embeddings"
_TYPES: Final = "embeddings.token_type_embeddings"
_NORM: Final = "embeddings.LayerNorm"
_NO_BIAS: Final = (*_SEPARATE.values(),)

LAYOUTS: Final[Mapping[Family, tuple[Layout, ...]]] = {
    "bert": (Layout(_WORDS, "encoder.layer", _BERT, _POSITIONS, _TYPES, _NORM, is_open=True),),
    "roberta": (Layout(_WORDS, "encoder.layer", _BERT, _POSITIONS, _TYPES, _NORM, is_open=True),),
    "distilbert": (Layout(_WORDS, "transformer.layer", _DISTILBERT, _POSITIONS, _TYPES, _NORM, is_open=True),),
    "electra": (Layout(_WORDS, "encoder.layer", _BERT, _POSITIONS, _TYPES, _NORM, projection="embeddings_project"),),
    "mpnet": (Layout(_WORDS, "encoder.layer", _MPNET, _POSITIONS, "", _NORM, bias="encoder.relative_attention_bias"),),
    "deberta-v2": (
        Layout(
            _WORDS,
            "encoder.layer",
            _DEBERTA,
            _POSITIONS,
            _TYPES,
            _NORM,
            projection="embeddings.embed_proj",
            without_bias=("embed_proj",),
        ),
    ),
    "nomic_bert": (
        Layout(
            _WORDS,
            "encoder.layers",
            _NOMIC,
            types=_TYPES,
            norm="emb_ln",
            without_bias=("attn.Wqkv", "attn.out_proj", "mlp.fc11", "mlp.fc12", "mlp.fc2"),
            sample="emb_ln.weight",
        ),
        Layout(_WORDS, "layers", _AFTER, types=_TYPES, norm=_NORM, without_bias=_NO_BIAS),
    ),
    "gte": (
        Layout(
            _WORDS,
            "encoder.layer",
            _GTE,
            types=_TYPES,
            norm=_NORM,
            without_bias=("up_gate_proj",),
            sample="encoder.layer.0.attn_ln.weight",
        ),
        Layout(_WORDS, "layers", _AFTER, types=_TYPES, norm=_NORM, without_bias=("gate_proj", "up_proj")),
    ),
    "modernbert": (
        Layout(
            "embeddings.tok_embeddings",
            "layers",
            _MODERNBERT,
            norm="embeddings.norm",
            final_norm="final_norm",
            without_bias=("norm", "Wqkv", "Wo", "Wi"),
        ),
    ),
    "qwen3": (
        Layout("embed_tokens", "layers", _QWEN3, final_norm="norm", without_bias=("norm", "layernorm", "_proj")),
    ),
}
"""The names by family; where there are several, the first whose `sample` a file has."""
