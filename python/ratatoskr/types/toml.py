"""What makes a small TOML text slow to read."""

from __future__ import annotations

import re

MAX_PARTS = 64
"""The most parts of a dotted name, as in `a.b.c`: the standard library's time grows with the square of their number."""

_PART = r"""(?>[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_NAME = re.compile(rf"(?<![\w.-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MAX_PARTS}}}", re.ASCII)


def has_long_name(text: str) -> bool:
    """Return whether a TOML text has a dotted name of more than `MAX_PARTS` parts."""
    return _LONG_NAME.search(text) is not None
