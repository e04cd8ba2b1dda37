"""`rat keys`: saved for the owner alone, listed by origin, never shown."""

from __future__ import annotations

import json

import pytest

from ratatoskr.config.secrets import find_keys, list_secrets_files
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import HI, KEY, run
from unit.cli.pty_session import AtTerminal, TerminalRat


def test_a_key_is_saved_for_its_owner_alone_and_used(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    result = run("keys", "set", "OpenAI", stdin=f"{KEY}\n")
    path = list_secrets_files()[-1]
    assert (result.exit_code, result.stderr) == (0, "saved the key for openai in ~/.config/ratatoskr/secrets.toml\n")
    assert [oct(place.stat().st_mode & 0o777) for place in (path, path.parent)] == ["0o600", "0o700"]
    assert run(*HI, upstream=upstream).exit_code == 0
    assert upstream.last.headers["authorization"] == f"Bearer {KEY}"
    result = run("keys", "set", "openai", stdin="sk-other")
    assert "in place of the one before" in result.stderr
    found = find_keys("openai")
    assert found is not None
    assert found.key.reveal() == "sk-other"


def test_a_key_typed_at_a_terminal_is_not_shown(terminal_rat: TerminalRat) -> None:
    with AtTerminal(("keys", "set", "groq"), terminal_rat.environment) as terminal:
        terminal.until("Key for groq .not shown.: ")
        terminal.type(f"{KEY}\n")
        code, shown = terminal.end()
    assert (code, KEY in shown) == (0, False)
    assert "saved the key for groq" in shown


def test_the_list_shows_origins_and_what_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there are no keys" in run("keys", "list").stderr
    run("keys", "set", "openai", stdin=KEY)
    run("keys", "set", "groq", stdin=KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    assert run("keys", "list").stdout.splitlines() == [
        "openai  OPENAI_API_KEY; not used: ~/.config/ratatoskr/secrets.toml",
        "groq    ~/.config/ratatoskr/secrets.toml",
    ]
    path = str(list_secrets_files()[-1])
    assert json.loads(run("keys", "list", "--json").stdout) == [
        {"provider": "openai", "origin": "OPENAI_API_KEY", "unused": [path]},
        {"provider": "groq", "origin": path, "unused": []},
    ]
    assert "note: OPENAI_API_KEY comes before it" in run("keys", "set", "openai", stdin=KEY).stderr
    assert "note: OPENAI_API_KEY still has one" in run("keys", "rm", "openai").stderr
    assert run("keys", "list").stdout == "openai  OPENAI_API_KEY\ngroq    ~/.config/ratatoskr/secrets.toml\n"
    assert "has no key for openai" in run("keys", "rm", "openai").stderr


def test_removing_leaves_other_keys_and_comments(empty_environment: object) -> None:
    path = list_secrets_files()[-1]
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n[providers.openai]\n# paid\nkey = ["a", "b"]\n\n[providers.groq]\nkey = "c"\n')
    path.chmod(0o600)
    assert run("keys", "rm", "openai").exit_code == 0
    assert path.read_text() == '# mine\n# paid\n[providers.groq]\nkey = "c"\n'


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("openai", KEY), "", "a key is not an argument"),
        (("openai",), "", "the key for openai is empty"),
        (("openai",), f"{KEY}\nmore\n", "more than one line"),
        (("openai",), f"'{KEY}'", "quotation mark"),
        (("openai",), f"Bearer {KEY}", "Bearer"),
        (("openia",), KEY, "did you mean 'openai'?"),
        (("../x",), KEY, "unknown provider '../x'"),
    ],
)
def test_what_is_no_key_or_no_provider_is_refused(arguments: tuple[str, ...], stdin: str, words: str) -> None:
    result = run("keys", "set", *arguments, stdin=stdin)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not list_secrets_files()[-1].exists()


def test_a_file_that_others_may_read_is_not_written() -> None:
    path = list_secrets_files()[-1]
    path.parent.mkdir(parents=True)
    path.write_text("")
    path.chmod(0o644)
    assert "has mode 0644" in run("keys", "set", "openai", stdin=KEY).stderr
    assert path.read_text() == ""
