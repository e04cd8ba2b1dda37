"""Hosts of the user's own may have the quirks of the built-in rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr import ConfigurationError, Message, Ratatoskr, RatatoskrError, UnsupportedParameter
from ratatoskr.providers.specs import QUIRKS
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.reply import Reply
from ratatoskr.wire import chat_completions

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}%s}]}\n\n'
WITHOUT_DONE = CHUNK % b"" + CHUNK % b',"finish_reason":"stop"'


def reply(body: bytes) -> Reply:
    return Reply(200, {"content-type": "text/event-stream"}, [body])


async def stream(body: bytes, **options: Any) -> Any:
    async with ScriptedUpstream(lambda request: reply(body)) as upstream:
        builder = (
            Ratatoskr.builder().retries(0).compatible("house", base_url=upstream.base_url("compatible"), **options)
        )
        async with builder.build() as gateway, gateway.chat_stream("hi", "house:m") as opened:
            return await opened.collect()


async def test_a_stream_must_end_with_done_unless_it_is_optional() -> None:
    assert (await stream(WITHOUT_DONE + b"data: [DONE]\n\n")).content == "hihi"
    assert (await stream(WITHOUT_DONE + b"data: [DONE]\n\n", done="optional")).content == "hihi"
    with pytest.raises(RatatoskrError):
        await stream(WITHOUT_DONE)
    with pytest.raises(RatatoskrError):
        await stream(WITHOUT_DONE, done="required")
    response = await stream(WITHOUT_DONE, done="optional")
    assert (response.content, response.finish_reason) == ("hihi", "stop")
    with pytest.raises(RatatoskrError):
        await stream(CHUNK % b"", done="optional")  # no finish reason: cut


async def sent(*messages: Message, quirks: Any = (), refused: Any = (), **params: Any) -> dict[str, Any]:
    async with ScriptedUpstream("hi") as upstream:
        builder = Ratatoskr.builder().compatible(
            "house", base_url=upstream.base_url("compatible"), quirks=quirks, refused=refused
        )
        messages = messages or (Message.user("hi"),)
        async with builder.build() as gateway, gateway.chat_stream(messages, "house:m", **params) as opened:
            await opened.collect()
        body: dict[str, Any] = json.loads(upstream.requests[-1].raw)
        return body


async def test_quirks_change_what_is_sent() -> None:
    assert "stream_options" in await sent()
    assert "stream_options" not in await sent(quirks=["no_stream_options"])
    system = (Message.system("be brief"), Message.user("hi"))
    assert [m["role"] for m in (await sent(*system))["messages"]] == ["system", "user"]
    assert [m["role"] for m in (await sent(*system, quirks=("no_system",)))["messages"]] == ["user"]
    assert (await sent(quirks=["reasoning_split"]))["reasoning_split"] is True


@pytest.mark.parametrize(
    ("quirk", "off", "on"),
    [
        ("enable_thinking", {"enable_thinking": False}, {"enable_thinking": True}),
        (
            "template_thinking",
            {"chat_template_kwargs": {"enable_thinking": False}},
            {"chat_template_kwargs": {"enable_thinking": True}},
        ),
        ("thinking_type", {"thinking": {"type": "disabled"}}, {"thinking": {"type": "enabled"}}),
    ],
)
async def test_thinking_may_be_a_switch(quirk: str, off: dict[str, Any], on: dict[str, Any]) -> None:
    assert (await sent(reasoning="none"))["reasoning_effort"] == "none"
    body = await sent(quirks={quirk}, reasoning="none")
    assert body.items() >= off.items()
    assert "reasoning_effort" not in body
    assert (await sent(quirks={quirk}, reasoning="high")).items() >= on.items()


async def test_parameters_that_the_host_does_not_accept_are_refused_here() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        await sent(refused=["logprobs", "seed"], seed=1)
    assert caught.value.field == "seed"
    assert (await sent(refused=["logprobs"], seed=1))["seed"] == 1


@pytest.mark.parametrize(
    ("options", "field", "shown"),
    [
        ({"done": "never"}, "done", "'never'"),
        ({"done": None}, "done", "None"),
        ({"quirks": ["no_sytem"]}, "quirks", "no_system"),
        ({"quirks": "no_system"}, "quirks", "'no_system'"),
        ({"quirks": [["no_system"]]}, "quirks", "['no_system']"),
        ({"quirks": 5}, "quirks", "5"),
        ({"refused": ["temprature"]}, "refused", "temperature"),
    ],
)
def test_unknown_quirks_are_refused_by_the_builder(options: Any, field: str, shown: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ratatoskr.builder().compatible("house", base_url="https://h/v1", **options)
    assert caught.value.field == field
    assert shown in caught.value.message


def test_every_quirk_is_one_that_the_dialect_documents() -> None:
    documented = chat_completions.__doc__ or ""
    assert [quirk for quirk in QUIRKS if f"`{quirk}`" not in documented] == []
