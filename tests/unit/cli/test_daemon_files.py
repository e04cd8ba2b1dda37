"""`rat` with files, jobs and tokens over a daemon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.daemon import Daemon
from ratatoskr.errors import ServiceUnavailable
from ratatoskr.testing import ScriptedGateway
from unit.cli.in_process import run


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("text,premise,hypothesis\n" + "".join(f"t{n},p{n},h{n}\n" for n in range(600)))
    return tmp_path


def test_a_file_is_embedded_and_searched_by_a_daemon(rows: Path) -> None:
    scripted = ScriptedGateway()
    daemon = Daemon(scripted.backend)
    try:
        variables = {"RATD_ADDRESS": daemon.url}
        done = run("embed-file", "in.csv", "out.parquet", "-m", "house:e", "--json", env=variables)
        assert done.exit_code == 0, done.stderr
        summary = json.loads(done.stdout)
        assert (summary["rows"], summary["dimensions"], summary["model"]) == (600, 8, "house:e")
        again = run("job", "embed", "in.csv", "second.parquet", "-m", "house:e", "--address", daemon.url)
        assert again.exit_code == 0, again.stderr
        found = run("search", "out.parquet", "t321", "--top", "1", "--json", env=variables)
        assert found.exit_code == 0, found.stderr
        assert json.loads(found.stdout)["text"] == "t321"
        assert scripted.embed_requests[-1].input_type == "query"
        assert {request.model for request in scripted.embed_requests} == {"house:e"}
        refused = run("embed-file", "in.csv", "o.npy", "--threads", "1", "--address", daemon.url)
        assert refused.exit_code == 2
        assert "--address and --threads exclude each other" in refused.stderr
    finally:
        daemon.stop()


def test_a_file_that_a_daemon_embeds_is_continued(rows: Path) -> None:
    def vector(text: str) -> list[float]:
        if text == "t400" and not mended:
            raise ServiceUnavailable("the model is gone")
        return [float(len(text)), 1.0]

    mended: list[bool] = []
    daemon = Daemon(ScriptedGateway(vectors=vector).backend)
    try:
        common = ("embed-file", "in.csv", "out.jsonl", "-m", "e", "--window", "100", "--address", daemon.url)
        failed = run(*common)
        assert failed.exit_code == 6
        assert "the same command continues" in failed.stderr
        mended.append(True)
        done = run(*common, "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["resumed"] in {300, 400}, "two windows are computed at a time"
    finally:
        daemon.stop()


def test_a_daemon_that_is_found_embeds_a_file(rows: Path, empty_environment: Path) -> None:
    folder = empty_environment / ".run" / "ratatoskr"
    folder.mkdir(parents=True, mode=0o700)
    daemon = Daemon(ScriptedGateway().backend, "unix")
    try:
        Path(daemon.socket.removeprefix("unix:")).rename(folder / "ratd.sock")
        assert run("embed-file", "in.csv", "out.npy", "-m", "e").exit_code == 0
        assert run("embed-file", "in.csv", "o.npy", "-m", "e", "--embedded").exit_code != 0
    finally:
        daemon.stop()


def test_jobs_and_tokens_are_those_of_a_daemon_that_is_named(rows: Path) -> None:
    daemon = Daemon(ScriptedGateway(tokens=7).backend)
    at = ("--address", daemon.url)
    try:
        for arguments in (
            ("job", "classify", "in.csv", "labels.csv", "--labels", "a,b", "-m", "house:n"),
            ("job", "nli", "in.csv", "judged.csv", "-m", "house:n"),
            ("job", "stance", "in.csv", "stances.csv", "--target", "t", "-m", "house:n"),
            ("job", "tokens", "in.csv", "counted.csv", "-m", "house:n"),
        ):
            result = run(*arguments, *at)
            assert result.exit_code == 0, (arguments, result.stderr)
            assert len((rows / arguments[3]).read_text().splitlines()) == 601
        assert ",7," in (rows / "counted.csv").read_text()
        assert run("tokens", "-m", "house:n", "a text", *at).stdout == "7\n"
        told = run("tokenize", "-m", "gpt-4.1", "--json", "a text", *at)
        assert [token["text"] for token in json.loads(told.stdout)["tokens"]] == ["a", " text"]
        gone = run("tokenize", "-m", "gpt-4.1", "a text", "--address", "http://127.0.0.1:1")
        assert gone.exit_code == 6
    finally:
        daemon.stop()
