"""Images, audio and documents of messages, and generated images."""

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types import (
    AudioPart,
    FilePart,
    FileRef,
    ImagePart,
    Message,
    ProviderPart,
    TextPart,
    ToolCall,
)
from unit.wire.responses.requests import items


def test_a_generated_image(wire):
    item = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "AAEC"}
    (part,) = wire.decode([{**item, "output_format": "webp"}]).parts()
    assert (part.data, part.media_type) == (b"\x00\x01\x02", "image/webp")
    (part,) = wire.decode([{**item, "result": "data:image/jpeg;base64,AAEC"}]).parts()
    assert isinstance(part, ImagePart)
    assert (part.data, part.media_type) == (b"\x00\x01\x02", "image/jpeg")
    (part,) = wire.decode([{**item, "result": None}]).parts()
    assert isinstance(part, ProviderPart)


def test_media_are_sent_as_urls_and_data_urls():
    parts = [
        TextPart("see"),
        ImagePart(data=b"\x00", media_type="image/png"),
        ImagePart(url="https://a.example/i.png"),
        AudioPart(data=b"\x00", media_type="audio/mpeg"),
        FilePart(data=b"\x00", media_type="application/pdf"),
        FilePart(data=b"\x00", media_type="text/plain", name="notes.txt"),
        FilePart(url="https://a.example/f.pdf"),
        FileRef("openai", "file-1"),
    ]
    assert items(Message.user(parts))[0]["content"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
        {"type": "input_image", "image_url": "https://a.example/i.png", "detail": "auto"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
        {"type": "input_file", "filename": "file.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_file", "filename": "notes.txt", "file_data": "data:text/plain;base64,AA=="},
        {"type": "input_file", "file_url": "https://a.example/f.pdf"},
        {"type": "input_file", "file_id": "file-1"},
    ]


@pytest.mark.parametrize(
    "part",
    [
        AudioPart(url="https://a.example/a.mp3"),
        AudioPart(data=b"\x00", media_type="audio/flac"),
        FileRef("anthropic", "file-1"),
        ToolCall("c", "f", "{}"),
        TextPart("\ud800"),
    ],
)
def test_unsupported_parts_are_rejected_with_their_path(part):
    with pytest.raises(InvalidInput) as refused:
        items(Message.user("a"), Message.user([TextPart("b"), part]))
    assert refused.value.field == "messages[1].content[1]"


def test_documents_of_more_than_fifty_megabytes_are_rejected():
    half = FilePart(data=bytes(26 * 1024 * 1024), media_type="application/pdf")
    with pytest.raises(InvalidInput) as refused:
        items(Message.user([half, half]))
    assert refused.value.field == "messages[0].content[1]"
