"""`rat chaos`: a scripted provider on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run
from unit.cli.shell import INTERRUPTIBLE


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "No such file"),
        ("[[step]", ""),
        ("[[step]]\nfault = 'nonsense'", "step 1: unknown fault 'nonsense'"),
        ("[[step]]\ntext = 'a'\nunheard = 3", "step 1"),
        ("[[step]]\nprovider = 'nobody'", "step 1"),
        ("nonsense = 1", "nonsense"),
    ],
)
def test_an_invalid_script_is_an_error_that_names_file_and_step(tmp_path: Path, script: str | None, words: str) -> None:
    path = tmp_path / "script.toml"
    if script is not None:
        path.write_text(script)
    result = run("chaos", str(path))
    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert words in result.stderr


def test_a_port_in_use_is_an_error_that_names_the_address(upstream: ThreadedUpstream) -> None:
    result = run("chaos", "--port", str(upstream.port))
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{upstream.port}" in result.stderr


def test_chaos_serves_a_script_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text("[[step]]\nfault = 'overloaded'\n[[step]]\ntext = 'Hello'\n")
    command = [sys.executable, "-c", INTERRUPTIBLE, "chaos", str(tmp_path / "script.toml")]
    child = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        shown: list[str] = []
        while not shown or not shown[-1].startswith("try: "):
            shown.append(child.stdout.readline())
        option = shown[-1].split()[shown[-1].split().index("--base-url") + 1]
        result = run("chat", "-m", "local:any", f"--base-url={option}", "Hi")
        assert (result.exit_code, result.stdout) == (0, "Hello\n")
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, out, errors) == (130, "", "")
