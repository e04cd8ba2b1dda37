"""The daemon chats, streams and embeds under the restrictions that its unit puts on it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.unit.service.running import TCP, Process, environment
from tests.unit.service.unit_sandbox import REFUSED

from ratatoskr import ServiceClient
from ratatoskr.testing import ScriptedUpstream

ROOT = Path(__file__).parents[3]
UNIT = (ROOT / "contrib" / "systemd" / "ratd.service").read_text()
SANDBOX = Path(__file__).with_name("unit_sandbox.py")


@cache
def members(group: str) -> frozenset[str]:
    """Return the system calls of a group of systemd's."""
    command = ["systemd-analyze", "--no-pager", "syscall-filter", group]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = [line.strip() for line in told.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return frozenset().union(*(members(name) if name.startswith("@") else {name} for name in names))


def allowed_by_the_unit() -> set[str]:
    """Return the system calls that the unit allows."""
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT, re.MULTILINE):
        calls = set().union(*(members(group) for group in line.lstrip("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed | members("@default")


@pytest.fixture
def sandbox(tmp_path: Path) -> list[str]:
    """The command that starts a program in the sandbox."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze, which knows the groups of system calls, is not here")
    syscalls = tmp_path / "syscalls"
    syscalls.write_text("\n".join(allowed_by_the_unit()))
    (tmp_path / "home").mkdir()
    command = [sys.executable, str(SANDBOX), str(syscalls), str(tmp_path / "home")]
    tried = subprocess.run([*command, "/bin/true"], capture_output=True, text=True, check=False)
    if tried.returncode == REFUSED:
        pytest.skip(f"no sandbox here: {tried.stderr.strip()}")
    assert tried.returncode == 0, tried.stderr
    return command


@pytest.fixture
def ratd(tmp_path: Path, sandbox: list[str], model_folder: Path) -> Iterator[tuple[Process, ScriptedUpstream]]:
    pytest.importorskip("onnxruntime")

    class Sandboxed(Process):
        command = (*sandbox, sys.executable, "-m", "ratatoskr.service.daemon.ratd")

    with ScriptedUpstream.in_thread(["yes"] * 4) as upstream:
        text = f'{TCP}[providers.house]\nbase_url = "{upstream.base_url("openai")}"\n'
        (tmp_path / "config.toml").write_text(f'{text}[local]\nembeddings = ["{model_folder}"]\n')
        process = Sandboxed(["--config", str(tmp_path / "config.toml")], environment(tmp_path / "home"))
        yield process, upstream
        process.close()


def test_the_unit_allows_what_is_tried_here_and_no_more() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    allowed = allowed_by_the_unit()
    assert {"read", "mmap", "futex", "socket", "epoll_wait"} <= allowed
    assert not {"sched_setaffinity", "setrlimit", "mount", "ptrace", "reboot"} & allowed
    assert "SystemCallErrorNumber=EPERM" in UNIT


def test_it_chats_streams_and_embeds_without_what_the_unit_forbids(
    ratd: tuple[Process, ScriptedUpstream], model_folder: Path
) -> None:
    process, _ = ratd
    url = process.wait_for('"listening"')["at"]
    process.wait_for('"serving"')
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    with ServiceClient(url).sync() as client:
        assert client.chat("Hi", "house:m").text == "yes"
        with client.chat_stream("Hi", "house:m") as stream:
            assert "".join(stream.text()) == "yes"
        assert client.embed_batch(["a text"] * 40, str(model_folder)).vectors.shape[0] == 40
        assert client.health().healthy
    process.process.terminate()
    assert process.wait() == 0
    written = "".join(process.lines)
    assert "Traceback" not in written
