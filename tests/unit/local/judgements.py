"""Small cross-encoders and classifiers of transformers with random weights, and what transformers makes of texts.

`judgements.tar.xz` holds the models as files, and for some texts the answers of transformers' pipelines and of
sentence-transformers' CrossEncoder. `remake_judgements.py` makes it again, and compares more texts than it keeps.
"""

from __future__ import annotations

import json
import random
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ratatoskr import NliResult
from unit.local.corpus import PLANES, WORDS

ARCHIVE = Path(__file__).with_name("judgements.tar.xz")
SEED = 20261129
LIMIT = 80
"""The most tokens of an item, for all models but those of a fixed width."""

NLI = ("contradiction", "entailment", "neutral")
LABELS = ("politics", "état du monde", "日本 🎉", "don't")
TEMPLATE = "This text is about {}."


@dataclass(frozen=True)
class Case:
    """A model: its architecture, what it is for, the labels of its logits, and how its graph is written."""

    architecture: str
    task: Literal["nli", "classify", "rerank"]
    labels: tuple[str, ...]
    problem: str | None = None
    width: int | None = None
    segments: bool = True
    activation: str | None = None


CASES: dict[str, Case] = {
    "bert nli": Case("bert", "nli", NLI),
    "bert nli without segments": Case("bert", "nli", ("ENTAILMENT", "NEUTRAL", "CONTRADICTION"), segments=False),
    "bert nli of width 160": Case("bert", "nli", ("neutral", "entailment", "contradiction"), width=160),
    "bert nli of four labels": Case("bert", "nli", (*NLI, "paraphrase")),
    "roberta nli": Case("roberta", "nli", ("contradiction", "neutral", "entailment")),
    "xlm-roberta nli": Case("xlm-roberta", "nli", ("entailment", "neutral", "contradiction")),
    "bart nli": Case("bart", "nli", ("contradiction", "neutral", "entailment")),
    "deberta-v2 nli": Case("deberta-v2", "nli", NLI),
    "deberta-v3 nli": Case("deberta-v3", "nli", ("entailment", "not_entailment")),
    "modernbert nli": Case("modernbert", "nli", ("Entailment", "Neutral", "Contradiction")),
    "bert classes": Case("bert", "classify", ("anger", "joy", "fear", "none")),
    "roberta classes": Case("roberta", "classify", ("a", "b"), "single_label_classification"),
    "deberta-v3 several classes": Case("deberta-v3", "classify", ("x", "y", "z"), "multi_label_classification"),
    "modernbert one class": Case("modernbert", "classify", ("toxic",)),
    "xlm-roberta classes of width 160": Case("xlm-roberta", "classify", ("ja", "nein"), width=160),
    "bert rerank": Case("bert", "rerank", ("LABEL_0",), activation="torch.nn.modules.linear.Identity"),
    "xlm-roberta rerank": Case("xlm-roberta", "rerank", ("LABEL_0",)),
    "modernbert rerank": Case("modernbert", "rerank", ("LABEL_0",), activation="torch.nn.modules.activation.Sigmoid"),
    "deberta-v2 rerank": Case("deberta-v2", "rerank", ("LABEL_0",)),
}

ODD = ("", " ", "\n", "\r\n\t", "\u0000", "\ufeff\u200b", "[CLS] [SEP]", "[MASK]", "<mask>", "👩‍👩‍👧 🏳️‍🌈", "🎉" * 40)
ODD += (
    "e\u0301\u0323",
    "ﬀ Å İ ß",
    "مرحبا بالعالم",
    "שלום",
    "ประเทศไทย",
    "한국어 문장",
    "日本語の文",
    "Привет, мир!",
    "x" * 300,
)
ODD += ("for (i=0;i<n;++i) { a[i] = b; }", "http://example.org/?q=1&r=2", "1,234.56 €", "▁a ▁▁b", "Ġa", "##ing")
ODD += ("a </s> b", "</s></s>", "[SEP] c [PAD]")


def odd_texts(count: int, seed: int = SEED) -> list[str]:
    """Return texts: empty, short, mixed scripts, and some longer than any of the models takes."""
    chance = random.Random(seed)
    return [_text(chance) for _ in range(count)]


def zero_shot_texts(count: int) -> list[str]:
    """Return texts for `count` pairs of a text and a label; none is empty, which the pipeline refuses."""
    return [text for text in odd_texts(count, SEED + 1) if text][: count // len(LABELS)]


def odd_pairs(count: int, *, long: bool = False) -> list[tuple[str, str]]:
    """Return pairs of a text and a short one that every model takes whole, or of any two texts."""
    chance = random.Random(SEED)
    return [(_text(chance), (_text if long else _short)(chance)) for _ in range(count)]


def _text(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.15:
        return chance.choice(ODD)
    if kind < 0.3:
        low, high = chance.choice(PLANES)
        return "".join(chr(chance.randint(low, high)) for _ in range(chance.randint(1, 12)))
    length = chance.choice((1, 3, 6, 12, 20, 150))
    return " ".join(chance.choice((*WORDS, *ODD) if chance.random() < 0.1 else WORDS) for _ in range(length))


def _short(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return chance.choice(ODD)[:12]
    return " ".join(chance.choice(WORDS)[:9] for _ in range(chance.randint(1, 3))).capitalize()


def score_of_label(result: NliResult, label: str) -> float:
    """Return the score of a label as the model calls it; a fourth label has what the others leave."""
    scores = {"entailment": result.entailment, "contradiction": result.contradiction, "neutral": result.neutral or 0.0}
    return {**scores, "not_entailment": result.contradiction}.get(label.lower(), 1 - sum(scores.values()))


@cache
def read_expected(folder: Path) -> dict[str, Any]:
    """Unpack the archive into a folder, and return what is expected of each model."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return expected
