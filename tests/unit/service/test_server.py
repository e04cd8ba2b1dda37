"""The guard around every method: authentication, limits, bad messages, unexpected exceptions, readers that stall."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.unit.service.serving import client_of, path, serve

from ratatoskr import (
    AuthenticationFailed,
    ContentDelta,
    InvalidInput,
    Message,
    NoProvider,
    Ratatoskr,
    RatatoskrError,
    RateLimited,
    ServiceClient,
    ServiceUnavailable,
    StreamInterrupted,
    TextPart,
    Timeouts,
)
from ratatoskr.service.methods import ADMIN, METHODS, REQUEST_ID, SERVICE, Method
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.service.server.call import Call, Caller, ServerHooks
from ratatoskr.service.server.listen import SERVER_OPTIONS
from ratatoskr.service.server.routes import routes_of
from ratatoskr.testing import ScriptedGateway, ScriptedUpstream
from ratatoskr.types.chat import ChatResponse

SECRET = "a-word-of-the-daemon-alone"


async def send(channel: Any, method: Method | str, message: bytes, **arguments: Any) -> Any:
    """Return what comes of a message: the octets of the answer, or the error."""
    where = method if isinstance(method, str) else method.path
    try:
        if isinstance(method, Method) and method.streams:
            return [one async for one in channel.unary_stream(where)(message, timeout=20, **arguments)]
        return await channel.unary_unary(where)(message, timeout=20, **arguments)
    except grpc.aio.AioRpcError as error:
        return error


def name_of(method: Method | str) -> str:
    return method if isinstance(method, str) else method.name


NOT_THERE = ["/ratatoskr.v1.Ratatoskr/Nothing", "/other.Service/Method"]
HI = pb.ChatRequest(messages=[pb.Message(role=pb.ROLE_USER, content="Hi")], options=pb.ChatOptions(model="m"))


class Closed(ServerHooks):
    """Knows nobody."""

    def __init__(self) -> None:
        self.logged: list[Call] = []

    def authenticate(self, call: Call) -> Caller:
        raise AuthenticationFailed("no token was sent")

    def log(self, call: Call) -> None:
        self.logged.append(call)


@pytest.mark.parametrize("method", [*METHODS.values(), *NOT_THERE], ids=name_of)
async def test_every_method_demands_authentication_before_it_reads_anything(method: Method | str) -> None:
    hooks = Closed()
    async with ScriptedGateway("a") as gateway, serve(gateway.backend, hooks) as served, served.channel() as channel:
        for message in (b"", b"\xff\xff\xff"):
            found = await send(channel, method, message)
            assert found.code() is grpc.StatusCode.UNAUTHENTICATED
    assert gateway.requests == []
    assert [type(call.error) for call in hooks.logged] == [AuthenticationFailed] * 2


async def test_a_method_that_does_not_exist_is_unimplemented() -> None:
    async with ScriptedGateway("a") as gateway, serve(gateway.backend) as served, served.channel() as channel:
        found = await send(channel, "/ratatoskr.v1.Ratatoskr/Nothing", b"")
    assert found.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "there is no method" in found.details()


@pytest.mark.parametrize("method", [method for method in METHODS.values() if method.service == ADMIN], ids=name_of)
async def test_administration_is_for_administrators(method: Method) -> None:
    async with ScriptedGateway("a") as gateway, serve(gateway.backend) as served, served.channel() as channel:
        found = await send(channel, method, b"")
    assert found.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "for administrators" in found.details()


class Admin(ServerHooks):
    """Knows an administrator."""

    def authenticate(self, call: Call) -> Caller:
        return Caller("admin", admin=True)


async def test_origins_and_addresses_are_for_administrators() -> None:
    async with ScriptedUpstream() as upstream:
        base_url = upstream.base_url("openai")
        gateway = Ratatoskr.builder().openai("sk-secret-x", base_url=base_url).build()
        async with gateway, client_of(gateway.backend) as client, client_of(gateway.backend, Admin()) as admin:
            told = (await client.health()).to_json() + (await client.explain("openai:gpt-4.1", "Hi")).to_json()
            assert base_url.rpartition(":")[2] not in told
            assert (await client.health()).providers[0].name == "openai"
            assert (await admin.health()).providers[0].base_url == (await gateway.health()).providers[0].base_url
            assert await admin.health() == await gateway.health()


class Broken:
    """A backend that fails in ways that are no errors of ours."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(SECRET)


class Breaks:
    async def chat(self, request: Any) -> Any:
        raise ValueError(SECRET)

    async def open_stream(self, request: Any) -> Any:
        raise KeyError(SECRET)

    async def embed(self, request: Any) -> Any:
        raise RuntimeError(SECRET)

    async def inspect(self, query: Any) -> Any:
        return SECRET


@pytest.mark.parametrize("backend", [Breaks(), Broken()], ids=["it raises", "it has nothing"])
async def test_the_text_of_an_unexpected_exception_never_leaves(backend: Any, caplog: pytest.LogCaptureFixture) -> None:
    messages = {
        "Chat": HI,
        "ChatStream": HI,
        "Embed": pb.EmbedRequest(text="a", model="m"),
        "ListModels": pb.ListModelsRequest(),
    }
    async with serve(backend) as served, served.channel() as channel:
        for name, one in messages.items():
            found = await send(channel, METHODS[path(name)], one.SerializeToString(), metadata=((REQUEST_ID, "id-7"),))
            assert found.code() is grpc.StatusCode.INTERNAL
            assert SECRET not in f"{found.details()}{found.trailing_metadata()}"
            assert "id-7" in found.details()
    assert [record.__dict__["id"] for record in caplog.records if record.exc_info] == ["id-7"] * len(messages)


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2:3", True), ("a" * 65, False), ("a b", False), ("", False)])
async def test_the_callers_id_comes_back_where_it_is_sane(given: str, kept: bool) -> None:
    async with ScriptedGateway() as gateway, serve(gateway.backend) as served, served.channel() as channel:
        call = channel.unary_unary(path("Health"))(b"", metadata=((REQUEST_ID, given),))
        await call
        told = dict(await call.trailing_metadata())[REQUEST_ID]
    assert (told == given) is kept
    assert told


class Picky(ServerHooks):
    """Allows one model, and one call at a time."""

    def __init__(self) -> None:
        self.under_way = 0
        self.logged: list[Call] = []

    def admit(self, call: Call) -> Callable[[], object]:
        if self.under_way and not call.kept_free:
            raise RateLimited("one call at a time", retry_after=0.25)
        self.under_way += 1
        return self._release

    def _release(self) -> None:
        self.under_way -= 1

    def check_models(self, call: Call, models: Sequence[str]) -> None:
        if "secret" in models:
            raise InvalidInput("this client may not use the model secret", field="model")

    def log(self, call: Call) -> None:
        self.logged.append(call)


async def test_the_hooks_of_a_daemon_decide() -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def turn(request: Any) -> str:
        started.set()
        await go.wait()
        return "done"

    hooks = Picky()
    async with ScriptedGateway(turn, "after") as gateway, client_of(gateway.backend, hooks) as client:
        first = asyncio.ensure_future(client.chat("Hi", "any"))
        await started.wait()
        with pytest.raises(RateLimited, match="one call at a time") as caught:
            await client.chat("Hi", "any")
        assert caught.value.retry_after == 0.25
        assert (await client.health()).healthy  # has room kept for it
        go.set()
        assert (await first).text == "done"
        for model in ("secret", ["any", "secret"]):
            with pytest.raises(InvalidInput, match="may not use"):
                await client.chat("Hi", model)
        with pytest.raises(InvalidInput, match="may not use"):
            await client.embed("a", "secret")
        assert (await client.chat("Hi", "any")).text == "after"
    assert hooks.under_way == 0
    assert len(hooks.logged) == 7
    assert hooks.logged[-1].answer.content == "after"
    assert hooks.logged[-1].models == ("any",)


async def test_a_callers_deadline_bounds_the_call() -> None:
    async with ScriptedGateway("a", "b") as gateway, serve(gateway.backend) as served, served.channel() as channel:
        await channel.unary_unary(path("Chat"))(HI.SerializeToString(), timeout=5)
        async with ServiceClient(served.url) as client:
            await client.chat("Hi", "any", timeout=Timeouts(total=3))
    total = gateway.requests[0].timeouts.total
    assert total is not None
    assert 4 < total < 5
    assert gateway.requests[1].timeouts.total == 3


class Endless:
    """A stream of many large events."""

    provider = "endless"
    request_id = None

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def open_stream(self, request: Any) -> Any:
        from ratatoskr.backend.stream import OpenStream

        return OpenStream(self, [ContentDelta("x")], ())  # type: ignore[arg-type]  # an event source like any

    async def batch(self) -> list[Any]:
        return [ContentDelta("x" * 1_000_000)]

    def response(self) -> Any:
        return ChatResponse(Message.assistant("x"))

    def close(self) -> None:
        self.closed.set()


async def test_a_reader_that_takes_nothing_is_cut_off_and_its_upstream_closed() -> None:
    backend, hooks = Endless(), Picky()
    async with serve(backend, hooks, write_timeout=0.2) as served, served.channel() as channel:
        call = channel.unary_stream(path("ChatStream"))(HI.SerializeToString())
        await call.read()
        await asyncio.wait_for(backend.closed.wait(), 10)
        async with asyncio.timeout(5):
            while served.service.calls:  # noqa: ASYNC110  # the server keeps no event for it
                await asyncio.sleep(0.01)
        call.cancel()
    assert hooks.logged[0].error is not None
    assert "took nothing" in hooks.logged[0].error.message


def _stop() -> RatatoskrError:
    return StreamInterrupted("the daemon stops", cause=ServiceUnavailable("the daemon stops"))


async def test_streams_are_ended_with_a_typed_error_before_a_shutdown() -> None:
    from tests.unit.service.test_line import Slow

    backend = Slow()
    async with serve(backend) as served, ServiceClient(served.url) as client:
        stream = client.chat_stream("Hi", "any")
        await anext(stream)
        await backend.waiting.wait()
        served.service.end_streams(_stop)
        with pytest.raises(StreamInterrupted, match="the daemon stops") as caught:
            await anext(stream)
        assert isinstance(caught.value.cause, ServiceUnavailable)
        assert caught.value.partial is not None
        assert caught.value.partial.content == "up"
        assert not served.service.calls


async def test_many_and_large_events_travel_in_several_messages() -> None:
    parts = [TextPart("x" * 1_000_000, cache=bool(number % 2)) for number in range(40)]
    async with ScriptedGateway(parts) as gateway, client_of(gateway.backend) as client:
        stream = client.chat_stream("Hi", "any")
        events = [event async for event in stream]
    assert len(events) >= 40
    assert len(stream.response.text) == 40_000_000


async def test_a_backend_is_replaced_while_calls_are_under_way() -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def turn(request: Any) -> str:
        started.set()
        await go.wait()
        return "old"

    old, new = ScriptedGateway(turn), ScriptedGateway("new")
    async with old, new, serve(old.backend) as served, ServiceClient(served.url) as client:
        first = asyncio.ensure_future(client.chat("Hi", "any"))
        await started.wait()
        served.service.backend = new.backend
        assert (await client.chat("Hi", "any")).text == "new"
        go.set()
        assert (await first).text == "old"


async def test_a_lone_surrogate_in_an_answer_is_replaced() -> None:
    async with (
        ScriptedGateway(TextPart("a\ud800b"), TextPart("a\ud800b")) as gateway,
        client_of(gateway.backend) as client,
    ):
        assert (await client.chat("Hi", "any")).text == "a\ufffdb"
        async with client.chat_stream("Hi", "any") as stream:
            assert "".join([text async for text in stream.text()]) == "a\ufffdb"
        assert stream.response.text == "a\ufffdb"


async def test_a_message_that_is_too_large_says_who_refused_it() -> None:
    async with ScriptedGateway("a") as gateway, client_of(gateway.backend) as client:
        with pytest.raises(InvalidInput, match="larger"):
            await client.chat("x" * (33 * 1024 * 1024), "any")


async def test_what_is_not_served_here_is_told() -> None:
    async with ScriptedGateway() as gateway, serve(gateway.backend) as served, served.channel() as channel:
        for route in routes_of().values():
            if route.answer is None and route.produce is None and not route.admin:
                found = await send(channel, route.method, b"")
                assert found.code() is grpc.StatusCode.UNIMPLEMENTED, route.method.name
    async with serve(object()) as served, ServiceClient(served.url) as client:
        with pytest.raises(NoProvider, match="does not serve"):
            await client.list_models()


def test_a_second_server_does_not_share_the_port() -> None:
    assert SERVER_OPTIONS["grpc.so_reuseport"] == 0


def test_every_method_of_the_descriptor_has_a_route() -> None:
    assert routes_of().keys() == METHODS.keys()
    served = {route.method.name for route in routes_of().values() if route.answer or route.produce}
    assert served >= {"Chat", "ChatStream", "Generate", "GenerateStream", "Embed", "EmbedBatch", "Health", "ListModels"}
    assert {method.service for method in METHODS.values()} == {SERVICE, ADMIN}
