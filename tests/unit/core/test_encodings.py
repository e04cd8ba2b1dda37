"""The OpenAI encodings: ids and places equal to tiktoken's, with the same ranks, on texts of every kind."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
import tiktoken
import tiktoken_ext.openai_public as public

from ratatoskr import _core
from ratatoskr.errors import InvalidInput
from ratatoskr.models.tokenizers import ENCODINGS
from unit.core.token_texts import make_texts

TEXTS = make_texts(21_000)
REAL = ("cl100k_base", "o200k_base")


def ranks_of(encoding: _core.Encoding) -> dict[bytes, int]:
    """Return the ranks, which tiktoken would download."""
    tokens = (encoding.token(number) for number in itertools.count())
    return {token: rank for rank, token in enumerate(itertools.takewhile(lambda token: token is not None, tokens))}


@pytest.fixture(scope="module")
def peers() -> dict[str, tiktoken.Encoding]:
    made: dict[str, tiktoken.Encoding] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in REAL:
            ranks = ranks_of(_core.Encoding(name))
            patch.setattr(public, "load_tiktoken_bpe", lambda *_, ranks=ranks, **__: ranks)
            arguments: dict[str, Any] = getattr(public, name)()
            assert arguments["mergeable_ranks"] is ranks
            made[name] = tiktoken.Encoding(**arguments)
    return made


@pytest.mark.parametrize(("name", "tokens"), [("cl100k_base", 100_256), ("o200k_base", 199_998)])
def test_the_vocabulary_has_the_published_size_and_every_byte(name: str, tokens: int) -> None:
    ranks = ranks_of(_core.Encoding(name))
    assert len(ranks) == tokens
    assert all(bytes([octet]) in ranks for octet in range(256))


KNOWN = (
    ("cl100k_base", "hello world", [15339, 1917]),
    ("o200k_base", "hello world", [24912, 2375]),
    ("cl100k_base", "tiktoken is great!", [83, 1609, 5963, 374, 2294, 0]),
)
"""Published examples: tiktoken's README and the OpenAI cookbook, from memory; 2026-11."""


@pytest.mark.parametrize(("name", "text", "ids"), KNOWN)
def test_published_examples(name: str, text: str, ids: list[int]) -> None:
    assert _core.Encoding(name).spans([text]).ids().tolist() == ids


@pytest.mark.parametrize("name", REAL)
def test_ids_and_places_equal_tiktokens(name: str, peers: dict[str, tiktoken.Encoding]) -> None:
    ours, peer = _core.Encoding(name), peers[name]
    assert len(TEXTS) >= 20_000
    spans = ours.spans(TEXTS)
    ids, chars, octets, ends = spans.ids(), spans.chars(), spans.bytes(), spans.ends()
    first = 0
    for text, end in zip(TEXTS, ends, strict=True):
        expected = peer.encode_ordinary(text)
        assert ids[first:end].tolist() == expected, ascii(text)
        places = [0, *itertools.accumulate(len(peer.decode_single_token_bytes(one)) for one in expected)]
        assert octets[first:end].tolist() == [list(pair) for pair in itertools.pairwise(places)], ascii(text)
        assert chars[first:end, 0].tolist() == peer.decode_with_offsets(expected)[1], ascii(text)
        assert ours.count(text) == len(expected)
        first = end


@pytest.mark.parametrize("name", ENCODINGS)
def test_slices_give_the_text_back(name: str) -> None:
    spans = _core.Encoding(name).spans(TEXTS)
    chars, octets, first = spans.chars().tolist(), spans.bytes().tolist(), 0
    for text, end in zip(TEXTS, spans.ends(), strict=True):
        data = text.encode()
        assert b"".join(data[start:stop] for start, stop in octets[first:end]) == data
        reached, pieces = 0, []
        for start, stop in chars[first:end]:
            assert start <= reached <= stop, "there is no gap, and two tokens share a character at most"
            pieces.append(text[reached:stop])
            reached = stop
        assert "".join(pieces) == text
        first = end


LONG = {
    "letters": "a" * 1_000_000,
    "words": "word " * 200_000,
    "mixed": "xY9é🙂 \n" * 100_000,
    "spaces": " " * 1_000_000,
    "digits": "1" * 1_000_000,
    "symbols": "=-" * 500_000,
    "combining": "e\u0301" * 300_000,
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("kind", LONG)
def test_lines_of_a_megabyte(name: str, kind: str, peers: dict[str, tiktoken.Encoding]) -> None:
    """The peer gets a part: it needs quadratic time for some of them."""
    ours, text = _core.Encoding(name), LONG[kind]
    part = text[:3000]
    assert ours.spans([part]).ids().tolist() == peers[name].encode_ordinary(part)
    spans = ours.spans([text])
    assert ours.count(text) == len(spans.ids())
    assert b"".join(ours.token(one) or b"?" for one in spans.ids().tolist()) == text.encode()


def test_a_count_is_linear() -> None:
    """Sixteen times the text takes less than forty times the processor's time; a quadratic one would take 256."""
    ours = _core.Encoding("o200k_base")

    def spent(text: str) -> float:
        best = 9.0
        for _ in range(3):
            began = time.thread_time()
            ours.count(text)
            best = min(best, time.thread_time() - began)
        return best

    for unit in ("a", "word ", "é🙂"):
        assert spent(unit * 1_600_000) < 40 * spent(unit * 100_000), unit


@pytest.mark.parametrize("name", REAL)
def test_a_long_text_in_which_everything_comes_again_is_counted_as_its_tokens(name: str) -> None:
    ours, texts = _core.Encoding(name), make_texts(3000, seed=9)
    text = "".join(texts + texts[::-1] + texts)
    assert ours.count(text) == len(ours.spans([text]).ids())


def test_parts_are_counted_as_one_text() -> None:
    ours = _core.Encoding("cl100k_base")
    text = "Überraschung 🙂 " * 500
    parts = [text[start : start + 7].encode() for start in range(0, len(text), 7)]
    assert ours.count_parts(parts) == ours.count(text)
    with pytest.raises(ValueError, match="not UTF-8"):
        ours.count_parts([b"\xff"])


def test_wrong_texts_are_named() -> None:
    ours = _core.Encoding("cl100k_base")
    with pytest.raises(InvalidInput, match="text 5 "):
        ours.spans(["a", "b\ud800"], 4)
    with pytest.raises(InvalidInput, match="text 0 "):
        ours.count("\ud800")
    with pytest.raises(ValueError, match="p50k"):
        _core.Encoding("p50k_base")
