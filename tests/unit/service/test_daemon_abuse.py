"""What clients can do to a daemon: malformed calls, leaving at any moment, and pulls that fail."""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
from collections import deque
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.unit.service.running import ADMIN_TOKEN, CLIENTS, HOUSE, TCP, bearer, channel_of, running

from ratatoskr.config.assemble import assemble
from ratatoskr.errors import AuthenticationFailed, ConfigurationError, InvalidInput
from ratatoskr.service.methods import METHODS
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.testing import ScriptedGateway, ScriptedUpstream, fault

MALFORMED = int(os.environ.get("RATATOSKR_MALFORMED", "2000"))
LEFT = int(os.environ.get("RATATOSKR_LEFT", "200"))
TYPED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,  # a tokenizer that is not on this machine
    grpc.StatusCode.OK,
}


def malform(rng: random.Random, request: Any) -> bytes:
    """Return octets that are no request, or one with odd values."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    if kind == 1:
        return b""
    if kind == 2:  # a text that is no UTF-8
        return b"\x0a\x04\xff\xfe\xfd\xfc"
    if kind == 3:  # nested beyond every limit
        return b"\x0a\x7e" * 150
    message = request()
    for field in message.DESCRIPTOR.fields:
        value = rng.choice(["", " ", "x" * rng.randrange(5000), "\x00\r\n\x1b[31m", "{", "[" * 100])
        try:
            if field.type == field.TYPE_STRING and not field.is_repeated:
                setattr(message, field.name, value)
            elif field.type == field.TYPE_MESSAGE and field.is_repeated:
                for _ in range(rng.randrange(3)):
                    getattr(message, field.name).add()
            elif field.type == field.TYPE_MESSAGE:
                getattr(message, field.name).SetInParent()
        except (AttributeError, TypeError, ValueError):
            continue
    octets: bytes = message.SerializeToString()
    return octets if kind == 4 else octets[: rng.randrange(len(octets) + 1)]


def kilobytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Refusing:
    """A backend that is reached by requests that are right; it answers none."""

    def __init__(self) -> None:
        self._scripted = ScriptedGateway().backend

    async def chat(self, request: Any) -> Any:
        raise InvalidInput("no")

    async def open_stream(self, request: Any) -> Any:
        raise InvalidInput("no")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._scripted, name)


async def test_malformed_calls_of_every_method_are_answered_by_type(tmp_path: Path) -> None:
    from ratatoskr.gateway.base import Gateway

    rng = random.Random(14)
    methods = [method for method in METHODS.values() if method.name not in {"Drain", "PullModel"}]
    text = HOUSE + TCP.replace("\n", "\nadmin = true\n", 1)
    seen: set[grpc.StatusCode] = set()
    texts: deque[str] = deque(maxlen=10_000)
    async with running(tmp_path, text, Gateway(Refusing())) as ratd, channel_of(ratd.url) as channel:  # type: ignore[arg-type]

        async def once(method: Any, octets: bytes, metadata: Any = ()) -> grpc.StatusCode:
            try:
                if method.streams:
                    call = channel.unary_stream(method.path)(octets, metadata=metadata, timeout=30)
                    async for _ in call:
                        pass
                else:
                    await channel.unary_unary(method.path)(octets, metadata=metadata, timeout=30)
            except grpc.aio.AioRpcError as error:
                found: grpc.StatusCode = error.code()
                texts.append(error.details() or "")
                return found
            return grpc.StatusCode.OK

        async def round_of(count: int) -> None:
            for _ in range(count // 20):
                some = [rng.choice(methods) for _ in range(20)]
                ratd.lines.clear()
                ratd.raw.clear()
                seen.update(await asyncio.gather(*(once(one, malform(rng, one.request)) for one in some)))

        await round_of(MALFORMED // 4)
        before = kilobytes()
        await round_of(MALFORMED)
        for method in methods:
            many = tuple((f"x-{number}", "y") for number in range(10_000))
            assert await once(method, b"", many) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert kilobytes() - before < 20 * 1024
        assert seen <= TYPED, seen
        assert not [text for text in texts if "Traceback" in text or "Unexpected <class" in text]
        async with ratd.client() as client:
            assert (await client.health()).healthy, "and it goes on"
        assert not ratd.daemon.calls()
        assert ratd.daemon.limiter.calls == 0


async def test_a_client_that_leaves_at_any_moment_leaves_no_upstream(tmp_path: Path) -> None:
    rng = random.Random(14)
    async with ScriptedUpstream(fault("stall_in_stream", times=None), keep=0) as upstream:
        text = f'[providers.house]\nbase_url = "{upstream.base_url("openai")}"\n{TCP}'
        text += "[server.limits]\nclient_streams = 256\n"
        async with running(tmp_path, text, make_gateway=assemble) as ratd, ratd.client() as client:

            async def leave(way: int) -> None:
                stream = client.chat_stream("Hi", "house:m")
                task = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(rng.random() * 0.05)
                if way == 0:
                    task.cancel()
                elif way == 1:
                    stream.close()
                await asyncio.gather(task, return_exceptions=True)
                await stream.aclose()

            for _ in range(LEFT // 20):
                await asyncio.gather(*(leave(rng.randrange(3)) for _ in range(20)))
            async with asyncio.timeout(20):
                while ratd.daemon.calls() or upstream.open_connections:  # noqa: ASYNC110  # nothing tells of it
                    await asyncio.sleep(0.005)
            assert ratd.daemon.limiter.streams == 0


# administration of models


async def test_a_pull_is_told_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ratatoskr.local.store.progress import PullProgress
    from ratatoskr.local.store.store import ModelStore

    pulled: list[tuple[str, str]] = []

    def pull(store: ModelStore, model: str, *, revision: str, progress: Any) -> Path:
        pulled.append((model, revision))
        if model == "wrong":
            raise ConfigurationError("no space left for the model")
        for done in (1, 2, 3):
            progress(PullProgress("model.onnx", done, 3))
        return store.models

    monkeypatch.setattr(ModelStore, "pull", pull)
    steps: list[tuple[str, int, int | None]] = []
    async with running(tmp_path, HOUSE + TCP + CLIENTS) as ratd, ratd.client(ADMIN_TOKEN) as client:
        await client.admin.pull("AllMiniLmL6V2", "v1", lambda *step: steps.append(step))
        assert steps == [("model.onnx", done, 3) for done in (1, 2, 3)]
        assert pulled == [("AllMiniLmL6V2", "v1")]
        with pytest.raises(ConfigurationError, match="no space left"):
            await client.admin.pull("wrong")
        with pytest.raises(InvalidInput, match="model is empty"):
            await client.admin.pull(" ")
    assert [line["code"] for line in ratd.calls()] == ["ok", "configuration_error", "invalid_input"]


async def test_a_pull_ends_where_its_caller_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from ratatoskr.local.store.progress import PullProgress
    from ratatoskr.local.store.store import ModelStore

    began, ended = threading.Event(), threading.Event()

    def pull(store: ModelStore, model: str, *, revision: str, progress: Any) -> Path:
        try:
            while True:
                progress(PullProgress("model.onnx", 1, None))
                began.set()
                threading.Event().wait(0.01)
        finally:
            ended.set()

    monkeypatch.setattr(ModelStore, "pull", pull)
    async with running(tmp_path, HOUSE + TCP + CLIENTS) as ratd, channel_of(ratd.url) as channel:
        request = pb.PullRequest(model="m").SerializeToString()
        call = channel.unary_stream("/ratatoskr.v1.Admin/PullModel")(request, metadata=bearer(ADMIN_TOKEN))
        await call.read()
        await asyncio.to_thread(began.wait, 10)
        call.cancel()
        assert await asyncio.to_thread(ended.wait, 10)


async def test_the_client_of_an_administrator(tmp_path: Path) -> None:
    async with running(tmp_path, HOUSE + TCP + CLIENTS) as ratd, ratd.client(ADMIN_TOKEN) as client:
        status = await client.admin.status()
        assert status["config"] == str(ratd.path)
        assert json.loads(json.dumps(status)) == status
        assert await client.admin.reload() == ()
        ratd.write("[sever]\n")
        with pytest.raises(ConfigurationError, match="did you mean 'server'"):
            await client.admin.reload()
        async with ratd.client() as nobody:
            for ask in (nobody.admin.status(), nobody.admin.reload(), nobody.admin.drain()):
                with pytest.raises(AuthenticationFailed):
                    await ask
        await client.admin.drain(0.0)
        await asyncio.wait_for(ratd.daemon.ended.wait(), 30)
