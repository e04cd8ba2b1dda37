"""Matches in a text that comes in pieces: the same as in the whole text, wherever it is cut."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import ConfigurationError
from ratatoskr.middleware.prefix import SplitPattern
from ratatoskr.middleware.rewrite import TextRewriter

PATTERNS = (
    "abc",
    "a+b",
    r"ab{2,3}?c",
    r"a(?:.*b)?",
    r"\ba\w*",
    r"\ba\w+\b",
    r"a$",
    r"^a+",
    r"(?m)^ab?$",
    r"a(?=bc)",
    r"a(?!bc)",
    r"a(?!b.*c)",
    r"(?<=ab)c",
    r"(?<!a)b",
    r"(?:a|ab)(?:c|bcd)",
    r"(?>ab|a)c",
    r"a++b",
    r"(a+)b\1",
    r"(a)?b(?(1)c|d)",
    r"(?i)AB(?-i:c)",
    r"[^a\s]{3}",
    r"(?:a(?=b|c)[bc])+d",
    r"(?s)a.c",
    r"(?:ab|b+?)*c",
    r"a\b.\b",
)
TEXTS = st.text("abcd \n", max_size=24)


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:stop] for start, stop in pairwise(places)]


def fed(patterns: list[str], parts: list[str]) -> str:
    rewriter = TextRewriter([SplitPattern(one) for one in patterns], lambda index, value: f"<{index}{value}>")
    return "".join(text for _, text in [pair for part in parts for pair in rewriter.feed(0, part)] + rewriter.flush())


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 24), max_size=8))
def test_matches_are_those_of_the_whole_text(pattern: str, text: str, cuts: list[int]) -> None:
    assert fed([pattern], pieces(text, cuts)) == re.sub(pattern, lambda match: f"<0{match[0]}>", text)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=TEXTS)
def test_one_character_at_a_time(pattern: str, text: str) -> None:
    assert fed([pattern], list(text)) == re.sub(pattern, lambda match: f"<0{match[0]}>", text)


@given(
    patterns=st.lists(st.sampled_from(PATTERNS[:6]), min_size=2, max_size=3),
    text=TEXTS,
    cuts=st.lists(st.integers(0, 24), max_size=8),
)
def test_the_first_match_of_several_patterns_counts_wherever_the_text_is_cut(
    patterns: list[str], text: str, cuts: list[int]
) -> None:
    assert fed(patterns, pieces(text, cuts)) == fed(patterns, [text] if text else [])


@given(parts=st.lists(st.tuples(st.integers(0, 3), st.text("ab1 ", max_size=6)), max_size=10))
def test_what_is_not_replaced_keeps_its_key_and_a_match_has_that_of_its_first_character(
    parts: list[tuple[int, str]],
) -> None:
    rewriter = TextRewriter([SplitPattern(r"a[ab1]*1")], lambda _, value: value)
    out = [pair for key, text in parts for pair in rewriter.feed(key, text)] + rewriter.flush()
    assert "".join(text for _, text in out) == "".join(text for _, text in parts)
    whole = "".join(text for _, text in parts)
    keys = [key for key, text in parts for _ in text]
    for match in re.finditer(r"a[ab1]*1", whole):
        keys[match.start() : match.end()] = [keys[match.start()]] * len(match[0])
    assert [key for key, text in out for _ in text] == keys


def test_nothing_is_held_back_that_cannot_become_a_match() -> None:
    rewriter = TextRewriter([SplitPattern(r"sk-\w{8,}")], lambda *_: "#")
    assert rewriter.feed(0, "the key is s") == [(0, "the key is ")]
    assert rewriter.feed(0, "k-1234") == []
    assert rewriter.feed(0, " no") == [(0, "sk-1234 no")]
    assert rewriter.feed(0, "sk-123456789") == []
    assert rewriter.feed(0, "0.") == [(0, "#"), (0, ".")]


def test_a_long_text_keeps_no_more_than_what_is_held_back() -> None:
    rewriter = TextRewriter([SplitPattern(r"(?<=abc)d")], lambda *_: "#")
    for _ in range(1000):
        rewriter.feed(0, "some text ")
    assert len(rewriter._text) < 10
    assert rewriter.feed(0, "abc") == [(0, "abc")]
    assert rewriter.feed(0, "d") == []
    assert rewriter.flush() == [(0, "#")]


def test_a_long_literal_is_a_pattern_too() -> None:
    secret = "0123456789" * 500
    assert fed([secret], [secret[:3000], secret[3000:]]) == f"<0{secret}>"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "not a regular expression: '\\('"),
        ("a*", "matches the empty text"),
        (b"a", "not a regular expression of texts"),
        (re.compile(b"a"), "not a regular expression of texts"),
        (7, "not a regular expression of texts: 7"),
        (None, "not a regular expression of texts"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        SplitPattern(pattern)  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.field == "patterns"
