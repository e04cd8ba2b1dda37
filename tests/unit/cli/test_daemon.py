"""`rat` over a daemon: which it asks, with which token, and what it says where it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.service.serving import fields
from tests.unit.service.test_compatibility import client_of_listed

from conformance.daemon import Daemon
from ratatoskr.errors import AuthenticationFailed
from ratatoskr.service.server.call import Call, Caller, ServerHooks
from ratatoskr.testing import ScriptedGateway
from unit.cli.in_process import run

TOKEN = "rt_token-of-the-tests-canary"


class AsksForToken(ServerHooks):
    """Knows one token, which is an administrator's."""

    def authenticate(self, call: Call) -> Caller:
        if call.metadata.get("authorization") != f"Bearer {TOKEN}":
            raise AuthenticationFailed("this daemon does not know the token")
        return Caller("root", admin=True)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    started = Daemon(ScriptedGateway(*["an answer"] * 20).backend)
    yield started
    started.stop()


@pytest.fixture
def guarded() -> Iterator[Daemon]:
    started = Daemon(ScriptedGateway(*["an answer"] * 20).backend, hooks=AsksForToken())
    yield started
    started.stop()


def token_file(folder: Path, text: str = f"{TOKEN}\n", mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_daemon_that_is_named_is_asked(daemon: Daemon) -> None:
    assert run("chat", "-m", "house:m", "Hi", "--address", daemon.url).stdout == "an answer\n"
    variables = {"RATD_ADDRESS": daemon.url}
    assert run("chat", "-m", "house:m", "Hi", env=variables).stdout == "an answer\n"
    assert run("generate", "-m", "house:m", "Hi", env=variables).stdout == "an answer\n"
    assert run("models", env=variables).exit_code == 0
    assert "house:m" in run("explain", "house:m", env=variables).stdout
    result = run("embed", "a text", env=variables)
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.split()) == 8, "the script's vectors"
    lines = run("chat", "--json", "-m", "house:m", "Hi", env=variables).stdout.splitlines()
    assert "".join(json.loads(line).get("text", "") for line in lines) == "an answer", "nothing but JSON"


def test_a_socket_of_this_user_is_found(empty_environment: Path) -> None:
    folder = empty_environment / ".run" / "ratatoskr"
    folder.mkdir(parents=True, mode=0o700)
    daemon = Daemon(ScriptedGateway("an answer").backend, "unix")
    try:
        (folder / "ratd.sock").symlink_to(daemon.socket.removeprefix("unix:"))
        assert run("chat", "-m", "house:m", "Hi").exit_code == 2, "a link is not trusted"
        (folder / "ratd.sock").unlink()
        Path(daemon.socket.removeprefix("unix:")).rename(folder / "ratd.sock")
        assert run("chat", "-m", "house:m", "Hi", "--embedded").exit_code == 2
        assert run("chat", "-m", "house:m", "Hi").stdout == "an answer\n"
    finally:
        daemon.stop()


def test_a_daemon_that_asks_for_a_certificate_is_shown_one(tmp_path: Path) -> None:
    daemon = Daemon(ScriptedGateway("an answer").backend, "mtls")
    try:
        daemon.client()  # writes the files
        folder = Path(daemon._folder.name)
        hi = ("chat", "-m", "house:m", "Hi", "--address", daemon.url, "--ca-file", str(folder / "ca"))
        result = run(*hi, "--cert", str(folder / "cert"), "--key", str(folder / "key"))
        assert result.stdout == "an answer\n", result.stderr
        result = run(*hi, "--cert", str(folder / "cert"))
        assert result.exit_code == 2
        assert "cert and key go together" in result.stderr
    finally:
        daemon.stop()


def test_health_of_a_daemon_is_told_by_the_daemon(daemon: Daemon) -> None:
    result = run("health", "--address", daemon.url)
    assert daemon.url in result.stdout
    assert "not configured" not in result.stdout
    assert json.loads(run("health", "--json", "--address", daemon.url).stdout)["healthy"] is True


def test_the_token_comes_from_a_file_or_a_variable(guarded: Daemon, tmp_path: Path) -> None:
    hi = ("chat", "-m", "house:m", "Hi", "--address", guarded.url)
    assert run(*hi, "--token-file", str(token_file(tmp_path))).stdout == "an answer\n"
    assert run(*hi, env={"RATD_TOKEN": TOKEN}).stdout == "an answer\n"
    result = run(*hi, env={"OPENAI_API_KEY": "sk-of-this-machine"})
    assert result.exit_code == 3
    assert "this daemon does not know the token; --token-file names the file of this daemon's token" in result.stderr
    assert "OPENAI_API_KEY" not in result.stderr


def _second_name(path: Path) -> None:
    (path.parent / "other").hardlink_to(token_file(path.parent))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.write_text(""), "has mode"),
        (lambda path: token_file(path.parent, mode=0o640), "has mode 0640, so other users can access it"),
        (lambda path: token_file(path.parent, mode=0o604), "has mode 0604"),
        (lambda path: token_file(path.parent, ""), "must hold one token"),
        (lambda path: token_file(path.parent, " \n"), "must hold one token"),
        (lambda path: token_file(path.parent, f"{TOKEN}\n{TOKEN}\n"), "must hold one token"),
        (lambda path: token_file(path.parent, f"token {TOKEN}"), "must hold one token"),
        (lambda path: token_file(path.parent, f"{TOKEN}\u00e4"), "must hold one token"),
        (lambda path: token_file(path.parent, "x" * 70_000), "is larger than 64 KiB; it is no token"),
        (lambda path: path.symlink_to(token_file(path.parent).rename(path.parent / "real")), "is a symbolic link"),
        (_second_name, "has 2 hard links"),
        (lambda path: (token_file(path.parent), path.parent.chmod(0o777)), "can be changed by others"),
    ],
    ids=range(15),
)
def test_a_token_file_that_cannot_be_trusted_is_refused(guarded: Daemon, tmp_path: Path, make: Any, words: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    make(folder / "token")
    result = run("chat", "-m", "house:m", "Hi", "--address", guarded.url, "--token-file", str(folder / "token"))
    assert result.exit_code == 2
    assert words in result.stderr
    assert "canary" not in result.output


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:9741", "must begin with http://, https:// or unix:"),
        ("http://127.0.0.1", "names no port"),
        ("http://127.0.0.1:1/v1", "must hold nothing behind the port"),
        ("http://user:canary@127.0.0.1:1", "must hold no user or password"),
        ("unix:ratd.sock", "must be absolute"),
        ("unix:/etc/passwd", "is no socket"),
        (f"unix:/{'x' * 120}", "at most 107 bytes"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, words: str) -> None:
    result = run("chat", "-m", "house:m", "Hi", "--address", address)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "canary" not in result.output


def test_a_daemon_out_of_reach_is_named(tmp_path: Path) -> None:
    result = run("health", "--address", f"unix:{tmp_path}/none.sock", env={"RATD_TOKEN": "x"})
    assert result.exit_code == 6
    assert f"unix:{tmp_path}/none.sock" in result.stderr
    assert "is ratd running there? --embedded asks no daemon" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("chat", "-m", "house:m", "Hi", "--base-url=house=http://127.0.0.1:1"),
        ("chat", "-m", "house:m", "Hi", "--embedded"),
        ("embed", "Hi", "--threads", "1"),
        ("embed", "Hi", "--precision", "int8"),
    ],
)
def test_what_is_about_this_process_excludes_a_daemon_that_is_named(options: tuple[str, ...]) -> None:
    result = run(*options, "--address", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_what_is_about_this_process_goes_before_a_variable() -> None:
    result = run("health", "--embedded", env={"RATD_ADDRESS": "http://127.0.0.1:1", "OPENAI_API_KEY": "sk-x"})
    assert "OPENAI_API_KEY" in result.stdout


def test_administration_needs_a_daemon() -> None:
    for command in ("status", "reload", "drain"):
        result = run("admin", command)
        assert result.exit_code == 2
        assert "no daemon is named" in result.stderr


def test_models_of_a_daemon_are_loaded_and_unloaded(guarded: Daemon, daemon: Daemon) -> None:
    variables = {"RATD_ADDRESS": guarded.url, "RATD_TOKEN": TOKEN}
    assert run("admin", "preload", "m", env=variables).exit_code == 0
    assert run("admin", "unload", "m", env=variables).exit_code == 0
    assert run("admin", "unload", "m", env={"RATD_ADDRESS": guarded.url}).exit_code == 3


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


def test_the_version_and_completion_import_no_grpc() -> None:
    code = (
        "import sys; from ratatoskr.cli.rat import rat; rat(sys.argv[1:], standalone_mode=False);"
        " sys.exit('grpc' in sys.modules)"
    )
    for arguments in (["--version"], ["completion", "bash"], ["health", "--embedded", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False)
        assert done.returncode == 0, arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("--address", "URL", "health", "--json"),
        ("--address=URL", "health", "--json"),
        ("-v", "--address", "URL", "health", "--json"),
        ("--address", "URL", "-v", "health", "--json"),
        ("--token-file", "TOKEN", "--address", "URL", "health", "--json"),
    ],
)
def test_options_may_come_before_the_command(guarded: Daemon, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    token = str(token_file(tmp_path))
    given = [one.replace("URL", guarded.url).replace("TOKEN", token) for one in arguments]
    result = run(*given, env={"RATD_TOKEN": TOKEN})
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["healthy"] is True


def test_options_before_a_group_a_prompt_or_a_wrong_word(guarded: Daemon) -> None:
    before, variables = ("--address", guarded.url), {"RATD_TOKEN": TOKEN}
    assert run(*before, "admin", "preload", "m", env=variables).exit_code == 0
    assert run(*before, "chat", "-m", "house:m", "--", "-Hi", env=variables).stdout == "an answer\n"
    assert run(*before, "-m", "house:m", "Hi there", env=variables).stdout == "an answer\n"
    assert run(*before, "--embedded", "health", env=variables).exit_code == 2
    wrong = run(*before, "helth", env=variables)
    assert wrong.exit_code == 2
    assert "No such command 'helth'; did you mean 'health'?" in wrong.stderr
    assert run(*before, "--version").stdout.startswith("rat ")
    other = run(*before, "keys", "list")
    assert other.exit_code == 2
    assert "No such option '--address'" in other.stderr


def test_the_status_of_models_is_told(daemon: Daemon) -> None:
    at = ("--address", daemon.url)
    assert run("models", "status", "house:m", "other:n", *at).stdout == "house:m: available\nother:n: available\n"
    told = json.loads(run("models", "status", "house:m", "--json", *at).stdout)
    assert told["house:m"]["status"] == "available"
    assert run("models", "status", *at).exit_code == 2
    missing = run(
        "models", "status", "openai:m", "--base-url", "openai=http://127.0.0.1:1", env={"OPENAI_API_KEY": "k"}
    )
    assert missing.exit_code == 4
    assert missing.stdout.startswith("openai:m: unavailable: ")


async def test_an_older_daemon_does_what_it_can_and_names_its_version_otherwise() -> None:
    stance = fields((1, 0.75), (3, 0.25), (4, 1), (5, "road"))
    async with client_of_listed(Health=fields((1, True), (2, "0.0.9")), ClassifyStance=stance) as (client, _):
        at = ("--address", client.backend.address.url)  # type: ignore[attr-defined]  # of a client of a daemon
        told = await asyncio.to_thread(run, "stance", "--target", "road", "a", "b", *at)
        assert told.exit_code == 0, told.stderr
        assert told.stdout.count("favor 0.750") == 2
        for arguments, method in {
            ("rerank", "q", "a", "b"): "Rerank",
            ("admin", "status"): "Status",
            ("explain", "m"): "Explain",
            ("models",): "ListModels",
        }.items():
            result = await asyncio.to_thread(run, *arguments, *at)
            assert result.exit_code == 2
            assert f"does not serve {method}: it is older than this client" in result.stderr
            assert "its version is 0.0.9" in result.stderr
