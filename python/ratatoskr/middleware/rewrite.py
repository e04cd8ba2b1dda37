"""`TextRewriter`: replaces matches in a text that comes in pieces, wherever it is cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ratatoskr.middleware.prefix import SplitPattern

__all__ = ["Replace", "TextRewriter", "rewrite"]

Replace: TypeAlias = Callable[[int, str], str]
"""Returns what stands in place of a match: the index of the pattern, and the text that it matched."""


class TextRewriter:
    """Takes the pieces of one text and returns them with every match replaced.

    The end of the text is held back while it may be the beginning of a match. Each piece has a key, such as the index
    of its part; what stands in place of a match has the key of the match's first character.

    Args:
        patterns: of two matches that begin at the same place, that of the earlier pattern counts.
        replace: gives what stands in place of a match.
    """

    def __init__(self, patterns: Sequence[SplitPattern], replace: Replace) -> None:
        self._patterns = patterns
        self._replace = replace
        self._behind = max(one.behind for one in patterns)
        self._text = ""  # a few settled characters, which patterns look back at, and what is held back
        self._settled = 0  # the number of the settled ones
        self._keys: list[tuple[int, int]] = []  # where in `_text` a piece with another key begins

    def feed(self, key: int, piece: str) -> list[tuple[int, str]]:
        """Return the keys and texts that are settled with a further piece, maybe none."""
        if not self._keys or self._keys[-1][1] != key:
            self._keys.append((len(self._text), key))
        self._text += piece
        return self._settle(min(self._find_unsettled(pattern.unsettled) for pattern in self._patterns))

    def flush(self) -> list[tuple[int, str]]:
        """Return what was held back, at the end of the text."""
        return self._settle(len(self._text)) if self._keys else []

    def _find_unsettled(self, pattern: re.Pattern[str]) -> int:
        found = pattern.search(self._text, self._settled)
        return len(self._text) if found is None else found.start()

    def _settle(self, end: int) -> list[tuple[int, str]]:
        """Return what is settled where no match that begins before `end` can become longer."""
        out: list[tuple[int, str]] = []
        while (match := self._first_match(end)) is not None:
            index, start, stop = match
            out += self._pieces(self._settled, start)
            out.append((self._key_at(start), self._replace(index, self._text[start:stop])))
            self._settled = stop
            if stop > end:
                end = min(self._find_unsettled(pattern.unsettled) for pattern in self._patterns)
        out += self._pieces(self._settled, end)
        self._settled = max(self._settled, end)
        self._forget()
        return [(key, text) for key, text in out if text]

    def _first_match(self, end: int) -> tuple[int, int, int] | None:
        """Return the pattern, the start and the end of the first match that begins before `end`."""
        first: tuple[int, int, int] | None = None
        for index, pattern in enumerate(self._patterns):
            found = pattern.pattern.search(self._text, self._settled)
            if found is not None and found.start() < end and (first is None or found.start() < first[1]):
                first = (index, *found.span())
        return first

    def _key_at(self, place: int) -> int:
        return next(key for start, key in reversed(self._keys) if start <= place)

    def _pieces(self, start: int, stop: int) -> list[tuple[int, str]]:
        """Return a range of the text, divided by key."""
        out = []
        for (begin, key), (end, _) in zip(self._keys, [*self._keys[1:], (len(self._text), 0)], strict=True):
            if max(begin, start) < min(end, stop):
                out.append((key, self._text[max(begin, start) : min(end, stop)]))
        return out

    def _forget(self) -> None:
        """Forget settled characters that no pattern looks back at."""
        cut = self._settled - self._behind
        if cut <= 0:
            return
        self._text = self._text[cut:]
        self._settled -= cut
        here = self._key_at(cut)
        self._keys = [(0, here), *((start - cut, key) for start, key in self._keys if start > cut)]


def rewrite(patterns: Sequence[SplitPattern], replace: Replace, text: str) -> str:
    """Return a whole text with every match replaced."""
    rewriter = TextRewriter(patterns, replace)
    return "".join(piece for _, piece in (*rewriter.feed(0, text), *rewriter.flush()))
