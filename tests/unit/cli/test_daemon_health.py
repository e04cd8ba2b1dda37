"""`rat health` over a daemon, which asks by a channel alone: its errors are a client's, and it imports little."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.daemon import Daemon
from ratatoskr.testing import ScriptedGateway
from unit.cli.in_process import run
from unit.cli.test_daemon import AsksForToken, token_file


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    started = Daemon(ScriptedGateway().backend)
    yield started
    started.stop()


@pytest.fixture
def guarded() -> Iterator[Daemon]:
    started = Daemon(ScriptedGateway().backend, hooks=AsksForToken())
    yield started
    started.stop()


def test_health_tells_what_a_client_would(guarded: Daemon, tmp_path: Path) -> None:
    named = ("--address", guarded.url)
    assert run("health", *named, "--token-file", str(token_file(tmp_path))).exit_code == 0
    refused = run("health", *named)
    assert refused.exit_code == 3
    assert "--token-file names the file of this daemon's token" in refused.stderr
    assert "must not travel in the clear" in run("health", "--address=http://h.test:1", env={"RATD_TOKEN": "x"}).stderr
    wrong = run("health", *named, env={"RATD_TOKEN": "a b\n"})
    assert wrong.exit_code == 2
    assert "the token is empty, or holds spaces" in wrong.stderr


def test_health_of_a_daemon_that_answers_something_else_is_refused(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratatoskr.service.client.health._ask", lambda *_: b"\xff")
    result = run("health", "--address", daemon.url)
    assert result.exit_code == 6
    assert f"the answer of the daemon at {daemon.url} is wrong: it is no message of this method" in result.stderr


def test_health_of_a_daemon_imports_a_channel_and_its_words(daemon: Daemon) -> None:
    code = (
        "import sys; from ratatoskr.cli.rat import rat; rat(sys.argv[1:], standalone_mode=False);"
        " print(*sorted(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "health", "--address", daemon.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"at {daemon.url}\nconfigured\n" in done.stdout
    loaded = set(done.stderr.split())
    ours = {name.removeprefix("ratatoskr.") for name in loaded if name.startswith("ratatoskr.")}
    assert {name.split(".")[0] for name in ours} <= {
        "_extras",
        "_fork",
        "cli",
        "config",
        "errors",
        "service",
        "types",
    }
    assert {name for name in ours if name.startswith("config")} <= {"config", "config.paths"}
    assert {name for name in ours if name.startswith("types.")} == {
        f"types.{name}" for name in ("allowance", "frozen", "model", "plain", "secret", "timeouts", "visible")
    }
    assert not {"msgspec", "numpy", "pydantic", "importlib.metadata", "ratatoskr.service.client.backend"} & loaded
