"""A job, its progress and its summary, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar, get_args

from ratatoskr.errors import InvalidInput
from ratatoskr.types.embed import InputType
from ratatoskr.types.visible import quote

__all__ = ["EMBEDDING", "EmbedJob", "OnProgress", "Progress", "Summary"]

OnNull: TypeAlias = Literal["error", "skip"]
SourceFormat: TypeAlias = Literal["jsonl", "csv", "tsv", "parquet", "arrow"]
SinkFormat: TypeAlias = Literal["parquet", "npy", "jsonl"]

Format = TypeVar("Format", SourceFormat, SinkFormat)

EMBEDDING: Final = "embedding"
"""The column that the vectors are written to."""
WINDOW: Final = 4096
"""Rows that the local engine computes together; identical texts of a window are computed once."""

_SOURCE_SUFFIXES: dict[str, SourceFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}
_SINK_SUFFIXES: dict[str, SinkFormat] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npy": "npy",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


@dataclass(frozen=True, slots=True)
class EmbedJob:
    """A file of texts and where their vectors go.

    Attributes:
        source: JSON lines, CSV, TSV, Parquet or Arrow IPC (file or stream), by the suffix of its name.
        out: Parquet or JSON lines: all columns and `embedding`; or `.npy`: the vectors in the order of the rows.
        model: the embedding model.
        column: the column that holds the texts.
        input_type: `query` puts the model's instruction before each text.
        dimensions: `None`, or the number that the model has.
        truncate: whether texts are cut to the length that the model takes, and counted, or end the job.
        on_null: whether a text that is null ends the job, or its row is left out of the output and counted. A field of
            a CSV is never null: an empty one is the empty text.
        overwrite: replace an existing `out`; it stays until the new one is complete.
        fresh: start over where an interrupted job could continue.
        window: rows that are computed, written and flushed together; fewer where they are large.
        precision: of a local model; an interrupted job continues only with the same.
        model_digest: of the model's files, as `digest_of` returns it; likewise.
    """

    source: str | Path
    out: str | Path
    model: str
    column: str = "text"
    input_type: InputType = "document"
    dimensions: int | None = None
    truncate: bool = True
    on_null: OnNull = "error"
    overwrite: bool = False
    fresh: bool = False
    window: int = WINDOW
    precision: str = "fp32"
    model_digest: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.on_null, str) or self.on_null not in get_args(OnNull):
            raise InvalidInput(f"on_null must be error or skip, not {quote(self.on_null)}", field="on_null")
        if not isinstance(self.input_type, str) or self.input_type not in get_args(InputType):
            raise InvalidInput(
                f"input_type must be document or query, not {quote(self.input_type)}", field="input_type"
            )
        if isinstance(self.window, bool) or not isinstance(self.window, int) or self.window < 1:
            raise InvalidInput(f"window must be an integer above 0, not {quote(self.window)}", field="window")
        for field in ("model", "column"):
            if not isinstance(getattr(self, field), str) or not getattr(self, field):
                raise InvalidInput(f"{field} must be a name, not {quote(getattr(self, field))}", field=field)
        for field in ("source", "out"):
            if not isinstance(getattr(self, field), str | Path):
                raise InvalidInput(
                    f"{field} must be the path of a file, not {quote(getattr(self, field))}", field=field
                )
        self.source_format, self.sink_format  # noqa: B018  # both raise for a suffix that they do not know

    @property
    def source_path(self) -> Path:
        """The path of the input."""
        return Path(self.source).expanduser()

    @property
    def out_path(self) -> Path:
        """The path of the output."""
        return Path(self.out).expanduser()

    @property
    def source_format(self) -> SourceFormat:
        """The format of the input, by its suffix."""
        return _by_suffix(self.source_path, _SOURCE_SUFFIXES, "source")

    @property
    def sink_format(self) -> SinkFormat:
        """The format of the output, by its suffix."""
        return _by_suffix(self.out_path, _SINK_SUFFIXES, "out")


def _by_suffix(path: Path, formats: dict[str, Format], field: str) -> Format:
    try:
        return formats[path.suffix.lower()]
    except KeyError:
        raise InvalidInput(f"{path.name}: the suffix must be one of {', '.join(formats)}", field=field) from None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job.

    Attributes:
        phase: `scan` while the input is checked, `embed`, then `join` while the output is assembled.
        rows: rows whose vectors are on disk, those of an earlier run included; while scanning, rows read.
        total: rows that will have a vector, once known.
        tokens: of these rows.
        seconds: since this run started to embed.
        resumed: rows that an earlier run had done.
        resumed_tokens: tokens of them.
    """

    phase: Literal["scan", "embed", "join"]
    rows: int = 0
    total: int | None = None
    tokens: int = 0
    seconds: float = 0.0
    resumed: int = 0
    resumed_tokens: int = 0

    @property
    def texts_per_second(self) -> float:
        """Rows of this run in a second."""
        return (self.rows - self.resumed) / self.seconds if self.seconds else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Tokens of this run in a second."""
        return (self.tokens - self.resumed_tokens) / self.seconds if self.seconds else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds until the end at the present speed."""
        speed = self.texts_per_second
        return (self.total - self.rows) / speed if self.total is not None and speed else None


OnProgress: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a job.

    Attributes:
        out: the file.
        model: the model, as the answers name it.
        dimensions: numbers in each vector.
        rows: in the output.
        skipped: rows left out because their text is null.
        tokens: of all texts, where the model counts them.
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
