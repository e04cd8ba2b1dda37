"""Pictures, documents and files as content blocks.

Follows https://docs.anthropic.com/en/docs/build-with-claude/vision, …/pdf-support and …/files (November 2026).
"""

from __future__ import annotations

import base64
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FilePart, FileRef, ImagePart

_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_TEXTS = frozenset(
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
LARGEST_PICTURE = 5 * 1024 * 1024
"""Bytes of a picture in base64; the provider refuses more."""


def media_block(part: ImagePart | AudioPart | FilePart | FileRef, provider: str, where: str) -> dict[str, Any]:
    """Return a picture, document or file as a content block.

    Raises:
        InvalidInput: the provider has no word for it, or it is too large.
    """
    if isinstance(part, FileRef):
        if part.provider != provider:
            raise InvalidInput(f"a file of {part.provider!r} cannot be read by {provider!r}", field=where)
        return {"type": "document", "source": {"type": "file", "file_id": part.id}}
    if isinstance(part, AudioPart):
        raise InvalidInput("Anthropic Messages takes no sound", field=where)
    if isinstance(part, ImagePart) or (part.media_type or "").startswith("image/"):
        return {"type": "image", "source": _picture(part, where)}
    titled = {"title": part.name} if part.name else {}
    return {"type": "document", "source": _document(part, where), **titled}


def _picture(part: ImagePart | FilePart, where: str) -> dict[str, Any]:
    if part.data is None:
        return {"type": "url", "url": part.url}
    if part.media_type not in _PICTURES:
        kinds = ", ".join(sorted(_PICTURES))
        raise InvalidInput(f"pictures must be one of {kinds}, not {part.media_type}", field=where)
    if -(-len(part.data) // 3) * 4 > LARGEST_PICTURE:
        raise InvalidInput(
            f"a picture of {len(part.data)} bytes is more than the {LARGEST_PICTURE} bytes in base64 that the provider"
            " takes; make it smaller",
            field=where,
        )
    return {"type": "base64", "media_type": part.media_type, "data": base64.b64encode(part.data).decode("ascii")}


def _document(part: FilePart, where: str) -> dict[str, Any]:
    kind = part.media_type
    if part.data is None:
        if kind not in (None, _PDF):
            raise InvalidInput(f"by address the provider reads PDF only, not {kind}; pass the data", field=where)
        return {"type": "url", "url": part.url}
    if kind == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": base64.b64encode(part.data).decode("ascii")}
    plain = (kind or "").partition(";")[0].strip().lower()
    if plain.startswith("text/") or plain in _TEXTS or plain.endswith(("+json", "+xml")):
        try:
            return {"type": "text", "media_type": "text/plain", "data": part.data.decode("utf-8-sig")}
        except UnicodeDecodeError:
            raise InvalidInput(f"a file of type {kind} must be UTF-8", field=where) from None
    raise InvalidInput(f"documents must be PDF or text, not {kind}", field=where)
