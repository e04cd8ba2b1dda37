"""Output of vectors: numbers, JSON, files for numpy and the nearest texts."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr.cli.render import Screen
from ratatoskr.cli.vectors import open_output
from ratatoskr.types import Embeddings
from unit.cli.in_process import LINES, embed, numbers
from unit.cli.pty_session import AtTerminal

pytestmark = pytest.mark.usefixtures("embed_model")


def test_json_is_an_object_a_line_and_nothing_else(vectors: np.ndarray[Any, Any], model_folder: Path) -> None:
    result = embed("--json", LINES[0], "word " * 100)
    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["index"], first["model"], first["truncated"]) == (0, str(model_folder), False)
    np.testing.assert_array_equal(np.array(first["embedding"], np.float32), vectors[0])
    assert (second["index"], second["truncated"]) == (1, True)
    assert len(result.stdout) < 2 * 96 * 16


def test_npy_is_a_file_that_numpy_loads(vectors: np.ndarray[Any, Any]) -> None:
    result = embed("--lines", "lines.txt", "--npy", "out.npy")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "wrote 5 vectors of 96 numbers to out.npy\n"
    array = np.load("out.npy")
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, vectors, atol=1e-6)
    many = "\n".join(str(number) for number in range(2500))
    result = embed("-l", "-", "--npy", "out.npy", "--json", stdin=many)
    assert json.loads(result.stdout) == {"file": "out.npy", "texts": 2500, "dimensions": 96}
    array = np.load("out.npy", mmap_mode="r")
    assert array.shape == (2500, 96)
    np.testing.assert_allclose(array[[7, 1500, 2499]], numbers(embed("7", "1500", "2499")), atol=1e-6)
    assert sorted(path.name for path in Path().iterdir()) == ["lines.txt", "out.npy"]
    assert Path("out.npy").stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o022))


def test_search_prints_the_nearest_texts_first() -> None:
    result = embed("--lines", "lines.txt", "--search", "time", "--top", "2")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first == "1.000  time"
    assert float(second.split()[0]) < 1
    entries = [json.loads(line) for line in embed("time", "world", "--search", "time", "--json").stdout.splitlines()]
    assert [(one["index"], one["text"]) for one in entries] == [(0, "time"), (1, "world")]
    assert entries[0]["score"] == pytest.approx(1)
    assert len(embed("--lines", "lines.txt", "--search", "x").stdout.splitlines()) == 5
    Path("empty").touch()
    assert embed("--lines", "empty", "--search", "x").output == ""


def test_a_terminal_gets_as_much_of_a_vector_as_fits_and_a_progress_line_that_is_cleared() -> None:
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


def test_npy_is_written_where_a_link_leads_and_keeps_the_mode_of_what_it_replaces() -> None:
    Path("link.npy").symlink_to("target.npy")
    assert embed("time", "--npy", "link.npy").exit_code == 0
    assert Path("link.npy").is_symlink()
    assert np.load("target.npy").shape == (1, 96)
    Path("target.npy").chmod(0o600)
    assert embed("time", "world", "--npy", "link.npy").exit_code == 0
    assert np.load("target.npy").shape == (2, 96)
    assert Path("target.npy").stat().st_mode & 0o777 == 0o600, "never readable by more than before"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_ends_the_process_leaves_no_part_of_a_file(number: int, status: int) -> None:
    before = sorted(Path().iterdir())
    inherited = signal.signal(number, signal.SIG_DFL)  # under nohup it is ignored

    def write_and_end() -> None:
        with open_output(Screen(), as_json=False, npy="out.npy", query=None, top=1):
            assert len(list(Path().iterdir())) == len(before) + 1
            os.kill(os.getpid(), number)

    try:
        with pytest.raises(SystemExit) as ended:
            write_and_end()
        assert ended.value.code == status
        assert sorted(Path().iterdir()) == before
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, inherited)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with open_output(Screen(), as_json=False, npy="out.npy", query=None, top=1) as output:
            os.kill(os.getpid(), signal.SIGHUP)
            output.write([], Embeddings(np.zeros((0, 3), np.float32)))
            output.finish()
    finally:
        signal.signal(signal.SIGHUP, handler)
    assert np.load("out.npy").shape == (0, 3)
