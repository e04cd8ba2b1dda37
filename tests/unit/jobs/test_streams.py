"""Standard input and output of a job."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.errors import InvalidInput, ServiceUnavailable
from ratatoskr.jobs import EmbedJob, run
from unit.jobs.fake import MODEL, FakeGateway
from unit.jobs.files import names_in, read, write
from unit.jobs.small_jobs import Failing

PROGRAM = """
import asyncio, sys
from ratatoskr.jobs import EmbedJob, run
from unit.jobs.fake import MODEL, FakeGateway
source, out, *options = sys.argv[1:]
formats = dict(option.split("=") for option in options)
asyncio.run(run(EmbedJob(source, out, MODEL, **formats), FakeGateway()))
"""


def start(*arguments: str, cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(cwd)}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(
        command, env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def finish(process: subprocess.Popen[bytes], octets: bytes | None = None) -> tuple[int, bytes, bytes]:
    """Return the exit code of a program, its output and its errors."""
    with process:
        out, errors = process.communicate(octets, timeout=50)
    return process.returncode, out, errors


def test_a_pipe_gives_what_files_give(tmp_path: Path) -> None:
    source = write(tmp_path / "in", "csv", [{"id": str(n), "text": f"text {n}"} for n in range(5000)])
    assert finish(start("in.csv", "out.jsonl", cwd=tmp_path)) == (0, b"", b"")
    process = start("-", "-", "input_format=csv", "output_format=jsonl", cwd=tmp_path, stdin=subprocess.PIPE)
    assert finish(process, source.read_bytes()) == (0, (tmp_path / "out.jsonl").read_bytes(), b"")
    assert names_in(tmp_path) == {"in.csv", "out.jsonl"}


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_an_output_of_standard_input_is_as_readable_as_the_file_on_it(tmp_path: Path, mode: int) -> None:
    source = write(tmp_path / "in", "jsonl", [{"text": "a"}])
    source.chmod(mode)
    with source.open("rb") as file:
        assert finish(start("-", "out.npy", "input_format=jsonl", cwd=tmp_path, stdin=file, umask=0o022))[0] == 0
    assert (tmp_path / "out.npy").stat().st_mode & 0o777 == mode


def test_an_output_of_a_pipe_is_the_users_alone(tmp_path: Path) -> None:
    process = start("-", "out.npy", "input_format=jsonl", cwd=tmp_path, stdin=subprocess.PIPE, umask=0o022)
    assert finish(process, b'{"text": "a"}')[0] == 0
    assert (tmp_path / "out.npy").stat().st_mode & 0o777 == 0o600


def test_a_reader_that_goes_away_is_a_broken_pipe(tmp_path: Path) -> None:
    write(tmp_path / "in", "jsonl", [{"text": f"text {n}"} for n in range(3000)])
    with start("in.jsonl", "-", "output_format=jsonl", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"BrokenPipeError" in process.stderr.read()
    assert process.returncode == 1
    assert names_in(tmp_path) == {"in.jsonl"}


@pytest.mark.parametrize("out", ["out.npy", "-"])
async def test_a_job_over_standard_input_keeps_nothing_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    text = "".join(f'{{"text": "text {n}"}}\n' for n in range(600))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    formats: dict[str, Any] = {"input_format": "jsonl", "output_format": "npy", "window": 50}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    with pytest.raises(ServiceUnavailable):
        await run(EmbedJob("-", out, MODEL, **formats), Failing(8))
    assert names_in(tmp_path) == set()


async def test_what_a_killed_job_over_standard_input_left_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "in", "jsonl", [{"text": f"text {n}"} for n in range(600)])
    with pytest.raises(ServiceUnavailable):
        await run(EmbedJob(source, tmp_path / "out.npy", MODEL, window=50), Failing(8))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"}')))
    summary = await run(EmbedJob("-", tmp_path / "out.npy", MODEL, input_format="jsonl"), FakeGateway())
    assert (summary.rows, summary.resumed) == (1, 0)
    assert read(tmp_path / "out.npy")[1].shape == (1, 8)


@pytest.mark.parametrize(
    ("source", "out", "field"),
    [("-", "out.npy", "input_format"), ("in.csv", "-", "output_format"), (["-", "in.csv"], "out.npy", "source")],
)
def test_a_stream_needs_its_format_and_is_alone(source: Any, out: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        EmbedJob(source, out, MODEL)
    assert caught.value.field == field
