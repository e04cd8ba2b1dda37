"""The proxy and the certificates of the machine are used only if asked for; what is set and not used is logged once."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ratatoskr import ConfigurationError, ConnectionFailed, Ratatoskr
from ratatoskr.config import network
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.transport.bypass import BypassTransport
from ratatoskr.transport.client import HttpRequest
from ratatoskr.types.secret import Secret

PASSWORD = "canary-pw-0123"
PROXY = f"http://me:{PASSWORD}@proxy.example:3128"


@pytest.fixture(autouse=True)
def first_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_warned", set())


def transport_of(**settings: Any) -> Any:
    builder = Ratatoskr.builder()
    for name, value in settings.items():
        builder.proxy(value) if name == "proxy" else builder.tls(**{name: value})
    return builder.recipe().transport


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_proxy_of_the_environment_is_used_if_asked_for(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, PROXY)
    monkeypatch.setenv("NO_PROXY", "localhost,.internal")
    assert transport_of().proxy is None
    assert transport_of(proxy="env").proxy == Secret(PROXY)
    assert transport_of(proxy="env").no_proxy == "localhost,.internal"
    assert PASSWORD not in repr(Ratatoskr.builder().proxy("env").recipe())


def test_the_proxy_of_https_comes_before_that_of_all_and_lower_case_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ALL_PROXY", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, f"http://{variable.lower()}-{variable[0]}:1")
    assert transport_of(proxy="env").proxy == Secret("http://https_proxy-h:1")


def test_without_a_proxy_in_the_environment_there_is_none() -> None:
    assert transport_of(proxy="env") == transport_of()


def test_a_proxy_without_a_scheme_is_one_of_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert transport_of(proxy="env").proxy == Secret("http://proxy.example:3128")


def test_a_variable_that_is_no_proxy_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"ftp://me:{PASSWORD}@h:1")
    with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY must be") as caught:
        Ratatoskr.builder().proxy("env")
    assert PASSWORD not in str(caught.value)


async def test_hosts_of_no_proxy_are_reached_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with ScriptedUpstream("hi") as upstream:

        def build() -> Any:
            builder = Ratatoskr.builder().openai("k", base_url=upstream.base_url("openai"))
            return builder.proxy("env").retries(0).build()

        async with build() as gateway:
            with pytest.raises(ConnectionFailed):
                await gateway.chat("hi", "gpt-4o")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with build() as gateway:
            assert (await gateway.chat("hi", "gpt-4o")).text == "hi"


class Recorder:
    loop_bound = False

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.closed = False

    async def send(self, request: HttpRequest) -> Any:
        self.urls.append(request.url)

    async def preconnect(self, urls: Any) -> None:
        self.urls += urls

    async def aclose(self) -> None:
        self.closed = True


async def test_the_host_of_a_request_chooses_the_transport() -> None:
    proxied, direct = Recorder(), Recorder()
    both = BypassTransport(proxied, direct, lambda host: host.endswith((".internal", ".internal:8000")))
    await both.send(HttpRequest("https://a.internal:8000/v1", ()))
    await both.preconnect(["https://b.internal", "https://internal.example"])
    await both.aclose()
    assert direct.urls == ["https://a.internal:8000/v1", "https://b.internal"]
    assert proxied.urls == ["https://internal.example"]
    assert proxied.closed
    assert direct.closed


def test_the_machines_certificates_are_those_of_the_variable_or_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setattr(network, "_BUNDLES", (str(bundle),))
    paths = ssl.get_default_verify_paths()._replace(cafile=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    stored = ssl.create_default_context()
    monkeypatch.setattr(ssl, "create_default_context", lambda: stored)
    bundle.write_text("-")
    assert transport_of(ca="system").tls_ca == str(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", "/named.pem")
    assert transport_of(ca="system").tls_ca == "/named.pem"
    with pytest.raises(ConfigurationError, match=r"tls\(ca=\): /named.pem does not exist"):
        Ratatoskr.builder().openai("k").tls(ca="system").build()


def test_certificates_that_are_in_no_file_are_read_from_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    class Store:
        certificates: ClassVar[list[bytes]] = []

        def get_ca_certs(self, *, binary_form: bool) -> list[bytes]:
            return self.certificates

    monkeypatch.setattr(network, "_BUNDLES", ())
    paths = ssl.get_default_verify_paths()._replace(cafile=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(ssl, "create_default_context", Store)
    with pytest.raises(ConfigurationError, match="has no certificates"):
        Ratatoskr.builder().tls(ca="system")
    Store.certificates = [b"one", b"two"]
    assert transport_of(ca="system").tls_ca.count(b"BEGIN CERTIFICATE") == 2


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [
        {"variables": vars(record)["variables"], "used_by": vars(record)["used_by"]}
        for record in caplog.records
        if record.name == "ratatoskr.config" and record.levelno == logging.WARNING
    ]


def test_what_is_set_and_not_used_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("SSL_CERT_FILE", "/named.pem")
    with caplog.at_level(logging.WARNING, "ratatoskr"):
        for _ in range(3):
            Ratatoskr.builder().openai("k").build()
    expected = {"variables": "HTTPS_PROXY, SSL_CERT_FILE", "used_by": 'proxy("env"), tls(ca="system")'}
    assert warnings_of(caplog) == [expected]
    assert PASSWORD not in caplog.text + repr([vars(record) for record in caplog.records])


def test_nothing_is_logged_where_they_are_used_or_not_set(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ratatoskr"):
        Ratatoskr.builder().openai("k").build()
        monkeypatch.setenv("HTTPS_PROXY", PROXY)
        Ratatoskr.builder().openai("k").proxy("env").build()
        Ratatoskr.builder().openai("k").proxy("http://other:1").build()
    assert warnings_of(caplog) == []
