"""What went wrong with other daemons and clients, by public reports, tried on ours."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.unit.service.running import CLIENTS, HOUSE, TCP, TOKEN, bearer, channel_of, environment, running
from tests.unit.service.serving import client_of, fields, path

from ratatoskr import (
    AuthenticationFailed,
    InvalidInput,
    NoProvider,
    RateLimited,
    ServiceClient,
    ServiceUnavailable,
)
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.testing import ScriptedGateway, ScriptedUpstream

ONE_CALL = "[server.limits]\nclient_calls = 1\nclient_streams = 1\n"


@pytest.mark.parametrize(
    "raw",
    [
        {"model": "gpt-5-pro"},
        {"models": ["house:m", "gpt-5-pro"]},
        {"models": "gpt-5-pro"},
        {"fallbacks": [{"model": "gpt-5-pro"}]},
        {"preset": "of-others"},
        {"model": None},
    ],
)
async def test_raw_options_do_not_lead_to_other_models(tmp_path: Path, raw: dict[str, Any]) -> None:
    """BerriAI/litellm#31118: the body's model is the one that is billed."""
    async with running(tmp_path, f"{HOUSE}{TCP}{CLIENTS}") as ratd, ratd.client(TOKEN) as client:
        for call in (
            client.chat("Hi", "house:m", raw_provider_options=raw),
            client.explain("house:m", raw_provider_options=raw),
        ):
            with pytest.raises(AuthenticationFailed, match="alice may not use the model"):
                await call
        with pytest.raises(AuthenticationFailed, match="alice may not use the model"):
            async with client.chat_stream("Hi", "house:m", raw_provider_options=raw) as stream:
                await stream.collect()
        assert (await client.chat("Hi", "house:m", raw_provider_options={"x": 1, "model": "house:n"})).text


@pytest.mark.parametrize(
    "model", [["house:m", "other:n"], "ratatoskr:mid/coding", "housez:m", "other:house:m", " other:m"]
)
async def test_no_spelling_leads_to_other_models(tmp_path: Path, model: Any) -> None:
    """BerriAI/litellm#31580, #33030, #40957: lists, presets and prefixes that only begin alike."""
    async with running(tmp_path, f"{HOUSE}{TCP}{CLIENTS}") as ratd, ratd.client(TOKEN) as client:
        with pytest.raises(AuthenticationFailed, match="alice may not use the model"):
            await client.chat("Hi", model)


async def test_every_end_of_a_call_makes_room_for_the_next(tmp_path: Path) -> None:
    """BerriAI/litellm#1477, #20256, #27955, #30020: failed, malformed and cancelled calls held their place."""

    async def slow(_: Any) -> str:
        await asyncio.sleep(60)
        return "late"

    script = ScriptedGateway(ServiceUnavailable("down"), slow, slow, "at last")
    async with running(tmp_path, f"{HOUSE}{TCP}{ONE_CALL}", script) as ratd, ratd.client() as client:
        with pytest.raises(ServiceUnavailable):
            await client.chat("Hi", "house:m")
        async with channel_of(ratd.url) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary(path("Chat"))(b"\xff\xff")
            for left in (channel.unary_unary, channel.unary_stream):
                name = "Chat" if left is channel.unary_unary else "ChatStream"
                message = pb.ChatRequest(messages=[pb.Message(role=2, content="Hi")], options=pb.ChatOptions(model="m"))
                call = left(path(name))(message.SerializeToString())
                async with asyncio.timeout(5):
                    while not ratd.daemon.limiter.calls:  # noqa: ASYNC110  # the limiter keeps no event for it
                        await asyncio.sleep(0.01)
                    call.cancel()
                    while ratd.daemon.limiter.calls:  # noqa: ASYNC110  # likewise
                        await asyncio.sleep(0.01)
        assert (await client.chat("Hi", "house:m")).text == "at last"


async def test_a_call_that_finds_no_room_costs_nothing_of_the_rate(tmp_path: Path) -> None:
    """BerriAI/litellm#39309."""
    free = asyncio.Event()

    async def slow(_: Any) -> str:
        await free.wait()
        return "first"

    text = f"{HOUSE}{TCP}[server.limits]\nclient_calls = 1\nrate = 0.001\nburst = 2\n"
    async with running(tmp_path, text, ScriptedGateway(slow, "second")) as ratd, ratd.client() as client:
        first = asyncio.create_task(client.chat("Hi", "house:m"))
        async with asyncio.timeout(5):
            while not ratd.daemon.limiter.calls:  # noqa: ASYNC110  # the limiter keeps no event for it
                await asyncio.sleep(0.01)
        for _ in range(3):
            with pytest.raises(RateLimited, match="takes 1 calls of"):
                await client.chat("Hi", "house:m")
        free.set()
        assert (await first).text == "first"
        assert (await client.chat("Hi", "house:m")).text == "second"


async def test_no_more_calls_are_under_way_than_is_allowed(tmp_path: Path) -> None:
    """BerriAI/litellm#16011, #32441: bursts went over the limit of calls at once."""
    under_way = most = 0

    async def count(_: Any) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return "x"

    text = f"{HOUSE}{TCP}[server.limits]\nclient_calls = 3\n"
    async with running(tmp_path, text, ScriptedGateway(*[count] * 200)) as ratd, ratd.client() as client:
        for _ in range(4):
            await asyncio.gather(*[client.chat("Hi", "house:m") for _ in range(20)], return_exceptions=True)
    assert most == 3


async def test_no_key_is_logged_at_any_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BerriAI/litellm#906, #7603, #13073, #31944: keys in the log of debugging."""
    monkeypatch.setenv("GEMINI_API_KEY", "canary-of-gemini")
    monkeypatch.setenv("OPENAI_API_KEY", "canary-of-openai")
    from ratatoskr.config.assemble import assemble

    with ScriptedUpstream.in_thread(["yes", "yes"]) as upstream:
        text = f'{TCP}{CLIENTS}[server]\nlog_level = "debug"\n'
        for name in ("google", "openai"):
            text += f'[providers.{name}]\nbase_url = "{upstream.base_url(name)}"\n'
        text = text.replace('models = ["house:*", "open*"]', 'models = ["*"]')
        async with running(tmp_path, text, make_gateway=assemble) as ratd, ratd.client(TOKEN) as client:
            assert (await client.chat("Hi", "google:gemini-3-flash")).text == "yes"
            assert (await client.chat("Hi", "openai:gpt-4.1")).text == "yes"
            await ratd.daemon.reload()
            ratd.daemon.dump()
            told = b"".join(ratd.raw)
    assert b"canary" not in told
    assert TOKEN.encode() not in told
    assert len(ratd.calls()) == 2


def test_one_client_works_in_one_event_loop_after_another() -> None:
    """grpc/grpc#32480, nebius/pysdk#178: a channel of another loop."""
    from conformance.daemon import Daemon

    daemon = Daemon(ScriptedGateway(*["a"] * 6).backend)
    try:
        client = ServiceClient(daemon.url)
        for _ in range(3):
            assert asyncio.run(client.chat("Hi", "m")).text == "a"
        assert client.sync().chat("Hi", "m").text == "a"
        asyncio.run(client.aclose())
    finally:
        daemon.stop()


@pytest.mark.parametrize("text", ["ключ – 🐿️", "100 % of 50%", "a\nb", "é" * 900, "\x7f\x00"])
async def test_the_text_of_an_error_arrives_as_it_was(text: str) -> None:
    """grpc/grpc#16102, #25888: letters beyond ASCII in the text of a status."""
    async with ScriptedGateway(NoProvider(text)) as gateway, client_of(gateway.backend) as client:
        with pytest.raises(NoProvider) as caught:
            await client.chat("Hi", "m")
    assert caught.value.message == text


@pytest.mark.parametrize("service", ["", "ratatoskr.v1.Ratatoskr", "no.such.Service"])
async def test_who_watches_the_health_does_not_hold_the_end_up(tmp_path: Path, service: str) -> None:
    """grpc/grpc-dotnet#2573, alexfalkowski/go-service#2830."""
    async with running(tmp_path, f"{HOUSE}{TCP}[server]\ngrace = 20\n") as ratd, channel_of(ratd.url) as channel:
        call = channel.unary_stream("/grpc.health.v1.Health/Watch")(fields((1, service)))
        await call.read()
        ratd.daemon.stop()
        async with asyncio.timeout(5):
            await ratd.daemon.ended.wait()
            assert await call.read() != grpc.aio.EOF


async def test_a_failed_batch_harms_no_later_one() -> None:
    """michaelfeil/infinity#242, #668: after an exception the server took no requests any more."""

    def vector(text: str) -> list[float]:
        if text == "bad":
            raise ZeroDivisionError(text)
        return [1.0, 2.0]

    async with ScriptedGateway(vectors=vector) as gateway, client_of(gateway.backend) as client:
        for _ in range(20):
            with pytest.raises(Exception, match="an internal error; the daemon's log has it"):
                await client.embed_batch(["a"] * 300 + ["bad"], "m")
            assert len(await client.embed_batch(["a"] * 300, "m")) == 300


async def test_the_place_of_a_text_is_that_among_all() -> None:
    """huggingface/text-embeddings-inference#378: the client cuts, and errors name what the caller knows."""

    def vector(text: str) -> list[float]:
        if text == "bad":
            raise InvalidInput("text 44 is too long", field="texts")
        return [1.0]

    async with ScriptedGateway(vectors=vector) as gateway, client_of(gateway.backend) as client:
        client.backend._pieces.limits = _few  # type: ignore[attr-defined]  # few texts a call
        with pytest.raises(InvalidInput, match=r"^text 644 is too long"):
            await client.embed_batch(["a"] * 650 + ["bad"], "m")


async def _few() -> tuple[int, int]:
    return 100, 1 << 20


def test_a_port_in_use_or_of_no_interface_is_named_as_configured(tmp_path: Path) -> None:
    """ollama/ollama#14963, #14367."""
    for address in ("192.0.2.1:9741", "no-such-host.invalid:9741"):
        (tmp_path / "config.toml").write_text(f'{HOUSE}[[listeners]]\naddress = "{address}"\n')
        command = [sys.executable, "-m", "ratatoskr.service.daemon.ratd", "--insecure-listen"]
        done = subprocess.run(
            [*command, "--config", str(tmp_path / "config.toml")],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in {1, 2}, done.stderr
        assert address in done.stderr
        assert "Traceback" not in done.stderr


def test_a_log_that_is_closed_ends_no_daemon(tmp_path: Path) -> None:
    """systemd/systemd#6620, influxdata/influxdb#7040: the journal restarts, and a write to it fails."""
    (tmp_path / "config.toml").write_text(f"{HOUSE}{TCP}")
    command = [sys.executable, "-m", "ratatoskr.service.daemon.ratd", "--config", str(tmp_path / "config.toml")]
    ratd = subprocess.Popen(command, env=environment(tmp_path), stderr=subprocess.PIPE)
    try:
        assert ratd.stderr is not None
        url = json.loads(ratd.stderr.readline())["at"]
        assert b'"serving"' in ratd.stderr.readline()
        ratd.stderr.close()
        with ServiceClient(url).sync() as client:
            for _ in range(3):
                assert client.health().healthy
        ratd.terminate()
        assert ratd.wait(30) == 0
    finally:
        if ratd.poll() is None:
            ratd.kill()
            ratd.wait(10)


async def test_a_stranger_is_refused_whatever_he_says(tmp_path: Path) -> None:
    """ollama/ollama#11941, #16236: administration for anyone who reaches the port."""
    async with running(tmp_path, f"{HOUSE}{TCP}{CLIENTS}") as ratd, channel_of(ratd.url) as channel:
        for name in ("PullModel", "Reload", "Drain", "Status", "Preload", "Unload", "RefreshModels"):
            for metadata in ((), bearer("rt_wrong"), bearer(""), (("authorization", TOKEN),), bearer(TOKEN)):
                call = channel.unary_stream(f"/ratatoskr.v1.Admin/{name}")(b"", metadata=metadata)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED, (name, metadata)
