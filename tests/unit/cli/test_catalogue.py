"""`rat models show`, `refresh`, `diff`, `rollback` and `rat presets`."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.config.catalogue import refreshed_path
from ratatoskr.providers.specs import SPECS
from unit.cli.in_process import run
from unit.config.test_refresh import ROW, openrouter, own


@pytest.fixture
def served() -> Iterator[Any]:
    """A server of one table; its attributes say what it answers, and what it was asked with."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server: Any = self.server
            server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(server.status)
            if server.location:
                self.send_header("location", server.location)
            self.send_header("content-length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *_: Any) -> None:
            pass

    server: Any = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status, server.location, server.body = [], 200, "", openrouter(ROW)
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_model_is_shown_without_any_provider() -> None:
    result = run("models", "show", "openai:gpt-6-sol", "anthropic:claude-opus-5.5")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "openai:gpt-6-sol"
    assert "  window                1,050,000 tokens" in lines
    assert any(line.split() == ["temperature", "always", "1"] for line in lines)
    assert "price                 input 4, cache_read 0.2" in result.stdout
    result = run("models", "show", "--json", "google:gemini-2.5-pro")
    (shown,) = json.loads(result.stdout)
    assert (shown["retires"], shown["max_input_tokens"]) == ("2026-12-01", 1_048_576)
    assert shown["parameters"]["temperature"]["type"] == "mutable"


def test_a_model_that_is_not_known_says_so() -> None:
    result = run("models", "show", "openai:no-such-model")
    assert result.exit_code == 0
    assert "status                unknown" in result.stdout
    assert "price                 unknown" in result.stdout
    assert run("models", "show").exit_code == 2


def test_a_refresh_prints_what_changes_and_is_undone(tmp_path: Path) -> None:
    def dearer(value: dict[str, Any]) -> None:
        value["models"][-1]["context_window"] = 7
        value["models"].append({"id": "claude-x", "context_window": 5})
        value["models"].append({"id": "claude-y", "context_windw": 5})

    table = tmp_path / "table.json"
    table.write_bytes(own(dearer))
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    shown = run("models", "diff", "--from", str(table), "--sha256", digest)
    assert shown.exit_code == 0
    assert "+ anthropic:claude-x" in shown.stdout.splitlines()
    assert "left out 1: an unknown word: context_windw" in shown.stderr
    assert not refreshed_path().exists()
    done = run("models", "refresh", "--from", str(table), "--sha256", digest, "--json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert report["added"] == ["anthropic:claude-x"]
    assert report["skipped"] == {"an unknown word: context_windw": 1}
    assert "5 tokens" in run("models", "show", "anthropic:claude-x").stdout
    assert run("models", "rollback").exit_code == 0
    assert "status                unknown" in run("models", "show", "anthropic:claude-x").stdout
    refused = run("models", "rollback")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "no refresh to undo" in refused.stderr


def test_a_table_that_changes_much_is_refused_until_it_is_accepted(served: Any) -> None:
    refused = run("models", "refresh", "--from", f"{served.url}/table.json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "would vanish" in refused.stderr
    assert "--accept" in refused.stderr
    assert run("models", "refresh", "--from", f"{served.url}/table.json", "--accept").exit_code == 0
    assert json.loads(run("models", "rollback", "--json").stdout) == {"models": 0}
    path, headers = served.asked[0]
    assert path == "/table.json"
    assert not {"authorization", "x-api-key", "cookie"} & set(headers)


def test_without_a_source_openrouters_own_list_is_asked_where_it_is_configured(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-canary-0815")
    result = run("models", "diff", f"--base-url=openrouter={served.url}/api/v1")
    assert result.exit_code == 0
    assert "+ openrouter:some/model" in result.stdout.splitlines()
    ((path, headers),) = served.asked
    assert path.startswith("/api/v1/models")
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"status": 500}, 6, "answered with status 500"),
        ({"status": 302, "location": "http://127.0.0.1:9/elsewhere"}, 6, "redirects elsewhere"),
        ({"body": b"<html>"}, 2, "is not a table of models"),
        ({"body": b""}, 2, "is not a table of models"),
        ({"body": openrouter(ROW)[:-9]}, 2, "is not a table of models"),
        ({"body": b" " * (16 * 1024 * 1024 + 1)}, 2, "larger than 16 MiB"),
    ],
    ids=range(6),
)
def test_what_a_server_may_answer_changes_nothing(served: Any, answer: dict[str, Any], code: int, words: str) -> None:
    for name, value in answer.items():
        setattr(served, name, value)
    result = run("models", "refresh", "--from", f"{served.url}/table.json?token=secret", "--accept")
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr
    assert "secret" not in result.stderr
    assert not refreshed_path().exists()


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("budget", 2, "'ratatoskr:budget' is not the name of a preset"),
        ("/agentic", 2, "'ratatoskr:/agentic' is not the name of a preset"),
        ("budget/agnetic", 4, "there is no such preset; nearest are ratatoskr:budget/agentic"),
        ("budget/agentic", 2, "no provider is configured"),
    ],
)
def test_a_wrong_name_of_a_preset_is_named_before_a_missing_key(
    name: str, status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (variable for spec in SPECS.values() for variable in spec.key_variables):
        monkeypatch.delenv(variable, raising=False)
    for words in (("presets", name), ("explain", f"ratatoskr:{name}"), ("chat", "-m", f"ratatoskr:{name}", "Hi")):
        result = run(*words)
        assert result.exit_code == status, words
        assert message in result.stderr


def test_presets_are_listed_and_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("presets")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("ratatoskr:free/agentic  ")
    listed = json.loads(run("presets", "--json").stdout)
    assert len(listed) == 20
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0815")
    result = run("presets", "ratatoskr:mid/coding")
    assert (result.exit_code, result.stdout) == (0, "openai:gpt-6.1-sol\n")
    resolved = json.loads(run("presets", "mid/coding", "--json").stdout)
    assert (resolved["name"], resolved["provider"]) == ("ratatoskr:mid/coding", "openai")
    assert run("presets", "mid").exit_code == 2
    missing = run("presets", "mid/poetry")
    assert missing.exit_code != 0
    assert "nearest are ratatoskr:mid/" in missing.stderr
