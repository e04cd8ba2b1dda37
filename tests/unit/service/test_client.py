"""The client: addresses, tokens, where a daemon is looked for, and what is imported."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.unit.service.serving import serve

import ratatoskr
from ratatoskr import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidInput,
    Ratatoskr,
    ServiceClient,
)
from ratatoskr.service.server.call import Call, Caller, ServerHooks
from ratatoskr.testing import ScriptedGateway

WRONG = {
    "": "must begin with",
    "127.0.0.1:9741": "must begin with",
    "ftp://127.0.0.1:9741": "must begin with",
    "http://": "must begin with",
    "http://127.0.0.1": "names no port",
    "http://:9741": "names no host",
    "http://127.0.0.1:0": "names no port",
    "http://127.0.0.1:99999": "out of range",
    "http://127.0.0.1:x": "could not be cast",
    "http://127.0.0.1:9741/v1": "nothing behind the port",
    "http://127.0.0.1:9741?a=b": "nothing behind the port",
    "http://me:secret-word@127.0.0.1:9741": "user or password",
    "unix:": "absolute",
    "unix:ratd.sock": "absolute",
    "unix:/" + "x" * 107: "at most 107 bytes",
}


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_address_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match=WRONG[url]) as caught:
        ServiceClient(url)
    assert "secret-word" not in str(caught.value)


def test_what_is_no_socket_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path):
        with pytest.raises(ConfigurationError, match="no socket"):
            ServiceClient(f"unix:{path}")
    with pytest.raises(ConfigurationError, match="must be a str"):
        ServiceClient(1)  # type: ignore[arg-type]


def test_files_of_certificates_are_checked(tmp_path: Path) -> None:
    authority = trustme.CA()
    for name in ("a", "b"):
        issued = authority.issue_cert(f"{name}.test")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    url = "https://127.0.0.1:9741"
    with pytest.raises(ConfigurationError, match="go together"):
        ServiceClient(url, cert=tmp_path / "a.pem")
    with pytest.raises(ConfigurationError, match=r"a\.pem and the key .*b\.key cannot be used"):
        ServiceClient(url, cert=tmp_path / "a.pem", key=tmp_path / "b.key")
    with pytest.raises(ConfigurationError, match=r"cannot read .*missing"):
        ServiceClient(url, ca=tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="https://"):
        ServiceClient("http://127.0.0.1:9741", ca=tmp_path / "a.pem")


@pytest.mark.parametrize("token", ["", " ", "ä", "a\nb", 7])
def test_a_wrong_token_is_told_and_not_shown(token: Any) -> None:
    with pytest.raises(ConfigurationError, match="token"):
        ServiceClient("http://127.0.0.1:9741", token=token)


def test_a_token_never_travels_in_the_clear() -> None:
    with pytest.raises(ConfigurationError, match="in the clear") as caught:
        ServiceClient("http://192.0.2.1:9741", token="a-secret-token")
    client = ServiceClient("http://127.0.0.1:9741", token="a-secret-token")
    assert "a-secret-token" not in f"{caught.value}{client!r}{vars(client.backend)}"


class OneToken(ServerHooks):
    """Knows one caller by a token."""

    def authenticate(self, call: Call) -> Caller:
        if call.metadata.get("authorization") != "Bearer right":
            raise AuthenticationFailed("the token is not known")
        return Caller("me")


async def test_the_token_is_sent_with_every_call() -> None:
    async with ScriptedGateway("a", "b", "c") as gateway, serve(gateway.backend, OneToken()) as served:
        async with await ServiceClient.connect(served.url, token="right") as client:
            assert (await client.chat("Hi", "any")).text == "a"
            async with client.chat_stream("Hi", "any") as stream:
                assert "".join([text async for text in stream.text()]) == "b"
        with pytest.raises(AuthenticationFailed, match="the token is not known"):
            await ServiceClient.connect(served.url, token="wrong")
        async with ServiceClient(served.url) as client:
            with pytest.raises(AuthenticationFailed):
                await client.chat("Hi", "any")
    assert len(gateway.requests) == 2


# where there is a daemon


async def test_auto_asks_the_daemon_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedGateway("from the daemon") as gateway, serve(gateway.backend, OneToken()) as served:
        monkeypatch.setenv("RATD_ADDRESS", served.url)
        monkeypatch.setenv("RATD_TOKEN", "right")
        async with Ratatoskr.auto() as found:
            assert (await found.chat("Hi", "any")).text == "from the daemon"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RATD_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    folder = tmp_path / "ratatoskr"
    folder.mkdir(mode=0o700)
    return folder


NAMED: dict[str, Callable[[Any, Any], Awaitable[Any]]] = {
    "list_models": lambda gateway, name: gateway.list_models(name),
    "model_status": lambda gateway, name: gateway.model_status(name),
    "model_metadata": lambda gateway, name: gateway.model_metadata(name),
    "fetch_model_metadata": lambda gateway, name: gateway.fetch_model_metadata(name),
    "resolve_preset": lambda gateway, name: gateway.resolve_preset(name),
    "preload": lambda gateway, name: gateway.preload(name),
    "unload": lambda gateway, name: gateway.unload(name),
}


@pytest.mark.parametrize("method", NAMED)
async def test_a_name_that_is_none_is_told_before_anything_is_sent(method: str) -> None:
    async with Ratatoskr.builder().openai("k").build() as here, ServiceClient("http://127.0.0.1:1") as client:
        for name in ("", " ", 5, [], b"m", {"m"}):
            for gateway in (here, client):
                with pytest.raises(InvalidInput, match="must be a name, and not empty"):
                    await NAMED[method](gateway, name)
        with pytest.raises(InvalidInput, match="holds a lone surrogate"):
            await NAMED[method](client, "m\ud83d")


def test_auto_asks_the_socket_of_this_user(runtime: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(runtime / "ratd.sock"))
        found = Ratatoskr.auto()
        assert isinstance(found, ServiceClient)
        assert found.backend.address.url == f"unix:{runtime}/ratd.sock"  # type: ignore[attr-defined]
        for mode in (0o702, 0o720):  # others could put a socket of theirs there
            runtime.chmod(mode)
            assert not isinstance(Ratatoskr.auto(), ServiceClient)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a socket away")
def test_auto_asks_no_socket_of_another_user(runtime: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(runtime / "ratd.sock"))
        os.chown(runtime / "ratd.sock", 12345, -1)
        assert not isinstance(Ratatoskr.auto(), ServiceClient)


def test_auto_without_a_daemon_is_a_gateway_of_this_process(runtime: Path) -> None:
    assert isinstance(Ratatoskr.auto(), ratatoskr.EmbeddedGateway)
    (runtime / "ratd.sock").touch()  # a plain file
    assert isinstance(Ratatoskr.auto(), ratatoskr.EmbeddedGateway)


# what is imported


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout + done.stderr


def test_the_client_imports_no_provider_and_no_model() -> None:
    found = run("""
    import sys
    import ratatoskr
    ratatoskr.ServiceClient("http://127.0.0.1:9741")
    ours = {name.split(".")[1] for name in sys.modules if name.startswith("ratatoskr.")}
    print(sorted(ours & {"config", "local", "models", "providers", "registry", "routing", "transport", "wire"}))
    print(sorted({"numpy", "onnxruntime", "pydantic", "click", "httpx"} & sys.modules.keys()))
    """)
    assert found.split() == ["[]", "[]"]


@pytest.mark.parametrize("missing", ["grpc", "google.protobuf"])
def test_without_grpc_one_error_names_the_extra(missing: str) -> None:
    found = run(f"""
    import sys
    sys.modules[{missing!r}] = None
    import ratatoskr
    try:
        ratatoskr.ServiceClient
    except ratatoskr.ConfigurationError as error:
        print(error)
    """)
    assert "ratatoskr-llm[client]" in found
    assert "Traceback" not in found
