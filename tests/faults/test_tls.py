"""TLS over both transports: failures have a type, are not retried and send nothing; the next provider is tried."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from tests.conformance.faces import KEY

from ratatoskr import EmbeddedGateway, Ratatoskr, TlsError
from ratatoskr.config.builder import Builder
from ratatoskr.testing import ScriptedUpstream, fault
from unit.transport.raw_server import Peer, RawServer

CHAT = "openai:gpt-4.1"
SECRET = "A confidential prompt."
TLS_RECORD = 0x16


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def contexts(authority: trustme.CA) -> Mapping[str, ssl.SSLContext]:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    expired = authority.issue_cert("127.0.0.1", not_before=past - datetime.timedelta(days=1), not_after=past)
    return {
        "good": _server_context(authority.issue_cert("127.0.0.1", "localhost")),
        "expired": _server_context(expired),
        "wrong_host": _server_context(authority.issue_cert("api.example.com")),
        "unknown_authority": _server_context(trustme.CA().issue_cert("127.0.0.1")),
        "old_version": _limit_to_tls10(_server_context(authority.issue_cert("127.0.0.1"))),
    }


def _limit_to_tls10(context: ssl.SSLContext) -> ssl.SSLContext:
    """Restrict a context to TLS 1.0."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class Relay(RawServer):
    """Forwards bytes to an upstream, keeps what the client sent, and counts connections."""

    def __init__(self, port: int) -> None:
        self.received: list[bytes] = []

        async def script(peer: Peer) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)

            async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[bytes]) -> None:
                while data := await reader.read(65536):
                    log.append(data)
                    writer.write(data)
                writer.close()

            try:
                await asyncio.gather(pump(peer.reader, back, self.received), pump(there, peer.writer, []))
            finally:
                back.transport.abort()

        super().__init__(script)


@pytest.fixture(params=["native", "httpx"])
def open_gateway(request: pytest.FixtureRequest, authority: trustme.CA) -> Callable[..., Any]:
    """Return a function that opens a gateway which trusts the authority, over one of the transports."""

    @asynccontextmanager
    async def open_gateway(builder: Builder, *, trusting: bool = True) -> AsyncIterator[EmbeddedGateway]:
        if request.param == "native":
            async with builder.tls(ca=authority.cert_pem.bytes() if trusting else None).build() as gateway:
                yield gateway
            return
        context = ssl.create_default_context()
        if trusting:
            authority.configure_trust(context)
        async with (
            httpx.AsyncClient(trust_env=False, verify=context) as client,
            builder.http_client(client).build() as gateway,
        ):
            yield gateway

    return open_gateway


def _builder_for(address: str) -> Builder:
    return Ratatoskr.builder().openai(KEY, base_url=address).retries(2)


async def _ask(gateway: EmbeddedGateway, mode: str, model: Any = CHAT) -> str:
    if mode == "call":
        return (await gateway.chat(SECRET, model)).content
    async with gateway.chat_stream(SECRET, model) as stream:
        return (await stream.collect()).content


def _check_tls_error(error: TlsError) -> None:
    """Check what must hold of every TLS error."""
    assert type(error) is TlsError
    assert (error.code, error.provider, error.phase, error.sent, error.retryable) == (
        "tls_error",
        "openai",
        "tls",
        False,
        False,
    )
    assert [attempt.decision for attempt in error.attempts] == ["stop"], "it was retried"
    assert KEY not in f"{error!r} {error} {error.fields()}"


WRONG = ("tls_expired", "tls_wrong_host", "tls_unknown_authority", "tls_old_version", "tls_plain_port")


@pytest.mark.parametrize("mode", ["call", "stream"])
@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_with_tls_is_told_after_one_try_in_which_nothing_was_said(
    name: str, mode: str, open_gateway: Callable[..., Any], contexts: Mapping[str, ssl.SSLContext]
) -> None:
    async with ScriptedUpstream([fault(name)], tls=contexts) as upstream:
        with Relay(upstream.port) as relay:
            address = f"{relay.url.replace('http:', 'https:')}/v1"
            async with open_gateway(_builder_for(address)) as gateway:
                with pytest.raises(TlsError) as caught:
                    await _ask(gateway, mode)
                _check_tls_error(caught.value)
                assert relay.opened == 1
                assert [data[0] for data in relay.received][:1] == [TLS_RECORD]
                assert not any(word in b"".join(relay.received) for word in (b"POST", KEY.encode(), SECRET.encode()))
                assert upstream.count == 0
                await upstream.use("Hello")
                assert await _ask(gateway, mode) == "Hello"


async def test_an_authority_that_nobody_configured_is_not_trusted(
    open_gateway: Callable[..., Any], contexts: Mapping[str, ssl.SSLContext]
) -> None:
    async with ScriptedUpstream("Hello", tls=contexts["good"]) as upstream:
        async with open_gateway(_builder_for(upstream.base_url("openai")), trusting=False) as gateway:
            with pytest.raises(TlsError) as caught:
                await _ask(gateway, "call")
        _check_tls_error(caught.value)
        assert upstream.count == 0


@pytest.mark.parametrize("mode", ["call", "stream"])
async def test_after_a_failure_of_tls_the_next_provider_is_asked(
    mode: str, open_gateway: Callable[..., Any], contexts: Mapping[str, ssl.SSLContext]
) -> None:
    async with (
        ScriptedUpstream([fault("tls_expired")], tls=contexts) as wrong,
        ScriptedUpstream("Hello", tls=contexts["good"]) as good,
    ):
        builder = _builder_for(wrong.base_url("openai")).compatible(
            "house", base_url=good.base_url("compatible"), key=KEY
        )
        async with open_gateway(builder) as gateway:
            assert await _ask(gateway, mode, [CHAT, "house:any"]) == "Hello"
        assert (wrong.count, good.count) == (0, 1)


@pytest.fixture
def identity(authority: trustme.CA, tmp_path: Path) -> tuple[Path, Path]:
    """Return the paths of a client certificate and its key."""
    client = authority.issue_cert("somebody@example.com")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    client.cert_chain_pems[0].write_to_path(chain)
    client.private_key_pem.write_to_path(key)
    return chain, key


@pytest.mark.parametrize("mode", ["call", "stream"])
async def test_whoever_shows_the_certificate_that_is_asked_for_is_let_in(
    mode: str, authority: trustme.CA, identity: tuple[Path, Path], tmp_path: Path
) -> None:
    context = _server_context(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    async with ScriptedUpstream("Hello", tls=context) as upstream:
        builder = _builder_for(upstream.base_url("openai")).tls(
            ca=tmp_path / "ca.pem", cert=identity[0], key=identity[1]
        )
        async with builder.build() as gateway:
            assert await _ask(gateway, mode) == "Hello"
        another = ssl.create_default_context()
        authority.configure_trust(another)
        another.load_cert_chain(*identity)
        async with (
            httpx.AsyncClient(trust_env=False, verify=another) as client,
            _builder_for(upstream.base_url("openai")).http_client(client).build() as gateway,
        ):
            assert await _ask(gateway, mode) == "Hello"
        assert upstream.count == 2
