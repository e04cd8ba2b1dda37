"""The command line of `ratd`: what it checks, shows and makes, and how each mistake is told."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.unit.service.running import HOUSE

from ratatoskr.config.file import read_config
from ratatoskr.config.sections import ConfigFile
from ratatoskr.service.daemon.clients import Clients
from ratatoskr.service.daemon.ratd import ratd
from ratatoskr.service.daemon.tokens import digest_of


def run(*arguments: str, **variables: str) -> Any:
    return CliRunner().invoke(ratd, arguments, env=variables, prog_name="ratd")


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def check(folder: Path, text: str | bytes) -> Any:
    return run("--config", str(written(folder, text)), "--check-config")


def test_a_right_file_is_right(tmp_path: Path) -> None:
    result = check(tmp_path, HOUSE)
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path}/config.toml: right\n"
    path = written(tmp_path, HOUSE)
    assert run("--check-config", RATATOSKR_CONFIG=str(path)).stdout == f"{path}: right\n"


def test_without_a_file_and_a_key_there_is_nothing_to_serve(tmp_path: Path) -> None:
    for result in (run("--check-config"), run(), check(tmp_path, "[server]\ngrace = 1\n")):
        assert result.exit_code == 2
        assert "no provider is configured: " in result.stderr
        assert "`rat keys set openai`" in result.stderr
        assert "builder" not in result.stderr


L = "[[listeners]]\n"
WRONG: dict[str, tuple[str, str]] = {
    # tables and keys
    "table": ("[serve]\n", ":1: serve is unknown; did you mean 'server'?"),
    "key": ("[server]\ngrase = 1\n", ":2: server.grase is unknown; did you mean 'grace'?"),
    "limit": ("[server.limits]\ncals = 1\n", ":2: server.limits.cals is unknown; did you mean 'calls'?"),
    "limit in its table": ("[server]\nlimits = { cals = 1 }\n", ":2: server.limits.cals is unknown"),
    "listener": (f"{L}adress = 'x'\n", ":2: listeners.0.adress is unknown; did you mean 'address'?"),
    "second listener": (f"{L}name = 'a'\n{L}nam = 'b'\n", ":4: listeners.1.nam is unknown; did you mean 'name'?"),
    "tls key": ("[tls]\ncertificate = 'x'\n", ":2: tls.certificate is unknown"),
    "client key": ("[clients.a]\ntoken = 'canary'\n", ":2: clients.a.token is unknown"),
    "client token": ("[clients.a]\ntoken_sha265 = 'canary'\n", "did you mean 'token_sha256'?"),
    "provider key": (f"{HOUSE}key = 'canary'\n", "does not belong here: put keys into the secrets file"),
    "provider keys": (f"{HOUSE}api_key = 'canary'\n", "does not belong here: put keys into the secrets file"),
    "server as a value": ("server = 1\n", ":1: server must be a table"),
    "listeners as a table": ("[listeners]\naddress = 'x'\n", ":1: listeners must be"),
    "clients as a list": ("[[clients]]\n", ":1: clients must be a table"),
    # types and ranges
    "grace text": ("[server]\ngrace = '1'\n", ":2: server.grace must be a number"),
    "grace below": ("[server]\ngrace = -1\n", ":2: server.grace must be at least 0"),
    "grace endless": ("[server]\ngrace = inf\n", ":2: server.grace must be a finite number"),
    "grace nan": ("[server]\ngrace = nan\n", ":2: server.grace must be"),
    "write_timeout 0": ("[server]\nwrite_timeout = 0\n", ":2: server.write_timeout must be above 0"),
    "loop": ("[server]\nloop = 'trio'\n", ":2: server.loop must be 'auto', 'asyncio' or 'uvloop'"),
    "log_format": ("[server]\nlog_format = 'xml'\n", ":2: server.log_format must be 'auto', 'json' or 'text'"),
    "log_level": ("[server]\nlog_level = 'trace'\n", ":2: server.log_level must be 'debug'"),
    "reflection": ("[server]\nreflection = true\n", ":2: server.reflection must be 'auto', 'on' or 'off'"),
    "flag": ("[server]\nhealth_without_token = 1\n", ":2: server.health_without_token must be true or false"),
    "calls text": ("[server.limits]\ncalls = 'x'\n", ":2: server.limits.calls must be a whole number"),
    "calls float": ("[server.limits]\ncalls = 1.5\n", ":2: server.limits.calls must be a whole number"),
    "calls flag": ("[server.limits]\ncalls = true\n", ":2: server.limits.calls must be a whole number"),
    "calls 0": ("[server.limits]\ncalls = 0\n", ":2: server.limits.calls must be above 0"),
    "streams below": ("[server.limits]\nstreams = -5\n", ":2: server.limits.streams must be above 0"),
    "message 10": ("[server.limits]\nmessage_bytes = 10\n", ":2: server.limits.message_bytes must be at least 1024"),
    "message huge": ("[server.limits]\nmessage_bytes = 9999999999\n", "message_bytes must be at most 1073741824"),
    "metadata": ("[server.limits]\nmetadata_bytes = 1\n", ":2: server.limits.metadata_bytes must be at least 1024"),
    "rate below": ("[server.limits]\nrate = -0.1\n", ":2: server.limits.rate must be at least 0"),
    "rate nan": ("[server.limits]\nrate = nan\n", ":2: server.limits.rate must be"),
    # addresses
    "no port": (f"{L}address = '127.0.0.1'\n", ":2: listeners.0.address is wrong: '127.0.0.1' must be HOST:PORT"),
    "port text": (f"{L}address = 'localhost:http'\n", "must be HOST:PORT"),
    "port large": (f"{L}address = '127.0.0.1:70000'\n", "must be HOST:PORT"),
    "no host": (f"{L}address = ':9741'\n", "must be HOST:PORT"),
    "url": (f"{L}address = 'http://127.0.0.1:1'\n", "without a scheme; tls = true encrypts"),
    "a path behind": (f"{L}address = '127.0.0.1:1/x'\n", "must be HOST:PORT"),
    "a password": (f"{L}address = 'u:canary@127.0.0.1:1'\n", "must hold no user or password"),
    "bare v6": (f"{L}address = '::1:1'\n", "must be HOST:PORT"),
    "empty": (f"{L}address = ''\n", ":2: listeners.0.address must be text that is not empty"),
    "socket here": (f"{L}address = 'unix:ratd.sock'\n", "must name a socket by an absolute path"),
    "socket none": (f"{L}address = 'unix:'\n", "must name a socket by an absolute path"),
    "socket folder": (f"{L}address = 'unix:/run/x/'\n", "must name a socket by an absolute path"),
    "socket long": (f"{L}address = 'unix:/{'x' * 107}'\n", "is too long: the path of a socket has at most 107 bytes"),
    "address number": (f"{L}address = 9741\n", ":2: listeners.0.address must be text"),
    "name": (f"{L}name = 'a b'\n", ":2: listeners.0.name must be of the form"),
    "same address": (f"{L}name = 'a'\n{L}name = 'b'\n", "listeners is wrong: two have the address 127.0.0.1:9741"),
    "same name": (f"{L}{L}address = '127.0.0.1:1'\n", "listeners is wrong: two have the name default"),
    "encrypted socket": (f"{HOUSE}{L}address = 'unix:/r/s'\ntls = true\n", "is not encrypted"),
    "group of a port": (f"{HOUSE}{L}group = 'staff'\n", "has a group, which only a socket can have"),
    "tls without": (f"{HOUSE}{L}tls = true\n", "tls.cert is not set"),
    "nobody known": (
        f"{HOUSE}{L}authentication = true\n",
        "requires authentication, and no client is configured: `ratd token NAME`",
    ),
    # other machines
    "open to all": (f"{HOUSE}{L}address = '0.0.0.0:1'\n", "needs [tls] with cert and key and [clients.NAME]"),
    "open v6": (f"{HOUSE}{L}address = '[::]:1'\n", "can be reached from other machines"),
    "open by name": (f"{HOUSE}{L}address = 'example.test:1'\n", "can be reached from other machines"),
    "127 by name": (f"{HOUSE}{L}address = '127.example.test:1'\n", "can be reached from other machines"),
    # clients
    "digest short": ("[clients.a]\ntoken_sha256 = 'canary'\n", ":2: clients.a.token_sha256"),
    "digest number": ("[clients.a]\ntoken_sha256 = 1\n", ":2: clients.a.token_sha256"),
    "digest capital": (f"[clients.a]\ntoken_sha256 = '{'A' * 64}'\n", ":2: clients.a.token_sha256"),
    "models text": ("[clients.a]\nmodels = '*'\n", ":2: clients.a.models must be"),
    "client unknown": ("[clients.a]\nadmin = true\n", ":1: clients.a is wrong: it needs token_sha256"),
    "client rate": ("[clients.a]\nrate = -1\n", ":2: clients.a.rate must be at least 0"),
    "client admin": ("[clients.a]\nadmin = 'yes'\n", ":2: clients.a.admin must be true or false"),
    # the rest
    "no base url": ("[providers.own]\n", "providers.own is not built in"),
    "not TOML": ("[server\n", "is not TOML"),
    "several": ("[server]\nx = 1\n[tls]\ny = 1\n", ":4: tls.y is unknown"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_without_what_it_may_hold(tmp_path: Path, name: str) -> None:
    text, words = WRONG[name]
    result = check(tmp_path, text)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert re.search(rf"ratd: {tmp_path}/config\.toml(:\d+: | is not TOML: .*\(at line \d+)", result.stderr)
    assert all(line.startswith("ratd: ") for line in result.stderr.splitlines())
    assert "canary" not in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


def test_there_are_enough_mistakes() -> None:
    assert len(WRONG) >= 60


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: __import__("os").mkfifo(path), "is not a regular file"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8"),
        (lambda path: path.write_bytes(b"#" * (10 << 20)), "is larger than 1 MiB"),
        (lambda path: None, "cannot be read: No such file"),
    ],
    ids=["folder", "pipe", "latin", "large", "missing"],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, make: Any, words: str) -> None:
    make(tmp_path / "config.toml")
    result = run("--config", str(tmp_path / "config.toml"), "--check-config")
    assert result.exit_code == 2
    assert words in result.stderr


def test_listening_to_other_machines_can_be_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HOUSE}{L}address = '0.0.0.0:1'\n")
    assert run("--config", str(path), "--check-config", "--insecure-listen").exit_code == 0


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/x/s"])
def test_this_machine_needs_neither_token_nor_certificate(tmp_path: Path, address: str) -> None:
    assert check(tmp_path, f"{HOUSE}{L}address = '{address}'\n").exit_code == 0


def test_a_token_is_shown_once_and_its_lines_make_a_client(tmp_path: Path) -> None:
    result = run("token", "alice", "--models", "openai:*", "--admin")
    assert result.exit_code == 0
    token = result.stdout.strip()
    assert len(token) >= 43
    assert token not in result.stderr
    config = read_config(written(tmp_path, result.stderr))
    client = config.clients["alice"]
    assert client.digests == (digest_of(token),)
    assert client.admin
    assert client.models == ["openai:*"]
    assert run("token", "alice").stdout != result.stdout
    assert Clients(config)._named["alice"].may_use("openai:gpt-5.4")
    assert "sha256" in run("token", "a.b@c").stderr
    assert read_config(written(tmp_path, run("token", "a.b@c").stderr)).clients["a.b@c"]


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a\n[server]"])
def test_a_name_that_cannot_be_kept_is_refused(name: str) -> None:
    result = run("token", name)
    assert result.exit_code == 2
    assert "NAME must be of letters" in result.stderr


def test_every_setting_is_shown_with_its_origin(tmp_path: Path) -> None:
    text = (
        "[server]\ngrace = 5\n\n[clients.alice]\n"
        f'token_sha256 = "{"0" * 64}"\n[network]\nproxy = "http://user:canary@proxy.test:1"\n'
        '[providers.openai]\nheaders = { "x-a" = "canary" }\n'
    )
    path = written(tmp_path, text)
    result = run("--config", str(path), "config", OPENAI_API_KEY="sk-canary-0123456789")
    assert result.exit_code == 0
    for line in (
        f"server.grace = 5.0  # {path}:2",
        "server.write_timeout = 60.0  # default",
        f'clients.alice.token_sha256 = "…"  # {path}:5',
        f'network.proxy = "…"  # {path}:7',
        f'providers.openai.headers = "…"  # {path}:9',
        'providers.openai.key = "…"  # OPENAI_API_KEY',
        'listeners.0.address = "127.0.0.1:9741"  # default',
    ):
        assert line in result.stdout.splitlines()
    assert "canary" not in result.output
    assert run("config", "--config", str(path)).stdout == run("--config", str(path), "config").stdout
    shown = json.loads(run("--config", str(path), "config", "--json").stdout)
    assert {"key": "server.grace", "value": 5.0, "from": f"{path}:2"} in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x"], "No such command 'x'; there are ratd config, ratd token, and `ratd` alone serves"),
        (["--confg", "x"], "No such option"),
        (["token"], "Missing argument 'NAME'"),
        (["--log-level", "loud"], "is not one of 'debug'"),
        (["--check-config", "config"], "takes only --config"),
    ],
)
def test_a_wrong_command_line_is_told(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.parametrize(
    ("module", "package"),
    [("grpc_health.v1.health", "grpcio-health-checking"), ("grpc_reflection.v1alpha.reflection", "grpcio-reflection")],
)
def test_a_missing_package_is_told_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for name in ("ratatoskr.service.daemon.extra", "ratatoskr.service.daemon.run"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    result = run("--config", str(written(tmp_path, HOUSE)))
    assert result.exit_code == 2
    assert f"ratd: daemons need {package}: pip install 'ratatoskr-llm[service]'" in result.stderr


def test_a_signal_to_reload_does_not_end_a_daemon_that_is_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ratatoskr.service.daemon.run

    numbers = (signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    found: list[Any] = []
    monkeypatch.setattr(
        ratatoskr.service.daemon.run, "run", lambda *_: found.extend(map(signal.getsignal, numbers)) or 0
    )
    try:
        assert check(tmp_path, HOUSE).exit_code == 0
        assert [signal.getsignal(number) for number in numbers] == before
        assert run("--config", str(written(tmp_path, HOUSE))).exit_code == 0
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    assert found == [signal.SIG_IGN, signal.SIG_IGN]


def test_versions_and_help_need_no_configuration() -> None:
    assert run("--version").stdout.startswith("ratd ")
    assert "SIGHUP" in run("--help").stdout


def test_defaults_are_those_of_an_empty_file(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "")) == ConfigFile()


@pytest.mark.parametrize(
    "name", ["key", "grace text", "no port", "open to all", "group of a port", "no base url", "not TOML"]
)
def test_a_mistake_is_told_before_what_serves_is_imported(tmp_path: Path, name: str) -> None:
    code = (
        "import sys; from ratatoskr.service.daemon.ratd import ratd\n"
        "try: ratd(['--config', sys.argv[1]])\n"
        "except SystemExit as error: print(error.code, *sys.modules)"
    )
    command = [sys.executable, "-c", code, str(written(tmp_path, WRONG[name][0]))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    exit_code, *modules = done.stdout.split()
    assert exit_code == "2"
    assert WRONG[name][1] in done.stderr
    assert not {"asyncio", "grpc", "numpy", "pydantic", "ssl", "ratatoskr.config.builder"} & set(modules)
    ours = {one.split(".")[1] for one in modules if one.startswith("ratatoskr.")}
    assert not {"backend", "gateway", "middleware", "registry", "transport", "wire"} & ours
