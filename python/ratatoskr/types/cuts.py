"""Where a text can be cut so that it has at most some number of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ratatoskr.errors import InvalidInput
from ratatoskr.types.tokens import Tokenization
from ratatoskr.types.visible import quote

__all__ = ["check_limit", "cuts_of", "prefix_of"]

_WIDE: Final = 256
"""Characters of a text that are looked at for each token that it may have: no token of an encoding has more."""


def check_limit(limit: object, name: str = "max_tokens") -> None:
    """Raise `InvalidInput` unless a limit is a whole number, 0 or more."""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise InvalidInput(f"{name} must be a whole number, 0 or more, not {quote(limit)}", field=name)


def prefix_of(text: str, max_tokens: int) -> str:
    """Return the beginning of a text that is worth tokenising first; the text itself if it is short."""
    size = (max_tokens + 1) * _WIDE
    return text[:size] if isinstance(text, str) and len(text) > size else text


def cuts_of(tokens: Tokenization, max_tokens: int) -> Iterator[str]:
    """Yield the text up to each place between two tokens, from `max_tokens` tokens down, the whole text if it fits.

    A place inside of a character is left out. The tokens of a part may be others than those of the whole: the caller
    counts them again.
    """
    text, offsets = tokens.text, tokens.offsets
    if len(tokens) <= max_tokens:
        yield text
        return
    for number in range(max_tokens, 0, -1):
        end = int(offsets[number - 1, 1])
        if end <= int(offsets[number, 0]):
            yield text[:end]
