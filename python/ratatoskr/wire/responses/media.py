"""Text, images, audio and documents of messages as content parts, and generated images."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FilePart, FileRef, ImagePart, Part, ProviderState, TextPart
from ratatoskr.wire.encode import EncodeContext, require_utf8
from ratatoskr.wire.json import decode
from ratatoskr.wire.media import inline_data_url, read_media
from ratatoskr.wire.responses.shapes import ImageGenerationCall

MAX_FILE_BYTES = 50 * 1024 * 1024
"""Limit of inline documents in one request: https://platform.openai.com/docs/guides/pdf-files (November 2026)."""

MAX_IMAGE_BYTES = 512 * 1024 * 1024
"""Limit of inline images in one request: https://platform.openai.com/docs/guides/images-vision (November 2026)."""

_AUDIO_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
}
_FILE_EXTENSIONS = {"text/plain": "txt", "text/markdown": "md", "text/x-python": "py", "application/msword": "doc"}


class ContentEncoder:
    """Encodes the content parts of one request, and checks its size.

    Attributes:
        context: of the request.
    """

    __slots__ = ("_file_bytes", "_image_bytes", "context")

    def __init__(self, context: EncodeContext) -> None:
        self.context = context
        self._file_bytes = self._image_bytes = 0

    def encode(self, parts: Iterable[tuple[int, Part]], where: str) -> str | list[dict[str, Any]]:
        """Return content: a string if it is one text, else a list."""
        encoded = [self.encode_part(part, f"{where}[{i}]") for i, part in parts]
        if len(encoded) == 1 and encoded[0].keys() == {"type", "text"}:
            text: str = encoded[0]["text"]
            return text
        return encoded

    def encode_part(self, part: Part, where: str) -> dict[str, Any]:
        """Return one part.

        Raises:
            InvalidInput: the API does not support it here, or it is too large; `field` is `where`.
        """
        match part:
            case TextPart():
                value: dict[str, Any] = {"type": "input_text", "text": require_utf8(part.text, where)}
            case ImagePart():
                value = self._encode_image(part, where)
            case AudioPart():
                return _encode_audio(part, where)
            case FilePart():
                value = self._encode_file(part, where)
            case FileRef():
                if part.provider != (provider := self.context.target.provider):
                    message = f"file {part.id!r:.80} was uploaded to {part.provider}; {provider} does not have it"
                    raise InvalidInput(message, field=where)
                value = {"type": "input_file", "file_id": require_utf8(part.id, where)}
            case _:
                raise InvalidInput(f"the Responses API does not accept a {part.type} in this message", field=where)
        return self.context.mark_cached(value, cache=True) if part.cache else value

    def _encode_image(self, part: ImagePart, where: str) -> dict[str, Any]:
        part = read_media(part, where, self.context.notice)
        if part.data is not None:
            self._image_bytes += len(part.data)
            if self._image_bytes > MAX_IMAGE_BYTES:
                raise InvalidInput("images of more than 512 MB in one request", field=where)
        return {"type": "input_image", "image_url": encode_url(part, where), "detail": part.detail or "auto"}

    def _encode_file(self, part: FilePart, where: str) -> dict[str, Any]:
        part = read_media(part, where, self.context.notice)
        if part.url is not None:
            return {"type": "input_file", "file_url": require_utf8(part.url, where)}
        self._file_bytes += len(part.data or b"")
        if self._file_bytes > MAX_FILE_BYTES:
            raise InvalidInput("documents of more than 50 MB in one request", field=where)
        media_type = part.media_type or ""
        name = part.name or f"file.{_FILE_EXTENSIONS.get(media_type) or media_type.rpartition('/')[2] or 'bin'}"
        return {"type": "input_file", "filename": require_utf8(name, where), "file_data": encode_url(part, where)}


def encode_url(part: ImagePart | FilePart, where: str) -> str:
    """Return the part's URL, or its bytes as a `data:` URL."""
    if part.data is None:
        return require_utf8(part.url or "", where)
    data = base64.b64encode(part.data).decode("ascii")
    return f"data:{require_utf8(part.media_type or '', where)};base64,{data}"


def _encode_audio(part: AudioPart, where: str) -> dict[str, Any]:
    part = inline_data_url(part, where)
    if part.data is None:
        raise InvalidInput("the Responses API accepts audio as bytes, not by URL", field=where)
    audio_format = _AUDIO_FORMATS.get((part.media_type or "").partition(";")[0].lower())
    if audio_format is None:
        raise InvalidInput(f"the Responses API accepts mp3 and wav, not {part.media_type}", field=where)
    data = base64.b64encode(part.data).decode("ascii")
    return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format}}


def decode_image(data: bytes, issuer: str) -> ImagePart | None:
    """Return the image of an `image_generation_call`, whose JSON is `data`; `None` if it cannot be decoded."""
    item = decode(ImageGenerationCall, data)
    prefix, comma, rest = (item.result or "").partition(",")
    media_type = f"image/{item.output_format or 'png'}"
    if comma and prefix.startswith("data:"):
        media_type = prefix[5:].partition(";")[0] or media_type
    try:
        image = base64.b64decode(rest if comma else prefix, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not image:
        return None
    return ImagePart(data=image, media_type=media_type, state=(ProviderState(issuer, data),))
