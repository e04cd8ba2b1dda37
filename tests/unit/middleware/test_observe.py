"""Middleware that only looks: hooks and the log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ratatoskr import ChatResponse, ConfigurationError, Embeddings, InvalidInput, Message, RateLimited, Usage
from ratatoskr.gateway.base import Gateway
from ratatoskr.middleware import CallOptions, Hooks, Log, Middleware, bind
from ratatoskr.testing import ScriptedGateway


class Seen:
    """What hooks were called with."""

    def __init__(self) -> None:
        self.before: list[Any] = []
        self.after: list[Any] = []
        self.failed: list[Any] = []

    def hooks(self) -> Hooks:
        return Hooks(
            before=lambda request, call: self.before.append(request),
            after=lambda request, call, response: self.after.append(response),
            failed=lambda request, call, error: self.failed.append(error),
        )


def around(inner: Gateway, middleware: Middleware) -> Gateway:
    return Gateway(bind(middleware, inner.backend))


async def test_hooks_see_each_call_and_its_answer() -> None:
    seen = Seen()
    gateway = around(ScriptedGateway("one", "two", "three"), seen.hooks())
    await gateway.chat("Hi", "m")
    async with gateway.chat_stream("Hi", "m") as stream:
        await stream.collect()
    await gateway.generate("Hi", "m")
    await gateway.embed("x", "e")
    assert [one async for one in gateway.embed_iter(["x", "y"], "e")]
    assert len(seen.before) == 5
    assert [one.text for one in seen.after[:3]] == ["one", "two", "three"]
    assert [type(one) for one in seen.after[3:]] == [Embeddings, Embeddings]
    assert len(seen.after[3]) == 1
    assert len(seen.after[4]) == 0
    assert not seen.failed


async def test_hooks_see_each_failure() -> None:
    seen, error = Seen(), RateLimited("slow down")
    gateway = around(ScriptedGateway(error, error, vectors=error), seen.hooks())
    with pytest.raises(RateLimited):
        await gateway.chat("Hi", "m")
    with pytest.raises(RateLimited):
        await gateway.chat_stream("Hi", "m")
    with pytest.raises(RateLimited):
        await gateway.embed("x", "e")
    with pytest.raises(RateLimited):
        [one async for one in gateway.embed_iter(["x"], "e")]
    assert seen.failed == [error] * 4
    assert not seen.after


async def test_an_iterable_that_is_left_early_ends_once() -> None:
    seen = Seen()
    gateway = around(ScriptedGateway(), seen.hooks())
    texts = gateway.embed_iter((str(n) for n in range(10_000)), "e")
    await anext(texts)
    await texts.aclose()  # type: ignore[attr-defined]  # a generator
    assert len(seen.before) == len(seen.after) == 1
    assert not seen.failed


@pytest.mark.parametrize("which", ["before", "after", "failed"])
async def test_a_hook_that_raises_is_logged_once_and_left_out(which: str, caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def hook(*arguments: object) -> None:
        calls.append(arguments)
        raise KeyError("a bug")

    turns: list[Any] = [RateLimited("no")] * 2 if which == "failed" else ["one", "two"]
    gateway = around(ScriptedGateway(*turns), Hooks(**{which: hook}))  # type: ignore[arg-type]  # any of the three
    with caplog.at_level(logging.WARNING, "ratatoskr.middleware"):
        for turn in turns:
            if which == "failed":
                with pytest.raises(RateLimited):
                    await gateway.chat("Hi", "m")
            else:
                assert (await gateway.chat("Hi", "m")).text == turn
    assert len(calls) == 1
    assert [record.getMessage() for record in caplog.records] == ["an observer failed and is left out"]


async def test_before_refuses_a_call_with_an_error_of_ours() -> None:
    def refuse(request: Any, call: CallOptions) -> None:
        raise InvalidInput("not today", field="messages")

    inner = ScriptedGateway("never")
    gateway = around(inner, Hooks(before=refuse))
    for _ in range(2):
        with pytest.raises(InvalidInput, match="not today"):
            await gateway.chat("Hi", "m")
    assert not inner.requests


async def test_hooks_must_be_plain_functions() -> None:
    async def later(*_: object) -> None: ...

    with pytest.raises(ConfigurationError, match="before, after or failed"):
        Hooks()
    with pytest.raises(ConfigurationError, match="after must be a plain function") as caught:
        Hooks(after=later)
    assert caught.value.field == "after"
    with pytest.raises(ConfigurationError, match="before must be a plain function, not 7"):
        Hooks(before=7)  # type: ignore[arg-type]  # wrong on purpose


async def test_the_log_has_one_record_a_call_and_no_content(caplog: pytest.LogCaptureFixture) -> None:
    answer = ChatResponse(Message.assistant("TOP"), Usage(3, 4), provider="p", model="m-1", finish_reason="stop")
    gateway = around(ScriptedGateway(answer, answer, RateLimited("no", status=429)), Log())
    with caplog.at_level(logging.INFO, "ratatoskr.calls"):
        await gateway.chat("SECRET", "m")
        async with gateway.chat_stream("SECRET", "m") as stream:
            await stream.collect()
        with pytest.raises(RateLimited):
            await gateway.chat("SECRET", "m")
        await gateway.embed("SECRET", "e")
    whole, streamed, failed, embedded = [vars(record) for record in caplog.records]
    for record in (whole, streamed):
        assert record["message"] == "a call ended"
        assert (record["requested_model"], record["provider"], record["model"]) == ("m", "p", "m-1")
        assert (record["input_tokens"], record["output_tokens"], record["finish_reason"]) == (3, 4, "stop")
        assert record["seconds"] >= 0
    assert (failed["message"], failed["levelname"], failed["code"]) == ("a call failed", "WARNING", "rate_limited")
    assert failed["status"] == 429
    assert embedded["requested_model"] == "e"
    assert "SECRET" not in repr([whole, streamed, failed, embedded])
    assert "TOP" not in repr([whole, streamed, failed, embedded])


async def test_the_log_costs_no_record_that_is_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    gateway = around(ScriptedGateway("one"), Log("some.where"))
    with caplog.at_level(logging.WARNING, "some.where"):
        await gateway.chat("Hi", "m")
    assert not caplog.records


@pytest.mark.parametrize("logger", [5, None, "", b"x"])
def test_a_log_needs_the_name_of_a_logger(logger: Any) -> None:
    with pytest.raises(ConfigurationError, match="name of a logger") as caught:
        Log(logger)
    assert caught.value.field == "logger"
