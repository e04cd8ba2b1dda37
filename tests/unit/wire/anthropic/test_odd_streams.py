"""Streams that proxies spoil end in a typed error."""

from __future__ import annotations

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.failure import FailureReported


def test_a_second_message_inside_the_first_is_malformed(read, events):
    given = events([{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}])
    again = given[0][1].replace(b"msg_1", b"msg_2")
    assert read([given[0], *given])[0].turn.done
    with pytest.raises(MalformedResponse, match="a second message"):
        read([*given[:4], ("message_start", again), *given[1:]])


@pytest.mark.parametrize(
    "data", [b"upstream connect error", b'{"error":{"message":"upstream connect error"},"index":"x"}']
)
def test_an_error_event_in_other_words_is_told_too(read, data):
    with pytest.raises(FailureReported) as told:
        read([("error", data)])
    assert (told.value.failure.message, told.value.failure.status) == ("upstream connect error", 500)
