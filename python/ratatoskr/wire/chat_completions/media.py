"""Pictures and speech that a model makes."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from ratatoskr.types.part import AudioPart, ImagePart, ProviderPart, ProviderState
from ratatoskr.wire.chat_completions.shapes import Audio
from ratatoskr.wire.json import replace_surrogates
from ratatoskr.wire.turn import TurnBuilder

TRANSCRIPT = "transcript"
"""Key of the text part that says what the speech says."""

IMAGES = b'"images"'
"""State of a picture: whose it is."""

_SOUNDS = (
    (b"RIFF", "audio/wav"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
"""First bytes of the formats that can be asked for; what begins otherwise is bare samples, `pcm16`."""


def image_of(piece: dict[str, Any], issuer: str) -> ImagePart | None:
    """Return the picture in an `image_url` object; `None` if there is none that can be read."""
    inner = piece.get("image_url")
    url = inner.get("url") if isinstance(inner, dict) else inner
    if not isinstance(url, str) or not url:
        return None
    state = (ProviderState(issuer, IMAGES),)
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


class Speech:
    """Spoken output: a transcript that is text, and sound that comes in pieces.

    The id under which the provider keeps the sound hangs on the transcript, which it then stands for in the history.
    """

    __slots__ = ("_id", "_pieces", "_turn")

    def __init__(self, turn: TurnBuilder) -> None:
        self._turn = turn
        self._id: str | None = None
        self._pieces: list[str] = []

    def read(self, audio: Audio) -> None:
        """Take a piece in."""
        if audio.id and self._id is None:
            self._id = replace_surrogates(audio.id)
            self._turn.replace_state(TRANSCRIPT, msgspec.json.encode({"audio": {"id": self._id}}), "text")
        if audio.transcript:
            self._turn.text(TRANSCRIPT, audio.transcript)
        if audio.data:
            self._pieces.append(audio.data)
            self._turn.event("audio", msgspec.json.encode({"data": replace_surrogates(audio.data)}))

    def close(self) -> None:
        """Add the sound, now that it is whole."""
        if not self._pieces:
            return
        data = _decoded(self._pieces)
        issuer, told = self._turn.issuer, msgspec.json.encode({"id": self._id})
        if data is None:
            kept = msgspec.json.encode({"id": self._id, "data": [replace_surrogates(piece) for piece in self._pieces]})
            self._turn.part("audio", ProviderPart("audio", kept, issuer), "audio", told)
            return
        media_type = next((kind for start, kind in _SOUNDS if data.startswith(start)), "audio/pcm")
        part = AudioPart(data=data, media_type=media_type, state=(ProviderState(issuer, told),))
        self._turn.part("audio", part, "audio", told)


def _decoded(pieces: list[str]) -> bytes | None:
    """Return the bytes of base64 that was cut before or after it was encoded; `None` if it is none."""
    try:
        if all(len(piece) % 4 == 0 for piece in pieces):
            return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
        return base64.b64decode("".join(pieces), validate=True)
    except (ValueError, binascii.Error):
        return None
