"""What a provider writes is data: escaped, bounded and redacted wherever an error or a response tells it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from ratatoskr.errors import ConnectionFailed, RatatoskrError
from ratatoskr.providers.errors import MAX_MESSAGE, MAX_WORD
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.chat import ChatRequest
from unit.providers.fakes import (
    DONE,
    KEY,
    FakeReply,
    FakeTransport,
    call_options,
    chat_request,
    chunk,
    completion,
    provider_of,
    shown_locals,
)

DIALECTS = {
    "chat_completions": ("openrouter", "m"),
    "responses": ("openai", "gpt-5"),
    "anthropic": ("anthropic", "claude-x"),
    "gemini": ("google", "gemini-x"),
    "ollama": ("ollama", "m"),
}
BAD = {
    "escape": "\x1b]0;own\x07\x1b[2J",
    "line": "no\r\nINFO all is well",
    "nul": "a\x00b",
    "c1": "a\x9b31mb",
    "bidi": "a\u202eb\u2066c",
    "zero-width": "a\u200bb\u200dc\ufeff",
    "long": "A" * 100_000,
}


def _error(**members: Any) -> bytes:
    return json.dumps({"type": "error", "error": {"message": "no", **members}}).encode()


def _header(provider: str, text: str) -> FakeReply:
    return FakeReply(_error(), 400, {SPECS[provider].request_id[0]: text})


REPLIES: dict[str, Callable[[str, str], FakeReply]] = {
    "message": lambda _, text: FakeReply(_error(message=text), 400),
    "code": lambda _, text: FakeReply(_error(code=text), 400),
    "type": lambda _, text: FakeReply(_error(type=text, status=text), 400),
    "plain text": lambda _, text: FakeReply(text.encode(), 502),
    "html page": lambda _, text: FakeReply(f"<html><title>{text}</title></html>".encode(), 502),
    "error in a 200": lambda _, text: FakeReply(_error(message=text)),
    "invalid JSON": lambda _, text: FakeReply(f'{{"choices": "{text}'.encode()),
    "request id": _header,
    "redirect": lambda _, text: FakeReply(text.encode(), 302, {"location": text}),
    "content type": lambda _, text: FakeReply(b"hello", headers={"content-type": text}),
    "error in a stream": lambda _, text: FakeReply(batches=[[("error", _error(message=text, code=text))], None]),
    "broken event": lambda _, text: FakeReply(batches=[[("message_start", text.encode())], None]),
    "broken connection": lambda _, text: FakeReply(batches=[ConnectionFailed(text, phase="body")]),
}
STREAMED = {"content type", "error in a stream", "broken event", "broken connection"}


async def fail(dialect: str, place: str, text: str, **keywords: Any) -> RatatoskrError:
    """Return the error of a call whose reply has the text in that place."""
    name, model = DIALECTS[dialect]
    provider = provider_of(FakeTransport(REPLIES[place](name, text)), name, **keywords)
    with pytest.raises(RatatoskrError) as caught:
        await (read if place in STREAMED else HttpProvider.chat)(provider, chat_request(), call_options(model))
    return caught.value


async def read(provider: HttpProvider, request: ChatRequest, call: CallOptions) -> None:
    stream = await provider.open(request, call)
    while True:
        await stream.batch()


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
@pytest.mark.parametrize("place", REPLIES)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_text_of_a_provider_is_escaped_and_bounded(dialect: str, place: str, text: str) -> None:
    error = await fail(dialect, place, text)
    words = (error.provider_code or "", error.request_id or "", error.field or "")
    assert all(one.isprintable() for one in (str(error), *words))
    assert len(error.message) <= MAX_MESSAGE
    assert max(map(len, words)) <= MAX_WORD


@pytest.mark.parametrize("place", REPLIES)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_key_is_not_repeated(dialect: str, place: str) -> None:
    error = await fail(dialect, place, f"Bearer {KEY}")
    assert KEY not in f"{error}{error.provider_code}{error.request_id}{error.field}"


@pytest.mark.parametrize("place", ["message", "code", "type", "plain text", "html page", "error in a 200", "redirect"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_traceback_with_locals_does_not_show_the_key_that_an_error_body_repeats(
    dialect: str, place: str
) -> None:
    assert KEY not in shown_locals(await fail(dialect, place, f"Bearer {KEY}"))


@pytest.mark.parametrize("spelled", [KEY, f"{KEY}/é", quote("k/y+" + KEY, safe="")], ids=["plain", "within", "other"])
async def test_what_was_sent_is_redacted_and_the_rest_stays(spelled: str) -> None:
    error = await fail("responses", "message", f"wrong key {spelled}.")
    assert error.message == f"wrong key {spelled.replace(KEY, '[redacted]')}."


@pytest.mark.parametrize("encoded", [quote("k/y+" + KEY, safe=""), base64.b64encode(b"k/y+" + KEY.encode()).decode()])
async def test_an_encoded_key_is_redacted(encoded: str) -> None:
    error = await fail("responses", "message", f"wrong key {encoded}", keys=("k/y+" + KEY,))
    assert error.message.rstrip("=") == "wrong key [redacted]"


async def test_a_key_that_was_cut_is_redacted() -> None:
    error = await fail("chat_completions", "message", "x" * 1985 + f" {KEY}")
    assert "sk-canary" not in error.message


@pytest.mark.parametrize("name", ["x-api-key", "Authorization", "Cookie", "X-Auth-Token"])
async def test_the_value_of_a_secret_header_is_redacted(name: str) -> None:
    error = await fail("responses", "message", "wrong: geheim-1234", headers={name: "Bearer geheim-1234"})
    assert error.message == "wrong: [redacted]"


@pytest.mark.parametrize(("name", "value"), [("anthropic-beta", "tools-2024-05"), ("x-api-key", "sho")])
async def test_other_headers_and_short_values_are_no_secrets(name: str, value: str) -> None:
    error = await fail("responses", "message", f"wrong: {value}", headers={name: value})
    assert error.message == f"wrong: {value}"


@pytest.mark.parametrize("key", ["hunter2", "s3cr", "a+b/c", "ollama"])
async def test_a_short_key_is_redacted_where_it_is_a_word_of_its_own(key: str) -> None:
    told = f"wrong key {key}, '{key}' {quote(key, safe='')}; not x{key} or {key}s"
    error = await fail("responses", "message", told, keys=(key,))
    assert error.message == f"wrong key [redacted], '[redacted]' [redacted]; not x{key} or {key}s"


async def test_every_key_is_redacted() -> None:
    error = await fail("responses", "message", f"{KEY} sk-second-key", keys=(KEY, "sk-second-key"))
    assert error.message == "[redacted] [redacted]"


async def test_the_headers_and_the_id_of_an_answer_are_redacted() -> None:
    headers = {"x-echo": f"Bearer {KEY}", "x-generation-id": f"a\u202e{KEY}", "x-other": "1"}
    provider = provider_of(FakeTransport(FakeReply(completion(), headers=headers)), "openrouter")
    response = await provider.chat(chat_request(), call_options("m"))
    assert response.raw is not None
    assert response.request_id == "a\\u202e[redacted]"
    assert response.raw.headers["x-echo"] == "Bearer [redacted]"
    assert response.raw.headers["x-other"] == "1"


async def test_the_headers_and_the_id_of_a_streamed_answer_are_redacted() -> None:
    reply = FakeReply(headers={"x-echo": KEY}, batches=[[chunk({"content": "Up."}, "stop"), DONE], None])
    stream = await provider_of(FakeTransport(reply), "openrouter").open(chat_request(), call_options("m"))
    await stream.batch()
    response = stream.response()
    assert response.raw is not None
    assert response.raw.headers == {"x-echo": "[redacted]"}


async def test_the_id_in_the_body_of_an_answer_is_redacted() -> None:
    provider = provider_of(FakeTransport(FakeReply(completion(id=f"{KEY}\n"))), "openrouter")
    assert (await provider.chat(chat_request(), call_options("m"))).request_id == "[redacted]\\n"
