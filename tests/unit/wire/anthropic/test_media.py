"""Images, documents and files as content blocks."""

from __future__ import annotations

from ratatoskr.types.message import Message
from ratatoskr.types.part import FilePart, FileRef, ImagePart
from unit.wire.anthropic.samples import encode_history, encode_turns


def test_images_and_documents(target):
    found = encode_turns(
        target,
        Message.user(
            [
                ImagePart.from_bytes(b"\xff\xd8", "image/jpeg"),
                ImagePart.from_url("https://e.example/a.png"),
                FilePart.from_bytes(b"%PDF", "application/pdf", "a.pdf"),
                FilePart.from_url("https://e.example/a.pdf"),
                FilePart.from_bytes("é".encode(), "text/csv; charset=utf-8"),
                FilePart.from_bytes(b"gif", "image/gif"),
            ]
        ),
    )
    assert found[0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9g="}},
        {"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "Z2lm"}},
    ]


def test_an_uploaded_file_asks_for_its_beta(target):
    found = encode_history(target, Message.user(["see", FileRef("anthropic", "file_1")]))
    assert found.body["messages"][0]["content"][1] == {
        "type": "document",
        "source": {"type": "file", "file_id": "file_1"},
    }
    assert ("anthropic-beta", "files-api-2025-04-14") in found.headers


def test_the_largest_image_is_accepted(target):
    assert encode_turns(target, Message.user(ImagePart.from_bytes(b"a" * 3_932_160, "image/png")))
