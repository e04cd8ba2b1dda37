"""Parts of messages in the dialect's words."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.part import AudioPart, FilePart, FileRef, ImagePart, Part, TextPart
from ratatoskr.wire.dialect import Target

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
"""Media types to the words of `input_audio.format` (OpenAI takes wav and mp3, OpenRouter passes more)."""

_TEXT_TYPES = frozenset(
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
"""Media types besides `text/*` whose bytes are text."""


@dataclass(slots=True)
class Asked:
    """What encoding one request needs to know, and what it has to tell.

    Attributes:
        target: who is asked.
        mark: what makes a part a cache breakpoint there, if anything does.
        notices: for the caller.
    """

    target: Target
    mark: Mapping[str, Any] | None = None
    notices: list[Notice] = field(default_factory=list)
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def has(self, *flags: str) -> bool:
        """Tell whether the host has one of these quirks."""
        return not self.target.flags.isdisjoint(flags)

    def notice(self, code: str, kind: str, message: str, where: str) -> None:
        """Tell the caller something, once for each kind of thing."""
        if (code, kind) not in self._noted:
            self._noted.add((code, kind))
            self.notices.append(Notice(code, message, where))

    def marked(self, value: dict[str, Any], *, cache: bool) -> dict[str, Any]:
        """Return a part, call or tool with a cache breakpoint if one was asked for and the host has them."""
        return {**value, **self.mark} if cache and self.mark is not None else value


def checked(text: str, where: str) -> str:
    """Return text; `InvalidInput` if it holds half a surrogate pair, which is no text."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"{where} holds a lone surrogate", field=where) from None
    return text


def content_part(part: Part, where: str, asked: Asked) -> dict[str, Any]:
    """Return a text or media part as an object of `content`.

    Raises:
        InvalidInput: the dialect cannot carry it.
    """
    match part:
        case TextPart():
            value: dict[str, Any] = {"type": "text", "text": checked(part.text, where)}
        case ImagePart():
            value = {"type": "image_url", "image_url": {"url": _address(part, where)}}
        case AudioPart():
            value = {"type": "input_audio", "input_audio": _sound(part, where, asked)}
        case FilePart():
            value = _file(part, where, asked)
        case FileRef():
            value = {"type": "file", "file": {"file_id": checked(_own_file(part, where, asked), where)}}
        case _:
            raise InvalidInput(f"a {part.type} cannot stand in a message of the user", field=where)
    return asked.marked(value, cache=part.cache)


def _address(part: ImagePart | FilePart, where: str) -> str:
    """Return the URL as it is, or the bytes as a `data:` URL."""
    if part.url is not None:
        return checked(part.url, where)
    return f"data:{checked(part.media_type or '', where)};base64,{_base64(part.data)}"


def _base64(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode("ascii")


def _sound(part: AudioPart, where: str, asked: Asked) -> Any:
    if asked.has("mistral"):
        return checked(part.url, where) if part.url is not None else _base64(part.data)
    if part.data is None:
        raise InvalidInput("Chat Completions takes sound as bytes, not by URL", field=where)
    kind = (part.media_type or "").split(";")[0].strip().lower()
    form = _AUDIO_FORMATS.get(kind)
    if form is None:
        known = ", ".join(sorted(set(_AUDIO_FORMATS.values())))
        raise InvalidInput(f"sound of type {kind!r} has no word in Chat Completions; it knows {known}", field=where)
    return {"data": _base64(part.data), "format": form}


def _file(part: FilePart, where: str, asked: Asked) -> dict[str, Any]:
    kind = (part.media_type or "").split(";")[0].strip().lower()
    if kind.startswith("video/") and asked.has("openrouter"):
        return {"type": "video_url", "video_url": {"url": _address(part, where)}}
    if part.data is None:
        if not (asked.has("openrouter", "mistral", "file_url")):
            raise InvalidInput(f"{asked.target.provider} takes files as bytes, not by URL", field=where)
    elif kind.startswith("text/") or kind in _TEXT_TYPES:
        return {"type": "text", "text": _text_file(part.data, part.name, where)}
    if asked.has("mistral"):
        return {"type": "document_url", "document_url": _address(part, where)}
    name = checked(part.name or _name_for(kind, part.url), where)
    return {"type": "file", "file": {"filename": name, "file_data": _address(part, where)}}


def _text_file(data: bytes, name: str | None, where: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("a text file must be UTF-8", field=where) from None
    title = checked(name or "file", where).replace('"', "'")
    return f'<file name="{title}">\n{text}\n</file>'


def _name_for(kind: str, url: str | None) -> str:
    """Return a file name where one is required and none is known."""
    if url is not None:
        return url.split("?")[0].rsplit("/", 1)[-1] or "file"
    return f"file.{kind.rsplit('/', 1)[-1] or 'bin'}"


def _own_file(part: FileRef, where: str, asked: Asked) -> str:
    if part.provider != asked.target.provider:
        message = f"file {part.id!r:.80} was uploaded to {part.provider}; {asked.target.provider} does not have it"
        raise InvalidInput(message, field=where)
    return part.id
