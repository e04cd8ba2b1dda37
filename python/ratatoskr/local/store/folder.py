"""Reading of a model's folder: architecture, pooling, maximum length. No code of the folder is executed."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import CatalogModel
from ratatoskr.types.visible import quote

__all__ = ["READY_MADE", "WEIGHTS", "Architecture", "ModelFolder", "read_folder", "read_regular_file"]

Family = Literal["bert", "roberta", "distilbert"]

_FAMILIES: Final[dict[str, Family]] = {
    "bert": "bert",
    "roberta": "roberta",
    "xlm-roberta": "roberta",
    "camembert": "roberta",
    "distilbert": "distilbert",
}
_POOLINGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_lasttoken": "last",
}
_MAX_JSON: Final = 64 * 1024 * 1024
WEIGHTS: Final = "model.safetensors"
READY_MADE: Final = ("model.onnx", "onnx/model.onnx")
"""ONNX files that are used if there are no weights: the first that exists."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes of a transformer.

    Attributes:
        family: the model family.
        hidden: size of a token's hidden state.
        layers: number of layers.
        heads: number of attention heads in each layer.
        intermediate: size of the feed-forward part's inner layer.
        epsilon: the epsilon of LayerNorm.
        pad: id of the padding token; RoBERTa's positions start after it.
        activation: activation function of the feed-forward part.
    """

    family: Family
    hidden: int
    layers: int
    heads: int
    intermediate: int
    epsilon: float
    pad: int
    activation: str


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The files and settings of a model's folder.

    Attributes:
        path: path of the folder.
        name: name of the model.
        tokenizer: path of `tokenizer.json`.
        weights: path of `model.safetensors`, or `None`.
        graph: path of a ready-made ONNX file, or `None`.
        architecture: the sizes, if there are weights.
        pooling: how hidden states become a vector.
        normalise: whether vectors are scaled to length one.
        max_length: maximum tokens of a text.
        query_instruction: prefix of a query's text.
    """

    path: Path
    name: str
    tokenizer: Path
    weights: Path | None
    graph: Path | None
    architecture: Architecture | None
    pooling: str
    normalise: bool
    max_length: int
    query_instruction: str


def read_folder(path: Path, name: str, entry: CatalogModel | None = None) -> ModelFolder:
    """Read a sentence-transformers folder, or a folder with an ONNX file and `tokenizer.json`.

    Args:
        path: path of the folder.
        name: name of the model.
        entry: its entry in the catalogue, which supplies settings that the folder's files do not give.

    Raises:
        ConfigurationError: a file is missing or invalid, or asks for something that is not supported.
    """
    config = _read_object(path / "config.json", optional=True)
    weights, graph = path / WEIGHTS, next((path / name for name in READY_MADE if (path / name).is_file()), None)
    has_weights = weights.is_file()
    if not has_weights and graph is None:
        raise ConfigurationError(f"{path} holds neither {WEIGHTS} nor {READY_MADE[0]}", model=name)
    if not (path / "tokenizer.json").is_file():
        raise ConfigurationError(f"{path} holds no tokenizer.json", model=name)
    pooling, normalise = _read_modules(path, entry)
    architecture = _read_architecture(config, path) if has_weights else None
    return ModelFolder(
        path=path,
        name=name,
        tokenizer=path / "tokenizer.json",
        weights=weights if has_weights else None,
        graph=None if has_weights else graph,
        architecture=architecture,
        pooling=pooling,
        normalise=normalise,
        max_length=_find_max_length(path, config, entry),
        query_instruction=entry.query_instruction if entry else "",
    )


def read_regular_file(path: Path, limit: int = _MAX_JSON) -> bytes:
    """Return the content of a regular file of at most `limit` bytes; reading a pipe could block forever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise ConfigurationError(f"{path} is not a regular file of at most {limit} bytes")
        return file.read()


def _read_object(path: Path, *, optional: bool = False) -> dict[str, Any]:
    if optional and not path.exists():
        return {}
    value = _read_json(path)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} is not a JSON object")
    return value


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_regular_file(path))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from None


def _read_architecture(config: dict[str, Any], path: Path) -> Architecture:
    kind = config.get("model_type")
    family = _FAMILIES.get(str(kind))
    if family is None:
        raise ConfigurationError(
            f"{path}: the model type {quote(kind)} is not supported, only {', '.join(sorted(_FAMILIES))}"
        )
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise ConfigurationError(
            f"{path}: position embeddings of type {quote(config['position_embedding_type'])} are not supported"
        )
    distil = family == "distilbert"
    keys = (
        ("dim", "n_layers", "n_heads", "hidden_dim")
        if distil
        else ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    )
    sizes = [config.get(key) for key in keys]
    if not all(isinstance(size, int) and 0 < size < 2**20 for size in sizes):
        raise ConfigurationError(f"{path}: config.json must give {', '.join(keys)} as positive numbers")
    hidden, layers, heads, intermediate = (int(size) for size in sizes if size is not None)
    activation = config.get("activation" if distil else "hidden_act", "gelu")
    if activation not in ("gelu", "relu", "gelu_new", "gelu_pytorch_tanh"):  # the value may be of any type
        raise ConfigurationError(f"{path}: the activation {quote(activation)} is not supported")
    if hidden % heads:
        raise ConfigurationError(f"{path}: the hidden size {hidden} is not a multiple of the {heads} attention heads")
    epsilon = 1e-12 if distil else config.get("layer_norm_eps", 1e-12)
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise ConfigurationError(
            f"{path}: config.json must give layer_norm_eps as a number between 0 and 1, not {quote(epsilon)}"
        )
    return Architecture(family, hidden, layers, heads, intermediate, epsilon, _read_pad_id(config, path), activation)


def _read_pad_id(config: dict[str, Any], path: Path) -> int:
    pad = config.get("pad_token_id")
    if pad is None:
        return 0
    if not isinstance(pad, int) or not 0 <= pad < 2**31:
        raise ConfigurationError(
            f"{path}: config.json must give pad_token_id as a non-negative integer, not {quote(pad)}"
        )
    return pad


def _read_modules(path: Path, entry: CatalogModel | None) -> tuple[str, bool]:
    """Return the pooling and whether vectors are normalised, as modules.json says."""
    if not (path / "modules.json").exists():
        if entry is not None:
            return entry.pooling, True  # all models of the catalogue normalise
        return "mean", False  # the defaults of sentence-transformers
    modules = _read_json(path / "modules.json")
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise ConfigurationError(f"{path / 'modules.json'} is not a list of modules")
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    unknown = [kind for kind in kinds if kind not in {"Transformer", "Pooling", "Normalize"}]
    if unknown or kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        text = "must be Transformer, Pooling and optionally Normalize"
        raise ConfigurationError(f"{path}: the modules {text}, not {', '.join(kinds)}")
    folder = path / str(modules[1].get("path", ""))
    try:
        is_inside = folder.resolve().is_relative_to(path.resolve())
    except (OSError, ValueError, RuntimeError):  # not a path, too long for one, or a circle of links
        is_inside = False
    if not is_inside:
        raise ConfigurationError(f"{path}: the path of the pooling is outside the folder")
    return _read_pooling(_read_object(folder / "config.json"), path), "Normalize" in kinds


def _read_pooling(config: dict[str, Any], path: Path) -> str:
    chosen = [key for key, value in config.items() if key.startswith("pooling_mode") and value is True]
    named = config.get("pooling_mode")
    if isinstance(named, str):
        chosen.append({"lasttoken": "pooling_mode_lasttoken"}.get(named, f"pooling_mode_{named}_tokens"))
        chosen = ["pooling_mode_cls_token" if mode == "pooling_mode_cls_tokens" else mode for mode in chosen]
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise ConfigurationError(f"{path}: the pooling {', '.join(chosen) or 'none'} is not supported")
    return _POOLINGS[chosen[0]]


def _find_max_length(path: Path, config: dict[str, Any], entry: CatalogModel | None) -> int:
    """Return the maximum length as sentence-transformers does: the setting, limited by the position embeddings."""
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and _FAMILIES.get(str(config.get("model_type"))) == "roberta":
        positions -= _read_pad_id(config, path) + 1
    given = _read_object(path / "sentence_bert_config.json", optional=True).get("max_seq_length")
    if given is None and entry is not None:
        given = entry.max_length
    if given is None:
        given = _read_object(path / "tokenizer_config.json", optional=True).get("model_max_length")
    if given is None and positions is None:
        given = (_read_object(path / "tokenizer.json").get("truncation") or {}).get("max_length")
    limits = [limit for limit in (positions, given) if isinstance(limit, int) and 0 < limit < 2**24]
    if not limits:
        raise ConfigurationError(f"{path}: no file gives the maximum length of a text (max_seq_length)")
    return min(limits)
