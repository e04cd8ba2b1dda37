"""The row of the tables of errors: which words or which code of a provider mean which class."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ratatoskr.errors import RatatoskrError

BAD_REQUEST: frozenset[int | None] = frozenset({None, 400, 413, 422})
"""The statuses of a refused request; `None` stands for a failure that a 200 or a stream reports."""
NOT_FOUND: frozenset[int | None] = frozenset({None, 400, 404, 422})
THROTTLED: frozenset[int | None] = frozenset({None, 400, 402, 403, 412, 429})
ANY_STATUS: frozenset[int | None] = frozenset({None, *range(400, 600)})
CLIENT_ERROR: frozenset[int | None] = frozenset({None, *range(400, 500)})


@dataclass(frozen=True, slots=True)
class Row:
    """One rule; every condition that it has must hold.

    Attributes:
        error: the class of the error.
        source: who is known to send it, and the month in which the row was written; the rows were written from
            memory of documents and reports and not compared with each page.
        statuses: the statuses that it applies to.
        code: the provider's code or type in lower case.
        pattern: what the message contains; the case does not matter.
        example: a message that the row matches.
        without_delay: whether it does not apply where the body names a delay.
        reason: the reason of `ModelNotAvailable`.
    """

    error: type[RatatoskrError]
    source: str
    statuses: frozenset[int | None] = CLIENT_ERROR
    code: str | None = None
    pattern: str | None = None
    example: str = ""
    without_delay: bool = False
    reason: str = "not_served"
    regex: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        regex = None if self.pattern is None else re.compile(self.pattern, re.IGNORECASE)
        object.__setattr__(self, "regex", regex)

    def matches(self, status: int | None, codes: tuple[str, ...], message: str) -> bool:
        """Return whether a failure is the one that the row describes; `codes` are in lower case."""
        return (
            status in self.statuses
            and (self.code is None or self.code in codes)
            and (self.regex is None or self.regex.search(message) is not None)
        )
