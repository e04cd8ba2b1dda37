"""The search kernel against numpy: every width, ties, rows of zeros, infinities and NaN."""

from __future__ import annotations

import threading
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr._core import Search

Array = np.ndarray[Any, Any]


def find(rows: Array, queries: Array, top: int, metric: Literal["cosine", "dot"], cut: int = 0) -> list[Any]:
    """Return the best rows; those after `cut` are compared first, and by another search."""
    search, other = Search(queries, top, metric), Search(queries, top, metric)
    add = Search.add_halves if rows.dtype == np.float16 else Search.add
    numbers = rows.view(np.uint16) if rows.dtype == np.float16 else rows
    add(other, numbers[cut:], cut)
    add(search, numbers[:cut], 0)
    search.merge(other)
    return search.best()


def order_of(scores: Array) -> Array:
    """Return what numpy sorts first: the highest score; equal ones by place; NaN last."""
    return np.argsort(-scores, kind="stable")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Array, Array, int, int]:
    width, count, queries = draw(st.integers(1, 70)), draw(st.integers(0, 90)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Small integers: sums are exact in float32, and many are equal.
    rows = rng.integers(-2, 3, (count, width)).astype(np.float32)
    rows[rng.random(count) < 0.2] = 0
    return rows, rng.integers(-2, 3, (queries, width)).astype(np.float32), draw(st.integers(1, 120)), count // 3


@given(cases(), st.sampled_from([np.float32, np.float16]), st.booleans())
def test_dot_products_are_ordered_as_numpy_orders_them(
    case: tuple[Array, Array, int, int], kind: type[np.floating[Any]], odd: bool
) -> None:
    rows, queries, top, cut = case
    rows = rows.astype(kind)
    if odd and len(rows):
        rows[:: max(2, len(rows) // 3), 0] = np.nan
        rows[1::5, -1] = np.inf
        rows[2::7, -1] = -np.inf
    with np.errstate(invalid="ignore"):
        scores = rows.astype(np.float64) @ queries.T.astype(np.float64)
    for (found, values), expected in zip(find(rows, queries, top, "dot", cut), scores.T, strict=True):
        order = order_of(expected)[:top]
        np.testing.assert_array_equal(found, order)
        np.testing.assert_array_equal(values, expected[order].astype(np.float32))


@given(cases(), st.sampled_from([1e-30, 1e-10, 1.0, 1e15, 1e30]))
def test_cosines_are_those_of_numpy_whatever_the_sizes(case: tuple[Array, Array, int, int], size: float) -> None:
    rows, queries, top, cut = case
    rows = (rows * np.float32(size)).astype(np.float32)

    def unit(vectors: Array) -> Array:
        wide = vectors.astype(np.float64)
        norms = np.linalg.norm(wide, axis=1, keepdims=True)
        return np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0)

    scores = unit(rows) @ unit(queries).T
    for (found, values), expected in zip(find(rows, queries, top, "cosine", cut), scores.T, strict=True):
        assert len(set(found.tolist())) == len(found) == min(top, len(rows))
        np.testing.assert_allclose(values, expected[found.astype(int)], atol=2e-6)
        np.testing.assert_allclose(values, np.sort(expected)[::-1][:top], atol=2e-6)
        best = [(-float(value), int(row)) for row, value in zip(found, values, strict=True)]
        assert best == sorted(best), "the highest first, equal ones by their number"


def test_equal_rows_have_equal_scores_wherever_they_are() -> None:
    rng = np.random.default_rng(4)
    rows = np.tile(rng.standard_normal((1, 385), np.float32), (1001, 1))
    for queries in (1, 4, 5):
        for metric in ("cosine", "dot"):
            for found, values in find(rows, rng.standard_normal((queries, 385), np.float32), 30, metric, 500):
                assert found.tolist() == list(range(30))
                assert len(set(values.tolist())) == 1


def test_other_threads_run_during_a_search() -> None:
    rows = np.ones((200_000, 64), np.float32)
    done, searched = threading.Event(), Search(rows[:8], 5, "cosine")

    def add() -> None:
        for _ in range(5):
            searched.add(rows, 0)
        done.set()

    thread = threading.Thread(target=add)
    thread.start()
    turns = 0
    while not done.is_set():
        turns += 1
    thread.join()
    assert turns > 1000


def test_wrong_arguments_are_refused() -> None:
    queries = np.ones((2, 6), np.float32)
    with pytest.raises(ValueError, match="unknown metric"):
        Search(queries, 1, "euclid")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 dimensions"):
        Search(np.ones((1, 0), np.float32), 1, "dot")
    search = Search(queries, 1, "dot")
    with pytest.raises(ValueError, match="6 dimensions"):
        search.add(np.ones((2, 3), np.float32), 0)
    with pytest.raises(ValueError, match="different queries"):
        search.merge(Search(queries + 1, 1, "dot"))
    search.merge(search)
    with pytest.raises(TypeError):
        search.add(np.ones((2, 6)), 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="contiguous"):
        search.add(np.ones((4, 12), np.float32)[:, ::2], 0)
