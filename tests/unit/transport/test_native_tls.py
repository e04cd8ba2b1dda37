"""TLS of the native transport: who is trusted, what a failure is called, and that nothing is retried or downgraded."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from ratatoskr.errors import ConfigurationError, ConnectionFailed, TlsError
from ratatoskr.transport.client import HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.native import NativeTransport
from unit.transport.raw_server import Peer, RawServer, serve_requests

KEY = "sk-geheim-1234567890"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def trusted_transport(authority: trustme.CA) -> AsyncIterator[NativeTransport]:
    transport = NativeTransport(TransportConfig(tls_ca=authority.cert_pem.bytes()))
    yield transport
    await transport.aclose()


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def valid_certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", "localhost")


def expired_certificate(authority: trustme.CA) -> trustme.LeafCert:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    return authority.issue_cert("127.0.0.1", not_before=past - datetime.timedelta(days=1), not_after=past)


def certificate_of_another_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("api.example.com")


def certificate_of_another_authority(_: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1")


def reject_clients(context: ssl.SSLContext) -> Callable[[Peer], Awaitable[None]]:
    """Shake hands by hand: asyncio's own server closes without sending the alert that tells why."""

    async def script(peer: Peer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await peer.send(outgoing.read())
                incoming.write(await peer.reader.read(65536))
            except ssl.SSLError:
                await peer.send(outgoing.read())
                break
            else:
                raise AssertionError("the handshake went well")
        await peer.gone()

    return script


async def expect_failure(transport: NativeTransport, url: str) -> TlsError:
    with pytest.raises(TlsError) as caught:
        await transport.send(HttpRequest(f"{url}/v1?key={KEY}", (("authorization", KEY),), b"{}"))
    error = caught.value
    assert (error.phase, error.retryable) == ("tls", False)
    assert KEY not in f"{error!s} {error!r} {error.fields()}"
    return error


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_an_own_authority_is_trusted(
    authority: trustme.CA, trusted_transport: NativeTransport, name: str
) -> None:
    with RawServer(tls=server_context(valid_certificate(authority))) as server:
        url = server.url.replace("127.0.0.1", name)
        for _ in range(3):
            assert (await trusted_transport.send(HttpRequest(url, (), b"{}"))).status == 200
        assert server.opened == 1


@pytest.mark.parametrize("issue", [expired_certificate, certificate_of_another_host, certificate_of_another_authority])
async def test_a_certificate_that_does_not_hold_is_a_tls_error(
    authority: trustme.CA, trusted_transport: NativeTransport, issue: Callable[[trustme.CA], trustme.LeafCert]
) -> None:
    with RawServer(tls=server_context(issue(authority))) as server:
        error = await expect_failure(trusted_transport, server.url)
        assert error.sent is False
        assert server.seen == []


async def test_an_authority_nobody_configured_is_not_trusted(authority: trustme.CA) -> None:
    transport = NativeTransport()
    with RawServer(tls=server_context(valid_certificate(authority))) as server:
        await expect_failure(transport, server.url)
        assert server.seen == []
    await transport.aclose()


async def test_plain_http_behind_an_https_url_is_a_tls_error(trusted_transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(10)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with RawServer(script) as server:
        await expect_failure(trusted_transport, server.url.replace("http:", "https:"))
        assert server.opened == 1


async def test_a_protocol_older_than_tls_1_2_is_not_spoken(
    authority: trustme.CA, trusted_transport: NativeTransport
) -> None:
    context = server_context(valid_certificate(authority))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with RawServer(reject_clients(context)) as server:
        await expect_failure(trusted_transport, server.url.replace("http:", "https:"))
        assert server.opened == 1


async def test_a_peer_that_leaves_in_the_handshake_may_come_back(trusted_transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(10)

    with RawServer(script) as server, pytest.raises(ConnectionFailed) as caught:
        await trusted_transport.send(HttpRequest(server.url.replace("http:", "https:"), ()))
    assert not isinstance(caught.value, TlsError)
    assert (caught.value.phase, caught.value.sent, caught.value.retryable) == ("tls", False, True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_that_has_no_certificate_is_turned_away_and_one_that_has_is_let_in(
    authority: trustme.CA, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = server_context(valid_certificate(authority))
    context.maximum_version = context.minimum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    client = authority.issue_cert("somebody@example.com")
    chain, key, together = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "both.pem"
    client.cert_chain_pems[0].write_to_path(chain)
    client.private_key_pem.write_to_path(key)
    client.private_key_and_cert_chain_pem.write_to_path(together)
    ca = authority.cert_pem.bytes()
    with RawServer(tls=context) as server:
        for identity in ((chain, key), (str(chain), key.read_bytes()), (together, None)):
            transport = NativeTransport(TransportConfig(tls_ca=ca, tls_cert=identity[0], tls_key=identity[1]))
            assert (await transport.send(HttpRequest(server.url, ()))).status == 200
            await transport.aclose()
    with RawServer(reject_clients(context)) as server:
        stranger = NativeTransport(TransportConfig(tls_ca=ca))
        await expect_failure(stranger, server.url.replace("http:", "https:"))
        await stranger.aclose()
        assert server.opened == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TransportConfig(tls_ca=b"rubbish"), "CA certificates"),
        (TransportConfig(tls_ca="/nowhere/ca.pem"), "/nowhere/ca.pem: No such file"),
        (TransportConfig(tls_key=b"k"), "tls_cert"),
        (TransportConfig(tls_cert=b"c", tls_key=b"k"), "certificate"),
        (TransportConfig(proxy="::not a url::"), "proxy"),
    ],
    ids=["authorities", "path", "alone", "identity", "proxy"],
)
async def test_a_configuration_that_cannot_be_used_is_told_at_the_first_call(
    config: TransportConfig, message: str
) -> None:
    transport = NativeTransport(config)
    with pytest.raises(ConfigurationError, match=message):
        await transport.send(HttpRequest("http://127.0.0.1:1/", ()))
    await transport.aclose()


async def test_a_proxy_carries_tls_through_a_tunnel_and_never_sees_the_key(authority: trustme.CA) -> None:
    opened: list[bytes] = []

    async def tunnel(peer: Peer) -> None:
        opened.append(await peer.reader.readuntil(b"\r\n\r\n"))
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                opened.append(data)
                writer.write(data)

        try:
            await asyncio.wait(
                [asyncio.create_task(pump(peer.reader, back)), asyncio.create_task(pump(there, peer.writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            back.transport.abort()

    with RawServer(tls=server_context(valid_certificate(authority))) as server, RawServer(tunnel) as proxy:
        transport = NativeTransport(TransportConfig(tls_ca=authority.cert_pem.bytes(), proxy=proxy.url))
        reply = await transport.send(HttpRequest(server.url, (("authorization", KEY),), b"{}"))
        assert reply.status == 200
        await transport.aclose()
    assert opened[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
    assert KEY.encode() not in b"".join(opened)
    assert server.seen[0].headers["authorization"] == KEY


async def test_a_proxy_that_refuses_the_tunnel_is_a_connection_that_failed() -> None:
    async def refusing(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

    with RawServer(refusing) as proxy:
        transport = NativeTransport(TransportConfig(proxy=proxy.url.replace("//", "//user:geheim@")))
        with pytest.raises(ConnectionFailed) as caught:
            await transport.send(HttpRequest("https://api.example.com/v1", ()))
        await transport.aclose()
    assert (caught.value.phase, caught.value.sent) == ("proxy", False)
    assert "geheim" not in str(caught.value)


async def test_hostile_surroundings_change_nothing(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_environment: Path
) -> None:
    trap_pem = tmp_path / "trap.pem"
    trap_pem.write_bytes(authority.cert_pem.bytes())
    (empty_environment / ".netrc").write_text("machine 127.0.0.1 login me password trap\n")
    with RawServer(serve_requests) as trap:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, trap.url)
            monkeypatch.setenv(name.lower(), trap.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(trap_pem))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
        transport = NativeTransport()
        with RawServer() as plain, RawServer(tls=server_context(valid_certificate(authority))) as secure:
            await transport.send(HttpRequest(plain.url, (), b"{}"))
            assert not {"authorization", "proxy-authorization", "cookie"} & set(plain.seen[0].headers)
            await expect_failure(transport, secure.url)
        own = NativeTransport(TransportConfig(tls_ca=authority.cert_pem.bytes()))
        with RawServer(tls=server_context(valid_certificate(authority))) as secure:
            await own.send(HttpRequest(secure.url, ()))
        await own.aclose()
        await transport.aclose()
        assert trap.opened == 0
        assert not (tmp_path / "keys.log").exists()
