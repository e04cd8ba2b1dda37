"""The upstream in its own thread, for blocking code."""

from __future__ import annotations

import httpx
import pytest

from ratatoskr.testing import ScriptedUpstream
from unit.testing.wires import WIRES, document_text

CHAT = WIRES["chat"]


def test_blocking_code_has_it_in_a_thread():
    with ScriptedUpstream.in_thread(["Hello"]) as upstream, httpx.Client(timeout=60, trust_env=False) as client:
        response = client.post(CHAT.address(upstream), json=CHAT.body())
        upstream.until(lambda: upstream.open_connections == 1)
        assert document_text(response) == "Hello"
        assert upstream.last.asked.prompt == "Hi"
        upstream.use(["Again"])
        assert document_text(client.post(CHAT.address(upstream), json=CHAT.body())) == "Again"
        assert upstream.count == len(upstream.requests) == 2


def test_outside_its_block_it_says_that_it_does_not_run():
    upstream = ScriptedUpstream.in_thread()
    with pytest.raises(RuntimeError, match="not running"):
        upstream.use("Hello")


def test_a_wait_has_an_end():
    with ScriptedUpstream.in_thread() as upstream, pytest.raises(TimeoutError):
        upstream.until(lambda: False, timeout=0.01)
