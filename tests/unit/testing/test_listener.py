"""The listening socket: TLS with the caller's certificates, chosen by the name of the fault, and full backlogs."""

from __future__ import annotations

import asyncio
import datetime
import ssl

import httpx
import pytest
import trustme

from ratatoskr.errors import ConfigurationError
from ratatoskr.testing import ScriptedUpstream, fault
from unit.testing.wires import WIRES, document_text

CHAT = WIRES["chat"]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def contexts(authority):
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificates = {
        "good": authority.issue_cert("127.0.0.1", "localhost"),
        "expired": authority.issue_cert("127.0.0.1", not_before=past - datetime.timedelta(days=1), not_after=past),
        "wrong_host": authority.issue_cert("api.example.com"),
        "unknown_authority": trustme.CA().issue_cert("127.0.0.1"),
    }
    made = {}
    for name, certificate in certificates.items():
        made[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(made[name])
    made["old_version"] = old(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    certificates["good"].configure_cert(made["old_version"])
    return made


def old(context):
    """Let a context speak TLS 1.0 and nothing newer."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.fixture
async def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with httpx.AsyncClient(timeout=60, trust_env=False, verify=context) as client:
        yield client


async def test_it_speaks_tls(trusting, contexts):
    async with ScriptedUpstream("Hello", tls=contexts["good"]) as upstream:
        assert upstream.base_url("openai").startswith("https://127.0.0.1:")
        response = await trusting.post(CHAT.address(upstream), json=CHAT.body(stream=True))
        assert "[DONE]" in response.text


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tls_expired", "certificate has expired"),
        ("tls_wrong_host", "IP address mismatch"),
        ("tls_unknown_authority", "self-signed|unable to get local issuer"),
        ("tls_old_version", "protocol version|PROTOCOL_VERSION"),
        ("tls_plain_port", "wrong version number|WRONG_VERSION_NUMBER|record layer failure"),
    ],
)
async def test_what_is_wrong_with_tls_is_seen_and_mended(name, reason, trusting, contexts):
    async with ScriptedUpstream([fault(name)], tls=contexts) as upstream:
        address = upstream.base_url("openai", scheme="https") + CHAT.path
        with pytest.raises(httpx.ConnectError, match=reason):
            await trusting.post(address, json=CHAT.body())
        assert upstream.count == 0
        await upstream.use("Hello")
        assert (await trusting.post(address, json=CHAT.body())).status_code == 200


async def test_whoever_checks_no_certificate_is_found_out(contexts):
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    async with (
        ScriptedUpstream([fault("tls_expired")], tls=contexts) as upstream,
        httpx.AsyncClient(timeout=60, trust_env=False, verify=careless) as client,
    ):
        assert (await client.post(CHAT.address(upstream), json=CHAT.body())).status_code == 200
        assert upstream.last.answered == "tls_expired"


async def test_whoever_speaks_what_is_too_old_is_found_out(contexts):
    careless = old(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    async with (
        ScriptedUpstream([fault("tls_old_version")], tls=contexts) as upstream,
        httpx.AsyncClient(timeout=60, trust_env=False, verify=careless) as client,
    ):
        assert (await client.post(CHAT.address(upstream), json=CHAT.body())).status_code == 200
        assert upstream.last.answered == "tls_old_version"
        await upstream.use("Hello")
        assert upstream.open_connections == 0


async def test_an_https_address_of_a_plain_upstream_gets_no_handshake(trusting):
    async with ScriptedUpstream("Hello") as upstream:
        with pytest.raises(httpx.ConnectError):
            await trusting.post(upstream.base_url("openai", scheme="https") + CHAT.path, json=CHAT.body())
        assert upstream.count == 0


async def test_a_full_backlog_never_makes_the_connection(upstream):
    await upstream.use(fault("never_accept"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.open_connection("127.0.0.1", upstream.port)
    await upstream.use("Hello")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        assert document_text(await client.post(CHAT.address(upstream), json=CHAT.body())) == "Hello"


async def test_a_fault_without_its_tls_context_is_a_wrong_configuration():
    with pytest.raises(ConfigurationError, match="no TLS context named 'expired'"):
        async with ScriptedUpstream([fault("tls_expired")]):
            pass
