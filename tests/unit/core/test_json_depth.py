"""The depth check tells what a decoder would meet, before one is let at the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr._core import check_depth


def depth_of(value: object) -> int:
    match value:
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case _:
            return 0


texts = st.text(st.sampled_from('[]{}"\\ aé\n'), max_size=8)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=60,
)


@given(values, st.booleans())
def test_the_depth_of_any_value_is_told_exactly(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    depth = depth_of(value)
    assert check_depth(text, depth)
    assert depth == 0 or not check_depth(text, depth - 1)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_the_limit_is_64_unless_told_otherwise(opening):
    levels = 64 // sum(opening.count(bracket) for bracket in "[{")
    assert check_depth((opening * levels).encode())
    assert not check_depth((opening * (levels + 1)).encode())


@pytest.mark.parametrize("levels", [65, 150, 1_000, 1_000_000])
def test_no_depth_overflows_a_stack(levels):
    assert not check_depth(b"[" * levels)
    assert check_depth(b"[" * levels, limit=levels)


@given(st.binary())
def test_any_bytes_have_an_answer(data):
    assert check_depth(data, limit=len(data))
    assert isinstance(check_depth(data), bool)
