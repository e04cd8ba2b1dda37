"""Small models with random weights and the files of real ones, created with numpy so that torch can load them too."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]

STAND_INS: dict[str, dict[str, Any]] = {
    "bert_mean_384": {"family": "bert", "hidden": 384, "heads": 12, "pooling": "mean", "normalise": True},
    "bert_cls_384": {"family": "bert", "hidden": 384, "heads": 12, "pooling": "cls", "normalise": True},
    "bert_cls_768": {"family": "bert", "hidden": 768, "heads": 12, "pooling": "cls", "normalise": False},
    "roberta_mean_96": {"family": "roberta", "hidden": 96, "heads": 4, "pooling": "mean", "normalise": True},
    "distilbert_max_96": {"family": "distilbert", "hidden": 96, "heads": 4, "pooling": "max", "normalise": False},
}
"""Like the catalogue's other three (384 dimensions with mean and CLS, 768 with CLS), then two other families."""

LAYERS, POSITIONS = 2, 66


def make(folder: Path, name: str, shape: dict[str, Any] | None = None) -> Path:
    """Write a stand-in as a sentence-transformers folder; `shape` is for one that is not in `STAND_INS`."""
    shape = shape or STAND_INS[name]
    roberta = shape["family"] == "roberta"
    tokenizer, vocabulary = _byte_tokenizer() if roberta else _word_tokenizer()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": shape["hidden"]}
    pooling |= {f"pooling_mode_{mode}": False for mode in ("cls_token", "mean_tokens", "max_tokens")}
    pooling["pooling_mode_" + {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}[shape["pooling"]]] = True
    kinds = ["Transformer", "Pooling"] + ["Normalize"] * shape["normalise"]
    paths = ["", "1_Pooling", "2_Normalize"]
    modules = [
        {"idx": i, "name": str(i), "path": paths[i], "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    pad, unknown, cls, sep, mask = (
        ("<pad>", "<unk>", "<s>", "</s>", "<mask>") if roberta else ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    )
    special = {"pad_token": pad, "unk_token": unknown, "cls_token": cls, "sep_token": sep, "mask_token": mask}
    written = {
        "config.json": _config(shape, vocabulary),
        "modules.json": modules,
        "1_Pooling/config.json": pooling,
        "sentence_bert_config.json": {"max_seq_length": 64, "do_lower_case": False},
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **special},
    }
    for path, value in written.items():
        (folder / path).write_text(json.dumps(value))
    (folder / "model.safetensors").write_bytes(safetensors(_weights(shape, vocabulary)))
    return folder


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    """Return tensors in the format of safetensors."""
    header, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        parts.append(tensor.astype("<f4").tobytes())
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def _config(shape: dict[str, Any], vocabulary: int) -> dict[str, Any]:
    hidden, heads = shape["hidden"], shape["heads"]
    if shape["family"] == "distilbert":
        sizes = {"dim": hidden, "n_layers": LAYERS, "n_heads": heads, "hidden_dim": 2 * hidden, "activation": "gelu"}
        kind, name = "distilbert", "DistilBertModel"
        sizes |= {"sinusoidal_pos_embds": False, "dropout": 0.0, "attention_dropout": 0.0}
    else:
        sizes = {"hidden_size": hidden, "num_hidden_layers": LAYERS, "num_attention_heads": heads}
        sizes |= {"intermediate_size": 2 * hidden, "hidden_act": "gelu", "type_vocab_size": 2, "layer_norm_eps": 1e-5}
        kind, name = shape["family"], {"bert": "BertModel", "roberta": "RobertaModel"}[shape["family"]]
    pad = 1 if kind == "roberta" else 0
    common = {"vocab_size": vocabulary, "max_position_embeddings": POSITIONS, "pad_token_id": pad}
    return {"model_type": kind, "architectures": [name], **common, **sizes}


def _weights(shape: dict[str, Any], vocabulary: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(shape["family"]) * 1000 + shape["hidden"])
    hidden, wide, distil = shape["hidden"], 2 * shape["hidden"], shape["family"] == "distilbert"
    made: dict[str, np.ndarray] = {}

    def linear(name: str, inputs: int, outputs: int) -> None:
        made[f"{name}.weight"] = rng.standard_normal((outputs, inputs)) * 0.06
        made[f"{name}.bias"] = rng.standard_normal(outputs) * 0.1

    def norm(name: str) -> None:
        made[f"{name}.weight"] = 1 + rng.standard_normal(hidden) * 0.1
        made[f"{name}.bias"] = rng.standard_normal(hidden) * 0.1

    tables = {"word": vocabulary, "position": POSITIONS} | ({} if distil else {"token_type": 2})
    for table, rows in tables.items():
        made[f"embeddings.{table}_embeddings.weight"] = rng.standard_normal((rows, hidden)) * 0.5
    norm("embeddings.LayerNorm")
    for number in range(LAYERS):
        place = f"{'transformer' if distil else 'encoder'}.layer.{number}"
        attention = "attention.{}_lin" if distil else "attention.self.{}"
        for part in ("q", "k", "v") if distil else ("query", "key", "value"):
            linear(f"{place}.{attention.format(part)}", hidden, hidden)
        linear(f"{place}.{'attention.out_lin' if distil else 'attention.output.dense'}", hidden, hidden)
        norm(f"{place}.{'sa_layer_norm' if distil else 'attention.output.LayerNorm'}")
        linear(f"{place}.{'ffn.lin1' if distil else 'intermediate.dense'}", hidden, wide)
        linear(f"{place}.{'ffn.lin2' if distil else 'output.dense'}", wide, hidden)
        norm(f"{place}.{'output_layer_norm' if distil else 'output.LayerNorm'}")
    return made


def _added(tokens: list[str]) -> list[dict[str, Any]]:
    rest = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": number, "content": token, **rest} for number, token in enumerate(tokens)]


def _word_tokenizer() -> tuple[dict[str, Any], int]:
    """Return a tokenizer of letters and some words, and the size of its vocabulary."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = SPECIALS + letters + [f"##{letter}" for letter in letters]
    pieces += ["the", "of", "and", "to", "in", "is", "that", "for", "was", "with", "embedding"]
    pieces += ["##ing", "##ed", "##s", "state", "world", "time"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
    model |= {"max_input_chars_per_word": 100, "vocab": vocabulary}
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
    normalizer |= {"strip_accents": None, "lowercase": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(SPECIALS),
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": model,
    }, len(vocabulary)


def _byte_tokenizer() -> tuple[dict[str, Any], int]:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(code) for code in plain] + [chr(256 + n) for n in range(256 - len(plain))]
    vocabulary = {piece: number for number, piece in enumerate(ROBERTA_SPECIALS + letters)}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "vocab": vocabulary}
    model |= {"end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "merges": []}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(ROBERTA_SPECIALS),
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", 2],
            "cls": ["<s>", 0],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": model,
    }, len(vocabulary)
