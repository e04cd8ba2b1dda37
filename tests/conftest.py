"""What holds for every test: no keys and no home of the user's, no way out of this machine, no chance in hypothesis."""

from __future__ import annotations

import ipaddress
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A wall-clock deadline fails on a busy machine; a fixed seed makes a red run repeatable. RATATOSKR_RANDOM=1 explores.
# "explain" traces every line, each of which is an audit event: slow once a test has installed an audit hook.
_PHASES = [phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain]
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, phases=_PHASES)
hypothesis.settings.register_profile("random", deadline=None, print_blob=True)
hypothesis.settings.load_profile("random" if os.environ.get("RATATOSKR_RANDOM") else "fixed")

_KEPT_VARIABLES = frozenset({"PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "RATATOSKR_RECORDINGS"})
_KEPT_PREFIXES = ("PYTEST_", "PYTHON")


@pytest.fixture(autouse=True)
def unprinted_logs() -> Iterator[None]:
    """Undo what `rat -v` does to the loggers of this process."""
    root = logging.getLogger("ratatoskr")
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model retires soon: otherwise what is told once a process depends on the day and on the order of tests."""
    monkeypatch.setattr("ratatoskr.models.knowledge.current_day", lambda: date(2020, 1, 1))


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Start each test without the user's variables and with a home of its own, which is returned."""
    for name in list(os.environ):
        if name not in _KEPT_VARIABLES and not name.startswith(_KEPT_PREFIXES):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name, folder in {
        "XDG_CONFIG_HOME": ".config",
        "XDG_CACHE_HOME": ".cache",
        "XDG_DATA_HOME": ".local/share",
        "XDG_STATE_HOME": ".local/state",
        "XDG_RUNTIME_DIR": ".run",
    }.items():
        monkeypatch.setenv(name, str(home / folder))
    return home


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small embedding model of random weights, as a sentence-transformers folder; it takes 64 tokens."""
    from unit.local.stand_ins import make

    return make(tmp_path_factory.mktemp("models") / "roberta_mean_96", "roberta_mean_96")


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose graphs are made once for all tests that share it."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def copied(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the small model that a test may break."""
    return Path(shutil.copytree(model_folder, tmp_path / "broken"))


class NetworkError(RuntimeError):
    """A test tried to reach something that is not this machine."""


def _is_here(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a unix socket's path
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in {"localhost", ""}


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Refuse connections of Python sockets to anything but loopback and unix sockets."""
    guarded = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guard(name: str) -> Any:
        def checked(self: socket.socket, address: Any) -> Any:
            if not _is_here(address):
                raise NetworkError(f"a test may only reach loopback, not {address!r}")
            return guarded[name](self, address)

        return checked

    with pytest.MonkeyPatch.context() as patch:
        for name in guarded:
            patch.setattr(socket.socket, name, guard(name))
        yield
