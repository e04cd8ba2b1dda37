"""Rows of an input: headers that are refused, and errors that name a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.rows import check_columns, row_error

PATH = Path("folder/in.csv")


def test_a_header_with_the_column_passes() -> None:
    check_columns(PATH, ["id", "text"], "text", "embedding")


@pytest.mark.parametrize(
    ("names", "field", "message"),
    [
        (["id"], "column", "in.csv has no column 'text'; it has 'id'"),
        (["text", "b", "b", "a", "a"], "source", "in.csv has two columns 'a'"),
        (["text", "embedding"], "source", "in.csv already has a column 'embedding'; give another output_column"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(names: list[str], field: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_columns(PATH, names, "text", "embedding")
    assert (caught.value.field, caught.value.message) == (field, message)


def test_a_missing_column_is_reported_with_at_most_twenty_names() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_columns(PATH, [f"c{number}" for number in range(100)], "text", "embedding")
    assert caught.value.message.count("'c") == 20


def test_a_wide_header_is_checked_in_linear_time() -> None:
    compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    names = [Name(f"c{number}") for number in range(2000)] + ["text"]
    check_columns(PATH, names, "text", "embedding")
    assert compared < 10 * len(names)


def test_the_error_of_a_row_names_it_and_the_file() -> None:
    error = row_error(PATH, 7, "'text' is null")
    assert (error.field, error.message) == ("source", "row 7 of in.csv (the first is 1): 'text' is null")
    assert row_error(PATH, 7, "is cut", line=9).message == "row 7 of in.csv (the first is 1), line 9: is cut"
