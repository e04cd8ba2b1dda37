"""Compares cross-encoders and classifiers with transformers and sentence-transformers, and keeps some answers.

The models have random weights and real tokenizers, made here by transformers and tokenizers, and are exported by torch.

Usage: python tests/unit/local/remake_judgements.py [TEXTS_OF_EACH_MODEL]
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import tarfile
import tempfile
import warnings
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as tf
from sentence_transformers import CrossEncoder
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ratatoskr.local import LocalClassifier, LocalNli, LocalReranker, ModelPool, ModelStore
from unit.local.corpus import texts
from unit.local.judgements import (
    ARCHIVE,
    CASES,
    LABELS,
    LIMIT,
    TEMPLATE,
    Case,
    odd_pairs,
    odd_texts,
    score_of_label,
    zero_shot_texts,
)

KEPT = 40
FILES = ("model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@cache
def byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return a byte-level vocabulary whose first ids are RoBERTa's special tokens, and its merges."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts(), trainers.BpeTrainer(vocab_size=400, special_tokens=ROBERTA_TOKENS, initial_alphabet=letters)
    )
    model = json.loads(made.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


@cache
def pieces(first: tuple[str, ...]) -> list[tuple[str, float]]:
    """Return a Unigram vocabulary that begins with special tokens."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.normalizer = normalizers.NFKC()
    made.train_from_iterator(
        [text for text in texts() if text.isascii()],
        trainers.UnigramTrainer(vocab_size=300, special_tokens=[*first], unk_token=first[-1]),
    )
    return [(piece, score) for piece, score in json.loads(made.to_str())["model"]["vocab"]]


def make_tokenizer(architecture: str, **options: Any) -> Any:
    """Return the tokenizer of an architecture, by its own class."""
    if architecture == "bert":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # a token of a vocabulary
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        made.train_from_iterator(
            [text for text in texts() if text.isascii()],
            trainers.WordPieceTrainer(vocab_size=300, special_tokens=BERT_TOKENS),
        )
        return tf.BertTokenizer(vocab=made.get_vocab(), **options)
    if architecture in {"roberta", "bart"}:
        vocabulary, merges = byte_pairs()
        return tf.RobertaTokenizer(vocab=vocabulary, merges=merges)
    if architecture == "xlm-roberta":
        return tf.XLMRobertaTokenizer(vocab=[*pieces(("<s>", "<pad>", "</s>", "<unk>")), ("<mask>", 0.0)])
    if architecture.startswith("deberta"):
        return tf.DebertaV2Tokenizer(vocab=[*pieces(("[PAD]", "[CLS]", "[SEP]", "[UNK]")), ("[MASK]", 0.0)])
    vocabulary, merges = byte_pairs()
    names = dict(zip(ROBERTA_TOKENS, ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"], strict=True))
    made = Tokenizer(models.BPE({names.get(key, key): value for key, value in vocabulary.items()}, merges))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    ends = [("[CLS]", 0), ("[SEP]", 2)]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends)
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=made,
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
        mask_token=AddedToken("[MASK]", lstrip=True),
        model_input_names=["input_ids", "attention_mask"],
    )


def make_config(case: Case, vocabulary: int) -> Any:
    """Return the config of a case's model."""
    length = case.width or LIMIT
    common: dict[str, Any] = {
        "vocab_size": vocabulary,
        "id2label": dict(enumerate(case.labels)),
        "label2id": {label: number for number, label in enumerate(case.labels)},
        "problem_type": case.problem,
    }
    if case.activation:
        common["sentence_transformers"] = {"activation_fn": case.activation}
    bert = {"pad_token_id": 0, **SIZES, **common}
    after = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, **common}
    match case.architecture:
        case "bert":
            return tf.BertConfig(**bert, max_position_embeddings=length)
        case "roberta":
            return tf.RobertaConfig(**after, **SIZES, max_position_embeddings=length + 2, type_vocab_size=1)
        case "xlm-roberta":
            return tf.XLMRobertaConfig(**after, **SIZES, max_position_embeddings=length + 2, type_vocab_size=1)
        case "bart":
            sizes = {f"{side}_{key}": n for side in ("encoder", "decoder") for key, n in BART.items()}
            return tf.BartConfig(**after, **sizes, d_model=16, max_position_embeddings=length)
        case "modernbert":
            tokens = {"cls_token_id": 0, "sep_token_id": 2}
            sizes = {"global_attn_every_n_layers": 2, "local_attention": 16}
            return tf.ModernBertConfig(**after, **tokens, **SIZES, **sizes, max_position_embeddings=length)
        case "deberta-v2":
            own = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "max_relative_positions": -1}
            return tf.DebertaV2Config(**bert, **own, max_position_embeddings=length, type_vocab_size=2)
        case _:
            own = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16}
            own |= {"share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False}
            return tf.DebertaV2Config(**bert, **own, max_position_embeddings=length, type_vocab_size=0)


BART = {"layers": 1, "attention_heads": 2, "ffn_dim": 32}


def make_model(case: Case, folder: Path) -> Path:
    """Write a model with its tokenizer and its graph; the weights are multiples of 1/32, which pack well."""
    inputs = {} if case.segments else {"model_input_names": ["input_ids", "attention_mask"]}
    tokenizer = make_tokenizer(case.architecture, **inputs)
    tokenizer.model_max_length = case.width or LIMIT
    model = tf.AutoModelForSequenceClassification.from_config(
        make_config(case, len(tokenizer)), attn_implementation="eager"
    ).eval()
    for name, value in model.named_parameters():
        head = "classifier" in name or "classification_head" in name
        # The weights of the body are the same in all models of an architecture.
        chance = np.random.default_rng(zlib.crc32(f"{case.labels if head else ''}{name}{[*value.shape]}".encode()))
        scale = 0.2 if value.ndim < 2 else (3 if head else 4 if "embeddings" in name else 1.5) / value.shape[-1] ** 0.5
        drawn = np.round(chance.standard_normal(tuple(value.shape)) * scale * 32) / 32
        if value.ndim == 1 and "norm" in name.lower() and name.endswith("weight"):
            drawn = 1 + drawn / 4
        value.data = torch.from_numpy(drawn.astype(np.float32))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    export(model, tokenizer, folder / "model.onnx", case.width)
    return folder


def export(model: Any, tokenizer: Any, path: Path, width: int | None) -> None:
    """Write the graph of a model as optimum does, with the inputs that its tokenizer gives."""

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            return self.model(**dict(zip(names, inputs, strict=True))).logits

    padding = {"padding": "max_length", "max_length": width} if width else {"padding": True}
    sample = tokenizer([("the state", "of time"), ("a great world", "still")], return_tensors="pt", **padding)
    names = [name for name in tokenizer.model_input_names if name in sample]
    axes = {0: "items"} if width else {0: "items", 1: "tokens"}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Logits(),
            tuple(sample[name] for name in names),
            path,
            input_names=names,
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(names, axes), "logits": {0: "items"}},
            opset_version=17,
            dynamo=False,
        )


def rows_of(answers: Iterable[list[dict[str, Any]]], labels: Sequence[str]) -> np.ndarray:
    """Return the scores of a pipeline in the order of the labels."""
    return np.array([[{one["label"]: one["score"] for one in answer}[label] for label in labels] for answer in answers])


def zero_shot_rows(answers: Iterable[dict[str, Any]]) -> np.ndarray:
    """Return the scores of the pipeline for labels of the caller's, in their order."""
    return np.array(
        [[dict(zip(one["labels"], one["scores"], strict=True))[label] for label in LABELS] for one in answers]
    )


def expect(case: Case, folder: Path, count: int) -> dict[str, np.ndarray]:
    """Return what transformers and sentence-transformers say, by the name of the call."""
    tokenizer = tf.AutoTokenizer.from_pretrained(folder)
    model = tf.AutoModelForSequenceClassification.from_pretrained(folder)
    common: dict[str, Any] = {"model": model, "tokenizer": tokenizer, "device": "cpu"}
    classify = tf.pipeline("text-classification", **common)
    if case.task == "classify":
        return {
            "classes": rows_of((classify(text, top_k=None, truncation=True) for text in odd_texts(count)), case.labels)
        }
    pairs = odd_pairs(count, long=case.task == "rerank")
    encoder = CrossEncoder(str(folder), device="cpu")
    if case.task == "rerank":
        scores = encoder.predict(pairs, batch_size=1, show_progress_bar=False)
        if case.activation and case.activation.endswith("Identity"):
            scores = 1 / (1 + np.exp(-scores.astype(np.float64)))
        return {"relevance": scores[:, None]}
    whole = encoder.predict(pairs, batch_size=1, apply_softmax=True, show_progress_bar=False)
    inputs = [{"text": first, "text_pair": second} for first, second in pairs]
    judged = rows_of((classify(one, top_k=None, truncation="only_first") for one in inputs), case.labels)
    # An empty second text makes the pipeline take the first one alone, and no pair.
    judged = np.array([row if second else other for row, other, (_, second) in zip(judged, whole, pairs, strict=True)])
    zero_shot = tf.pipeline("zero-shot-classification", **common)
    some = zero_shot_texts(count)
    options = {"candidate_labels": [*LABELS], "hypothesis_template": TEMPLATE}
    several = zero_shot_rows(zero_shot(text, **options, multi_label=True) for text in some)
    first = case.labels[-1 if case.labels[0].lower() == "entailment" else 0].lower()
    if first not in {"contradiction", "not_entailment"}:
        # The pipeline takes the first label for contradiction, or the last, whatever it is.
        columns = [case.labels.index(label) for label in ("contradiction", "entailment")]
        rows = [encoder.predict([(text, TEMPLATE.format(label)) for label in LABELS]) for text in some]
        rows = np.array(rows)[:, :, columns]
        several = np.exp(rows[..., 1]) / np.exp(rows).sum(axis=-1)
    return {
        "judgements": judged,
        "cross-encoder": whole,
        "one of several": zero_shot_rows(zero_shot(text, **options) for text in some),
        "several": several,
    }


async def judge(case: Case, folder: Path, pool: ModelPool, count: int) -> dict[str, np.ndarray]:
    """Return what the package says."""
    if case.task == "classify":
        found = await LocalClassifier(folder, pool=pool).classify_batch(odd_texts(count))
        return {"classes": np.array([[one.scores[label] for label in case.labels] for one in found])}
    pairs = odd_pairs(count, long=case.task == "rerank")
    if case.task == "rerank":
        reranker = LocalReranker(folder, pool=pool)
        return {"relevance": np.array([[(await reranker.rerank(first, [second]))[0].score] for first, second in pairs])}
    nli = LocalNli(folder, pool=pool)
    judged = await nli.infer_nli_batch(pairs)
    rows = np.array([[score_of_label(one, label) for label in case.labels] for one in judged])
    some = zero_shot_texts(count)
    found = {"judgements": rows, "cross-encoder": rows}
    for name, several in (("one of several", False), ("several", True)):
        answers = await nli.classify_zero_shot_batch(some, LABELS, multi_label=several, hypothesis_template=TEMPLATE)
        found[name] = np.array([[one.scores[label] for label in LABELS] for one in answers])
    return found


def main() -> None:
    """Print a row for each model and call: the texts, the labels that are equal, the largest distance of a score."""
    tf.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # the models are small
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1200
    kept: dict[str, Any] = {}
    print(f"{'model':34} {'call':16} {'texts':>5} {'equal':>8} distance   spread")
    with tempfile.TemporaryDirectory() as base:
        pool = ModelPool(ModelStore(Path(base) / "store"))
        for name, case in CASES.items():
            folder = make_model(case, Path(base) / name)
            expected, found = expect(case, folder, count), asyncio.run(judge(case, folder, pool, count))
            for call, rows in expected.items():
                equal = (rows.argmax(axis=1) == found[call].argmax(axis=1)).mean()
                distance, spread = np.abs(rows - found[call]).max(), rows.std(axis=0).min()
                print(f"{name:34} {call:16} {len(rows):5} {equal:8.2%}  {distance:.1e}    {spread:.3f}", flush=True)
            kept[name] = {call: np.round(rows[:KEPT], 7).tolist() for call, rows in expected.items()}
        pool.close()
        pack(Path(base), kept)
    print(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size} bytes")


def pack(base: Path, expected: dict[str, Any]) -> None:
    """Write the archive; files of one kind are side by side, as their common parts are then stored once."""
    (base / "expected.json").write_text(json.dumps(expected))
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        for path in [base / "expected.json", *(base / name / file for file in FILES for name in CASES)]:
            if path.exists():
                info = tarfile.TarInfo(path.relative_to(base).as_posix())
                info.size = path.stat().st_size
                archive.addfile(info, io.BytesIO(path.read_bytes()))


if __name__ == "__main__":
    main()
