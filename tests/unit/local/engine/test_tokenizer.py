"""Long texts are cut before they are tokenised, and no token changes by it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ratatoskr import _core
from ratatoskr.errors import ConfigurationError, ContextLengthExceeded, InvalidInput
from ratatoskr.local import LocalEmbedder
from ratatoskr.local.engine.tokenizer import Tokenizer
from unit.local.stand_ins import _byte_tokenizer, _word_tokenizer

SPECIAL = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def added(*tokens: str, **options: Any) -> list[dict[str, Any]]:
    return [{"id": 1000 + number, "content": token, **SPECIAL, **options} for number, token in enumerate(tokens)]


def word_pieces(**changes: Any) -> bytes:
    """Return BERT's kind, with a vocabulary of letters and some others."""
    data, _ = _word_tokenizer()
    normalizer = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    data["normalizer"] = {"type": "BertNormalizer", **normalizer, **changes.pop("normalizer", {})}
    vocabulary = data["model"]["vocab"]
    for piece in ("\u4e2d", "\u3002", "\u3042", "##\u3042", "\u00e9", "##\u00e9"):
        vocabulary[piece] = len(vocabulary)
    data["model"] |= changes.pop("model", {})
    data["added_tokens"] += changes.pop("added", [])
    return json.dumps(data | changes).encode()


def bytes_of_roberta(**changes: Any) -> bytes:
    data, _ = _byte_tokenizer()
    data["model"]["merges"] = [["a", "b"], ["\u0120", "a"], ["ab", "ab"]]
    for piece in ("ab", "\u0120a", "abab"):
        data["model"]["vocab"][piece] = len(data["model"]["vocab"])
    data["added_tokens"] += changes.pop("added", [])
    return json.dumps(data | changes).encode()


def unigrams(**changes: Any) -> bytes:
    """Return XLM-RoBERTa's kind."""
    pieces = [
        ("<s>", 0.0),
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("\u2581", -3.0),
        ("ab", -4.0),
        ("\u2581ab", -3.5),
    ]
    pieces += [(letter, -6.0) for letter in "abcz,.!\u4e2d\u3042\u3002"]
    data: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [{"id": n, "content": pieces[n][0], **SPECIAL} for n in range(4)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
            ],
        },
        "post_processor": {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]},
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": pieces},
    }
    return json.dumps(data | changes).encode()


KINDS = {
    "bert": word_pieces(),
    "bert that keeps accents": word_pieces(normalizer={"strip_accents": False, "lowercase": False}),
    "bert that joins ideographs": word_pieces(normalizer={"handle_chinese_chars": False}),
    "bert with long words": word_pieces(model={"max_input_chars_per_word": 7}),
    "bert with longer words": word_pieces(model={"max_input_chars_per_word": 150}),
    "bert with added tokens": word_pieces(added=added("ab,c", "!!", "</x>", "\u0301")),
    "bert with added words": word_pieces(added=added("ab", "zz", single_word=True, normalized=True)),
    "bert with tokens that eat spaces": word_pieces(added=added("<m>", lstrip=True, rstrip=True)),
    "bert in NFC": word_pieces(normalizer={"type": "NFC"}),
    "bert in NFKC": word_pieces(normalizer={"type": "NFKC"}),
    "roberta": bytes_of_roberta(),
    "roberta with added tokens": bytes_of_roberta(added=added("<mask>", "a.b", lstrip=True)),
    "roberta in NFC": bytes_of_roberta(normalizer={"type": "NFC"}),
    "xlm-roberta": unigrams(),
    "metaspace": unigrams(
        pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}
    ),
    "metaspace in one": unigrams(
        pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    ),
    "whitespace": word_pieces(pre_tokenizer={"type": "Whitespace"}),
    "no splitting": unigrams(pre_tokenizer=None),
    "added tokens with spaces": word_pieces(added=added("a b", "z \u4e2d")),
}
NEVER_CUT = {"metaspace in one", "no splitting", "added tokens with spaces"}

_PIECES = (
    "a|ab|abab|z|the|embedding| |  |\n|\t|\r\n|,|!|!!|.|...|'s|_|[MASK]|[|]|<mask>|<m>|</x>|<|>|0|12|A|#"
    "|\u00e9|e\u0301|\u0301|\u0327\u0301|\u034f|\u4e2d|\u4e2d\u6587|\u3002|\u3042|\u304c|\u1100\u1161|\uac00|\u0627\u0644"
    "|\u00a0|\u2003|\u200b|\u00ad|\x00|\x01|\ufeff|\U0001f600|\U0001f468\u200d\U0001f469|\ufb01|\u00bd|\u2026|\u0600"
    "|\u0d4e|\u00b4|\u212b|\u0130|\u03a3|\u00a1|\u2581|\ufffd"
)
PIECES = _PIECES.split("|")
LONG = st.builds(
    lambda piece, times: piece * times, st.sampled_from(PIECES), st.sampled_from([1, 2, 3, 8, 40, 130, 300])
)
TEXTS = st.lists(LONG | st.text(max_size=6).filter(lambda text: text.isprintable()), max_size=40).map("".join)


def ids(tokens: _core.Tokens) -> list[list[int]]:
    return [tokens.ids(item).tolist() for item in range(len(tokens))]


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), limit=st.integers(4, 40), characters=st.integers(1, 4))
@example(texts=["a" * 5000], limit=8, characters=1)
@example(texts=["\u4e2d" * 500, "short", " " * 500, "\u0301" * 500 + "a"], limit=8, characters=1)
@example(texts=[("x" * 150 + " ") * 30], limit=12, characters=2)
@example(texts=["ab,c" * 100, "!" * 333, "a!!" * 50, "[MASK]" * 50], limit=40, characters=1)
@settings(max_examples=150)
def test_the_tokens_are_those_of_the_whole_text(kind: str, texts: list[str], limit: int, characters: int) -> None:
    whole, cutting = _core.Tokenizer(KINDS[kind]), Tokenizer(KINDS[kind], characters_per_token=characters)
    expected, tokens = whole.encode(texts, limit), cutting.encode(texts, limit)
    assert ids(tokens) == ids(expected)
    assert tokens.total() == expected.total()
    assert [item for item, _ in tokens.cut()] == [item for item, _ in expected.cut()]
    for (item, count), (_, all_of_it) in zip(tokens.cut(), expected.cut(), strict=True):
        assert limit < count <= all_of_it
        assert count == all_of_it or cutting.is_long(texts[item], limit)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_beginning_is_read_where_that_is_certain(kind: str) -> None:
    text = "the world, in time. " * 100_000
    read: list[int] = []

    class Reading:
        def encode(self, texts: list[str], limit: int, first: int = 0) -> _core.Tokens:
            read.extend(map(len, texts))
            return _core.Tokenizer(KINDS[kind]).encode(texts, limit, first)

    tokenizer = Tokenizer(KINDS[kind])
    tokenizer._inner = Reading()  # type: ignore[assignment]  # as much of it as is used
    tokenizer.encode(["before", text[: 64 * 32], "after"], 64)
    assert sum(read) == len("before") + 64 * 32 + len("after"), "a text of usual length is read as it is"
    read.clear()
    tokenizer.encode(["before", text, "after"], 64)
    assert max(read) <= (len(text) if kind in NEVER_CUT else 64 * 32)


@pytest.mark.parametrize("kind", ["bert", "bert that keeps accents"])
@pytest.mark.parametrize(
    "part", ["a", "ab", " ", "\r\n", "\u0301", "a\u0301", "\u3042", "\u00ad", "\x00", "\uac00", "abcdefghij0123456789"]
)
def test_of_a_long_text_of_few_tokens_little_is_tokenised(kind: str, part: str) -> None:
    """A long word is one unknown token, and spaces are none: nothing is cut, and yet not all of it is read."""
    read: list[int] = []

    class Reading:
        def encode(self, texts: list[str], limit: int, first: int = 0) -> _core.Tokens:
            read.extend(map(len, texts))
            return _core.Tokenizer(KINDS[kind]).encode(texts, limit, first)

    tokenizer = Tokenizer(KINDS[kind])
    tokenizer._inner = Reading()  # type: ignore[assignment]  # as much of it as is used
    text = "time " + part * (1_000_000 // len(part))
    tokens = tokenizer.encode([text], 64)
    assert max(read) < 10_000
    assert ids(tokens) == ids(_core.Tokenizer(KINDS[kind]).encode([text], 64))
    assert tokens.cut() == []


def test_errors_are_those_of_the_whole_text() -> None:
    tokenizer = Tokenizer(KINDS["bert"])
    long = "time " * 10_000
    for texts in (["a", long, 7], [long, long, f"{long}\ud800"]):
        with pytest.raises(InvalidInput, match=r"text 12 (is not a str|holds half of a surrogate pair)"):
            tokenizer.encode(texts, 64, 10)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ConfigurationError, match="leaves no room"):
        tokenizer.encode([long], 2)
    with pytest.raises(ConfigurationError):
        Tokenizer(b"{}")


@pytest.mark.parametrize("count", [1, 20])  # a small call, and a large one
async def test_a_text_that_was_cut_early_is_refused_with_the_least_that_it_has(stand_in, models, count: int) -> None:
    embedder = LocalEmbedder(stand_in("bert_mean_384"), pool=models)
    short = [f"time {number}" for number in range(count - 1)]
    with pytest.raises(ContextLengthExceeded, match=rf"text {count - 1} has 102 tokens, and the model takes 64"):
        await embedder.embed_batch([*short, "time " * 100], truncate=False)
    with pytest.raises(
        ContextLengthExceeded, match=rf"text {count - 1} has at least \d+ tokens, and the model takes 64"
    ):
        await embedder.embed_batch([*short, "time " * 100_000], truncate=False)
    cut = await embedder.embed_batch([*short, "time " * 100_000, "time " * 62])
    assert cut.truncated == 1
    assert cut.cut == (count - 1,)
    assert cut.vectors[-2].tolist() == pytest.approx(cut.vectors[-1].tolist(), abs=1e-6)


MEASURE = """
import pathlib, resource, sys
from ratatoskr.local.engine.tokenizer import Tokenizer
tokenizer = Tokenizer(pathlib.Path(sys.argv[1]).read_bytes())
text = sys.argv[2] * (8_000_000 // len(sys.argv[2].encode()))
tokenizer.encode(["time " * 10_000, "a" * 10_000], 256)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tokens = tokenizer.encode([text], 256)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, len(tokens.cut()))
"""


@pytest.mark.parametrize(("part", "cut"), [("word ", 1), ("a", 0), (" ", 0), ("\u4e2d", 1), ("a\u0301", 0), ("!", 1)])
def test_eight_megabytes_cost_at_most_twenty(stand_in, part: str, cut: int) -> None:
    command = [sys.executable, "-c", MEASURE, str(stand_in("bert_mean_384") / "tokenizer.json"), part]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes, count = map(int, done.stdout.split())
    assert (megabytes <= 20, count) == (True, cut), megabytes
