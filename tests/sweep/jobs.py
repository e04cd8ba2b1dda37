"""Loaders of the input files of jobs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import feather, parquet

from ratatoskr.jobs import EmbedJob
from ratatoskr.jobs.source import open_source
from sweep.loader import Loader, Seed

TABLE = pa.table({"id": [1, 2], "text": ["a", None], "more": [[1.5], []]})


def _read(path: Path, out: str) -> Callable[[bytes, Any], None]:
    job = EmbedJob(path, path.with_name(f"out.{out}"), "m")

    def load(data: bytes, _: Any) -> None:
        path.write_bytes(data)
        source = open_source(job)
        blocks = list(source.blocks())
        for block in blocks:
            source.scan_block(block)
        if not blocks:
            return
        rows = source.gather([(block, range(len(block.texts))) for block in blocks])
        if out == "parquet":
            source.table(rows)
        else:
            list(source.objects(rows))

    return load


def loaders(folder: Path) -> Iterator[Loader]:
    """Yield the loaders of rows; the files are written below a folder."""
    whole, stream = io.BytesIO(), io.BytesIO()
    parquet.write_table(TABLE, whole)
    feather.write_feather(TABLE, stream, compression="uncompressed")
    rows = b'{"id": 1, "text": "a", "more": [1, {"b": null}]}\n{"id": 2.5, "text": "b"}\n'
    lines = b'id,text\n1,"a ""quoted"", text"\n2,b\n'
    for suffix, data, share in (
        ("jsonl", rows, 0.5),
        ("csv", lines, 0.5),
        ("tsv", lines.replace(b",", b"\t"), 0.5),
        ("parquet", whole.getvalue(), 0.3),
        ("arrow", stream.getvalue(), 0.3),
    ):
        for out in ("jsonl", "parquet"):
            read = _read(folder / f"in.{suffix}", out)
            yield Loader(f"rows, {suffix} to {out}", "bytes", [Seed(data)], read, share=share)
