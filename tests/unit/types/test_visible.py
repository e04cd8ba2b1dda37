"""Text of other people as one visible line of bounded length."""

from __future__ import annotations

import pytest

from ratatoskr.types.visible import escape_hidden

HIDDEN = [0x00, 0x1B, 0x7F, 0x85, 0x9B, 0xAD, 0x200B, 0x200D, 0x200E, 0x2028, 0x202A, 0x202E, 0x2066, 0x2069, 0xFEFF]


@pytest.mark.parametrize("code", [*HIDDEN, 0xD800], ids=hex)
def test_a_character_that_would_not_be_seen_is_escaped(code: int) -> None:
    assert escape_hidden(f"a{chr(code)}b", 50) == f"a\\u{code:04x}b"


def test_line_ends_and_tabs_have_their_short_escapes() -> None:
    assert escape_hidden("a\r\nb\tc", 50) == "a\\r\\nb\\tc"


def test_a_tag_character_has_a_long_escape() -> None:
    assert escape_hidden("\U000e0041", 50) == "\\U000e0041"


@pytest.mark.parametrize("text", ["", "plain", "Ærøskøbing 日本 🐿", "a\u00a0b", "x" * 50])
def test_visible_text_stays(text: str) -> None:
    assert escape_hidden(text, 50) == text


@pytest.mark.parametrize("text", ["x" * 51, "x" * 100_000, "\x1b" * 20, "x" * 49 + "\x1b"])
def test_longer_text_is_cut_and_says_so(text: str) -> None:
    line = escape_hidden(text, 50)
    assert (len(line), line[-1]) == (50, "…")
