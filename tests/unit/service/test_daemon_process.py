"""`ratd` as a process: signals, sockets, ports, kills, and what others may do at the same place."""

from __future__ import annotations

import os
import random
import signal
import socket
import stat
import time
from pathlib import Path

import pytest
from tests.unit.service.running import HOUSE, TCP, Process, environment, process

from ratatoskr import ServiceClient, StreamInterrupted
from ratatoskr.testing import ScriptedUpstream, fault

KILLS = int(os.environ.get("RATATOSKR_KILLS", "6"))
"""Kills and starts; each takes most of a second of one core."""


def ask(url: str) -> str:
    """Return the version that a daemon tells."""
    with ServiceClient(url).sync() as client:
        return client.health().version


def unix(folder: Path) -> tuple[Path, str]:
    path = folder / "run" / "ratd.sock"
    return path, f'[[listeners]]\naddress = "unix:{path}"\n'


def test_sigterm_ends_it_and_sighup_and_sigusr1_do_not(tmp_path: Path) -> None:
    with process(tmp_path, HOUSE + TCP) as ratd:
        url = ratd.wait_for('"listening"')["at"]
        ratd.wait_for('"serving"')
        assert ask(url)
        ratd.send(signal.SIGUSR1)
        assert ratd.wait_for("under way")["calls"] == []
        ratd.send(signal.SIGHUP)
        ratd.wait_for("reloaded")
        (tmp_path / "config.toml").write_text("[serve]\n")
        ratd.send(signal.SIGHUP)
        assert "did you mean 'server'?" in ratd.wait_for("that before stays in force")["error"]
        assert ask(url)
        ratd.send(signal.SIGTERM)
        ratd.wait_for('"stopped"')
        assert ratd.wait() == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with ScriptedUpstream.in_thread(fault("stall_in_stream")) as upstream:
        text = f'{TCP}[providers.house]\nbase_url = "{upstream.base_url("openai")}"\n'
        with process(tmp_path, text) as ratd:
            url = ratd.wait_for('"listening"')["at"]
            ratd.wait_for('"serving"')
            with ServiceClient(url).sync() as client, client.chat_stream("Hi", "house:m") as stream:
                next(iter(stream))
                ratd.send(signal.SIGTERM)
                ratd.wait_for('"stopping"')
                began = time.monotonic()
                ratd.send(signal.SIGTERM)
                with pytest.raises(StreamInterrupted):
                    list(stream)
                assert ratd.wait() == 0
                assert time.monotonic() - began < 20  # one second on a machine that does nothing else


def test_a_socket_is_for_its_group_and_is_removed_at_the_end(tmp_path: Path) -> None:
    path, listener = unix(tmp_path)
    with process(tmp_path, HOUSE + listener) as ratd:
        assert ratd.wait_for('"listening"')["at"] == f"unix:{path}"
        ratd.wait_for('"serving"')
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
        assert ask(f"unix:{path}")
        ratd.send(signal.SIGINT)
        assert ratd.wait() == 0
    assert not path.exists()


def test_a_second_daemon_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    path, listener = unix(tmp_path)
    with process(tmp_path, HOUSE + listener + TCP + 'name = "port"\n') as first:
        first.wait_for('"listening"')
        url = first.wait_for('"listening"')["at"]
        first.wait_for('"serving"')
        other = tmp_path / "other"
        other.mkdir()
        with process(other, HOUSE + listener) as second:
            line = second.wait_for("already served by process")["message"]
            assert f"{path} is already served by process {first.process.pid}" in line
            assert second.wait() == 1
        port = url.rpartition(":")[2]
        with process(other, f'{HOUSE}[[listeners]]\naddress = "127.0.0.1:{port}"\n') as third:
            third.wait_for(f"cannot listen at 127.0.0.1:{port}: the port is in use")
            assert third.wait() == 1
        assert ask(url) == ask(f"unix:{path}")
        first.send(signal.SIGTERM)
        assert first.wait() == 0


@pytest.mark.parametrize("kind", ["file", "folder", "pipe", "link"])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, kind: str) -> None:
    path, listener = unix(tmp_path)
    path.parent.mkdir(mode=0o750)
    make = {
        "file": lambda: path.write_text("mine"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to(tmp_path / "config.toml"),
    }[kind]
    make()
    before = path.lstat()
    with process(tmp_path, HOUSE + listener) as ratd:
        ratd.wait_for("is no socket; it is left alone")
        assert ratd.wait() == 2
    assert path.lstat().st_ino == before.st_ino


def test_a_socket_of_another_program_is_not_taken_over(tmp_path: Path) -> None:
    path, listener = unix(tmp_path)
    path.parent.mkdir(mode=0o750)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with process(tmp_path, HOUSE + listener) as ratd:
            ratd.wait_for("is already served by another program")
            assert ratd.wait() == 1
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path, listener = unix(tmp_path)
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with process(tmp_path, HOUSE + listener) as ratd:
        ratd.wait_for("can be changed by others")
        assert ratd.wait() == 2


def test_after_a_kill_it_starts_and_takes_its_socket_back(tmp_path: Path) -> None:
    path, listener = unix(tmp_path)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")  # shown where the test fails
    rng = random.Random(seed)
    for _ in range(KILLS):
        with process(tmp_path, HOUSE + listener) as ratd:
            if rng.random() < 0.5:
                ratd.wait_for('"serving"')
                assert ask(f"unix:{path}")
            else:
                time.sleep(rng.random())
            ratd.send(signal.SIGKILL)
            assert ratd.wait() == -signal.SIGKILL
    with process(tmp_path, HOUSE + listener) as ratd:
        ratd.wait_for('"serving"')
        assert ask(f"unix:{path}")
        ratd.send(signal.SIGTERM)
        assert ratd.wait() == 0


def test_without_a_file_it_says_what_it_found_and_who_can_reach_it(tmp_path: Path) -> None:
    ratd = Process([], environment(tmp_path, OPENAI_API_KEY="sk-canary-0123456789"))
    try:
        line = ratd.wait_for("127.0.0.1:9741")
        if "in use" in line["message"]:  # by another test of this machine, for one
            assert ratd.wait() == 1
        else:
            assert line["open_to"] == "every user and program of this machine"
            told = ratd.wait_for('"serving"')
            assert told["providers"] == ["openai"]
            assert told["config"] == "none, but the environment"
            ratd.send(signal.SIGTERM)
            assert ratd.wait() == 0
    finally:
        ratd.close()
    assert "canary" not in "".join(ratd.lines)
