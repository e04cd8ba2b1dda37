"""Patterns in a text that comes in pieces: what of it is settled, and what may still become a match."""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.types.visible import quote

__all__ = ["SplitPattern"]

# The standard library has no search for partial matches; its parser gives the tree of a pattern, and its compiler takes
# one. Both are stable from Python 3.11 on, and the tests compare the result with a search in the whole text.
_parser: Any = importlib.import_module("re._parser")
_compiler: Any = importlib.import_module("re._compiler")
_ops: Any = importlib.import_module("re._constants")

_END: Final = (_ops.AT, _ops.AT_END_STRING)
_ANYTHING: Final = (_ops.IN, [(_ops.CATEGORY, _ops.CATEGORY_SPACE), (_ops.CATEGORY, _ops.CATEGORY_NOT_SPACE)])


class SplitPattern:
    """A regular expression, and one that finds where the end of a text may be the beginning of a match.

    Args:
        pattern: a regular expression, or one that is compiled.
        field: the name of the argument, for errors.

    Attributes:
        pattern: finds matches.
        unsettled: finds the first place from which on the text may be the beginning of a match, or a match that more
            text makes longer; the end of the text if there is none.
        behind: the number of characters before a match that decide on it.

    Raises:
        ConfigurationError: it is no pattern of texts, or matches the empty text.
    """

    def __init__(self, pattern: str | re.Pattern[str], field: str = "patterns") -> None:
        if not isinstance(pattern, str | re.Pattern) or isinstance(getattr(pattern, "pattern", ""), bytes):
            raise ConfigurationError(f"not a regular expression of texts: {quote(pattern)}", field=field)
        try:
            self.pattern = re.compile(pattern)
            tree = _parser.parse(self.pattern.pattern, self.pattern.flags)
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigurationError(f"not a regular expression: {quote(pattern)}: {error}", field=field) from None
        if tree.getwidth()[0] == 0:
            raise ConfigurationError(f"the pattern {quote(pattern)} matches the empty text", field=field)
        self.behind = 1
        builder = _TreeBuilder(tree.state)
        self.unsettled: re.Pattern[str] = _compiler.compile(builder.end_within(list(tree)), tree.state.flags)
        self.behind = max(1, builder.behind)


class _TreeBuilder:
    """Makes the tree of a pattern that matches up to the end of a text what begins like the given one.

    It matches too much rather than too little: a text is then held back longer than it must be.
    """

    def __init__(self, state: Any) -> None:
        self._state = state
        self.behind = 0

    def _tree(self, items: list[Any]) -> Any:
        return _parser.SubPattern(self._state, items)

    def _any_of(self, choices: list[list[Any]]) -> list[Any]:
        return [(_ops.BRANCH, (None, [self._tree(items) for items in choices]))]

    def end_within(self, items: list[Any]) -> Any:
        """Return the tree for a text that ends before, within or after a sequence."""
        if not items:
            return self._tree([_END])
        if len(items) == 1:
            return self._tree(self._any_of([*self._end_inside(items[0]), [self._relax(items[0]), _END]]))
        half = len(items) // 2  # in halves, because the compiler's recursion is limited
        first, second = items[:half], items[half:]
        after = [*map(self._relax, first), *self.end_within(second)]
        return self._tree(self._any_of([list(self.end_within(first)), after]))

    def _end_inside(self, item: Any) -> list[list[Any]]:
        """Return what matches a text that ends before or within one item."""
        op, value = item
        if op is _ops.BRANCH:
            return [list(self.end_within(list(one))) for one in value[1]]
        if op is _ops.SUBPATTERN:
            _, add, remove, inner = value
            return [[(_ops.SUBPATTERN, (None, add, remove, self.end_within(list(inner))))]]
        if op is _ops.ATOMIC_GROUP:
            return [list(self.end_within(list(value)))]
        if op in _REPEATS:
            _, most, inner = value
            before = (_ops.MAX_REPEAT, (0, most, self._tree([self._relax(one) for one in inner])))
            return [[before, *self.end_within(list(inner))]]
        if op in _ASSERTIONS:
            direction, inner = value
            if direction < 0:
                self.behind = max(self.behind, inner.getwidth()[1])
                return []
            return [list(self.end_within(list(inner)))]
        if op is _ops.AT:
            return [[_END], [(_ops.LITERAL, 10), _END]]
        if op in _REFERENCES:
            return [[(_ops.MAX_REPEAT, (0, _ops.MAXREPEAT, self._tree([_ANYTHING]))), _END]]
        return [[_END]]

    def _relax(self, item: Any) -> Any:
        """Return an item for a text that goes on behind it; nothing in it may refuse to give back what it took."""
        op, value = item
        if op is _ops.ATOMIC_GROUP:
            return (_ops.SUBPATTERN, (None, 0, 0, self._tree([self._relax(one) for one in value])))
        if op in _REPEATS:
            least, most, inner = value
            op = _ops.MAX_REPEAT if op not in _PLAIN_REPEATS else op
            return (op, (least, most, self._tree([self._relax(one) for one in inner])))
        if op is _ops.SUBPATTERN:
            group, add, remove, inner = value
            return (op, (group, add, remove, self._tree([self._relax(one) for one in inner])))
        if op is _ops.BRANCH:
            return (op, (value[0], [self._tree([self._relax(one) for one in choice]) for choice in value[1]]))
        return item


_PLAIN_REPEATS = {_ops.MAX_REPEAT, _ops.MIN_REPEAT}
_REPEATS = {*_PLAIN_REPEATS, _ops.POSSESSIVE_REPEAT}
_ASSERTIONS = {_ops.ASSERT, _ops.ASSERT_NOT}
_REFERENCES = {_ops.GROUPREF, _ops.GROUPREF_EXISTS}
