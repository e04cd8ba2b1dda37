"""Parts of the daemon by themselves: groups, loops, levels, cycles of starts and stops, and the sandbox of its unit."""

from __future__ import annotations

import asyncio
import ctypes
import grp
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.service.running import HOUSE, TCP, Process, environment, running

from ratatoskr import ServiceClient
from ratatoskr.config.assemble import assemble
from ratatoskr.config.server import ListenerSection
from ratatoskr.errors import ConfigurationError, RateLimited
from ratatoskr.service.daemon.call_log import CallLog
from ratatoskr.service.daemon.ratd import _Loader
from ratatoskr.service.daemon.run import _loop_factory
from ratatoskr.service.daemon.sockets import UnixSocket
from ratatoskr.service.server.call import Call, ServerHooks
from ratatoskr.testing import ScriptedUpstream

CYCLES = int(os.environ.get("RATATOSKR_CYCLES", "20"))


def test_a_group_that_does_not_exist_is_told(tmp_path: Path) -> None:
    listener = ListenerSection(address=f"unix:{tmp_path}/run/s", group="no-such-group-of-tests")
    with pytest.raises(ConfigurationError, match="there is no group no-such-group-of-tests"):
        UnixSocket(listener)
    assert not (tmp_path / "run").exists()


def test_a_socket_and_its_new_folder_are_of_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[tuple[str, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, user, group: changed.append((str(path), group)))
    own = grp.getgrgid(os.getgid())
    place = UnixSocket(ListenerSection(address=f"unix:{tmp_path}/run/s", group=own.gr_name))
    with place.binding():
        (tmp_path / "run" / "s").touch()
    assert changed == [(f"{tmp_path}/run", own.gr_gid), (f"{tmp_path}/run/s", own.gr_gid)]
    place.release()
    assert not (tmp_path / "run" / "s").exists()


def test_only_the_socket_that_was_made_here_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    place = UnixSocket(ListenerSection(address=f"unix:{path}"))
    with place.binding():
        path.touch()
    path.rename(tmp_path / "run" / "kept")
    path.write_text("of another")
    place.release()
    assert path.read_text() == "of another"
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o750


def test_the_loop_is_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _loop_factory("asyncio") is None
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert _loop_factory("auto") is None
    with pytest.raises(ConfigurationError, match="uvloop, which is not installed"):
        _loop_factory("uvloop")


def test_a_level_of_the_command_line_goes_before_the_files(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'{HOUSE}[server]\nlog_level = "error"\n')
    assert _Loader(path, None, False).load().config.server.log_level == "error"
    loaded = _Loader(path, "debug", False).load()
    assert loaded.config.server.log_level == "debug"
    assert loaded.config.server.grace == 30.0


def test_the_log_as_text_is_one_line_without_codes() -> None:
    lines: list[bytes] = []
    log = CallLog("text", "info", write=lines.append)
    log.event("listening\n\x1b[2J", at="http://x\r\n", empty=None)
    log.event("not told", "debug")
    [line] = lines
    assert line.endswith(b"info listening\\n\\u001b[2J at=http://x\\r\\n\n")
    assert line.count(b"\n") == 1


async def test_lines_of_calls_that_went_well_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr("ratatoskr.service.daemon.call_log._write_to_stderr", written.append)
    log = CallLog("json")

    def end(number: int, error: ConfigurationError | None = None) -> None:
        call = Call(None, "/x", {}, 0, f"id-{number}", None, ServerHooks(), None)
        call.error = error
        log.call(call)

    end(1)
    end(2)
    assert written == []
    await asyncio.sleep(0.1)
    [both] = written
    assert [json.loads(line)["id"] for line in both.splitlines()] == ["id-1", "id-2"]
    end(3)
    end(4, ConfigurationError("x"))  # what went wrong is told at once, behind what is before it
    assert [json.loads(line)["id"] for line in written[1].splitlines()] == ["id-3", "id-4"]
    end(5)
    log.event("stopping")
    assert b"id-5" in written[2]
    assert written[2].endswith(b'"message":"stopping"}\n')
    end(6)
    log.flush()
    assert len(written) == 4


async def test_records_of_loggers_are_told_without_the_text_of_exceptions(tmp_path: Path) -> None:
    import logging

    lines: list[bytes] = []
    log = CallLog("json", "warning", write=lines.append)
    logger = logging.getLogger("ratatoskr.tests")
    logger.addHandler(log)
    try:
        logger.info("not told")
        try:
            int("a prompt CANARY")
        except ValueError:
            logger.exception("unexpected", extra={"id": "x-1"})
    finally:
        logger.removeHandler(log)
    told = [json.loads(line) for line in lines]
    assert told[-1]["message"] == "ratatoskr.tests: unexpected"
    assert told[-1]["exception"].startswith("ValueError at ")
    assert told[-1]["id"] == "x-1"
    assert b"CANARY" not in b"".join(lines)


def count_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_starts_and_stops_leave_nothing_behind(tmp_path: Path) -> None:
    tasks = descriptors = 0
    for cycle in range(CYCLES):
        async with running(tmp_path) as ratd, ratd.client() as client:
            await client.health()
        if cycle == 2:
            tasks, descriptors = len(asyncio.all_tasks()), count_descriptors()
    assert len(asyncio.all_tasks()) <= tasks
    assert count_descriptors() <= descriptors + 8, "of gRPC's own threads"


async def test_what_is_refused_reaches_no_provider(tmp_path: Path) -> None:
    text = f"{HOUSE}{TCP}[server.limits]\nrate = 0.001\nburst = 1\n"
    async with running(tmp_path, text) as ratd, ratd.client() as client:
        await client.chat("Hi", "house:m")
        with pytest.raises(RateLimited, match=r"default may make 0\.001 calls a second"):
            await client.chat("Hi", "house:m")
        assert len(ratd.daemon.gateway.requests) == 1  # type: ignore[attr-defined]  # of a script


async def test_what_was_found_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-of-the-start")
    monkeypatch.setenv("RATATOSKR_CACHE_DIR", str(tmp_path / "store"))
    text = f'{TCP}[providers.openai]\n[local]\nembeddings = ["BgeSmallEn"]\n'
    async with running(tmp_path, text, make_gateway=assemble) as ratd:
        (serving,) = [line for line in ratd.lines if line["message"] == "serving"]
        assert serving["providers"] == ["openai", "local"]
        assert serving["keys"] == {"openai": "OPENAI_API_KEY"}
        assert serving["models"] == ["BAAI/bge-small-en-v1.5"]
        (missing,) = [line for line in ratd.lines if line["level"] == "warning"]
        assert missing["model"] == "BAAI/bge-small-en-v1.5"
        assert "rat models pull BgeSmallEn" in missing["reason"]
        (listening,) = [line for line in ratd.lines if line["message"] == "listening"]
        assert listening["open_to"] == "every user and program of this machine"
        assert "canary" not in str(ratd.raw)


# the sandbox of the unit

LAUNCHER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "no new privileges"
assert libc.prctl(65, 1, 0, 0, 0) == 0, "no memory that is written and executed"
os.execv(sys.executable, [sys.executable, "-m", "ratatoskr.service.daemon.ratd", *sys.argv[1:]])
"""


def denies_written_and_executed_memory() -> bool:
    """Return whether this kernel can: since Linux 6.3."""
    libc = ctypes.CDLL(None)
    return int(libc.prctl(66, 0, 0, 0, 0)) >= 0


class Sandboxed(Process):
    """`ratd` without new privileges and without memory that is both written and executed."""

    command = (sys.executable, "-c", LAUNCHER)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    processes: list[Process] = []

    def start(text: str) -> Process:
        path = tmp_path / "config.toml"
        path.write_text(text)
        processes.append(Sandboxed(["--config", str(path)], environment(tmp_path)))
        return processes[-1]

    yield start
    for one in processes:
        one.close()


@pytest.mark.skipif(not denies_written_and_executed_memory(), reason="this kernel has no PR_SET_MDWE")
def test_it_chats_and_embeds_in_the_sandbox_of_its_unit(started: Any, model_folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    with ScriptedUpstream.in_thread("yes") as upstream:
        text = f'{TCP}[providers.house]\nbase_url = "{upstream.base_url("openai")}"\n'
        ratd = started(f'{text}[local]\nembeddings = ["{model_folder}"]\n')
        url = ratd.wait_for('"listening"')["at"]
        ratd.wait_for('"serving"')
        with ServiceClient(url).sync() as client:
            assert client.chat("Hi", "house:m").text == "yes"
            assert client.embed("a text", str(model_folder)).vector.shape[0] > 0
