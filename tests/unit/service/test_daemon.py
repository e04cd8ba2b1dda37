"""The daemon: who may call, what each is told, what is taken at most, and what the log holds."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tests.unit.service.running import ADMIN_TOKEN, CLIENTS, HOUSE, TCP, TOKEN, bearer, channel_of, running

from ratatoskr import ServiceClient
from ratatoskr.errors import AuthenticationFailed, InvalidInput, RatatoskrError, RateLimited
from ratatoskr.service.methods import ADMIN, METHODS, SERVICE
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.testing import ScriptedGateway

HEALTH = "/grpc.health.v1.Health/"
WITH_CLIENTS = HOUSE + TCP + CLIENTS


async def code_of(call: object) -> grpc.StatusCode:
    try:
        await call  # type: ignore[misc]
    except grpc.aio.AioRpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    return grpc.StatusCode.OK


async def first_of(call: object) -> grpc.StatusCode:
    try:
        await call.read()  # type: ignore[attr-defined]
    except grpc.aio.AioRpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    finally:
        call.cancel()  # type: ignore[attr-defined]
    return grpc.StatusCode.OK


async def test_everyone_on_this_machine_is_served_where_no_client_is_named(tmp_path: Path) -> None:
    async with running(tmp_path) as ratd, ratd.client() as client:
        assert (await client.chat("Hi", model="house:m")).text == "an answer"
        with pytest.raises(AuthenticationFailed, match="for administrators"):
            await client.preload("m")
    [listening] = (
        [line for line in ratd.lines if line["message"] == "listening"]
        if False
        else [line for line in ratd.lines if line.get("message") == "listening"]
    )
    assert listening["open_to"] == "every user and program of this machine"


async def test_every_method_asks_for_a_token_before_it_reads_the_request(tmp_path: Path) -> None:
    async with running(tmp_path, WITH_CLIENTS) as ratd, channel_of(ratd.url) as channel:
        paths = {**METHODS, f"/{SERVICE}/NoSuchMethod": None, "/other.Service/X": None}
        for path, method in paths.items():
            for metadata in ((), bearer("rt_of another daemon"), (("authorization", "Basic eDp5"),)):
                if method is not None and method.streams:
                    code = await first_of(channel.unary_stream(path)(b"\xff\xff", metadata=metadata))
                else:
                    code = await code_of(channel.unary_unary(path)(b"\xff\xff", metadata=metadata))
                assert code is grpc.StatusCode.UNAUTHENTICATED, path
        for name in ("Check", "List"):
            assert await code_of(channel.unary_unary(HEALTH + name)(b"")) is grpc.StatusCode.UNAUTHENTICATED
        assert await first_of(channel.unary_stream(HEALTH + "Watch")(b"")) is grpc.StatusCode.UNAUTHENTICATED
        asked = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")()
        assert await first_of(asked) is grpc.StatusCode.UNAUTHENTICATED
        call = channel.unary_unary(f"/{SERVICE}/NoSuchMethod")(b"", metadata=bearer(TOKEN))
        assert await code_of(call) is grpc.StatusCode.UNIMPLEMENTED


async def test_a_client_uses_the_models_that_it_may(tmp_path: Path) -> None:
    async with running(tmp_path, WITH_CLIENTS) as ratd, ratd.client(TOKEN) as client:
        assert (await client.chat("Hi", model="house:m")).text == "an answer"
        assert (await client.chat("Hi", model="OpenThing")).text == "an answer"
        for ask in (
            client.chat("Hi", model="closed"),
            client.chat("Hi", model=["house:m", "closed"]),
            client.embed("Hi", model="closed"),
            client.explain("closed"),
        ):
            with pytest.raises(AuthenticationFailed, match="alice may not use the model 'closed'"):
                await ask
        with pytest.raises(AuthenticationFailed, match="may not use"):
            async with client.chat_stream("Hi", model="closed") as stream:
                await stream.collect()
        with pytest.raises(AuthenticationFailed, match="does not know the token"):
            await ServiceClient(ratd.url, "rt_of-another-daemon").chat("Hi", model="house:m")


async def test_only_digests_of_tokens_are_kept_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    async with running(tmp_path, WITH_CLIENTS) as ratd, channel_of(ratd.url) as channel:
        call = channel.unary_unary(f"/{SERVICE}/GetCapabilities")
        for token in (TOKEN, ADMIN_TOKEN, "wrong"):
            compared.clear()
            await code_of(call(b"", metadata=bearer(token)))
            assert len(compared) == 2, "every digest, whichever is right"
            assert {other for _, other in compared} == {hashlib.sha256(token.encode()).hexdigest()}
    assert TOKEN not in repr(vars(ratd.daemon.clients))


async def test_administrators_are_told_more(tmp_path: Path) -> None:
    async with running(tmp_path, WITH_CLIENTS) as ratd, channel_of(ratd.url) as channel:
        status = channel.unary_unary(f"/{ADMIN}/Status")
        assert await code_of(status(b"", metadata=bearer(TOKEN))) is grpc.StatusCode.UNAUTHENTICATED
        answer = pb.StatusResponse.FromString(await status(b"", metadata=bearer(ADMIN_TOKEN)))
        told = json.loads(answer.status_json)
        assert told["listeners"][0]["url"] == ratd.url
        assert told["state"] == "answering calls"
        assert told["last_reload"] is None


async def test_a_listener_can_be_for_administrators(tmp_path: Path) -> None:
    text = f'{HOUSE}[[listeners]]\nname = "ops"\naddress = "unix:{tmp_path}/run/ops.sock"\nadmin = true\n'
    async with running(tmp_path, text) as ratd, ratd.client() as client:
        await client.preload("m")
        assert ratd.calls()[-1]["client"] == "ops"


async def test_health_and_reflection_are_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as ratd, channel_of(ratd.url) as channel:
        check = channel.unary_unary(HEALTH + "Check")
        for service in ("", SERVICE, ADMIN):
            octets = await check(health_pb2.HealthCheckRequest(service=service).SerializeToString())
            assert health_pb2.HealthCheckResponse.FromString(octets).status == 1
        other = health_pb2.HealthCheckRequest(service="other").SerializeToString()
        assert await code_of(check(other)) is grpc.StatusCode.NOT_FOUND
        ask = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")()
        await ask.write(reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString())
        answer = reflection_pb2.ServerReflectionResponse.FromString(await ask.read())
        assert SERVICE in {one.name for one in answer.list_services_response.service}
        name = SERVICE
        await ask.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=name).SerializeToString())
        answer = reflection_pb2.ServerReflectionResponse.FromString(await ask.read())
        assert answer.file_descriptor_response.file_descriptor_proto
        await ask.done_writing()


async def test_health_and_reflection_are_as_configured(tmp_path: Path) -> None:
    text = '[server]\nhealth_without_token = true\nreflection = "off"\n' + WITH_CLIENTS
    async with running(tmp_path, text) as ratd, channel_of(ratd.url) as channel:
        assert await code_of(channel.unary_unary(HEALTH + "Check")(b"")) is grpc.StatusCode.OK
        call = channel.unary_unary(f"/{SERVICE}/Health")(b"")
        assert await code_of(call) is grpc.StatusCode.UNAUTHENTICATED, "ours tells names, and asks for a token"
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        ask = channel.stream_stream(path)(metadata=bearer(TOKEN))
        await ask.done_writing()
        assert await first_of(ask) is grpc.StatusCode.UNIMPLEMENTED


async def test_the_log_has_a_line_a_call_and_no_words_of_it(tmp_path: Path) -> None:
    gateway = ScriptedGateway("the answer CANARY", "the second CANARY", RateLimited("slow down\r\n\x1b[31mred"))
    async with running(tmp_path, WITH_CLIENTS, gateway) as ratd, ratd.client(TOKEN) as client:
        await client.chat("a prompt CANARY", model="house:m")
        async with client.chat_stream("a prompt CANARY", model="house:m") as stream:
            await stream.collect()
        with pytest.raises(RateLimited):
            await client.chat("a prompt CANARY", model="house:m")
        async with channel_of(ratd.url) as channel:
            request = pb.EmbedRequest(text="a prompt CANARY", model="house:\r\nm\x1b[31m").SerializeToString()
            metadata = (*bearer(TOKEN), ("x-request-id", "mine-7"))
            call = channel.unary_unary(f"/{SERVICE}/Embed")(request, metadata=metadata)
            await call
            assert dict(await call.trailing_metadata())["x-request-id"] == "mine-7"
            await code_of(channel.unary_unary("/x/y\\r")(b"", metadata=(("x-request-id", "n" * 100), *bearer(TOKEN))))
    whole, streamed, failed, embedded, unknown = ratd.calls()
    assert whole["method"] == "Chat"
    assert whole["client"] == "alice"
    assert whole["code"] == "ok"
    assert whole["model"] == ["house:m"]
    assert whole["provider"] == "scripted"
    assert whole["attempts"] == 1
    assert streamed["first_event_ms"] <= streamed["ms"]
    assert failed["code"] == "rate_limited"
    assert embedded["id"] == "mine-7"
    assert len(unknown["id"]) == 16, "an id that is not sane is replaced"
    text = b"".join(ratd.raw)
    for canary in (b"CANARY", b"\x1b", b"\r", TOKEN.encode(), b"slow down"):
        assert canary not in text
    assert all(line.count(b"\n") == 1 for line in ratd.raw)


@pytest.mark.parametrize(
    ("limit", "request_", "method", "words"),
    [
        ("texts = 2", pb.EmbedBatchRequest(texts=["x"] * 3, model="house:m"), "EmbedBatch", "texts has 3 items"),
        ("text_bytes = 5", pb.EmbedRequest(text="äöü", model="house:m"), "Embed", "text has a text of 6 bytes"),
        (
            "messages = 1",
            pb.ChatRequest(messages=[pb.Message(role=2, content="x")] * 2, options=pb.ChatOptions(model="house:m")),
            "Chat",
            "messages has 2 items",
        ),
        (
            "tools = 1",
            pb.ChatRequest(
                messages=[pb.Message(role=2, content="x")],
                tools=[pb.ToolDefinition(name=f"t{i}", parameters_json="{}") for i in range(2)],
                options=pb.ChatOptions(model="house:m"),
            ),
            "Chat",
            "tools has 2 items",
        ),
        (
            "images = 1",
            pb.ChatRequest(
                messages=[pb.Message(role=2, parts=[pb.Part(image=pb.Media(url="https://x/y"))] * 2)],
                options=pb.ChatOptions(model="house:m"),
            ),
            "ChatStream",
            "there are 2 images",
        ),
        (
            "messages = 1",
            pb.TokenCountRequest(model="house:m", chat=pb.ChatRequest(messages=[pb.Message(role=2, content="x")] * 2)),
            "CountTokens",
            "messages has 2 items",
        ),
        (
            "messages = 1",
            pb.ExplainRequest(request=pb.ChatRequest(messages=[pb.Message(role=2, content="x")] * 3)),
            "Explain",
            "messages has 3 items",
        ),
        (
            "image_bytes = 3",
            pb.ChatRequest(
                messages=[pb.Message(role=2, parts=[pb.Part(image=pb.Media(data=b"1234"))])],
                options=pb.ChatOptions(model="house:m"),
            ),
            "Chat",
            "image has 4 bytes",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "=" in value else "",
)
async def test_a_message_that_holds_too_much_is_refused(
    tmp_path: Path, limit: str, request_: object, method: str, words: str
) -> None:
    text = f"{HOUSE}{TCP}[server.limits]\n{limit}\n"
    async with running(tmp_path, text) as ratd, channel_of(ratd.url) as channel:
        octets = request_.SerializeToString()  # type: ignore[attr-defined]
        path = f"/{SERVICE}/{method}"
        streams = method == "ChatStream"
        call = channel.unary_stream(path)(octets).read() if streams else channel.unary_unary(path)(octets)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert words in caught.value.details()


async def test_a_message_or_metadata_over_the_limit_are_refused_and_who_refused_is_said(tmp_path: Path) -> None:
    text = f"{HOUSE}{TCP}[server.limits]\nmessage_bytes = 2000\nmetadata_bytes = 2048\n"
    async with running(tmp_path, text) as ratd, ratd.client() as client:
        with pytest.raises(InvalidInput, match="SERVER: Received message larger than max"):
            await client.chat("x" * 3000, model="house:m")
        async with channel_of(ratd.url) as channel:
            metadata = (("x-long", "y" * 5000),)
            call = channel.unary_unary(f"/{SERVICE}/GetCapabilities")(b"", metadata=metadata)
            assert await code_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await client.chat("Hi", model="house:m")).text == "an answer"


class Held(ScriptedGateway):
    """Answers only once it is let go."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.waiting = 0

        async def turn(_: object) -> str:
            self.waiting += 1
            try:
                await self.free.wait()
            finally:
                self.waiting -= 1
            return "late"

        super().__init__(*[turn] * 200)


async def until(condition: object, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.005)


async def refusal_of(call: object) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_calls_and_streams_are_limited_in_all_and_per_client(tmp_path: Path) -> None:
    limits = "[server.limits]\ncalls = 3\nclient_calls = 2\nstreams = 1\n"
    gateway = Held()
    async with running(tmp_path, limits + WITH_CLIENTS, gateway) as ratd:
        async with ratd.client(TOKEN) as alice, ratd.client(ADMIN_TOKEN) as root:
            stream = asyncio.ensure_future(alice.chat_stream("x", model="house:m").collect())
            await until(lambda: gateway.waiting == 1)
            error = await refusal_of(root.chat_stream("x", model="house:m").collect())
            assert "1 streams at once" in error.message
            assert error.retry_after == 1.0
            second = asyncio.ensure_future(alice.chat("x", model="house:m"))
            await until(lambda: gateway.waiting == 2)
            assert "2 calls of alice at once" in (await refusal_of(alice.chat("x", model="house:m"))).message
            third = asyncio.ensure_future(root.chat("x", model="house:m"))
            await until(lambda: gateway.waiting == 3)
            assert "3 calls at once" in (await refusal_of(root.chat("x", model="house:m"))).message
            assert (await alice.health()).healthy, "health has room kept for it"
            gateway.free.set()
            assert (await stream).text == "late"
            assert (await second).text == (await third).text == "late"
        assert ratd.daemon.limiter.calls == ratd.daemon.limiter.streams == ratd.daemon.limiter.octets == 0
        assert not ratd.daemon.limiter.calls_of


async def test_bytes_in_flight_are_limited(tmp_path: Path) -> None:
    gateway = Held()
    text = f"{HOUSE}{TCP}[server.limits]\nbytes_in_flight = 1500\n"
    async with running(tmp_path, text, gateway) as ratd, ratd.client() as client:
        first = asyncio.ensure_future(client.chat("x" * 1400, model="house:m"))
        await until(lambda: gateway.waiting == 1)
        error = await refusal_of(client.chat("x" * 400, model="house:m"))
        assert "1500 bytes of requests at once" in error.message
        gateway.free.set()
        await first


async def test_the_rate_of_a_client_is_limited(tmp_path: Path) -> None:
    text = f'{HOUSE}{TCP}[clients.slow]\ntoken_sha256 = "{hashlib.sha256(TOKEN.encode()).hexdigest()}"\n'
    async with running(tmp_path, f"{text}rate = 0.5\nburst = 2\n") as ratd, ratd.client(TOKEN) as client:
        now = 100.0
        ratd.daemon.limiter._clock = lambda: now
        await client.chat("1", model="house:m")
        await client.chat("2", model="house:m")
        error = await refusal_of(client.chat("3", model="house:m"))
        assert error.retry_after == 2.0
        async with channel_of(ratd.url) as channel:
            request = pb.EmbedRequest(text="x", model="house:m").SerializeToString()
            call = channel.unary_unary(f"/{SERVICE}/Embed")(request, metadata=bearer(TOKEN))
            assert await code_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert dict(await call.trailing_metadata())["grpc-retry-pushback-ms"] == "2000"
        now -= 3600.0  # a clock that is set back takes nothing away and gives nothing
        assert (await refusal_of(client.chat("3", model="house:m"))).retry_after == 2.0
        now += 3602.0
        await client.chat("3", model="house:m")


async def test_a_reader_that_takes_nothing_is_cut_off_and_the_upstream_with_it(tmp_path: Path) -> None:
    gateway = ScriptedGateway("x" * (24 * 1024 * 1024))
    async with running(tmp_path, f"[server]\nwrite_timeout = 0.3\n{HOUSE}{TCP}", gateway) as ratd:
        async with channel_of(ratd.url) as channel:
            request = pb.ChatRequest(
                messages=[pb.Message(role=2, content="x")], options=pb.ChatOptions(model="house:m")
            ).SerializeToString()
            call = channel.unary_stream(f"/{SERVICE}/ChatStream")(request)
            await until(lambda: any(line["code"] == "timeout" for line in ratd.calls()))
            call.cancel()
        assert not ratd.daemon.calls()


async def test_errors_of_limits_are_the_same_at_the_client(tmp_path: Path) -> None:
    with pytest.raises(RatatoskrError, match=r"config.toml:\d+: server.limits.calls must be above 0"):
        async with running(tmp_path, f"{HOUSE}[server.limits]\ncalls = 0\n"):
            pass
