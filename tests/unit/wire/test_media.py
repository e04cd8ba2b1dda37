"""The media type that is sent is a registered one, and the one that the bytes have."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.part import FilePart, ImagePart, Part, ToolCall
from ratatoskr.wire import anthropic, chat_completions, gemini, ollama, responses
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.media import sniff_media_type

DIALECTS: dict[str, Any] = {
    "anthropic": anthropic,
    "chat_completions": chat_completions,
    "gemini": gemini,
    "responses": responses,
}
PNG, JPEG = b"\x89PNG\r\n\x1a\n" + bytes(16), b"\xff\xd8\xff\xe0" + bytes(16)
WEBP, GIF, PDF = b"RIFF\0\0\0\0WEBPVP8 ", b"GIF89a" + bytes(9), b"%PDF-1.7\n"


def encode(name: str, *messages: Message) -> tuple[str, Encoded]:
    encoded = (DIALECTS | {"ollama": ollama})[name].encode_request(
        ChatRequest(messages), Target("host", "m", name), stream=False
    )
    return json.dumps(json.loads(msgspec.json.encode(encoded.body))), encoded


def as_url(part: ImagePart | FilePart) -> Part:
    data = base64.b64encode(part.data or b"").decode()
    return type(part).from_url(f"data:{part.media_type};base64,{data}", part.media_type)


@pytest.mark.parametrize("by", [lambda part: part, as_url], ids=["bytes", "data URL"])
@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(
    ("part", "sent", "notices"),
    [
        (ImagePart(data=JPEG, media_type="image/jpg"), "image/jpeg", []),
        (ImagePart(data=JPEG, media_type="image/pjpeg"), "image/jpeg", []),
        (ImagePart(data=b"?", media_type="image/jpg"), "image/jpeg", []),
        (ImagePart(data=PNG, media_type="image/PNG"), "image/png", []),
        (ImagePart(data=PNG, media_type="image/jpeg"), "image/png", ["media_type_changed"]),
        (ImagePart(data=PNG, media_type="image/jpg"), "image/png", ["media_type_changed"]),
        (ImagePart(data=JPEG, media_type="image/png"), "image/jpeg", ["media_type_changed"]),
        (ImagePart(data=WEBP, media_type="image/png"), "image/webp", ["media_type_changed"]),
        (ImagePart(data=GIF, media_type="application/octet-stream"), "image/gif", ["media_type_changed"]),
        (FilePart(data=PDF, media_type="application/x-pdf"), "application/pdf", []),
        (FilePart(data=PDF, media_type="application/octet-stream"), "application/pdf", ["media_type_changed"]),
    ],
)
def test_the_bytes_decide(name: str, part: Any, sent: str, notices: list[str], by: Any) -> None:
    body, encoded = encode(name, Message.user(["what is it?", by(part)]))
    assert f'{sent}"' in body or f"{sent};" in body
    assert sent == part.media_type or part.media_type not in body
    assert [notice.code for notice in encoded.notices] == notices
    assert [notice.field for notice in encoded.notices] == ["messages[0].content[1]"] * len(notices)


@pytest.mark.parametrize("name", DIALECTS)
def test_the_bytes_decide_in_results_of_tools_too(name: str) -> None:
    call = ToolCall("a", "draw", "{}")
    result = call.result([ImagePart(data=PNG, media_type="image/jpeg")])
    body, encoded = encode(name, Message.user("draw"), Message.assistant([call]), Message.tool_results(result))
    assert "image/png" in body
    assert "image/jpeg" not in body
    assert [notice.code for notice in encoded.notices] == ["media_type_changed"]


def test_text_that_begins_like_a_picture_stays_text() -> None:
    body, encoded = encode("anthropic", Message.user(FilePart(data=b"GIF89a is a format", media_type="text/plain")))
    assert "GIF89a is a format" in body
    assert encoded.notices == []


def test_a_pdf_that_is_called_a_picture_is_refused_where_pictures_are_meant() -> None:
    with pytest.raises(InvalidInput, match="application/pdf"):
        encode("anthropic", Message.user(ImagePart(data=PDF, media_type="image/png")))


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"\x89PN", b"\xff\xd8", b"BM"])
def test_other_bytes_decide_nothing(data: bytes) -> None:
    assert sniff_media_type(data) is None


@pytest.mark.parametrize("name", [*DIALECTS, "ollama"])
def test_the_detail_of_an_image_is_sent_or_noted(name: str) -> None:
    body, encoded = encode(name, Message.user(["see", ImagePart(data=PNG, media_type="image/png", detail="low")]))
    has_setting = name in ("responses", "chat_completions")
    assert ('"detail":"low"' in body.replace(" ", "")) is has_setting
    assert [notice.code for notice in encoded.notices] == ([] if has_setting else ["image_detail_dropped"])


def test_a_detail_that_is_no_detail_is_refused() -> None:
    with pytest.raises(InvalidInput, match="detail must be one of auto, low, high, original, not 'highest'") as raised:
        ImagePart(data=PNG, media_type="image/png", detail="highest")  # type: ignore[arg-type]
    assert raised.value.field == "detail"
