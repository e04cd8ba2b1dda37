"""What the dialects share about images, audio and files: `data:` URLs, and media types as providers accept them."""

from __future__ import annotations

import base64
import dataclasses
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FilePart, ImagePart
from ratatoskr.wire.encode import Note, require_utf8

Media = TypeVar("Media", bound=ImagePart | AudioPart | FilePart)

TEXT_MEDIA_TYPES = frozenset(
    {
        "application/json",
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "application/toml",
        "application/javascript",
        "application/x-sh",
        "application/sql",
    }
)
"""Media types of text besides `text/*`."""


_SYNONYMS = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": "application/pdf",
}
"""Media types that are in use but not registered, and the registered ones, which alone providers accept."""

_MAGIC_NUMBERS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
"""First bytes of formats that providers check against the media type."""


def read_media(part: Media, where: str, note: Note) -> Media:
    """Return media as providers accept them: with the bytes of a `data:` URL, and the media type that the bytes have.

    Raises:
        InvalidInput: a `data:` URL has no data or is not valid base64; `field` is `where`.
    """
    part = inline_data_url(part, where)
    given = part.media_type
    if given is None:
        return part
    essence = given.partition(";")[0].strip().lower()
    media_type = _SYNONYMS.get(essence)
    if part.data is not None and not isinstance(part, AudioPart) and not essence.startswith("text/"):
        found = sniff_media_type(part.data)
        if found is not None and found != (media_type or essence):
            message = f"media of type {given!r:.80} are {found} by their first bytes and were sent as such"
            note("media_type_changed", found, message, where)
            media_type = found
    if media_type is None and essence.startswith("image/"):
        media_type = essence
    return part if media_type in (None, given) else dataclasses.replace(part, media_type=media_type)


def note_image_detail(part: Media, where: str, note: Note) -> None:
    """Note that the detail of an image is left out, for dialects without that setting."""
    if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
        note("image_detail_dropped", "", f"detail {part.detail!r} was left out: this API has no such setting", where)


def is_text(media_type: str) -> bool:
    """Return whether a media type, in lower case and without parameters, is one of text."""
    return media_type.startswith("text/") or media_type in TEXT_MEDIA_TYPES or media_type.endswith(("+json", "+xml"))


def text_of_file(data: bytes, name: str | None, where: str) -> str:
    """Return a text file as text that names it, for models that take no files.

    Raises:
        InvalidInput: it is not UTF-8; `field` is `where`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("a text file must be UTF-8", field=where) from None
    title = require_utf8(name or "file", where).replace('"', "'")
    return f'<file name="{title}">\n{text}\n</file>'


def sniff_media_type(data: bytes) -> str | None:
    """Return the media type of an image or PDF by its first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC_NUMBERS if data.startswith(magic)), None)


def inline_data_url(part: Media, where: str) -> Media:
    """Return media given by a `data:` URL (RFC 2397) as the bytes in it, with its media type; others unchanged.

    Raises:
        InvalidInput: the URL has no data or is not valid base64; `field` is `where`.
    """
    url = part.url or ""
    if url[:5].lower() != "data:":
        return part
    head, comma, body = url[len("data:") :].partition(",")
    if not comma:
        raise InvalidInput("the data: URL has no data", field=where)
    kind, _, encoding = head.rpartition(";") if head.endswith(";base64") else (head, "", "")
    data = unquote_to_bytes(require_utf8(body, where))
    if encoding:
        try:
            data = base64.b64decode(data, validate=True)
        except ValueError:
            raise InvalidInput("the data: URL is not valid base64", field=where) from None
    media_type = part.media_type or kind.partition(";")[0] or "text/plain"
    return dataclasses.replace(part, data=data, url=None, media_type=media_type)
