"""Opens the input file of a job by its format."""

from __future__ import annotations

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.delimited import Delimited
from ratatoskr.jobs.job import EmbedJob
from ratatoskr.jobs.json_lines import JsonLines
from ratatoskr.jobs.rows import Source

__all__ = ["open_source"]


def open_source(job: EmbedJob) -> Source:
    """Return the source of a job after checking its header.

    Raises:
        InvalidInput: the file does not exist, is not of its format, or does not have the column.
        ConfigurationError: it cannot be read, or needs a package that is not installed.
    """
    path, column = job.source_path, job.column
    try:
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}", field="source")
        with path.open("rb") as file:
            if not file.read(1):
                raise InvalidInput(f"{path.name} is empty", field="source")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", field="source") from None
    match job.source_format:
        case "jsonl":
            return JsonLines(path, column, typed=job.sink_format == "parquet")
        case "csv":
            return Delimited(path, column, ",")
        case "tsv":
            return Delimited(path, column, "\t")
        case kind:
            from ratatoskr.jobs.arrow import ArrowFile, ParquetFile

            return (ParquetFile if kind == "parquet" else ArrowFile)(path, column)
