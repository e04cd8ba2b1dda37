"""A model's folder, read: which family, how it pools, how long its texts may be. Nothing here is executed."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import CatalogModel

__all__ = ["READY_MADE", "WEIGHTS", "Architecture", "Folder", "read_folder"]

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
"""Graphs that may stand in place of weights, the first that is there."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes of a transformer.

    Attributes:
        family: which one.
        hidden: dimensions of a token's state.
        layers: how many.
        heads: of attention, in each layer.
        intermediate: dimensions between the two halves of the feed-forward part.
        epsilon: of LayerNorm.
        pad: id of the padding token, from which RoBERTa counts positions.
        activation: of the feed-forward part.
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
class Folder:
    """What a folder holds.

    Attributes:
        path: of the folder.
        name: of the model.
        tokenizer: path of `tokenizer.json`.
        weights: path of `model.safetensors`; else `None`.
        graph: path of a ready-made ONNX file; else `None`.
        architecture: sizes, where there are weights.
        pooling: how states become a vector.
        normalise: whether vectors have length one.
        max_length: tokens of a text at most.
        query_instruction: what goes before a query's text.
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


def read_folder(path: Path, name: str, row: CatalogModel | None = None) -> Folder:
    """Read a sentence-transformers folder, or one of an ONNX file and `tokenizer.json`.

    Args:
        path: of the folder.
        name: of the model.
        row: its row in the catalogue, which says what a copy without its small files leaves open.

    Raises:
        ConfigurationError: something is missing, or of a kind that is not understood.
    """
    config = _object(path / "config.json", optional=True)
    weights, graph = path / WEIGHTS, next((path / name for name in READY_MADE if (path / name).is_file()), None)
    has_weights = weights.is_file()
    if not has_weights and graph is None:
        raise ConfigurationError(f"{path} holds neither {WEIGHTS} nor {READY_MADE[0]}", model=name)
    if not (path / "tokenizer.json").is_file():
        raise ConfigurationError(f"{path} holds no tokenizer.json", model=name)
    pooling, normalise = _modules(path, row)
    architecture = _architecture(config, path) if has_weights else None
    return Folder(
        path=path,
        name=name,
        tokenizer=path / "tokenizer.json",
        weights=weights if has_weights else None,
        graph=None if has_weights else graph,
        architecture=architecture,
        pooling=pooling,
        normalise=normalise,
        max_length=_max_length(path, config, row),
        query_instruction=row.query_instruction if row else "",
    )


def read_regular(path: Path, limit: int = _MAX_JSON) -> bytes:
    """Read a whole file that must be a regular one: a pipe would wait for ever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise ConfigurationError(f"{path} is no regular file of at most {limit} bytes")
        return file.read()


def _object(path: Path, *, optional: bool = False) -> dict[str, Any]:
    if optional and not path.exists():
        return {}
    value = _json(path)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} is not a JSON object")
    return value


def _json(path: Path) -> Any:
    try:
        return json.loads(read_regular(path))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from None


def _architecture(config: dict[str, Any], path: Path) -> Architecture:
    kind = config.get("model_type")
    family = _FAMILIES.get(str(kind))
    if family is None:
        raise ConfigurationError(f"{path}: a model of type {kind!r}; known are {', '.join(sorted(_FAMILIES))}")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise ConfigurationError(f"{path}: positions of type {config['position_embedding_type']!r} are not known")
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
    if activation not in ("gelu", "relu", "gelu_new", "gelu_pytorch_tanh"):  # which may be of any type
        raise ConfigurationError(f"{path}: the activation {activation!r} is not known")
    if hidden % heads:
        raise ConfigurationError(f"{path}: {hidden} dimensions cannot be shared out to {heads} heads")
    epsilon = 1e-12 if distil else config.get("layer_norm_eps", 1e-12)
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise ConfigurationError(f"{path}: config.json must give layer_norm_eps as a small number, not {epsilon!r}")
    return Architecture(family, hidden, layers, heads, intermediate, epsilon, _pad(config, path), activation)


def _pad(config: dict[str, Any], path: Path) -> int:
    pad = config.get("pad_token_id")
    if pad is None:
        return 0
    if not isinstance(pad, int) or not 0 <= pad < 2**31:
        raise ConfigurationError(f"{path}: config.json must give pad_token_id as a whole number, not {pad!r}")
    return pad


def _modules(path: Path, row: CatalogModel | None) -> tuple[str, bool]:
    """Obey modules.json: which pooling, and whether the vectors are normalised."""
    if not (path / "modules.json").exists():
        if row is not None:
            return row.pooling, True  # as all of the catalogue are
        return "mean", False  # what sentence-transformers makes of a bare transformer
    modules = _json(path / "modules.json")
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise ConfigurationError(f"{path / 'modules.json'} is not a list of modules")
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    unknown = [kind for kind in kinds if kind not in {"Transformer", "Pooling", "Normalize"}]
    if unknown or kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ConfigurationError(
            f"{path}: the modules {', '.join(kinds)} are not Transformer, Pooling and perhaps Normalize"
        )
    where = path / str(modules[1].get("path", ""))
    if not where.resolve().is_relative_to(path.resolve()):
        raise ConfigurationError(f"{path}: the pooling's path leads out of the folder")
    return _pooling(_object(where / "config.json"), path), "Normalize" in kinds


def _pooling(config: dict[str, Any], path: Path) -> str:
    chosen = [key for key, value in config.items() if key.startswith("pooling_mode") and value is True]
    named = config.get("pooling_mode")
    if isinstance(named, str):
        chosen.append({"lasttoken": "pooling_mode_lasttoken"}.get(named, f"pooling_mode_{named}_tokens"))
        chosen = ["pooling_mode_cls_token" if mode == "pooling_mode_cls_tokens" else mode for mode in chosen]
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise ConfigurationError(f"{path}: the pooling {', '.join(chosen) or 'of nothing'} is not known")
    return _POOLINGS[chosen[0]]


def _max_length(path: Path, config: dict[str, Any], row: CatalogModel | None) -> int:
    """Find the model's own limit, as sentence-transformers does: its setting, within what it has positions for."""
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and _FAMILIES.get(str(config.get("model_type"))) == "roberta":
        positions -= _pad(config, path) + 1
    given = _object(path / "sentence_bert_config.json", optional=True).get("max_seq_length")
    if given is None and row is not None:
        given = row.max_length
    if given is None:
        given = _object(path / "tokenizer_config.json", optional=True).get("model_max_length")
    if given is None and positions is None:
        given = (_object(path / "tokenizer.json").get("truncation") or {}).get("max_length")
    limits = [limit for limit in (positions, given) if isinstance(limit, int) and 0 < limit < 2**24]
    if not limits:
        raise ConfigurationError(f"{path}: no file says how long a text may be (max_seq_length)")
    return min(limits)
