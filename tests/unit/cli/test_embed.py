"""`rat embed`: texts in, vectors out, or the texts nearest to a query; what it shows, writes and refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from ratatoskr import Ratatoskr
from unit.cli.in_process import run
from unit.cli.pty_session import AtTerminal
from unit.cli.test_rat import INTERRUPTIBLE

LINES = ["the state of the world", "", "time", "embedding", "in the world"]
LONG = "word " * 100


@pytest.fixture(autouse=True)
def at_home(model_folder: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the small model the one that is embedded with."""
    monkeypatch.setenv("RATATOSKR_EMBED_MODEL", str(model_folder))
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(graphs))
    monkeypatch.chdir(tmp_path)
    Path("lines.txt").write_text("\n".join(LINES) + "\n")


def embed(*arguments: str, stdin: Any = "", **options: Any) -> Result:
    return run("embed", *arguments, stdin=stdin, **options)


def numbers(result: Result) -> np.ndarray[Any, Any]:
    assert result.exit_code == 0, result.stderr
    return np.array([[float(word) for word in line.split()] for line in result.stdout.splitlines()], np.float32)


@pytest.fixture
def vectors(model_folder: Path, graphs: Path) -> np.ndarray[Any, Any]:
    with Ratatoskr.builder().local_embeddings(model_folder).cache_dir(graphs).build().sync() as gateway:
        return np.asarray(gateway.embed_batch(LINES, str(model_folder)))


# what comes in, what comes out


def test_each_text_gives_a_line_of_numbers_that_are_its_vector(vectors: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(numbers(embed(LINES[0], LINES[2])), vectors[[0, 2]])


def test_standard_input_is_one_text_and_is_not_read_beside_arguments(vectors: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(numbers(embed(stdin=f"{LINES[0]}\n")), vectors[:1])
    np.testing.assert_array_equal(numbers(embed(LINES[2], stdin="something else")), vectors[2:3])
    assert len(numbers(embed(stdin="two\nlines"))) == 1


def test_each_line_of_a_file_is_a_text_whatever_ends_it(vectors: np.ndarray[Any, Any]) -> None:
    np.testing.assert_allclose(numbers(embed("--lines", "lines.txt")), vectors, atol=1e-6)
    for text in ("\r\n".join(LINES), "\ufeff" + "\n".join(LINES) + "\r\n"):
        np.testing.assert_allclose(numbers(embed("-l", "-", stdin=text.encode())), vectors, atol=1e-6)
    assert len(numbers(embed("-l", "-", stdin="one\u2028line\x0bthat is\x85one"))) == 1


def test_an_empty_file_gives_nothing() -> None:
    Path("empty").touch()
    assert (embed("--lines", "empty").exit_code, embed("--lines", "empty").output) == (0, "")
    assert embed("--lines", "empty", "--npy", "empty.npy").exit_code == 0
    assert np.load("empty.npy").shape == (0, 96)


def test_json_is_an_object_a_line_and_nothing_else(vectors: np.ndarray[Any, Any], model_folder: Path) -> None:
    result = embed("--json", LINES[0], LONG)
    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["index"], first["model"], first["truncated"]) == (0, str(model_folder), False)
    np.testing.assert_array_equal(np.array(first["embedding"], np.float32), vectors[0])
    assert (second["index"], second["truncated"]) == (1, True)
    assert len(result.stdout) < 2 * 96 * 16


def test_npy_is_a_file_that_numpy_loads(vectors: np.ndarray[Any, Any]) -> None:
    result = embed("--lines", "lines.txt", "--npy", "out.npy")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "wrote 5 vectors of 96 numbers to out.npy\n"
    made = np.load("out.npy")
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, vectors, atol=1e-6)
    many = "\n".join(str(number) for number in range(2500))
    told = embed("-l", "-", "--npy", "out.npy", "--json", stdin=many)
    assert json.loads(told.stdout) == {"file": "out.npy", "texts": 2500, "dimensions": 96}
    made = np.load("out.npy", mmap_mode="r")
    assert made.shape == (2500, 96)
    np.testing.assert_allclose(made[[7, 1500, 2499]], numbers(embed("7", "1500", "2499")), atol=1e-6)
    assert sorted(path.name for path in Path().iterdir()) == ["lines.txt", "out.npy"]
    assert Path("out.npy").stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o022))


def test_what_is_searched_comes_nearest_first() -> None:
    result = embed("--lines", "lines.txt", "--search", "time", "--top", "2")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first == "1.000  time"
    assert float(second.split()[0]) < 1
    told = [json.loads(line) for line in embed("time", "world", "--search", "time", "--json").stdout.splitlines()]
    assert [(one["index"], one["text"]) for one in told] == [(0, "time"), (1, "world")]
    assert told[0]["score"] == pytest.approx(1)
    assert len(embed("--lines", "lines.txt", "--search", "x").stdout.splitlines()) == 5
    Path("empty").touch()
    assert embed("--lines", "empty", "--search", "x").output == ""


def test_a_terminal_gets_as_much_of_a_vector_as_fits_and_progress_that_goes_away() -> None:
    for columns in (40, 100):
        with AtTerminal(("embed", "time"), dict(os.environ), columns=columns) as terminal:
            code, shown = terminal.end()
        (line,) = shown.splitlines()
        assert (code, line.endswith(" … 96 numbers")) == (0, True)
        assert len(line) <= columns
    with AtTerminal(("embed", "-l", "lines.txt", "--npy", "out.npy"), dict(os.environ), columns=40) as terminal:
        code, shown = terminal.end()
    assert code == 0
    assert "5 texts, " in shown
    assert "\r\x1b[K" in shown


# what is told


def test_texts_that_are_cut_are_told_or_refused(model_folder: Path) -> None:
    Path("long.txt").write_text(f"time\n{LONG}\ntime\n")
    result = embed("--lines", "long.txt", "--npy", "out.npy")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        0,
        "note: 1 of 3 texts were cut to the length that the model takes",
    )
    result = embed("--lines", "long.txt", "--no-truncate")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "long.txt line 2 has " in result.stderr
    Path("late.txt").write_text("time\n" * 2000 + LONG)
    result = embed("--lines", "late.txt", "--no-truncate", "--npy", "late.npy")
    assert "late.txt line 2001 has " in result.stderr
    assert not Path("late.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to embed: give a TEXT, --lines FILE"),
        (("--lines", "nowhere.txt"), "cannot read nowhere.txt: No such file or directory"),
        (("--lines", "."), "cannot read .: Is a directory"),
        (("text", "--lines", "lines.txt"), "either TEXT or --lines"),
        (("text", "--search", "x", "--npy", "y"), "--search cannot be combined"),
        (("text", "--search", "x", "--input-type", "query"), "--search cannot be combined"),
        (("text", "--input-type", "passage"), "is not one of"),
        (("text", "--precision", "fp16"), "is not one of"),
        (("text", "--device", "gpu"), "neither cpu, nor cuda"),
        (("text", "--device", "cuda"), "needs CUDAExecutionProvider"),
        (("text", "--top", "0"), "--top"),
        (("text", "--timeout", "0"), "--timeout must be seconds above 0"),
        (("text", "-m", "nonsense"), "not in the catalogue: AllMiniLmL6V2"),
        (("text", "--npy", "/nowhere/at/all.npy"), "cannot write /nowhere/at/all.npy"),
        (("text", "--npy", "/dev/null"), "/dev/null is not a regular file"),
        (("text", "--npy", "."), "is a directory"),
        (("half \udcff",), "text 0 holds half of a surrogate pair"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(arguments: tuple[str, ...], words: str) -> None:
    result = embed(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_a_line_that_is_no_text_is_told_by_its_number() -> None:
    Path("bad.txt").write_bytes(b"fine\n\xff\xfe\n")
    assert "bad.txt line 2 is not UTF-8" in embed("--lines", "bad.txt").stderr


def test_a_model_that_is_not_here_is_told_with_the_command_that_fetches_it() -> None:
    result = embed("-m", "BgeSmallEn", "text")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "rat models pull BgeSmallEn" in result.stderr


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = embed("text")
    assert result.exit_code == 2
    assert "pip install 'ratatoskr[local]'" in result.stderr


def test_a_deadline_is_a_network_matter_as_everywhere() -> None:
    result = embed("text", "--timeout", "0.0001")
    assert result.exit_code == 6
    assert "--timeout sets a longer limit" in result.stderr


def test_ctrl_c_leaves_nothing_behind() -> None:
    command = [sys.executable, "-c", INTERRUPTIBLE, "embed", "-l", "-", "--npy", "out.npy"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        assert child.stdin is not None
        child.stdin.write(b"a line\n" * 1024)
        child.stdin.flush()
        while not any(path.stat().st_size for path in Path().glob(".out.npy-*")):  # a block is written, it reads on
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=40)
    assert (child.returncode, out, errors) == (130, b"", b"")
    assert [path.name for path in Path().iterdir()] == ["lines.txt"]


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "ratatoskr.cli.rat", "embed", "-l", "-"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, input=b"time\n" * 3000, stdout=write, stderr=subprocess.PIPE, timeout=50)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
