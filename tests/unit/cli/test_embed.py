"""`rat embed`: which texts are read, what is refused and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr.local.engine.workers import Workers
from unit.cli.in_process import LINES, embed, numbers
from unit.cli.shell import INTERRUPTIBLE

pytestmark = pytest.mark.usefixtures("embed_model")


LONG = "word " * 100


def test_each_text_gives_a_line_of_numbers_that_are_its_vector(vectors: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(numbers(embed(LINES[0], LINES[2])), vectors[[0, 2]])


def test_standard_input_is_one_text_and_is_not_read_beside_arguments(vectors: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(numbers(embed(stdin=f"{LINES[0]}\n")), vectors[:1])
    np.testing.assert_array_equal(numbers(embed(LINES[2], stdin="something else")), vectors[2:3])
    assert len(numbers(embed(stdin="two\nlines"))) == 1


def test_each_line_of_a_file_is_a_text_with_any_line_end(vectors: np.ndarray[Any, Any]) -> None:
    np.testing.assert_allclose(numbers(embed("--lines", "lines.txt")), vectors, atol=1e-6)
    for text in ("\r\n".join(LINES), "\ufeff" + "\n".join(LINES) + "\r\n"):
        np.testing.assert_allclose(numbers(embed("-l", "-", stdin=text.encode())), vectors, atol=1e-6)
    assert len(numbers(embed("-l", "-", stdin="one\u2028line\x0bthat is\x85one"))) == 1


def test_an_empty_file_gives_nothing() -> None:
    Path("empty").touch()
    assert (embed("--lines", "empty").exit_code, embed("--lines", "empty").output) == (0, "")
    assert embed("--lines", "empty", "--npy", "empty.npy").exit_code == 0
    assert np.load("empty.npy").shape == (0, 96)


def test_as_many_threads_compute_as_are_asked_for(
    vectors: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    initialise = Workers.__init__

    def count(self: Workers, threads: int) -> None:
        counts.append(threads)
        initialise(self, threads)

    monkeypatch.setattr(Workers, "__init__", count)
    np.testing.assert_array_equal(numbers(embed(LINES[0], "--threads", "3")), vectors[:1])
    assert counts == [3]
    for wrong in ("0", "-1", "two"):
        assert embed(LINES[0], "--threads", wrong).exit_code == 2


def test_truncated_texts_are_noted_or_refused(model_folder: Path) -> None:
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
def test_invalid_arguments_exit_with_2_and_a_message(arguments: tuple[str, ...], words: str) -> None:
    result = embed(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_a_line_that_is_not_utf8_is_named_by_its_number() -> None:
    Path("bad.txt").write_bytes(b"fine\n\xff\xfe\n")
    assert "bad.txt line 2 is not UTF-8" in embed("--lines", "bad.txt").stderr


def test_the_error_for_a_missing_model_names_the_command_that_downloads_it() -> None:
    result = embed("-m", "BgeSmallEn", "text")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "rat models pull BgeSmallEn" in result.stderr


def test_the_error_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = embed("text")
    assert result.exit_code == 2
    assert "pip install 'ratatoskr-llm[local]'" in result.stderr


def test_a_timeout_exits_with_6() -> None:
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


def test_a_closed_pipe_exits_with_141_and_no_message() -> None:
    command = [sys.executable, "-m", "ratatoskr.cli.rat", "embed", "-l", "-"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, input=b"time\n" * 3000, stdout=write, stderr=subprocess.PIPE, timeout=50)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
