"""The guards of `tests/conftest.py` hold."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("example.com", 80), ("2001:db8::1", 9)])
def test_a_socket_that_leaves_this_machine_is_refused(address):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(RuntimeError, match="only reach loopback"):
        client.connect(address)


def test_loopback_is_reachable():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_there_are_no_keys_and_the_home_is_empty():
    assert not [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN"))]
    assert list(Path.home().iterdir()) == []
