"""What all jobs have in common: the files that are read and written, and how, as plain data."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar, get_args

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.progress import JobPhase
from ratatoskr.types.visible import quote

__all__ = ["Job", "JobLike", "Quoting", "SinkFormat", "SourceFormat", "check_name", "is_pattern"]

OnNull: TypeAlias = Literal["error", "skip"]
Quoting: TypeAlias = Literal["minimal", "none"]
SourceFormat: TypeAlias = Literal["jsonl", "csv", "tsv", "parquet", "arrow"]
SinkFormat: TypeAlias = Literal["parquet", "npy", "jsonl", "csv"]

Format = TypeVar("Format", SourceFormat, SinkFormat)

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
    ".csv": "csv",
}
_COMPRESSIONS: Final = (".gz", ".zst", ".bz2", ".xz")
"""Suffixes after that of the format."""
_STANDARD_STREAM: Final = "-"


@dataclass(frozen=True, slots=True)
class Job:
    """The files of a job. A job of each task is a class of its own.

    Attributes:
        source: JSON lines, CSV, TSV, Parquet or Arrow IPC (file or stream), by the suffix of its name; the first three
            also with `.gz`, `.zst`, `.bz2` or `.xz` after it. Or several files of one format and the same columns, in
            this order, or a pattern such as `data/*.csv`, whose files are read in the order of their names. `-` is
            standard input, which is copied to a temporary file; such a job cannot be continued.
        out: all columns and those of the results as Parquet, JSON lines or CSV. `-` is standard output, written when
            the job is complete; such a job cannot be continued either.
        model: the model.
        column: the column that holds the texts.
        on_null: whether a text that is null ends the job, or its row is left out of the output and counted. A field of
            a CSV is never null: an empty one is the empty text. A blank line is a null in a file of one column, and is
            skipped where there are more.
        overwrite: replace an existing `out`; it stays until the new one is complete.
        fresh: start over where an interrupted job could continue.
        window: rows that are computed, written and flushed together; fewer where they are large.
        precision: of a local model; an interrupted job continues only with the same.
        model_digest: of the model's files, as `digest_of` returns it; likewise.
        input_format: where the name of the source does not tell it.
        output_format: where the name of the output does not tell it.
        quoting: of CSV and TSV: `minimal` reads fields within `"` as Python's `csv.QUOTE_MINIMAL` (`""` is a quote in
            them), which is what CSV has; `none` takes a `"` as a character like any other, which is what TSV has. A
            backslash is always a character, and stays one in the text.
        delimiter: of CSV and TSV: one character; a comma and a tab where it is not given.
        encoding: of CSV and TSV, as Python names it; where it is not given, UTF-8, or UTF-16 or UTF-32 if the file
            begins with their byte order mark.

    Raises:
        InvalidInput: a value is not one of these; the error names the field.
    """

    task: ClassVar[JobPhase]
    """The name of the task."""
    verb: ClassVar[str]
    """What it does with a text, for messages."""
    sinks: ClassVar[Collection[SinkFormat]] = ("parquet", "jsonl", "csv")
    """The formats that hold its results."""
    renaming: ClassVar[str] = "output_prefix"
    """The field that gives the columns of results other names."""
    decisive: ClassVar[tuple[str, ...]]
    """The fields beside those of every job that decide the results."""
    choices: ClassVar[Mapping[str, tuple[str | None, ...]]] = {}
    """The values of fields that have few."""

    source: str | Path | list[str | Path] | tuple[str | Path, ...]
    out: str | Path
    model: str
    column: str = "text"
    _: KW_ONLY
    on_null: OnNull = "error"
    overwrite: bool = False
    fresh: bool = False
    window: int = WINDOW
    precision: str = "fp32"
    model_digest: str = ""
    input_format: SourceFormat | None = None
    output_format: SinkFormat | None = None
    quoting: Quoting | None = None
    delimiter: str | None = None
    encoding: str | None = None

    @property
    def text_columns(self) -> dict[str, str]:
        """The columns that the task reads, by the fields that name them."""
        return {"column": self.column}

    @property
    def added_columns(self) -> tuple[str, ...]:
        """The columns that the task adds."""
        raise NotImplementedError

    @property
    def items_per_row(self) -> int:
        """What the model computes for a row."""
        return 1

    def __post_init__(self) -> None:
        for field, choices in (_CHOICES | {**self.choices}).items():
            value = getattr(self, field)
            if not isinstance(value, str | None) or value not in choices:
                names = " or ".join(str(choice) for choice in choices if choice)
                raise InvalidInput(f"{field} must be {names}, not {quote(value)}", field=field)
        if isinstance(self.window, bool) or not isinstance(self.window, int) or self.window < 1:
            raise InvalidInput(f"window must be an integer above 0, not {quote(self.window)}", field="window")
        for field in ("model", "column"):
            check_name(getattr(self, field), field)
        _check_path(self.out, "out")
        for source in self.sources:
            _check_path(source, "source")
        if not self.sources or (_STANDARD_STREAM in map(str, self.sources) and len(self.sources) > 1):
            what = "standard input cannot be one of several files" if self.sources else "there is no file to read"
            raise InvalidInput(what, field="source")
        if self.sink_format not in self.sinks:
            what = f"{self.sink_format} does not hold the results of {self.task}"
            if self.output_format is not None:
                raise InvalidInput(f"{what}; {', '.join(self.sinks)} do", field="output_format")
            known = ", ".join(suffix for suffix, kind in _SINK_SUFFIXES.items() if kind in self.sinks)
            raise InvalidInput(f"{self.out_path.name}: {what}; the suffix must be one of {known}", field="out")
        if self.input_format is not None or not any(is_pattern(path) for path in self.source_paths):
            self._check_text_options(self.source_format)

    def _check_text_options(self, kind: SourceFormat) -> None:
        if kind in {"parquet", "arrow"}:
            for path in self.source_paths:
                if path.suffix.lower() in _COMPRESSIONS:
                    raise InvalidInput(f"{path.name}: decompress it; {kind} files are read in pieces", field="source")
        for field in ("quoting", "delimiter", "encoding"):
            if kind not in {"csv", "tsv"} and getattr(self, field) is not None:
                raise InvalidInput(f"{field} is for CSV and TSV, and the input is {kind}", field=field)
        if self.delimiter is not None and (
            not isinstance(self.delimiter, str) or len(self.delimiter) != 1 or self.delimiter in '"\r\n'
        ):
            message = f"delimiter must be one character other than a quote and line ends, not {quote(self.delimiter)}"
            raise InvalidInput(message, field="delimiter")
        try:
            io.TextIOWrapper(io.BytesIO(), self.encoding or "utf-8")
        except (LookupError, ValueError, TypeError):
            raise InvalidInput(
                f"encoding must be one that Python has, not {quote(self.encoding)}", field="encoding"
            ) from None

    @property
    def sources(self) -> tuple[str | Path, ...]:
        """The files and patterns, as they were given."""
        return tuple(self.source) if isinstance(self.source, list | tuple) else (self.source,)

    @property
    def source_paths(self) -> tuple[Path, ...]:
        """The paths of the input; patterns are expanded by `run`."""
        return tuple(_expand_user(path, "source") for path in self.sources)

    @property
    def reads_standard_input(self) -> bool:
        """Whether the input is a stream."""
        return [str(source) for source in self.sources] == [_STANDARD_STREAM]

    @property
    def writes_standard_output(self) -> bool:
        """Whether the output is a stream."""
        return str(self.out) == _STANDARD_STREAM

    @property
    def input_name(self) -> str:
        """What messages call the input."""
        paths = self.source_paths
        return paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"

    @property
    def out_path(self) -> Path:
        """The path of the output."""
        return _expand_user(self.out, "out")

    @property
    def source_format(self) -> SourceFormat:
        """The format of the input.

        Raises:
            InvalidInput: a suffix is unknown, or the files are of several formats.
        """
        formats = [
            self.input_format or _by_suffix(path, _SOURCE_SUFFIXES, "source", _COMPRESSIONS)
            for path in self.source_paths
        ]
        for path, kind in zip(self.source_paths, formats, strict=True):
            if kind != formats[0]:
                first = self.source_paths[0].name
                raise InvalidInput(f"{first} is {formats[0]}, but {path.name} is {kind}", field="source")
        return formats[0]

    @property
    def sink_format(self) -> SinkFormat:
        """The format of the output."""
        return self.output_format or _by_suffix(self.out_path, _SINK_SUFFIXES, "out")


JobLike = TypeVar("JobLike", bound=Job)

_CHOICES: Final[dict[str, tuple[str | None, ...]]] = {
    "on_null": get_args(OnNull),
    "quoting": (None, *get_args(Quoting)),
    "input_format": (None, *get_args(SourceFormat)),
    "output_format": (None, *get_args(SinkFormat)),
}


def check_name(value: Any, field: str) -> None:
    """Raise `InvalidInput` unless a value is a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{field} must be a name, not {quote(value)}", field=field)


def _check_path(path: object, field: str) -> None:
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise InvalidInput(f"{field} must be the path of a file, not {path!r}", field=field)


def _expand_user(path: str | Path, field: str) -> Path:
    """Return a path with `~` expanded.

    Raises:
        InvalidInput: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InvalidInput(f"{path}: {error}", field=field) from None


def is_pattern(path: Path) -> bool:
    """Return whether a path is a pattern of several files; a file whose name has such characters is one file."""
    return glob.has_magic(str(path)) and not os.path.lexists(path)


def _by_suffix(path: Path, formats: dict[str, Format], field: str, after: tuple[str, ...] = ()) -> Format:
    suffixes = path.suffixes[:-1] if path.suffix.lower() in after else path.suffixes
    try:
        return formats[suffixes[-1].lower()]
    except (KeyError, IndexError):
        option = "input_format" if field == "source" else "output_format"
        if str(path) == _STANDARD_STREAM:
            raise InvalidInput(f"{option} must name the format of a standard stream", field=option) from None
        known = ", ".join(formats)
        raise InvalidInput(
            f"{path.name or path}: the suffix must be one of {known}; or give {option}", field=field
        ) from None
