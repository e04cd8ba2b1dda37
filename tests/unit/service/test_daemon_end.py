"""How a daemon ends and how it reloads: what becomes of the calls under way, and what is told."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.unit.service.running import ADMIN_TOKEN, CLIENTS, HOUSE, TCP, TOKEN, channel_of, running

from ratatoskr import ContentDelta, Done, ServiceUnavailable, StreamInterrupted
from ratatoskr.backend.stream import OpenStream
from ratatoskr.config.assemble import assemble
from ratatoskr.errors import AuthenticationFailed, ConfigurationError, InvalidInput
from ratatoskr.gateway.base import Gateway
from ratatoskr.service.daemon.daemon import Daemon
from ratatoskr.service.methods import ADMIN
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.testing import ScriptedGateway, ScriptedUpstream
from ratatoskr.types.accumulator import ResponseBuilder

SERVING, NOT_SERVING = 1, 2


class Gated:
    """A backend of streams that say one word, and the other once they may."""

    provider_names = ("gated",)

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.open = 0

    async def open_stream(self, request: Any) -> OpenStream:
        self.open += 1
        return OpenStream(_Words(self), [ContentDelta("up")], ())

    async def chat(self, request: Any) -> Any:
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Close nothing."""


class _Words:
    provider = "gated"
    request_id = None

    def __init__(self, backend: Gated) -> None:
        self._backend: Gated | None = backend
        self._builder = ResponseBuilder(provider="gated", model="m")
        self._builder.add(ContentDelta("up"))

    async def batch(self) -> list[Any]:
        assert self._backend is not None
        await self._backend.go.wait()
        events = [ContentDelta(" and down"), Done("stop")]
        for event in events:
            self._builder.add(event)
        return events

    def response(self) -> Any:
        return self._builder.response()

    def close(self) -> None:
        if self._backend is not None:
            self._backend.open -= 1
            self._backend = None


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.005)


async def test_streams_end_whole_within_the_grace(tmp_path: Path) -> None:
    backend = Gated()
    text = f"{HOUSE}{TCP}[server.limits]\nclient_streams = 50\n"
    async with (
        running(tmp_path, text, Gateway(backend)) as ratd,  # type: ignore[arg-type]
        ratd.client() as client,
        channel_of(ratd.url) as channel,
    ):
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
        assert health_pb2.HealthCheckResponse.FromString(await watch.read()).status == SERVING
        streams = [asyncio.ensure_future(_collect(client)) for _ in range(50)]
        await until(lambda: backend.open == 50)
        ratd.daemon.stop(60)
        assert health_pb2.HealthCheckResponse.FromString(await watch.read()).status == NOT_SERVING
        backend.go.set()
        assert await asyncio.gather(*streams) == ["up and down"] * 50
        await asyncio.wait_for(ratd.daemon.ended.wait(), 30)
    assert [line["message"] for line in ratd.lines if "message" in line][-2:] == ["stopping", "stopped"]


async def _collect(client: Any) -> str:
    async with client.chat_stream("Hi", "house:m") as stream:
        return (await stream.collect()).text  # type: ignore[no-any-return]


async def test_what_is_left_at_the_end_of_the_grace_ends_typed(tmp_path: Path) -> None:
    backend = Gated()
    async with running(tmp_path, gateway=Gateway(backend)) as ratd, ratd.client() as client:  # type: ignore[arg-type]
        stream = client.chat_stream("Hi", "house:m")
        assert (await anext(stream)).text == "up"  # type: ignore[union-attr]
        call = asyncio.ensure_future(client.chat("Hi", "house:m"))
        await until(lambda: len(ratd.daemon.calls()) == 2)
        ratd.daemon.stop(0.1)
        with pytest.raises(StreamInterrupted, match="the daemon is shutting down") as caught:
            await anext(stream)
        assert isinstance(caught.value.cause, ServiceUnavailable)
        assert caught.value.partial is not None
        assert caught.value.partial.content == "up"
        with pytest.raises(ServiceUnavailable, match="the daemon is shutting down"):
            await call
        await asyncio.wait_for(ratd.daemon.ended.wait(), 30)
        assert backend.open == 0


async def test_a_second_request_to_stop_ends_at_once(tmp_path: Path) -> None:
    backend = Gated()
    async with running(tmp_path, gateway=Gateway(backend)) as ratd, ratd.client() as client:  # type: ignore[arg-type]
        stream = client.chat_stream("Hi", "house:m")
        await anext(stream)
        ratd.daemon.stop(3600)
        ratd.daemon.stop()
        with pytest.raises(StreamInterrupted):
            await anext(stream)
        await asyncio.wait_for(ratd.daemon.ended.wait(), 30)


async def test_an_administrator_drains_and_reloads(tmp_path: Path) -> None:
    async with running(tmp_path, HOUSE + TCP + CLIENTS) as ratd, channel_of(ratd.url) as channel:
        metadata = (("authorization", f"Bearer {ADMIN_TOKEN}"),)
        reload = channel.unary_unary(f"/{ADMIN}/Reload")
        answer = pb.ReloadResponse.FromString(await reload(b"", metadata=metadata))
        assert list(answer.needs_restart) == []
        ratd.write("[server]\ngrase = 1\n")
        with pytest.raises(grpc.aio.AioRpcError, match="did you mean 'grace'"):
            await reload(b"", metadata=metadata)
        drain = channel.unary_unary(f"/{ADMIN}/Drain")
        with pytest.raises(grpc.aio.AioRpcError, match="grace must be seconds"):
            await drain(pb.DrainRequest(grace=-1).SerializeToString(), metadata=metadata)
        await drain(pb.DrainRequest(grace=5).SerializeToString(), metadata=metadata)
        await asyncio.wait_for(ratd.daemon.ended.wait(), 30)


# reload


async def test_a_reload_puts_tokens_limits_and_log_in_force(tmp_path: Path) -> None:
    async with running(tmp_path, HOUSE + TCP) as ratd, ratd.client() as nobody, ratd.client(TOKEN) as alice:
        await nobody.chat("Hi", "house:m")
        ratd.write(HOUSE + TCP + CLIENTS + '[server]\nlog_level = "error"\nlimits = { messages = 1 }\n')
        assert await ratd.daemon.reload() == ()
        with pytest.raises(AuthenticationFailed, match="asks for a token"):
            await nobody.chat("Hi", "house:m")
        before = len(ratd.calls())
        await alice.chat("Hi", "house:m")
        assert len(ratd.calls()) == before, "calls that went well are no errors"
        assert ratd.daemon.limiter.limits.messages == 1
        ratd.write(HOUSE + TCP)
        await ratd.daemon.reload()
        await nobody.chat("Hi", "house:m")


async def test_a_wrong_config_leaves_the_old_one_in_force_and_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, HOUSE + TCP) as ratd, ratd.client() as client:
        ratd.write(f"{HOUSE}{TCP}[server]\ngrase = 1\nwrite_timeout = 'x'\n")
        with pytest.raises(ConfigurationError):
            await ratd.daemon.reload()
        await client.chat("Hi", "house:m")
        [line] = [one for one in ratd.lines if one.get("level") == "error"]
        for told in (line["error"], ratd.daemon.status()["last_reload"]["error"]):
            assert "config.toml:6: server.grase is unknown; did you mean 'grace'?" in told
            assert "config.toml:7: server.write_timeout must be a number" in told
        assert "wrong" in ratd.daemon.state()
        ratd.write(HOUSE + TCP)
        await ratd.daemon.reload()
        assert ratd.daemon.status()["last_reload"]["error"] is None


async def test_what_only_a_restart_can_change_is_named(tmp_path: Path) -> None:
    async with running(tmp_path, HOUSE + TCP) as ratd:
        ratd.write(
            f'{HOUSE}[[listeners]]\naddress = "127.0.0.1:1"\n[server]\nloop = "asyncio"\nreflection = "off"\n'
            "[server.limits]\nmessage_bytes = 5000\nmetadata_bytes = 5000\n"
        )
        assert await ratd.daemon.reload() == (
            "listeners",
            "server.loop",
            "server.reflection",
            "server.limits.message_bytes",
            "server.limits.metadata_bytes",
        )


async def test_a_reload_does_not_open_a_door_to_other_machines(tmp_path: Path) -> None:
    listener = '[[listeners]]\naddress = "0.0.0.0:0"\ntls = false\n'
    path = tmp_path / "config.toml"
    from ratatoskr.service.daemon.setup import load_setup

    path.write_text(HOUSE + listener + CLIENTS)
    open_already = load_setup(path, allow_insecure=True).listeners
    path.write_text(HOUSE + TCP)
    with pytest.raises(ConfigurationError, match=r"can be reached from other machines, and needs \[tls\]"):
        load_setup(path, listeners=open_already)


async def test_a_reload_that_removes_the_provider_in_use_lets_its_calls_end(tmp_path: Path) -> None:
    async with ScriptedUpstream(["one", "two", "three"]) as upstream:
        one = f'[providers.one]\nbase_url = "{upstream.base_url("openai")}"\n'
        other = f'[providers.other]\nbase_url = "{upstream.base_url("openai")}"\n'
        async with running(tmp_path, one + other + TCP, make_gateway=assemble) as ratd, ratd.client() as client:
            stream = client.chat_stream("Hi", "one:m")
            await stream
            old = ratd.daemon.gateway
            ratd.write(other + TCP)
            await ratd.daemon.reload()
            assert ratd.daemon.gateway is not old
            assert (await stream.collect()).text == "one"
            with pytest.raises(InvalidInput, match="'one' is not a provider"):
                await client.chat("Hi", "one:m")
            assert (await client.chat("Hi", "other:m")).text == "two"


async def test_reloads_under_load_fail_no_call(tmp_path: Path) -> None:
    reloads = int(os.environ.get("RATATOSKR_RELOADS", "20"))
    async with ScriptedUpstream("yes", keep=0) as upstream:
        text = f'[providers.house]\nbase_url = "{upstream.base_url("openai")}"\n{TCP}'
        async with running(tmp_path, text, make_gateway=assemble) as ratd, ratd.client() as client:
            over = False
            answered = 0

            async def ask() -> None:
                nonlocal answered
                while not over:
                    if answered % 2:
                        assert (await client.chat("Hi", "house:m")).text == "yes"
                    else:
                        assert await _collect(client) == "yes"
                    answered += 1

            asking = [asyncio.ensure_future(ask()) for _ in range(8)]
            for _ in range(reloads):
                ratd.write(text)
                await ratd.daemon.reload()
                await until(lambda least=answered + 4: answered >= least)
            over = True
            await asyncio.gather(*asking)
            assert answered >= reloads * 4
        assert {line["code"] for line in ratd.calls()} == {"ok"}


# systemd


class Systemd:
    """What systemd would be told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(self.path))
        self.line.setblocking(False)

    def told(self) -> list[str]:
        found: list[str] = []
        while True:
            try:
                found += self.line.recv(4096).decode().split("\n")
            except BlockingIOError:
                return found


async def test_systemd_is_told_each_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(systemd.path))
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    async with running(tmp_path) as ratd:
        told = systemd.told()
        assert told[:2] == ["READY=1", "STATUS=answering calls"]
        assert "WATCHDOG=1" in told, "from the loop itself"
        await until(lambda: "WATCHDOG=1" in systemd.told())
        before = [line for line in systemd.told() if line != "WATCHDOG=1"]
        assert before == []
        await ratd.daemon.reload()
        told = [line for line in systemd.told() if line != "WATCHDOG=1"]
        assert told[0] == "RELOADING=1"
        assert told[1].startswith("MONOTONIC_USEC=")
        assert told[2] == "READY=1"
        ratd.write("x = 1")
        with pytest.raises(ConfigurationError):
            await ratd.daemon.reload()
        told = [line for line in systemd.told() if line != "WATCHDOG=1"]
        assert told[-2:] == ["READY=1", "STATUS=the configuration is wrong, and the old one in force"]
    assert "STOPPING=1" in systemd.told()
    assert "NOTIFY_SOCKET" not in os.environ, "children do not speak for the daemon"
    systemd.line.close()


async def test_a_blocked_loop_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(systemd.path))
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    async with running(tmp_path):
        await until(lambda: "WATCHDOG=1" in systemd.told())
        systemd.told()
        import time

        time.sleep(0.05)  # noqa: ASYNC251  # what a watchdog is for
        assert systemd.told() == []
    systemd.line.close()


# start


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    text = f'{HOUSE}{TCP}name = "first"\n[[listeners]]\nname = "second"\naddress = "unix:{tmp_path}/config.toml"\n'
    gateway = ScriptedGateway()
    with pytest.raises(ConfigurationError, match="is there already and is no socket; it is left alone"):
        async with running(tmp_path, text, gateway):
            pass
    assert (tmp_path / "config.toml").read_text() == text
    assert isinstance(Daemon, type)
