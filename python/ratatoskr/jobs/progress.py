"""The progress of a job and its summary, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["JobPhase", "OnProgress", "Progress", "Summary"]

JobPhase: TypeAlias = Literal["scan", "embed", "classify", "nli", "stance", "tokens", "join"]
"""`scan` while the input is checked, then the task of the job, then `join` while the output is assembled."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job.

    Attributes:
        phase: what the job is doing.
        rows: rows whose results are on disk, those of an earlier run included; while scanning, rows read.
        total: rows that will have a result, once known.
        tokens: of these rows.
        seconds: since this run started to compute.
        resumed: rows that an earlier run had done.
        resumed_tokens: tokens of them.
        computed: further rows, whose results are computed and not on disk yet.
    """

    phase: JobPhase
    rows: int = 0
    total: int | None = None
    tokens: int = 0
    seconds: float = 0.0
    resumed: int = 0
    resumed_tokens: int = 0
    computed: int = 0

    @property
    def texts_per_second(self) -> float:
        """Rows of this run in a second."""
        return (self.rows + self.computed - self.resumed) / self.seconds if self.seconds else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Tokens of this run in a second."""
        return (self.tokens - self.resumed_tokens) / self.seconds if self.seconds else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds until the end at the present speed."""
        speed = self.texts_per_second
        return (self.total - self.rows - self.computed) / speed if self.total is not None and speed else None


OnProgress: TypeAlias = Callable[[Progress], None]
"""What a job calls with its progress."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a job.

    Attributes:
        out: the file.
        model: the model, as the answers name it; the tokenizer, where tokens are counted.
        dimensions: numbers in each vector; 0 where the job makes none.
        rows: in the output.
        skipped: rows left out because their text is null.
        tokens: of all that the model read, where it counts them.
        truncated: texts that were cut to the length that the model takes.
        resumed: rows that an earlier run had done.
        seconds: that this run took.
        texts_per_second: rows of this run in a second.
    """

    out: str
    model: str
    dimensions: int
    rows: int
    skipped: int
    tokens: int
    truncated: int
    resumed: int
    seconds: float
    texts_per_second: float
