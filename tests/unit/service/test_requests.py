"""Requests that do not come, or not yet; and what answers them being cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.unit.service.serving import path, serve
from tests.unit.service.test_server import HI, Picky

from ratatoskr import AuthenticationFailed, ServiceClient
from ratatoskr.service.server.call import Call, Caller
from ratatoskr.testing import ScriptedGateway


@pytest.mark.parametrize("name", ["Health", "Chat", "ChatStream"])
async def test_a_call_that_ends_without_a_request_is_answered(name: str) -> None:
    async with ScriptedGateway("a") as gateway, serve(gateway.backend) as served, served.channel() as channel:
        call = channel.stream_stream(path(name))(timeout=30)
        await call.done_writing()
        with pytest.raises(grpc.aio.AioRpcError, match=r"the call has no .*Request") as caught:
            await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", ["Health", "Chat", "ChatStream"])
async def test_a_caller_that_sends_no_request_is_not_waited_for(name: str) -> None:
    hooks = Picky()
    async with (
        ScriptedGateway("a") as gateway,
        serve(gateway.backend, hooks, write_timeout=60) as served,
        served.channel() as channel,
    ):
        calls = [channel.stream_stream(path(name))(timeout=60) for _ in range(3)]
        async with asyncio.timeout(30):
            while len(served.service.waiting) < 3:  # noqa: ASYNC110  # the server keeps no event for it
                await asyncio.sleep(0.01)
        served.service.write_timeout = 0.0
        served.service._look()
        served.service.write_timeout = 60.0
        for call in calls:
            with pytest.raises(grpc.aio.AioRpcError, match="the call has no") as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert len(hooks.logged) == 3
        async with ServiceClient(served.url) as client:
            await client.health()
        late = channel.stream_stream(path("Health"))(timeout=60)
        async with asyncio.timeout(30):
            while not served.service.waiting:  # noqa: ASYNC110  # likewise
                await asyncio.sleep(0.01)
        await late.write(b"")
        assert await late.read()


async def test_a_caller_that_leaves_before_its_request_leaves_nothing() -> None:
    async with ScriptedGateway("a") as gateway, serve(gateway.backend) as served, served.channel() as channel:
        call = channel.stream_stream(path("Chat"))(timeout=30)
        async with asyncio.timeout(5):
            while not served.service.waiting:  # noqa: ASYNC110  # the server keeps no event for it
                await asyncio.sleep(0.01)
            call.cancel()
            while served.service.waiting:  # noqa: ASYNC110  # likewise
                await asyncio.sleep(0.01)
    assert gateway.requests == []


async def test_who_calls_is_known_before_a_request_is_waited_for() -> None:
    class Strict(Picky):
        def authenticate(self, call: Call) -> Caller:
            raise AuthenticationFailed("no token")

    async with ScriptedGateway("a") as gateway, serve(gateway.backend, Strict()) as served, served.channel() as channel:
        call = channel.stream_stream(path("Chat"))(timeout=30)
        with pytest.raises(grpc.aio.AioRpcError, match="no token"):
            await call.read()


@pytest.mark.parametrize("name", ["Chat", "ChatStream"])
async def test_a_cancellation_within_the_backend_does_not_leave_the_caller_waiting(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """grpc/grpc#29248: gRPC takes the exception for the caller's leaving, and the caller is told nothing."""

    async def lost(_: Any) -> str:
        raise asyncio.CancelledError("a task of a library")

    hooks = Picky()
    async with ScriptedGateway(lost) as gateway, serve(gateway.backend, hooks) as served, served.channel() as channel:
        call = channel.unary_stream(path(name))(HI.SerializeToString(), timeout=30)
        with pytest.raises(grpc.aio.AioRpcError, match="an internal error; the daemon's log has it") as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "a task of a library" not in str(hooks.logged[-1].error)
    assert "unexpected" in caplog.text
