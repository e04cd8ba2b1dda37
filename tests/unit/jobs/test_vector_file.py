"""Files of vectors: what is found in each format, and what is refused."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs import EmbedJob, Match, VectorFile, run, vector_formats
from unit.jobs.fake import DIMENSIONS, MODEL, FakeGateway, vector
from unit.jobs.files import OUTS, write

TEXTS = [f"text {place % 90} of many" for place in range(500)]
QUERIES = np.stack([vector("text 7 of many"), vector("another")])


async def embed(tmp_path: Path, out: str, **options: Any) -> Path:
    source = write(tmp_path / "in", "jsonl", [{"id": f"n{n}", "text": text} for n, text in enumerate(TEXTS)])
    path = tmp_path / f"out.{out}"
    await run(EmbedJob(source, path, MODEL, **options), FakeGateway())
    return path


def expected(query: Any, top: int, vectors: Any = None) -> list[int]:
    rows = np.stack([vector(text) for text in TEXTS]) if vectors is None else vectors
    return [int(row) for row in np.argsort(-(rows @ query), kind="stable")[:top]]


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("threads", [1, 3])
async def test_what_a_job_wrote_is_searched(tmp_path: Path, out: str, threads: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(vector_formats, "_BYTES", 37 * 4 * DIMENSIONS)
    monkeypatch.setattr(vector_formats, "_LINES", 37)
    file = VectorFile(await embed(tmp_path, out))
    assert file.dimensions == DIMENSIONS
    assert (file.model, file.column) == {
        "parquet": (MODEL, "text"),
        "jsonl": (None, "id"),
        "npy": (None, None),
    }[out]
    for query, found in zip(QUERIES, file.nearest(QUERIES, 12, threads=threads), strict=True):
        assert [match.index for match in found] == expected(query, 12)
        names = {"parquet": TEXTS, "jsonl": [f"n{n}" for n in range(500)], "npy": [None] * 500}[out]
        assert [match.text for match in found] == [names[match.index] for match in found]
        assert np.allclose([match.score for match in found], sorted((match.score for match in found), reverse=True))
    assert abs(file.nearest(QUERIES[:1], 1)[0][0].score - 1) < 1e-6
    assert len(file.nearest(QUERIES[:1], 5000)[0]) == 500


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("suffix", ["npy", "parquet"])
def test_vectors_that_are_not_normalised_are_compared_by_cosine_or_dot(tmp_path: Path, kind: Any, suffix: str) -> None:
    vectors = (np.random.default_rng(1).standard_normal((2000, 33)) * np.linspace(0.1, 9, 2000)[:, None]).astype(kind)
    path = tmp_path / f"v.{suffix}"
    if suffix == "npy":
        np.save(path, vectors)
    else:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 33)
        pq.write_table(pa.table({"vectors": lists}), path, row_group_size=700)
    query = np.random.default_rng(2).standard_normal(33).astype(np.float32)
    wide = vectors.astype(np.float64)
    for metric, scores in (("cosine", wide @ query / np.linalg.norm(wide, axis=1)), ("dot", wide @ query)):
        found = VectorFile(path).nearest([query], 20, metric=metric)[0]  # type: ignore[arg-type]
        assert [match.index for match in found] == np.argsort(-scores, kind="stable")[:20].tolist()
        assert found[0].text is None


def test_a_row_with_nan_is_last(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[np.nan, 1], [-1, 0], [1, 0]], np.float32))
    found = VectorFile(tmp_path / "v.npy").nearest([[1, 0]])[0]
    assert [match.index for match in found] == [2, 1, 0]
    assert found[:2] == [Match(2, 1.0), Match(1, -1.0)]
    assert np.isnan(found[2].score)


def save(path: Path, content: Any) -> Path:
    """Write a file: bytes, an array, or the columns of a table."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        pq.write_table(pa.table(content), path)
    return path


def lists(rows: list[Any], kind: Any = None) -> Any:
    return pa.array(rows, kind or pa.list_(pa.float32(), 2))


PLAIN = np.ones((4, 6), np.float32)
WRONG: dict[str, tuple[str, Any, str, str]] = {
    "no file": ("none.npy", None, "there is no file ", "source"),
    "suffix": ("v.txt", b"x", "v.txt: the suffix must be one of .npy, .parquet", "source"),
    "empty npy": ("v.npy", b"", "v.npy is not a .npy file of vectors: it is empty", "source"),
    "another file": ("v.npy", b"PK\3\4" + b"\0" * 90, "v.npy is not a .npy file of vectors: ", "source"),
    "half a header": ("v.npy", b"\x93NUMPY\1\0v\0{'descr'", "v.npy is not a .npy file of vectors: ", "source"),
    "code in a header": (
        "v.npy",
        b"\x93NUMPY\1\0\x16\0__import__('os').abort",
        "v.npy is not a .npy file of vectors: ",
        "source",
    ),
    "float64": ("v.npy", PLAIN.astype("f8"), "v.npy is an array of float64 with the shape (4, 6), not of", "source"),
    "big-endian": ("v.npy", PLAIN.astype(">f4"), "v.npy is an array of >f4 with the shape (4, 6), not of", "source"),
    "integers": ("v.npy", PLAIN.astype("i4"), "v.npy is an array of int32 with the shape (4, 6), not of", "source"),
    "one axis": ("v.npy", PLAIN[0], "v.npy is an array of float32 with the shape (6,), not rows", "source"),
    "three axes": ("v.npy", PLAIN[None], "v.npy is an array of float32 with the shape (1, 4, 6), not rows", "source"),
    "fortran": ("v.npy", np.asfortranarray(PLAIN), "(4, 6) in the order of Fortran, not rows of vectors", "source"),
    "no rows": (
        "v.npy",
        PLAIN[:0],
        "v.npy holds no vectors: it is an array of float32 with the shape (0, 6)",
        "source",
    ),
    "no columns": ("v.npy", PLAIN[:, :0], "v.npy holds no vectors", "source"),
    "empty parquet": ("v.parquet", b"", "v.parquet is empty", "source"),
    "not parquet": ("v.parquet", b"x" * 99, "v.parquet cannot be read: ", "source"),
    "no rows of parquet": ("v.parquet", {"embedding": lists([])}, "v.parquet holds no vectors", "source"),
    "no vectors": ("v.parquet", {"text": ["a"]}, "v.parquet has no column 'embedding'; it has 'text'", "output_column"),
    "texts": ("v.parquet", {"embedding": ["a"]}, "'embedding' of v.parquet is string, not a fixed", "output_column"),
    "float64 lists": (
        "v.parquet",
        {"embedding": lists([[1, 2]], pa.list_(pa.float64(), 2))},
        "column 'embedding' of v.parquet is fixed_size_list<",
        "output_column",
    ),
    "two of them": (
        "v.parquet",
        {"a": lists([[1, 2]]), "b": lists([[1, 2]])},
        "v.parquet has no column 'embedding'; it has 'a', 'b'",
        "output_column",
    ),
    "empty lines": ("v.jsonl", b"\n\n", "v.jsonl is empty", "source"),
    "not json": ("v.jsonl", b"{]\n", "row 1 of v.jsonl (the first is 1): not a JSON object with a vector", "source"),
    "an array": ("v.jsonl", b"[1]\n", "row 1 of v.jsonl (the first is 1): not a JSON object", "source"),
    "no list": (
        "v.jsonl",
        b'{"a":1}\n',
        "row 1 of v.jsonl has no list of numbers 'embedding'; it has 'a'",
        "output_column",
    ),
    "list of texts": ("v.jsonl", b'{"embedding":["a"]}\n', "row 1 of v.jsonl has no list of numbers", "output_column"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_a_file_of_vectors_is_refused_when_it_is_opened(tmp_path: Path, case: str) -> None:
    name, content, message, field = WRONG[case]
    if content is not None:
        save(tmp_path / name, content)
    with pytest.raises(InvalidInput) as caught:
        VectorFile(tmp_path / name)
    assert message in caught.value.message
    assert caught.value.field == field


@pytest.mark.parametrize("cut", [1, 100, 4 * 6 * 4])
def test_a_truncated_npy_file_is_refused_before_it_is_mapped(tmp_path: Path, cut: int) -> None:
    whole = save(tmp_path / "v.npy", PLAIN).read_bytes()
    (tmp_path / "v.npy").write_bytes(whole[:-cut])
    if cut > 96:
        with pytest.raises(InvalidInput, match=r"v.npy is not a .npy file|truncated"):
            VectorFile(tmp_path / "v.npy")
        return
    with pytest.raises(InvalidInput, match=f"v.npy is truncated: it has {len(whole) - cut} bytes, .* {len(whole)}"):
        VectorFile(tmp_path / "v.npy")


async def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = await embed(tmp_path, "parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match=r"out.parquet cannot be read: "):
        VectorFile(path)


ROWS: dict[str, tuple[str, Any, str]] = {
    "null list": (
        "v.parquet",
        {"embedding": lists([[1, 2], None])},
        "row 2 of v.parquet (the first is 1): 'embedding'",
    ),
    "null number": ("v.parquet", {"embedding": lists([[1, None]])}, "row 1 of v.parquet (the first is 1): 'embedding'"),
    "short": (
        "v.jsonl",
        b'{"embedding":[1,2]}\n{"embedding":[1]}\n',
        "row 2 of v.jsonl (the first is 1): 'embedding' has 1 numbers, and that of row 1 has 2",
    ),
    "missing": ("v.jsonl", b'{"embedding":[1,2]}\n{}\n', "row 2 of v.jsonl (the first is 1): not a JSON object with"),
    "null": (
        "v.jsonl",
        b'{"embedding":[1,2]}\n{"embedding":[1,null]}\n',
        "row 2 of v.jsonl (the first is 1): not a JSON object with a vector: Expected `float`, got `null`",
    ),
    "text": (
        "v.jsonl",
        b'{"t":"a","embedding":[1,2]}\n{"t":3,"embedding":[1,2]}\n',
        "row 2 of v.jsonl (the first is 1): 't' is not a text",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_malformed_row_is_an_error_that_names_it(tmp_path: Path, case: str) -> None:
    name, content, message = ROWS[case]
    file = VectorFile(save(tmp_path / name, content))
    with pytest.raises(InvalidInput) as caught:
        file.nearest([[1, 2]], threads=2)
    assert message in caught.value.message


async def test_columns_are_those_that_are_named_or_recorded_or_the_first(tmp_path: Path) -> None:
    made = await embed(tmp_path, "parquet", output_column="v")
    assert VectorFile(made, column="id").nearest(QUERIES[:1], 1)[0][0].text == "n7"
    assert VectorFile(made).nearest(QUERIES[:1], 1)[0][0].text == TEXTS[7]
    columns = {"n": [1], "a": ["first"], "b": pa.array(["second"]).dictionary_encode(), "v": lists([[1, 2]])}
    path = save(tmp_path / "v.parquet", columns)
    assert VectorFile(path).nearest([[1, 2]])[0][0].text == "first"
    assert VectorFile(path, column="b").nearest([[1, 2]])[0][0].text == "second"
    for column, message in (("n", "'n' of v.parquet is int64, not text"), ("x", "v.parquet has no column 'x'; it has")):
        with pytest.raises(InvalidInput, match=message) as caught:
            VectorFile(path, column=column)
        assert caught.value.field == "column"
    lines = save(tmp_path / "v.jsonl", b'{"n":1,"a":"first","b":"second","v":[1,2]}\n')
    assert VectorFile(lines).nearest([[1, 2]])[0][0].text == "first"
    assert VectorFile(lines, column="b").nearest([[1, 2]])[0][0].text == "second"
    with pytest.raises(InvalidInput, match="has no column 'x'"):
        VectorFile(lines, column="x")
    with pytest.raises(InvalidInput, match=r"v.npy has no columns"):
        VectorFile(save(tmp_path / "v.npy", PLAIN), column="text")


def test_arguments_are_checked(tmp_path: Path) -> None:
    file = VectorFile(save(tmp_path / "v.npy", PLAIN))
    good = np.ones((1, 6))
    for options, field in (
        ({"top": 0}, "top"),
        ({"top": True}, "top"),
        ({"top": 1.5}, "top"),
        ({"metric": "l2"}, "metric"),
        ({"threads": 0}, "threads"),
    ):
        with pytest.raises(InvalidInput) as caught:
            file.nearest(good, **options)  # type: ignore[arg-type]
        assert caught.value.field == field
    for queries, message in (
        (np.ones((1, 5)), "the queries have 5 dimensions, and the vectors of v.npy have 6"),
        (np.ones(6), r"not the shape \(6,\)"),
        (np.ones((0, 6)), r"not the shape \(0, 6\)"),
        (np.full((1, 6), np.nan), "finite"),
        ([["a"] * 6], "array of numbers"),
    ):
        with pytest.raises(InvalidInput, match=message):
            file.nearest(queries)
    with pytest.raises(InvalidInput, match="source must be the path of a file, not 3"):
        VectorFile(3)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "v.npy", PLAIN)

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigurationError, match=r"v.npy cannot be read: Permission denied"):
        VectorFile(path)


def test_a_search_that_is_stopped_reads_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_formats, "_BYTES", 24)
    file, stop = VectorFile(save(tmp_path / "v.npy", PLAIN)), threading.Event()
    stop.set()
    assert file.nearest(np.ones((1, 6)), stop=stop) == [[]]


def test_memory_is_bounded_whatever_the_size_of_a_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_formats, "_BYTES", 64 * 4 * 100)
    numbers = np.random.default_rng(1).standard_normal(5000 * 64, np.float32)
    table = pa.table({"v": pa.FixedSizeListArray.from_arrays(pa.array(numbers), 64)})
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=5000)
    pieces = [
        rows
        for piece in vector_formats.ParquetVectors(tmp_path / "v.parquet", None, None).pieces()
        for _, rows in piece()
    ]
    assert max(map(len, pieces)) == 100
    np.testing.assert_array_equal(np.concatenate(pieces).reshape(-1), numbers)


async def test_parquet_records_what_made_the_vectors(tmp_path: Path) -> None:
    metadata = pq.read_schema(await embed(tmp_path, "parquet", input_type="query")).metadata
    assert json.loads(metadata[b"ratatoskr"]) == {
        "model": MODEL,
        "column": "text",
        "output_column": "embedding",
        "input_type": "query",
    }
    for unreadable in (b"{", b"[]", b'{"model": 3}'):
        table = pa.table({"embedding": lists([[1, 2]])}).replace_schema_metadata({b"ratatoskr": unreadable})
        pq.write_table(table, tmp_path / "v.parquet")
        assert VectorFile(tmp_path / "v.parquet").model is None
