"""Encodes images, audio and files as `inlineData` and `fileData`.

Follows https://ai.google.dev/gemini-api/docs/files and …/file-input-methods (November 2026).
"""

from __future__ import annotations

import base64
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FilePart, FileRef, ImagePart, Part
from ratatoskr.wire.encode import Note, require_utf8
from ratatoskr.wire.media import note_image_detail, read_media

MAX_INLINE = 100 * 1024 * 1024
"""Bytes of media that a request may hold, in base64 (blog.google, "Increased file size limits", January 2026)."""

MAX_PDF = 50 * 1024 * 1024
"""Bytes of one PDF (https://ai.google.dev/gemini-api/docs/file-input-methods)."""

_FILES = "https://generativelanguage.googleapis.com/v1beta/"


class MediaWriter:
    """Writes the media of one request and counts their size.

    Args:
        provider: the provider that is asked; files uploaded elsewhere are refused.
        note: is given notices of changed media types.
    """

    def __init__(self, provider: str, note: Note) -> None:
        self._provider = provider
        self._note = note
        self._inline = 0

    def write(self, part: Part, where: str) -> dict[str, Any]:
        """Return a part of the API.

        Raises:
            InvalidInput: the part cannot be sent in this message, or the media are too large.
        """
        if isinstance(part, FileRef):
            if part.provider != self._provider:
                raise InvalidInput(f"a file at {part.provider!r} cannot be read by {self._provider!r}", field=where)
            uri = part.id if "://" in part.id else _FILES + part.id
            return {"fileData": {"fileUri": require_utf8(uri, where)}}
        if not isinstance(part, ImagePart | AudioPart | FilePart):
            raise InvalidInput(f"this message cannot hold a {part.type}", field=where)
        note_image_detail(part, where, self._note)
        part = read_media(part, where, self._note)
        if part.data is not None:
            return self._write_inline(part.data, part.media_type or "", where)
        url = require_utf8(part.url or "", where)
        file: dict[str, Any] = {"fileUri": url}
        if part.media_type is not None:
            file = {"mimeType": require_utf8(part.media_type, where), **file}
        return {"fileData": file}

    def _write_inline(self, data: bytes, media_type: str, where: str) -> dict[str, Any]:
        if media_type == "application/pdf" and len(data) > MAX_PDF:
            raise InvalidInput(
                f"the PDF is larger than {MAX_PDF // 2**20} MiB: upload it and pass a FileRef", field=where
            )
        self._inline += (len(data) + 2) // 3 * 4
        if self._inline > MAX_INLINE:
            raise InvalidInput(
                f"the media of the request are larger than {MAX_INLINE // 2**20} MiB: upload them and pass a FileRef",
                field=where,
            )
        return {
            "inlineData": {"mimeType": require_utf8(media_type, where), "data": base64.b64encode(data).decode("ascii")}
        }
