"""Writes rows as each kind of input, and reads each kind of output again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SOURCES = ("jsonl", "csv", "tsv", "parquet", "arrow", "arrows")
OUTS = ("parquet", "npy", "jsonl")

Rows = list[dict[str, Any]]


def write(path: Path, kind: str, rows: Rows) -> Path:
    """Write rows as a file of a kind; `arrows` is a stream of Arrow in a file."""
    path = path.with_suffix(".arrow" if kind == "arrows" else f".{kind}")
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind in {"csv", "tsv"}:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = (
                csv.DictWriter(file, list(rows[0]))
                if kind == "csv"
                else csv.DictWriter(file, list(rows[0]), delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
            )
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=37)
    else:
        table = pa.Table.from_pylist(rows)
        opened = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
        with pa.OSFile(str(path), "wb") as file, opened(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=41)
    return path


def read(path: Path) -> tuple[Rows | None, np.ndarray]:
    """Return the rows without their vectors (`None` where only vectors are kept), and the vectors."""
    if path.suffix == ".npy":
        return None, np.load(path)
    rows = pq.read_table(path).to_pylist() if path.suffix == ".parquet" else _lines(path)
    return rows, np.array([row.pop("embedding") for row in rows], np.float32)


def _lines(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def names_in(folder: Path) -> set[str]:
    """Return the names of what a folder holds."""
    return {path.name for path in folder.iterdir()}
