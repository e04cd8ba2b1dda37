"""Encodes images, documents and files as content blocks.

Follows https://docs.anthropic.com/en/docs/build-with-claude/vision, …/pdf-support and …/files (November 2026).
"""

from __future__ import annotations

import base64
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FilePart, FileRef, ImagePart
from ratatoskr.wire.encode import Note
from ratatoskr.wire.media import is_text, note_image_detail, read_media

MAX_IMAGE = 5 * 1024 * 1024
"""Bytes of an image, in base64."""

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"


def encode_media(
    part: ImagePart | AudioPart | FilePart | FileRef, provider: str, where: str, note: Note
) -> dict[str, Any]:
    """Return an image, document or file as a content block.

    Raises:
        InvalidInput: the provider does not support it, or it is too large.
    """
    if isinstance(part, FileRef):
        if part.provider != provider:
            raise InvalidInput(f"a file at {part.provider!r} cannot be read by {provider!r}", field=where)
        return {"type": "document", "source": {"type": "file", "file_id": part.id}}
    if isinstance(part, AudioPart):
        raise InvalidInput("Anthropic Messages does not support audio", field=where)
    note_image_detail(part, where, note)
    part = read_media(part, where, note)
    if isinstance(part, ImagePart) or (part.media_type or "").startswith("image/"):
        return {"type": "image", "source": _encode_image(part, where)}
    title = {"title": part.name} if part.name else {}
    return {"type": "document", "source": _encode_document(part, where), **title}


def _encode_image(part: ImagePart | FilePart, where: str) -> dict[str, Any]:
    if part.data is None:
        return {"type": "url", "url": part.url}
    if part.media_type not in _IMAGES:
        supported = ", ".join(sorted(_IMAGES))
        raise InvalidInput(f"images must be one of {supported}, not {part.media_type}", field=where)
    if -(-len(part.data) // 3) * 4 > MAX_IMAGE:
        raise InvalidInput(
            f"an image of {len(part.data)} bytes exceeds the limit of {MAX_IMAGE} bytes in base64; make it smaller",
            field=where,
        )
    return {"type": "base64", "media_type": part.media_type, "data": base64.b64encode(part.data).decode("ascii")}


def _encode_document(part: FilePart, where: str) -> dict[str, Any]:
    media_type = part.media_type
    if part.data is None:
        if media_type not in (None, _PDF):
            raise InvalidInput(f"documents by URL must be PDF, not {media_type}; pass the data", field=where)
        return {"type": "url", "url": part.url}
    if media_type == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": base64.b64encode(part.data).decode("ascii")}
    essence = (media_type or "").partition(";")[0].strip().lower()
    if is_text(essence):
        try:
            return {"type": "text", "media_type": "text/plain", "data": part.data.decode("utf-8-sig")}
        except UnicodeDecodeError:
            raise InvalidInput(f"a file of type {media_type} must be UTF-8", field=where) from None
    raise InvalidInput(f"documents must be PDF or text, not {media_type}", field=where)
