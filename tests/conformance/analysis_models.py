"""Small models of text analysis, and a call of each method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ratatoskr import EmbeddedGateway, Ratatoskr
from unit.local.classifiers import Classifier
from unit.local.stand_ins import make

PREMISE, HYPOTHESIS = "the state of the world", "time"
CALLS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "infer_nli": ("nli", (PREMISE, HYPOTHESIS)),
    "infer_nli_batch": ("nli", ([(PREMISE, HYPOTHESIS)] * 3,)),
    "classify_zero_shot": ("nli", (PREMISE, ["time", "world"])),
    "classify_zero_shot_batch": ("nli", ([PREMISE, "x"], ["time", "world"])),
    "classify_stance": ("nli", (PREMISE, "time")),
    "classify_stance_batch": ("nli", ([PREMISE, "x"], "time")),
    "classify": ("sentiment", (PREMISE,)),
    "classify_batch": ("sentiment", ([PREMISE, "x"],)),
    "rerank": ("reranker", ("time", [PREMISE, "x"])),
}


def write_models(folder: Path) -> Path:
    """Write a model of each kind into the folder, and return it."""
    Classifier(1, 3).write(folder / "nli")
    Classifier(2, 1).write(folder / "reranker", config={"id2label": {"0": "LABEL_0"}})
    Classifier(3, 2).write(folder / "sentiment", config={"id2label": {"0": "bad", "1": "good"}})
    make(folder / "bert", "bert_mean_384")
    return folder


def build(folders: Path) -> EmbeddedGateway:
    """Return a gateway with these models."""
    builder = Ratatoskr.builder().cache_dir(folders / "store").local_embeddings(folders / "bert")
    builder.local_nli(folders / "nli").local_classifier(folders / "sentiment").local_reranker(folders / "reranker")
    return builder.build()
