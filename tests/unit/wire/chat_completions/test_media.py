"""Text and media of messages, and generated images and audio."""

from __future__ import annotations

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.event import ProviderEvent
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    FileRef,
    ImagePart,
    TextPart,
)
from unit.wire.chat_completions.states import state


def test_images(wire):
    def image(url):
        return {"type": "image_url", "image_url": {"url": url}, "index": 0}

    images = [image("data:image/jpeg;base64,AAEC"), image("https://x.test/a.png"), image("data:image/png;base64,!")]
    events, turn = wire.deltas({"content": "See"}, *({"images": [one]} for one in images))
    assert turn.parts()[1:3] == (
        ImagePart(data=b"\0\1\2", media_type="image/jpeg", state=state(b'"images"')),
        ImagePart(url="https://x.test/a.png", state=state(b'"images"')),
    )
    assert turn.parts()[3].type == "provider_part"
    assert turn.parts() == wire.decode({"content": "See", "images": images}).parts()
    assert sum(isinstance(e, ProviderEvent) for e in events) == 3


def test_audio(wire):
    events, turn = wire.deltas(
        {"audio": {"id": "a1"}},
        {"audio": {"transcript": "Hel"}},
        {"audio": {"data": "AAE="}},
        {"audio": {"transcript": "lo", "data": "AgM="}},
        {"audio": {"expires_at": 9}},
    )
    text, sound = turn.parts()
    assert text == TextPart("Hello", state=state(b'{"audio":{"id":"a1"}}'))
    assert sound == AudioPart(data=b"\0\1\2\3", media_type="audio/pcm", state=state(b'{"id":"a1"}'))
    assert [e.data for e in events if isinstance(e, ProviderEvent)][:2] == [b'{"data":"AAE="}', b'{"data":"AgM="}']
    complete = wire.decode({"content": None, "audio": {"id": "a1", "data": "AAECAw==", "transcript": "Hello"}})
    assert complete.parts() == turn.parts()
    wav = wire.decode({"audio": {"id": "a", "data": "UklGRg==", "transcript": ""}}).parts()[1]
    assert wav.media_type == "audio/wav"


PNG = ImagePart.from_bytes(b"\x89PNG", "image/png")


def test_media_in_a_message_of_the_user(wire):
    wire.at("openai", provider="openai")
    content = [
        "Look:",
        PNG,
        ImagePart.from_url("https://x.test/a.png"),
        AudioPart.from_bytes(b"RIFF", "audio/x-wav"),
        FilePart.from_bytes(b"%PDF", "application/pdf", "a.pdf"),
        FilePart.from_bytes(b"a,b\n", "text/csv", "t.csv"),
        FileRef("openai", "file-1"),
    ]
    assert wire.messages(Message.user(content))[0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        {"type": "text", "text": '<file name="t.csv">\na,b\n\n</file>'},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


def test_openrouter_accepts_files_by_url_and_video(wire):
    wire.at("openrouter")
    video = FilePart.from_bytes(b"v", "video/mp4")
    (message,) = wire.messages(Message.user([FilePart.from_url("https://x.test/d/p.pdf?x=1"), video]))
    assert message["content"] == [
        {"type": "file", "file": {"filename": "p.pdf", "file_data": "https://x.test/d/p.pdf?x=1"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,dg=="}},
    ]


def test_mistrals_documents_and_audio(wire):
    wire.at("mistral")
    (message,) = wire.messages(
        Message.user([FilePart.from_url("https://x.test/p.pdf"), AudioPart.from_bytes(b"abc", "audio/mpeg")])
    )
    assert message["content"] == [
        {"type": "document_url", "document_url": "https://x.test/p.pdf"},
        {"type": "input_audio", "input_audio": "YWJj"},
    ]


@pytest.mark.parametrize(
    "part",
    [
        AudioPart.from_url("https://x.test/a.mp3"),
        AudioPart.from_bytes(b"", "audio/midi"),
        FilePart.from_url("https://x.test/a.pdf"),
        FilePart.from_bytes(b"\xff", "text/plain"),
        FileRef("other", "file-1"),
        TextPart("\ud800"),
        ImagePart.from_url("https://x.test/\udfff"),
    ],
)
def test_unsupported_parts_are_rejected_with_their_path(wire, part):
    with pytest.raises(InvalidInput) as caught:
        wire.request("first", Message.user(["Look:", part]))
    assert caught.value.field == "messages[1].content[1]"
