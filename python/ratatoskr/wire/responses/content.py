"""What people and tools say, in the API's content parts: text, pictures, sound, documents."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FilePart, FileRef, ImagePart, Part, TextPart
from ratatoskr.wire.encode import require_utf8

MAX_FILES = 50 * 1024 * 1024
"""Bytes of inline documents in one request: https://platform.openai.com/docs/guides/pdf-files (November 2026)."""

MAX_IMAGES = 512 * 1024 * 1024
"""Bytes of inline pictures in one request: https://platform.openai.com/docs/guides/images-vision (November 2026)."""

_SOUNDS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
}
_ENDINGS = {"text/plain": "txt", "text/markdown": "md", "text/x-python": "py", "application/msword": "doc"}


class Contents:
    """Spells content parts for one request, and watches over its sizes.

    Attributes:
        provider: whose uploaded files may be named.
        breakpoints: whether the model takes prompt-cache breakpoints on content.
    """

    __slots__ = ("_files", "_images", "breakpoints", "provider")

    def __init__(self, provider: str, breakpoints: bool) -> None:
        self.provider = provider
        self.breakpoints = breakpoints
        self._files = self._images = 0

    def of(self, parts: Iterable[tuple[int, Part]], where: str) -> str | list[dict[str, Any]]:
        """Return content: a text where one suffices, else a list."""
        spelled = [self.part(part, f"{where}[{i}]") for i, part in parts]
        if len(spelled) == 1 and spelled[0].keys() == {"type", "text"}:
            text: str = spelled[0]["text"]
            return text
        return spelled

    def part(self, part: Part, where: str) -> dict[str, Any]:
        """Return one part.

        Raises:
            InvalidInput: the API has no word for it here, or too much of it; `field` is `where`.
        """
        match part:
            case TextPart():
                said: dict[str, Any] = {"type": "input_text", "text": require_utf8(part.text, where)}
            case ImagePart():
                said = self._image(part, where)
            case AudioPart():
                said = _sound(part, where)
            case FilePart():
                said = self._file(part, where)
            case FileRef():
                if part.provider != self.provider:
                    raise InvalidInput(f"a file uploaded to {part.provider} is unknown to {self.provider}", field=where)
                said = {"type": "input_file", "file_id": require_utf8(part.id, where)}
            case _:
                raise InvalidInput(f"{part.type} has no place in this message for the Responses API", field=where)
        if part.cache and self.breakpoints and said["type"] != "input_audio":
            said["prompt_cache_breakpoint"] = {"mode": "explicit"}
        return said

    def _image(self, part: ImagePart, where: str) -> dict[str, Any]:
        if part.data is not None:
            self._images += len(part.data)
            if self._images > MAX_IMAGES:
                raise InvalidInput("pictures of more than 512 MB in one request", field=where)
        return {"type": "input_image", "image_url": address(part, where), "detail": "auto"}

    def _file(self, part: FilePart, where: str) -> dict[str, Any]:
        if part.url is not None:
            return {"type": "input_file", "file_url": require_utf8(part.url, where)}
        self._files += len(part.data or b"")
        if self._files > MAX_FILES:
            raise InvalidInput("documents of more than 50 MB in one request", field=where)
        media_type = part.media_type or ""
        name = part.name or f"file.{_ENDINGS.get(media_type) or media_type.rpartition('/')[2] or 'bin'}"
        return {"type": "input_file", "filename": require_utf8(name, where), "file_data": address(part, where)}


def address(part: ImagePart | FilePart, where: str) -> str:
    """Return the part's URL, or its bytes as a data URL."""
    if part.data is None:
        return require_utf8(part.url or "", where)
    encoded = base64.b64encode(part.data).decode("ascii")
    return f"data:{require_utf8(part.media_type or '', where)};base64,{encoded}"


def _sound(part: AudioPart, where: str) -> dict[str, Any]:
    if part.data is None:
        raise InvalidInput("the Responses API takes sound as bytes, not by a URL", field=where)
    form = _SOUNDS.get((part.media_type or "").partition(";")[0].lower())
    if form is None:
        raise InvalidInput(f"the Responses API takes mp3 and wav, not {part.media_type}", field=where)
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(part.data).decode("ascii"), "format": form}}
