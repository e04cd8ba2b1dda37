"""Errors of MiniMax, which come in `base_resp` with status 200, and Cloudflare's list of errors."""

from __future__ import annotations

import json

import pytest

from ratatoskr import (
    AuthenticationFailed,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidInput,
    ProviderError,
    QuotaExhausted,
    Ratatoskr,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
)
from ratatoskr.testing import Reply, ScriptedUpstream
from ratatoskr.wire.chat_completions import decode_error

JSON = {"content-type": "application/json"}


def body_of(number: int, text: str = "no") -> bytes:
    return json.dumps({"id": "1", "choices": None, "base_resp": {"status_code": number, "status_msg": text}}).encode()


@pytest.mark.parametrize(
    ("number", "cls"),
    [
        (1000, ServiceUnavailable),
        (1001, ServiceUnavailable),
        (1002, RateLimited),
        (1004, AuthenticationFailed),
        (1008, QuotaExhausted),
        (1026, ContentFiltered),
        (1039, ContextLengthExceeded),
        (2013, InvalidInput),
        (2049, AuthenticationFailed),
        (4711, ProviderError),
    ],
)
@pytest.mark.parametrize("way", ["answer", "stream", "document in place of a stream"])
async def test_a_number_in_place_of_an_answer_is_an_error(number: int, cls: type[RatatoskrError], way: str) -> None:
    events = b"data: " + body_of(number) + b"\n\n"
    stream = Reply(200, {"content-type": "text/event-stream"}, (events,))
    async with ScriptedUpstream(stream if way == "stream" else Reply(200, JSON, (body_of(number),))) as upstream:
        builder = Ratatoskr.builder().provider("minimax", "k", base_url=upstream.base_url("compatible")).retries(0)
        async with builder.build() as gateway:
            call = gateway.chat if way == "answer" else gateway.chat_stream
            with pytest.raises(cls) as caught:
                await call("Who?", "minimax:MiniMax-M2.5")
    assert (caught.value.message, caught.value.provider_code) == ("no", str(number))


async def test_the_number_0_means_that_all_is_well() -> None:
    choice = {"index": 0, "message": {"content": "Up."}, "finish_reason": "stop"}
    body = json.dumps({"choices": [choice], "base_resp": {"status_code": 0, "status_msg": ""}}).encode()
    async with ScriptedUpstream(Reply(200, JSON, (body,))) as upstream:
        builder = Ratatoskr.builder().provider("minimax", "k", base_url=upstream.base_url("compatible"))
        async with builder.build() as gateway:
            assert (await gateway.chat("Who?", "minimax:MiniMax-M2.5")).text == "Up."


def test_cloudflares_list_of_errors_is_read() -> None:
    body = {"result": None, "success": False, "errors": [{"code": 7009, "message": "Upstream service unavailable"}]}
    failure = decode_error(json.dumps(body).encode())
    assert (failure.message, failure.code) == ("Upstream service unavailable", "7009")
    assert decode_error(b'{"errors": ["no such account"]}').message == "no such account"
