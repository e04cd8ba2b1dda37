"""Text and media of messages, and the images and audio that a model generates."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    FileRef,
    ImagePart,
    Part,
    ProviderPart,
    ProviderState,
    TextPart,
)
from ratatoskr.wire.chat_completions.shapes import ChatCompletionAudio
from ratatoskr.wire.encode import EncodeContext, require_utf8
from ratatoskr.wire.json import replace_surrogates
from ratatoskr.wire.media import inline_data_url, is_text, read_media, text_of_file
from ratatoskr.wire.turn import TurnBuilder

_AUDIO_FORMATS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/webm": "webm",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/m4a": "m4a",
    "audio/aiff": "aiff",
    "audio/x-aiff": "aiff",
    "audio/pcm": "pcm16",
}
"""Media types to values of `input_audio.format` (OpenAI accepts wav and mp3, OpenRouter more)."""

_TRANSCRIPT = "transcript"
"""The key of the text part with the transcript of the audio."""

_IMAGE_STATE = b'"images"'
"""The state of an image, whose issuer is the provider that generated it."""

_AUDIO_SIGNATURES = (
    (b"RIFF", "audio/wav"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
"""First bytes of the formats that can be requested; anything else is `pcm16`, which has no header."""


def encode_part(part: Part, where: str, context: EncodeContext) -> dict[str, Any]:
    """Return a part as an object of `content`.

    Raises:
        InvalidInput: the API does not support it; `field` is `where`.
    """
    match part:
        case TextPart():
            value: dict[str, Any] = {"type": "text", "text": require_utf8(part.text, where)}
        case ImagePart():
            part = read_media(part, where, context.notice)
            detail = {} if part.detail is None else {"detail": part.detail}
            value = {"type": "image_url", "image_url": {"url": _encode_url(part, where), **detail}}
        case AudioPart():
            value = {"type": "input_audio", "input_audio": _encode_audio(part, where, context)}
        case FilePart():
            value = _encode_file(part, where, context)
        case FileRef():
            if part.provider != (provider := context.target.provider):
                message = f"file {part.id!r:.80} was uploaded to {part.provider}; {provider} does not have it"
                raise InvalidInput(message, field=where)
            value = {"type": "file", "file": {"file_id": require_utf8(part.id, where)}}
        case _:
            raise InvalidInput(f"a message of the user cannot contain a {part.type}", field=where)
    return context.mark_cached(value, cache=True) if part.cache else value


def _encode_url(part: ImagePart | FilePart, where: str) -> str:
    """Return the URL as it is, or the bytes as a `data:` URL."""
    if part.url is not None:
        return require_utf8(part.url, where)
    return f"data:{require_utf8(part.media_type or '', where)};base64,{_encode_base64(part.data)}"


def _encode_base64(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode("ascii")


def _encode_audio(part: AudioPart, where: str, context: EncodeContext) -> Any:
    part = inline_data_url(part, where)
    if context.has("mistral"):
        return require_utf8(part.url, where) if part.url is not None else _encode_base64(part.data)
    if part.data is None:
        raise InvalidInput("Chat Completions accepts audio as bytes, not by URL", field=where)
    media_type = (part.media_type or "").split(";")[0].strip().lower()
    audio_format = _AUDIO_FORMATS.get(media_type)
    if audio_format is None:
        known = ", ".join(sorted(set(_AUDIO_FORMATS.values())))
        raise InvalidInput(f"Chat Completions does not support audio of type {media_type!r}, only {known}", field=where)
    return {"data": _encode_base64(part.data), "format": audio_format}


def _encode_file(part: FilePart, where: str, context: EncodeContext) -> dict[str, Any]:
    part = read_media(part, where, context.notice)
    media_type = (part.media_type or "").split(";")[0].strip().lower()
    if media_type.startswith("video/") and context.has("openrouter"):
        return {"type": "video_url", "video_url": {"url": _encode_url(part, where)}}
    if part.data is None:
        if not context.has("openrouter", "mistral", "file_url"):
            raise InvalidInput(f"{context.target.provider} accepts files as bytes, not by URL", field=where)
    elif is_text(media_type):
        return {"type": "text", "text": text_of_file(part.data, part.name, where)}
    if context.has("mistral"):
        return {"type": "document_url", "document_url": _encode_url(part, where)}
    name = require_utf8(part.name or _default_name(media_type, part.url), where)
    return {"type": "file", "file": {"filename": name, "file_data": _encode_url(part, where)}}


def _default_name(media_type: str, url: str | None) -> str:
    """Return a name for a file without one, which the API requires."""
    if url is not None:
        return url.split("?")[0].rsplit("/", 1)[-1] or "file"
    return f"file.{media_type.rsplit('/', 1)[-1] or 'bin'}"


def decode_image(value: dict[str, Any], issuer: str) -> ImagePart | None:
    """Return the image of an `image_url` object; `None` if it has none, or one that cannot be decoded."""
    inner = value.get("image_url")
    url = inner.get("url") if isinstance(inner, dict) else inner
    if not isinstance(url, str) or not url:
        return None
    state = (ProviderState(issuer, _IMAGE_STATE),)
    if not url.startswith("data:"):
        return ImagePart(url=replace_surrogates(url), state=state)
    head, comma, text = url[5:].partition(",")
    media_type, semicolon, _ = head.partition(";base64")
    if not comma or not semicolon:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return ImagePart(data=data, media_type=replace_surrogates(media_type) or "image/png", state=state)


class AudioReader:
    """Audio output: a transcript, which is a text part, and audio in base64 deltas.

    The state of the transcript has the id under which the provider stores the audio; the history refers to it by that.
    """

    __slots__ = ("_deltas", "_id", "_turn")

    def __init__(self, turn: TurnBuilder) -> None:
        self._turn = turn
        self._id: str | None = None
        self._deltas: list[str] = []

    def read(self, audio: ChatCompletionAudio) -> None:
        """Read one delta."""
        if audio.id and self._id is None:
            self._id = replace_surrogates(audio.id)
            self._turn.replace_state(_TRANSCRIPT, msgspec.json.encode({"audio": {"id": self._id}}), "text")
        if audio.transcript:
            self._turn.text(_TRANSCRIPT, audio.transcript)
        if audio.data:
            self._deltas.append(audio.data)
            self._turn.event("audio", msgspec.json.encode({"data": replace_surrogates(audio.data)}))

    def finish(self) -> None:
        """Add the audio part, now that all of it has come."""
        if not self._deltas:
            return
        data = _decode_base64(self._deltas)
        issuer, state = self._turn.issuer, msgspec.json.encode({"id": self._id})
        if data is None:
            undecoded = {"id": self._id, "data": [replace_surrogates(delta) for delta in self._deltas]}
            self._turn.part("audio", ProviderPart("audio", msgspec.json.encode(undecoded), issuer), "audio", state)
            return
        media_type = next((kind for start, kind in _AUDIO_SIGNATURES if data.startswith(start)), "audio/pcm")
        part = AudioPart(data=data, media_type=media_type, state=(ProviderState(issuer, state),))
        self._turn.part("audio", part, "audio", state)


def _decode_base64(deltas: list[str]) -> bytes | None:
    """Return the bytes of base64 that was split before or after it was encoded; `None` if it is not base64."""
    try:
        if all(len(delta) % 4 == 0 for delta in deltas):
            return b"".join(base64.b64decode(delta, validate=True) for delta in deltas)
        return base64.b64decode("".join(deltas), validate=True)
    except (ValueError, binascii.Error):
        return None
