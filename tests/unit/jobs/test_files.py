"""Input files: several, patterns, compressed ones, and inputs without rows."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratatoskr.errors import ConfigurationError, InvalidInput, ServiceUnavailable
from ratatoskr.jobs import EmbedJob, run
from unit.jobs.fake import DIMENSIONS, MODEL, FakeGateway
from unit.jobs.files import OUTS, SOURCES, names_in, read, write
from unit.jobs.small_jobs import Failing, digest, embed


def compress_zstandard(octets: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(octets)
    return sink.getvalue().to_pybytes()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": compress_zstandard,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
ROWS = [{"id": str(place), "text": f"text {place}"} for place in range(5000)]


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
async def test_a_compressed_file_is_read_as_it_was(tmp_path: Path, kind: str, suffix: str) -> None:
    plain = write(tmp_path / "in", kind, ROWS)
    octets, compress = plain.read_bytes(), COMPRESS[suffix]
    packed = plain.with_name(f"{plain.name}.{suffix}")
    packed.write_bytes(compress(octets[:1000]) + compress(octets[1000:]))  # in two members
    await embed(packed, tmp_path / "packed.jsonl")
    await embed(plain, tmp_path / "plain.jsonl")
    assert digest(tmp_path / "packed.jsonl") == digest(tmp_path / "plain.jsonl")


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("damage", ["cut", "foreign", "tail"])
async def test_a_compressed_file_that_is_damaged_is_refused(tmp_path: Path, suffix: str, damage: str) -> None:
    octets = COMPRESS[suffix](b"text\n" + b"".join(b"%d\n" % place for place in range(9000)))
    damaged = {"cut": octets[:-20], "foreign": b"text\na\n", "tail": octets + b"a text behind"}[damage]
    (tmp_path / f"in.csv.{suffix}").write_bytes(damaged)
    gateway = FakeGateway()
    if damage == "tail" and suffix in {"bz2", "xz"}:  # Python's readers end there
        await embed(tmp_path / f"in.csv.{suffix}", tmp_path / "out.npy", gateway)
        return
    with pytest.raises(InvalidInput, match=rf"in\.csv\.{suffix} cannot be decompressed"):
        await embed(tmp_path / f"in.csv.{suffix}", tmp_path / "out.npy", gateway)
    assert gateway.calls == []


@pytest.mark.parametrize("suffix", ["gz", "zst", "xz"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
async def test_a_compressed_file_without_the_suffix_is_refused(tmp_path: Path, kind: str, suffix: str) -> None:
    (tmp_path / f"in.{kind}").write_bytes(COMPRESS[suffix](b"text\na\n"))
    with pytest.raises(InvalidInput, match=rf"is compressed, but its name does not end in \.{suffix}"):
        await embed(tmp_path / f"in.{kind}", tmp_path / "out.npy")


async def test_a_zstandard_file_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.csv.zst").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"Zstandard files need pyarrow: pip install 'ratatoskr-llm\[jobs\]'"):
        await embed(tmp_path / "in.csv.zst", tmp_path / "out.npy")


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_compressed_file_of_columns_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInput, match=rf"in\.{kind}\.gz: decompress it"):
        EmbedJob(f"in.{kind}.gz", "out.npy", MODEL)


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", SOURCES)
async def test_several_files_become_one_output_in_their_order(tmp_path: Path, kind: str, out: str) -> None:
    rows = [{"id": str(place), "text": f"text {place}", "part": "x"} for place in range(100)]
    parts = [write(tmp_path / name, kind, rows[a:b]) for name, a, b in (("b", 0, 30), ("c", 30, 31), ("a", 31, 100))]
    one = write(tmp_path / "one", kind, rows)
    await run(EmbedJob(parts, tmp_path / f"several.{out}", MODEL, window=20), FakeGateway())
    await embed(one, tmp_path / f"one-out.{out}", window=20)
    found, vectors = read(tmp_path / f"several.{out}")
    expected, single = read(tmp_path / f"one-out.{out}")
    assert found == expected
    np.testing.assert_array_equal(vectors, single)


async def test_a_pattern_is_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "folder.csv").mkdir()
    for name in ("c", "deep/a", "b", "B"):
        (tmp_path / "data" / f"{name}.csv").write_text(f"text\n{name}\n")
    for pattern, names in (("data/*.csv", ["B", "b", "c"]), ("data/**/*.csv", ["B", "b", "c", "deep/a"])):
        await embed(tmp_path / pattern, tmp_path / "out.jsonl", overwrite=True)
        rows, _ = read(tmp_path / "out.jsonl")
        assert rows == [{"text": name} for name in names]


async def test_a_file_whose_name_is_a_pattern_is_one_file(tmp_path: Path) -> None:
    for name in ("in[1]", "in1"):
        (tmp_path / f"{name}.csv").write_text(f"text\n{name}\n")
    await embed(tmp_path / "in[1].csv", tmp_path / "out.jsonl")
    rows, _ = read(tmp_path / "out.jsonl")
    assert rows == [{"text": "in[1]"}]


SEVERAL: dict[str, tuple[list[str], str]] = {
    "no file": (["z*.csv"], r"no file matches .*z\*\.csv"),
    "twice": (["a.csv", "a.csv"], r"a\.csv is given twice"),
    "twice by a pattern": (["a.csv", "a*.csv"], r"a\.csv is given twice"),
    "twice by a link": (["a.csv", "link.csv"], r"a\.csv is given twice"),
    "of two formats": (["a.csv", "a.jsonl"], r"a\.csv is csv, but a\.jsonl is jsonl"),
    "other columns": (["a.csv", "b.csv"], r"column 2 of b\.csv is 'n', but 'id' in a\.csv"),
    "fewer columns": (["a.csv", "c.csv"], r"column 2 of c\.csv is None, but 'id' in a\.csv"),
    "without the column": (["a.csv", "d.csv"], r"d\.csv has no column 'text'"),
    "another type": (["a.parquet", "b.parquet"], r"b\.parquet has 'id' \(string\) where a\.parquet has 'id' \(int64\)"),
    "a row of the second": (["a.csv", "e.csv"], r"row 1 of e\.csv .*: 3 fields"),
    "a null of the second": (["a.jsonl", "b.jsonl"], r"row 2 of b\.jsonl .*: 'text' is null"),
    "a name twice in the second": (["a.jsonl", "c.jsonl"], r"row 1 of c\.jsonl .*: an object has 'n' twice"),
    "one that is missing": (["a.csv", "none.csv"], r"none\.csv cannot be read"),
}


@pytest.mark.parametrize(("names", "words"), SEVERAL.values(), ids=SEVERAL)
async def test_files_that_do_not_go_together_are_refused(tmp_path: Path, names: list[str], words: str) -> None:
    contents = {
        "a.csv": "text,id\na,1\n",
        "b.csv": "text,n\na,1\n",
        "c.csv": "text\na\n",
        "d.csv": "id\na\n",
        "e.csv": "text,id\na,1,2\n",
        "a.jsonl": '{"text": "a"}\n',
        "b.jsonl": '{"text": "a"}\n{"text": null}\n',
        "c.jsonl": '{"text": "a", "n": 1, "n": 2}\n',
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    pq.write_table(pa.table({"text": ["a"], "id": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["a"], "id": ["1"]}), tmp_path / "b.parquet")
    gateway = FakeGateway()
    with pytest.raises((InvalidInput, ConfigurationError), match=words):
        await run(EmbedJob([tmp_path / name for name in names], tmp_path / "out.npy", MODEL), gateway)
    assert gateway.calls == []


async def test_a_job_over_several_files_continues_only_with_the_same_files(tmp_path: Path) -> None:
    rows = [{"text": f"text {place}"} for place in range(300)]
    files = [write(tmp_path / name, "jsonl", rows) for name in ("a", "b")]
    job = EmbedJob(files, tmp_path / "out.npy", MODEL, window=50)
    with pytest.raises(ServiceUnavailable):
        await run(job, Failing(5))
    with pytest.raises(InvalidInput, match=r"another source \(2 files there, 1 here\)"):
        await run(EmbedJob(files[:1], job.out, MODEL, window=50), FakeGateway())
    with pytest.raises(InvalidInput, match=r"another source \(.*b\.jsonl has changed\)"):
        await run(EmbedJob(files[::-1], job.out, MODEL, window=50), FakeGateway())
    again = await run(job, FakeGateway())
    assert again.resumed > 0
    await run(EmbedJob(files, tmp_path / "full.npy", MODEL, window=50), FakeGateway())
    assert digest(tmp_path / "out.npy") == digest(tmp_path / "full.npy")


async def test_a_refused_text_of_several_files_is_named_by_its_file(tmp_path: Path) -> None:
    class Strict(FakeGateway):
        async def embed_batch(self, texts: Any, model: str, **options: Any) -> Any:
            raise InvalidInput(f"text {texts.index('bad')} is too long", field="texts")

    files = [write(tmp_path / "a", "jsonl", [{"text": "a"}] * 5), write(tmp_path / "b", "jsonl", [{"text": "bad"}])]
    with pytest.raises(InvalidInput, match=r"^row 1 of b\.jsonl \(the first is 1\) is too long"):
        await run(EmbedJob(files, tmp_path / "out.npy", MODEL), Strict())


async def test_the_output_is_readable_by_no_more_users_than_any_of_its_files(tmp_path: Path) -> None:
    files = [write(tmp_path / name, "jsonl", [{"text": "a"}]) for name in ("a", "b", "c")]
    for file, mode in zip(files, (0o644, 0o600, 0o640), strict=True):
        os.chmod(file, mode)  # noqa: PTH101
    await run(EmbedJob(files, tmp_path / "out.npy", MODEL), FakeGateway())
    assert (tmp_path / "out.npy").stat().st_mode & 0o777 == 0o600


WITHOUT_ROWS: dict[str, tuple[str, bytes]] = {
    "a head and no rows": ("in.csv", b"id,text\n"),
    "a head without line end": ("in.tsv", b"id\ttext"),
    "an empty file": ("in.jsonl", b""),
    "blank lines alone": ("in.jsonl", b"\n\n"),
    "a mark alone": ("in.jsonl", b"\xef\xbb\xbf"),
    "an empty file that is compressed": ("in.jsonl.gz", gzip.compress(b"")),
}


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(("name", "octets"), WITHOUT_ROWS.values(), ids=WITHOUT_ROWS)
async def test_an_input_without_rows_gives_an_empty_output_of_the_right_schema(
    tmp_path: Path, name: str, octets: bytes, out: str
) -> None:
    (tmp_path / name).write_bytes(octets)
    summary = await embed(tmp_path / name, tmp_path / f"out.{out}")
    assert (summary.rows, summary.skipped, summary.tokens, summary.dimensions) == (0, 0, 0, DIMENSIONS)
    check_empty(tmp_path / f"out.{out}", ["id", "text"] if "jsonl" not in name else ["text"])
    assert names_in(tmp_path) == {name, f"out.{out}"}


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows"])
async def test_columns_without_rows_keep_their_types(tmp_path: Path, kind: str, out: str) -> None:
    table = pa.table({"id": pa.array([], pa.int16()), "text": pa.array([], pa.string())})
    source = tmp_path / f"in.{kind.removesuffix('s')}"
    if kind == "parquet":
        pq.write_table(table, source)
    else:
        with (
            pa.OSFile(str(source), "wb") as file,
            (pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream)(file, table.schema),
        ):
            pass
    await embed(source, tmp_path / f"out.{out}")
    check_empty(tmp_path / f"out.{out}", ["id", "text"])
    if out == "parquet":
        assert pq.read_schema(tmp_path / "out.parquet").field("id").type == pa.int16()


def check_empty(out: Path, names: list[str]) -> None:
    if out.suffix == ".npy":
        assert (np.load(out).shape, np.load(out).dtype) == ((0, DIMENSIONS), np.float32)
    elif out.suffix == ".jsonl":
        assert out.read_bytes() == b""
    else:
        table = pq.read_table(out)
        assert (table.num_rows, table.schema.names) == (0, [*names, "embedding"])
        assert table.schema.field("embedding").type == pa.list_(pa.float32(), DIMENSIONS)


@pytest.mark.parametrize("out", OUTS)
async def test_the_column_of_the_vectors_has_the_name_that_was_given(tmp_path: Path, out: str) -> None:
    source = write(tmp_path / "in", "jsonl", [{"text": "a", "embedding": 1}])
    await embed(source, tmp_path / f"out.{out}", output_column="vector")
    if out == "parquet":
        assert pq.read_schema(tmp_path / "out.parquet").names == ["text", "embedding", "vector"]
    if out == "jsonl":
        assert '"embedding": 1,"vector":[' in (tmp_path / "out.jsonl").read_text()
    with pytest.raises(InvalidInput, match="already has a column 'text'; give another output_column"):
        await embed(source, tmp_path / f"other.{out}", output_column="text")
