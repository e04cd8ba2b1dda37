"""`config.toml`: where it is found, what it may hold, and how each mistake is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import Ratatoskr
from ratatoskr.config.file import read_config
from ratatoskr.config.paths import config_paths, find_config
from ratatoskr.config.sections import ConfigFile
from ratatoskr.errors import ConfigurationError
from ratatoskr.testing import ScriptedUpstream

WHOLE = """\
[defaults]
model = ["fast", "anthropic:claude-sonnet-5"]
embed_model = "AllMiniLmL6V2"

[aliases]
fast = "openai:gpt-6-luna"
pair = ["a:b", "c:d"]

[templates.review]
prompt = "Review this: $input"
system = "Be brief."
model = "fast"

[providers.openai]
base_url = "https://proxy.example/v1"
headers = { "x-team" = "search" }

[providers.house]
base_url = "http://10.0.0.1:8000/v1"
allow_insecure = true

[network]
proxy = "http://proxy.example:3128"
ca_file = "/etc/ssl/own.pem"
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_setting_is_read(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, WHOLE.replace("\n", "\r\n")))
    assert config.defaults.model == ["fast", "anthropic:claude-sonnet-5"]
    assert config.aliases == {"fast": "openai:gpt-6-luna", "pair": ["a:b", "c:d"]}
    assert config.templates["review"].prompt == "Review this: $input"
    assert config.providers["openai"].headers == {"x-team": "search"}
    assert config.providers["house"].allow_insecure
    assert config.network.ca_file == "/etc/ssl/own.pem"
    assert read_config(written(tmp_path, "")) == ConfigFile()
    assert read_config(written(tmp_path, f"\ufeff{WHOLE}")) == config, "as Notepad saves it"


MISTAKES: dict[str, tuple[str, list[str]]] = {
    "unknown table": ("\n[default]\n", [":2: default is unknown; did you mean 'defaults'?"]),
    "unknown key": ("[defaults]\n\nmodle = 'x'\n", [":3: defaults.modle is unknown; did you mean 'model'?"]),
    "nothing near": ("[network]\nzzz = 1\n", [":2: network.zzz is unknown; known are proxy, ca_file"]),
    "wrong type": ("[network]\nproxy = 1\n", [":2: network.proxy must be text"]),
    "wrong type of a union": ("[defaults]\nmodel = 1\n", [":2: defaults.model must be text, or where several"]),
    "wrong item": ("[aliases]\nx = ['a', 1]\n", [":2: aliases.x"]),
    "empty": ("[defaults]\nmodel = ''\n", [":2: defaults.model must be text that is not empty"]),
    "text for a flag": (
        "[providers.x]\nallow_insecure = 'yes'\n",
        [":2: providers.x.allow_insecure must be true or false"],
    ),
    "value for a table": ("defaults = 1\n", [":1: defaults must be a table"]),
    "a key": (
        "[providers.openai]\nkey = 'sk-canary'\n",
        [":2: providers.openai.key does not belong here", "rat keys set"],
    ),
    "several": (
        "[network]\nproxi = 'x'\n[defaults]\nmodel = 1\n",
        [":2: network.proxi is unknown; did you mean 'proxy'?", ":4: defaults.model must be text"],
    ),
    "a pattern": (
        "[redact.patterns]\nKEY = 'sk-'\nEMAIL = '('\n",
        [":1: redact.patterns is wrong: not a regular expression: '('"],
    ),
    "the name of a pattern": (
        "[redact]\npatterns = {'two words' = 'x'}\n",
        [":2: redact.patterns is wrong: the name of a pattern must be a word"],
    ),
    "a list of patterns": ("[redact]\npatterns = ['x']\n", [":2: redact.patterns must be a table"]),
    "a pattern of nothing": (
        "[redact.patterns]\nX = 'x*'\n",
        [":1: redact.patterns is wrong", "matches the empty text"],
    ),
    "no patterns": ("[redact]\npatterns = {}\n", [":2: redact.patterns is wrong: there is no pattern"]),
    "nothing to redact": ("\n[redact]\n", [":2: redact.patterns must be given"]),
    "nothing to restore": ("\n[redact]\nrestore = true\n", [":2: redact.patterns must be given"]),
    "a misspelt key of redact": (
        "[redact]\npattern = {}\n",
        [":2: redact.pattern is unknown; did you mean 'patterns'?"],
    ),
    "no TOML": ("[defaults\n", ["is not TOML: ", "line 1"]),
    "twice": ("[network]\n[network]\n", ["is not TOML: "]),
    "a table in a template": ("[templates]\nx = 'y'\n", [":2: templates.x must be a table"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path: Path, name: str) -> None:
    text, words = MISTAKES[name]
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        read_config(path)
    assert str(path) in caught.value.message
    assert "canary" not in caught.value.message
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "is not a regular file"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.write_bytes(b"# x\n\xff"), ":2: is not UTF-8"),
        (lambda path: path.write_bytes(b"#" * (1 << 20) + b"#"), "is larger than 1 MiB"),
        (lambda path: None, "cannot be read: No such file"),
    ],
    ids=["folder", "pipe", "latin", "large", "missing"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "config.toml"
    make(path)
    with pytest.raises(ConfigurationError) as caught:
        read_config(path)
    assert f"{path}" in caught.value.message
    assert words in caught.value.message


def test_a_file_that_others_can_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "")
    path.chmod(0o644)
    assert read_config(path) == ConfigFile()
    path.chmod(0o664)
    with pytest.raises(ConfigurationError, match=r"has mode 0664, so other users can change it; run `chmod go-w`"):
        read_config(path)
    path.chmod(0o600)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    assert read_config(link) == ConfigFile()
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigurationError, match="can be changed by others"):
        read_config(path)
    tmp_path.chmod(0o700)
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    os.chown(path, os.getuid() or 1, -1)  # a file of root is trusted
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        read_config(path)


def test_the_first_file_that_exists_is_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("RATATOSKR_CONFIG", raising=False)
    assert [str(path) for path in config_paths()] == [
        f"{tmp_path}/.config/ratatoskr/config.toml",
        f"{tmp_path}/.ratatoskr/config.toml",
        "/etc/ratatoskr/config.toml",
    ]
    second = tmp_path / ".ratatoskr" / "config.toml"
    second.parent.mkdir()
    second.touch()
    assert find_config() == second
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert config_paths()[0] == tmp_path / "xdg" / "ratatoskr" / "config.toml"
    monkeypatch.setenv("RATATOSKR_CONFIG", str(tmp_path / "own.toml"))
    assert find_config() == tmp_path / "own.toml"


async def test_a_gateway_is_made_from_the_file_and_the_keys_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    async with ScriptedUpstream() as upstream:
        path = written(
            tmp_path,
            f'[aliases]\nfast = "house:small"\n[providers.house]\nbase_url = "{upstream.base_url("compatible")}"\n'
            f'headers = {{ "x-team" = "search" }}\n[providers.openai]\nbase_url = "{upstream.base_url("openai")}"\n',
        )
        async with Ratatoskr.from_config(path) as gateway:
            assert repr(gateway) == "EmbeddedGateway(openai, house)"
            assert (await gateway.chat("Hi", "fast")).model == "small"
            assert upstream.requests[-1].headers["x-team"] == "search"
            assert (await gateway.chat("Hi", "gpt-4.1")).provider == "openai"


async def test_what_the_file_redacts_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    async with ScriptedUpstream(["for [EMAIL_1]"]) as upstream:
        text = f'[providers.openai]\nbase_url = "{upstream.base_url("openai")}"\n[redact]\nrestore = true\n'
        path = written(tmp_path, text + "[redact.patterns]\nEMAIL = '\\w+@example\\.com'\n")
        async with Ratatoskr.from_config(path) as gateway:
            assert (await gateway.chat("To eve@example.com", "gpt-4.1")).content == "for eve@example.com"
        assert upstream.last.json["messages"][-1]["content"] == "To [EMAIL_1]"


async def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    path = written(tmp_path, '[providers.ollama]\nbase_url = "http://127.0.0.1:3"\n')
    for port in (3, 2):
        async with Ratatoskr.from_config(path) as gateway:
            provider = (await gateway.health()).providers[-1]
        assert provider.base_url.startswith(f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:2")


def test_settings_that_cannot_work_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    with pytest.raises(ConfigurationError, match=r"providers\.house is not built in .*: it needs a base_url"):
        Ratatoskr.from_config(written(tmp_path, "[providers.house]\n"))
    with pytest.raises(ConfigurationError, match="'fast' stands for 'anthropic:x': "):
        Ratatoskr.from_config(written(tmp_path, '[aliases]\nfast = "anthropic:x"\n'))


def test_without_a_file_a_gateway_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    monkeypatch.setattr("ratatoskr.config.entry.is_listening", lambda spec: False)
    assert repr(Ratatoskr.from_config()) == "EmbeddedGateway(openai)"
