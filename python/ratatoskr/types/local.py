"""What names a local model for text analysis and its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["AnalysisModel", "LabelNames", "LocalModelName"]

LabelNames: TypeAlias = Sequence[str] | Mapping[str, str]
"""The names of the labels: in the order of the model's logits, or by the names that config.json has."""
LocalModelName: TypeAlias = str | Path | tuple[str | Path, str | Path]
"""A name of the catalogue, a model of the store, a folder, or an ONNX file and its tokenizer.json."""
AnalysisModel: TypeAlias = tuple[
    Literal["nli", "classify", "rerank"], LocalModelName, Literal["fp32", "int8", "bf16", "auto"], LabelNames | None
]
"""A model for text analysis: what it does, its name, its precision, and the names of its labels, if they are given."""
