"""Media given by a `data:` URL are sent as the bytes in it, in every dialect."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.part import AudioPart, FilePart, ImagePart, Part
from ratatoskr.wire import anthropic, chat_completions, gemini, ollama, responses
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.media import inline_data_url

DIALECTS: dict[str, Any] = {
    "anthropic": anthropic,
    "chat_completions": chat_completions,
    "gemini": gemini,
    "ollama": ollama,
    "responses": responses,
}
PNG, PDF = b"\x89PNG\r\n\x1a\n" + bytes(16), b"%PDF-1.7\n"


def to_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def encode(name: str, part: Part) -> Any:
    request = ChatRequest((Message.user(["what is it?", part]),))
    body = DIALECTS[name].encode_request(request, Target("host", "m", name), stream=False).body
    return json.loads(msgspec.json.encode(body))


@pytest.mark.parametrize("name", DIALECTS)
def test_a_picture_by_data_url_is_sent_as_its_bytes_are(name: str) -> None:
    by_url = encode(name, ImagePart.from_url(to_url(PNG, "image/png")))
    assert by_url == encode(name, ImagePart(data=PNG, media_type="image/png"))


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "ollama"])
def test_a_pdf_by_data_url_is_sent_as_its_bytes_are(name: str) -> None:
    by_url = encode(name, FilePart.from_url(to_url(PDF, "application/pdf"), "application/pdf"))
    assert by_url == encode(name, FilePart(data=PDF, media_type="application/pdf"))


@pytest.mark.parametrize("name", ["chat_completions", "gemini", "responses"])
def test_audio_by_data_url_is_sent_as_its_bytes_are(name: str) -> None:
    by_url = encode(name, AudioPart.from_url(to_url(b"RIFF", "audio/wav")))
    assert by_url == encode(name, AudioPart(data=b"RIFF", media_type="audio/wav"))


@pytest.mark.parametrize("name", ["anthropic", "responses"])
def test_an_https_url_stays_an_address(name: str) -> None:
    url = "https://host/a.pdf?data:x"
    assert url in json.dumps(encode(name, FilePart.from_url(url, "application/pdf")))
    assert url in json.dumps(encode(name, ImagePart.from_url(url)))


@pytest.mark.parametrize(
    ("url", "data", "media_type"),
    [
        ("data:image/png;base64,AAE=", b"\0\1", "image/png"),
        ("DATA:image/png;base64,AAE=", b"\0\1", "image/png"),
        ("data:text/plain;charset=utf-8;base64,aGk=", b"hi", "text/plain"),
        ("data:,a%20b", b"a b", "text/plain"),
    ],
)
def test_the_parts_of_a_data_url(url: str, data: bytes, media_type: str) -> None:
    part = inline_data_url(ImagePart(url=url, name="n"), "here")
    assert (part.data, part.url, part.media_type, part.name) == (data, None, media_type, "n")


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,A"])
def test_an_invalid_data_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="the data: URL") as caught:
        inline_data_url(ImagePart(url=url), "here")
    assert caught.value.field == "here"
