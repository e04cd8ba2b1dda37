"""Which regular expressions a host can turn into a grammar."""

from __future__ import annotations

import re

_REGULAR = re.compile(
    r"""(?:
        \\[dwsDWSnrtf]                    # classes and white space
      | \\[^\w\s]                         # an escaped sign
      | \[\^?(?:\\[dwsnrtf\W]|[^\\\[\]])+\]
      | \((?!\?)                          # a group, not an extension such as (?=
      | [)|^$.]
      | [*+?](?![*+?])                    # no lazy or possessive quantifier
      | \{\d{1,3}(?:,\d{0,3})?\}(?![*+?])
      | [^\\()\[\]{}*+?|^$.]
    )*""",
    re.VERBOSE,
)
_LITERAL = re.compile(r"\[[^]]*\]|\\.")
_BACKSLASH_LETTER = re.compile(r"\\[A-Za-z]")


def is_regular(pattern: str) -> bool:
    """Return whether a pattern is made of characters, classes, groups, alternatives and small repetitions alone."""
    return _REGULAR.fullmatch(pattern) is not None


def is_whole(pattern: str) -> bool:
    """Return whether a pattern is regular and describes the entire string, from `^` to `$`."""
    inner = pattern[1:-1]
    if not (pattern.startswith("^") and pattern.endswith("$") and not inner.endswith("\\") and is_regular(inner)):
        return False
    depth = 0
    for sign in _LITERAL.sub("", inner):
        depth += (sign == "(") - (sign == ")")
        if sign in "^$" or (sign == "|" and depth == 0):  # `^a|b$` is two half-open alternatives
            return False
    return True


def is_plain(pattern: str) -> bool:
    """Return whether a pattern describes the entire string without classes such as backslash-d."""
    return is_whole(pattern) and _BACKSLASH_LETTER.search(pattern) is None


TAKES = {"regular": is_regular, "whole": is_whole, "plain": is_plain}
