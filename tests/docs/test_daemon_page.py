"""The page on the daemon, run as it stands: from an empty home to a second user's first answer."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pages import DOCS, PAGES, blocks, files
from ratatoskr.config.file import parse_config
from ratatoskr.service.address import listen_address
from ratatoskr.testing import ScriptedUpstream

pytestmark = pytest.mark.timeout(240)  # a dozen processes, one after the other

PAGE = DOCS / "daemon.md"
README = PAGES[0]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Sandbox:
    """A home of its own, with `rat` and `ratd`; the page's port and folder are replaced by free ones."""

    def __init__(self, home: Path, upstream: str, **variables: str) -> None:
        self.home = home
        self._port = free_port()
        self.runtime = home / "run"
        self.runtime.mkdir(mode=0o700)
        for name, module in {"rat": "ratatoskr.cli.rat", "ratd": "ratatoskr.service.daemon.ratd"}.items():
            script = home / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
            script.chmod(0o755)
        kept = {name: os.environ[name] for name in ("PYTHONPATH", "LANG") if name in os.environ}
        self._environment = {
            **kept,
            "PATH": f"{home}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "OPENAI_API_KEY": "sk-documentation",
            "OPENAI_BASE_URL": upstream,
            **variables,
        }

    def here(self, text: str) -> str:
        return text.replace("9741", self._port).replace("/run/user/1000", str(self.runtime))

    def run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", self.here(script)],
            cwd=self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([str(self.home / "ratd")], cwd=self.home, env=self._environment, stderr=subprocess.PIPE)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ratd") as folder:
        yield Path(folder)


def test_the_page_leads_from_nothing_to_a_second_user(short_folder: Path) -> None:
    start, ask, second, bob, drain = blocks(PAGE, "bash")
    with ScriptedUpstream.in_thread("An answer of the model.") as upstream:
        sandbox = Sandbox(short_folder, upstream.base_url("openai"))
        folder = sandbox.home / ".config" / "ratatoskr"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "config.toml").write_text(sandbox.here(files(PAGE)["config.toml"]))
        check, background = start.strip().split("\n")
        assert "right" in sandbox.run(check)
        assert background == "ratd &"
        ratd = sandbox.start()
        try:
            path = sandbox.runtime / "ratatoskr" / "ratd.sock"
            until = time.monotonic() + 100
            while not path.exists():
                assert time.monotonic() < until
                assert ratd.poll() is None
                time.sleep(0.02)
            told = sandbox.run(ask)
            assert "An answer of the model." in told
            assert f"unix:{path}" in told
            status = json.loads(sandbox.run("rat admin status --json"))
            assert [one["name"] for one in status["listeners"]] == ["own", "others"]
            assert status["last_reload"] is None
            sandbox.run(second)
            assert json.loads(sandbox.run("rat admin status --json"))["last_reload"]["error"] is None
            assert stat.S_IMODE((sandbox.home / "bob.token").stat().st_mode) == 0o600
            assert sandbox.run(bob) == "An answer of the model.\n"
            with pytest.raises(AssertionError, match="bob may not use the model"):
                sandbox.run(bob.replace("openai:gpt-4.1", "openai:gpt-5.4"))
            with pytest.raises(AssertionError, match="asks for a token"):
                sandbox.run(re.sub(r"--token-file \S+", "", bob))
            sandbox.run(drain)
            assert ratd.wait(100) == 0
        finally:
            if ratd.poll() is None:
                ratd.kill()
            ratd.communicate()


def test_the_readme_leads_from_a_key_to_a_second_users_first_answer(short_folder: Path) -> None:
    (script,) = blocks(README, "bash")
    assert script.splitlines().count("ratd &") == 1
    with ScriptedUpstream.in_thread(["An answer of the model."] * 2) as upstream:
        key = {"ANTHROPIC_API_KEY": "sk-ant-documentation", "ANTHROPIC_BASE_URL": upstream.base_url("anthropic")}
        sandbox = Sandbox(short_folder, upstream.base_url("openai"), **key)
        folder = sandbox.home / ".config" / "ratatoskr"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "config.toml").write_text(sandbox.here('[[listeners]]\naddress = "127.0.0.1:9741"\n'))
        script = script.replace("ratd &", "ratd 2>ratd.log & trap 'kill %1; wait %1' EXIT")
        ask = script.strip().splitlines()[-1]
        refused = ask.replace("claude-sonnet-5", "openai:gpt-4.1")
        anyone = re.sub(r"--token-file \S+", "", ask)
        mine = "rat --address http://127.0.0.1:9741 --token-file me.token admin status"
        tried = f"({refused}) 2>&1 || echo $?\n({anyone}) 2>&1 || echo $?\n{mine}\n"
        told = sandbox.run(f"{script}{tried}").splitlines()
    assert told[0] == "An answer of the model."
    assert "bob may not use the model" in told[1]
    assert "asks for a token" in told[3]
    assert (told[2], told[4]) == ("3", "3")
    assert "answering calls" in told[5]
    for token in ("me.token", "bob.token"):
        assert stat.S_IMODE((short_folder / token).stat().st_mode) == 0o600


def test_the_files_of_the_page_are_right() -> None:
    config = parse_config(files(PAGE)["config.toml"], Path("config.toml"))
    assert [one.name for one in config.listeners] == ["own", "others"]
    tls = parse_config(files(PAGE)["tls.toml"], Path("tls.toml"))
    assert not listen_address(tls.listeners[0].address).loopback
    assert tls.clients["build"].certificates
