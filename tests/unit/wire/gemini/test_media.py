"""Images, audio and files as parts of Gemini."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message
from ratatoskr.types.part import AudioPart, FilePart, FileRef, ImagePart
from ratatoskr.wire.gemini import media
from unit.wire.gemini.samples import encode_contents, encode_history


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (ImagePart(data=b"x", media_type="image/png"), {"inlineData": {"mimeType": "image/png", "data": "eA=="}}),
        (AudioPart(data=b"x", media_type="audio/wav"), {"inlineData": {"mimeType": "audio/wav", "data": "eA=="}}),
        (FilePart.from_url("https://x/a.pdf"), {"fileData": {"fileUri": "https://x/a.pdf"}}),
        (
            FilePart.from_url("https://x/a.pdf", "application/pdf"),
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://x/a.pdf"}},
        ),
        (
            FileRef("google", "files/abc"),
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
        ),
        (ImagePart.from_url("data:image/gif;base64,eA=="), {"inlineData": {"mimeType": "image/gif", "data": "eA=="}}),
        (FilePart.from_url("data:,a%20b"), {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}}),
    ],
)
def test_media_are_sent_by_bytes_or_address(part: Any, sent: Any):
    assert encode_contents(Message.user([part]))[0]["parts"] == [sent]


def test_media_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(media, "MAX_INLINE", 8)
    picture = ImagePart(data=b"1234", media_type="image/png")
    with pytest.raises(InvalidInput, match="FileRef"):
        encode_history(Message.user([picture, picture]))
    monkeypatch.setattr(media, "MAX_PDF", 3)
    with pytest.raises(InvalidInput, match="PDF"):
        encode_history(Message.user(FilePart(data=b"1234", media_type="application/pdf")))
