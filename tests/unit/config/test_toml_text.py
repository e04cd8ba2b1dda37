"""TOML text: the line of a value, and changes of one value that leave the rest alone."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.config.toml_text import find_line, format_value, remove_value, set_value
from ratatoskr.errors import ConfigurationError

TEXT = """\
# all of it
[defaults]
model = "a:b"   # the usual

[aliases]
fast = "openai:x"
"with space" = 'c:d'
dotted.name = 1

[providers.openai]
base_url = "https://h/v1"
list = [
  "a",
]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("defaults",), 2),
        (("defaults", "model"), 3),
        (("aliases", "with space"), 7),
        (("aliases", "dotted", "name"), 8),
        (("providers", "openai", "base_url"), 11),
        (("providers", "openai", "list", "0"), 12),
        (("providers", "openai", "nothing"), 10),
        (("nowhere", "at", "all"), None),
    ],
)
def test_the_line_of_a_value_or_of_what_holds_it(path: tuple[str, ...], line: int | None) -> None:
    assert find_line(TEXT, path) == line


def test_a_value_is_set_in_its_place_and_comments_stay() -> None:
    changed = set_value(TEXT, ("aliases", "fast"), "other:y")
    assert changed == TEXT.replace('fast = "openai:x"', 'fast = "other:y"')
    added = set_value(TEXT, ("aliases", "two words"), ["a", "b"])
    assert added == TEXT.replace("dotted.name = 1\n", 'dotted.name = 1\n"two words" = ["a", "b"]\n')
    assert set_value("", ("aliases", "x"), "y") == '[aliases]\nx = "y"\n'
    assert set_value(TEXT, ("new", "table", "x"), "y") == TEXT + '\n[new.table]\nx = "y"\n'


def test_a_value_is_removed_and_an_empty_table_with_it() -> None:
    assert remove_value(TEXT, ("aliases", "fast")) == TEXT.replace('fast = "openai:x"\n', "")
    assert remove_value('[a]\nx = "y"\n', ("a", "x")) == ""
    assert remove_value('[a]\nx = "y"\n\n[b]\nz = 1\n', ("a", "x")) == "[b]\nz = 1\n"
    assert remove_value('[a]\n# why\nx = "y"\n\n# of b\n[b]\nz = 1\n', ("a", "x")) == "# why\n# of b\n[b]\nz = 1\n"
    assert remove_value(TEXT, ("aliases", "unknown")) == TEXT


@pytest.mark.parametrize(
    "text",
    [
        'providers = { openai = { base_url = "x" } }\n',
        '[providers]\nopenai.base_url = "x"\n',
        '[providers.openai]\nbase_url = """\nx"""\n',
    ],
)
def test_what_cannot_be_changed_by_lines_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.openai\.base_url is written .*: edit it by hand"):
        set_value(text, ("providers", "openai", "base_url"), "y")
    with pytest.raises(ConfigurationError, match="edit it by hand"):
        remove_value(text, ("providers", "openai", "base_url"))


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(NAMES, NAMES, st.one_of(TEXTS, st.lists(TEXTS, max_size=3)), st.dictionaries(NAMES, TEXTS, max_size=3))
def test_any_name_and_value_can_be_written_read_and_removed(
    table: str, name: str, value: str | list[str], others: dict[str, str]
) -> None:
    others.pop(name, None)
    text = ""
    for other, its in others.items():
        text = set_value(text, (table, other), its)
    text = set_value(text, (table, name), value)
    assert tomllib.loads(text) == {table: {**others, name: value}}
    assert set_value(text, (table, name), value) == text
    assert find_line(text, (table, name)) == text.count("\n")
    left = remove_value(text, (table, name))
    assert tomllib.loads(left) == ({table: others} if others else {})


def test_a_text_is_quoted_as_toml_wants_it() -> None:
    text = '\x7f"\\\U0001f600'
    assert tomllib.loads("x = " + format_value(text)) == {"x": text}
