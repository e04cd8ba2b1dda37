"""Certificates of the daemon and of its clients: asked for, known by name, renewed at a reload."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner
from tests.unit.service.running import HOUSE, TOKEN, running

from ratatoskr import ServiceClient
from ratatoskr.errors import AuthenticationFailed, ConfigurationError, ConnectionFailed, TlsError
from ratatoskr.service.daemon.ratd import ratd as ratd_command
from ratatoskr.service.daemon.setup import load_setup
from ratatoskr.service.daemon.tokens import digest_of
from ratatoskr.types.timeouts import Timeouts

LISTENER = '[[listeners]]\naddress = "127.0.0.1:0"\n'


def write_certificate(
    authority: trustme.CA, folder: Path, name: str, *identities: str, **validity: datetime
) -> tuple[Path, Path]:
    """Write a certificate and its key; return both paths."""
    made = authority.issue_cert(*identities, **validity)
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    cert.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    key.chmod(0o600)
    return cert, key


class Authority:
    """An authority, the daemon's certificate and its table `[tls]`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.path = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.path)
        self.cert, self.key = write_certificate(self.ca, folder, "daemon", "127.0.0.1")
        self.table = f'[tls]\ncert = "{self.cert}"\nkey = "{self.key}"\n'

    def client(self, url: str, name: str | None = None, token: str | None = None, **arguments: Any) -> ServiceClient:
        """Return a client with a certificate of a name."""
        if name is not None:
            arguments["cert"], arguments["key"] = write_certificate(self.ca, self.folder, name, name)
        return ServiceClient(url, token, ca=self.path, **{"timeout": Timeouts(connect=2), **arguments})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_a_connection_is_encrypted_and_a_token_asked_for(tmp_path: Path, authority: Authority) -> None:
    text = f'{HOUSE}{LISTENER}{authority.table}[clients.alice]\ntoken_sha256 = "{digest_of(TOKEN)}"\n'
    async with running(tmp_path, text) as ratd:
        assert ratd.url.startswith("https://")
        async with authority.client(ratd.url, token=TOKEN) as client:
            assert (await client.chat("Hi", "house:m")).text == "an answer"
        async with authority.client(ratd.url) as client:
            with pytest.raises(AuthenticationFailed, match="asks for a token"):
                await client.chat("Hi", "house:m")


async def test_a_client_is_known_by_the_name_in_its_certificate(tmp_path: Path, authority: Authority) -> None:
    clients = '[clients.alice]\ncertificates = ["alice.test"]\n[clients.root]\ncertificates = ["root.test"]\n'
    text = f'{HOUSE}{LISTENER}{authority.table}client_ca = "{authority.path}"\n{clients}admin = true\n'
    async with running(tmp_path, text) as ratd:
        async with authority.client(ratd.url, "alice.test") as client:
            await client.chat("Hi", "house:m")
            with pytest.raises(AuthenticationFailed, match="for administrators"):
                await client.preload("m")
        async with authority.client(ratd.url, "root.test") as client:
            await client.preload("m")
        assert [line["client"] for line in ratd.calls()] == ["alice", "alice", "root"]
        async with authority.client(ratd.url, "mallory.test") as client:
            with pytest.raises(AuthenticationFailed, match="asks for a token"):
                await client.chat("Hi", "house:m")
        async with authority.client(ratd.url) as client:  # without a certificate there is no connection
            with pytest.raises(ConnectionFailed):
                await client.chat("Hi", "house:m")


async def test_a_reload_renews_the_certificate(tmp_path: Path, authority: Authority) -> None:
    text = f"{HOUSE}{LISTENER}{authority.table}"
    async with running(tmp_path, text) as ratd:
        before = certificate_of(ratd.url)
        write_certificate(authority.ca, tmp_path, "daemon", "127.0.0.1")
        assert certificate_of(ratd.url) == before
        await ratd.daemon.reload()
        assert certificate_of(ratd.url) != before
        authority.key.chmod(0o644)
        with pytest.raises(ConfigurationError, match="has mode 0644, so other users can access it"):
            await ratd.daemon.reload()
        async with authority.client(ratd.url) as client:
            assert (await client.chat("Hi", "house:m")).text == "an answer"


async def test_a_reload_without_a_certificate_keeps_that_of_open_connections(
    tmp_path: Path, authority: Authority
) -> None:
    async with running(tmp_path, f"{HOUSE}{LISTENER}{authority.table}") as ratd:
        before = certificate_of(ratd.url)
        ratd.write(f"{HOUSE}{LISTENER}")
        assert await ratd.daemon.reload() == ()
        assert certificate_of(ratd.url) == before
        ratd.write(f'{HOUSE}{LISTENER}{authority.table}client_ca = "{authority.path}"\n')
        assert await ratd.daemon.reload() == ("tls.client_ca",)


async def test_a_certificate_that_is_not_valid_today_is_told(tmp_path: Path, authority: Authority) -> None:
    now = datetime.now(UTC)
    dates = {
        "certificate has expired": {"not_before": now - timedelta(9), "not_after": now - timedelta(1)},
        "certificate is not yet valid": {"not_before": now + timedelta(1), "not_after": now + timedelta(9)},
    }
    text = f"{HOUSE}{LISTENER}{authority.table}"
    async with running(tmp_path, text) as ratd:
        assert not [line for line in ratd.lines if line["level"] == "warning"]
        for reason, validity in dates.items():
            write_certificate(authority.ca, tmp_path, "daemon", "127.0.0.1", **validity)
            await ratd.daemon.reload()
            assert ratd.lines[-1]["message"] == "clients will not take the certificate"
            assert reason in ratd.lines[-1]["reason"]
            began = time.monotonic()
            async with authority.client(ratd.url, timeout=Timeouts(connect=20)) as client:
                with pytest.raises(TlsError, match=reason):
                    await client.chat("Hi", "house:m")
            assert time.monotonic() - began < 10, "no waiting mends it"
    checked = CliRunner().invoke(ratd_command, ["--config", str(tmp_path / "config.toml"), "--check-config"])
    assert checked.exit_code == 0
    assert "ratd: warning: tls.cert: " in checked.stderr


async def test_a_client_reads_renewed_files_for_its_next_connection(tmp_path: Path, authority: Authority) -> None:
    """grpc/grpc#15735, #41779: a client that lives longer than its certificate, or than its daemon's authority."""
    text = f'{HOUSE}{LISTENER}{authority.table}client_ca = "{authority.path}"\n[clients.build]\ncertificates = ["b"]\n'
    other = trustme.CA()
    write_certificate(other, tmp_path, "client", "b")
    (tmp_path / "trusted.pem").write_bytes(other.cert_pem.bytes())
    async with running(tmp_path, text) as ratd:
        files = {"ca": tmp_path / "trusted.pem", "cert": tmp_path / "client.pem", "key": tmp_path / "client.key"}
        async with ServiceClient(ratd.url, **files, timeout=Timeouts(connect=3)) as client:
            with pytest.raises(ConnectionFailed):
                await client.chat("Hi", "house:m")
            authority.ca.cert_pem.write_to_path(tmp_path / "trusted.pem")
            with pytest.raises(ConnectionFailed):  # the daemon does not take the client's
                await client.chat("Hi", "house:m")
            write_certificate(authority.ca, tmp_path, "client", "b")
            assert (await client.chat("Hi", "house:m")).text == "an answer"


async def test_what_a_wrong_certificate_or_scheme_is_told(tmp_path: Path, authority: Authority) -> None:
    write_certificate(authority.ca, tmp_path, "daemon", "elsewhere.test")
    async with running(tmp_path, f"{HOUSE}{LISTENER}{authority.table}") as ratd:
        async with authority.client(ratd.url, timeout=Timeouts(connect=20)) as client:
            with pytest.raises(TlsError, match="its certificate is for another name than that of the address"):
                await client.health()
        stranger = ServiceClient(ratd.url, timeout=Timeouts(connect=20))
        with pytest.raises(TlsError, match="unable to get local issuer certificate; ca= or --ca-file trusts"):
            await stranger.health()
        await stranger.aclose()
        plain = ServiceClient(ratd.url.replace("https", "http"), timeout=Timeouts(connect=3))
        with pytest.raises(ConnectionFailed, match="if it is encrypted, use https://"):
            await plain.health()
        await plain.aclose()
    async with running(tmp_path) as ratd, authority.client(ratd.url.replace("http", "https")) as client:
        with pytest.raises(TlsError, match="it is not encrypted: use http://"):
            await client.health()


def certificate_of(url: str) -> str:
    """Return the certificate that a daemon shows."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    return ssl.get_server_certificate((host, int(port)))


def test_certificates_that_cannot_be_used_are_told(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "config.toml"
    _, other = write_certificate(authority.ca, tmp_path, "other", "127.0.0.1")
    (tmp_path / "text").write_text("no certificate")
    (tmp_path / "text").chmod(0o600)
    cases = {
        f'cert = "{authority.cert}"': "tls.key is not set",
        f'key = "{authority.key}"\n[[listeners]]\nname = "x"\ntls = true': "tls.cert is not set",
        f'cert = "{authority.cert}"\nkey = "{other}"': "the key is not that of the certificate",
        f'cert = "{authority.cert}"\nkey = "{tmp_path}/none"': f"there is no {tmp_path}/none",
        f'cert = "{tmp_path}/none"\nkey = "{other}"': "No such file",
        f'cert = "{tmp_path}/text"\nkey = "{tmp_path}/text"': "cannot be used",
        f'cert = "{authority.cert}"\nkey = "{authority.key}"\nclient_ca = "{tmp_path}/text"': "tls.client_ca",
    }
    for lines, words in cases.items():
        path.write_text(f"{HOUSE}[tls]\n{lines}\n")
        with pytest.raises(ConfigurationError) as caught:
            load_setup(path)
        assert words in caught.value.message, caught.value.message
        assert "PRIVATE KEY" not in caught.value.message
