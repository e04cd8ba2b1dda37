"""What the dialects share when they write a request: checks of texts and JSON values, and notices to the caller."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import JsonSchema
from ratatoskr.types.part import AudioPart, FilePart, ImagePart, Part
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.issuer import same_issuer

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


def require_utf8(text: str, where: str) -> str:
    """Return the text unchanged.

    Raises:
        InvalidInput: it contains a lone surrogate, which UTF-8 cannot encode; `field` is `where`.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidInput("text with a lone surrogate cannot be sent", field=where) from None
    return text


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


def _mapping_to_dict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_mapping_to_dict)


def encode_json(value: Any, where: str) -> bytes:
    """Return a value of the caller's as JSON.

    Raises:
        InvalidInput: it has no JSON form, or contains a lone surrogate; `field` is `where`.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise InvalidInput("text with a lone surrogate cannot be sent", field=where) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"not a JSON value: {error}", field=where) from None


def schema_instructions(form: JsonSchema) -> str:
    """Return instructions that ask for the schema, for models without native structured output."""
    schema = encode_json(form.schema, "response_format").decode()
    return f"Answer with one JSON value that follows this JSON Schema, and with nothing besides it:\n{schema}"


def foreign_state_notices(issuers: Mapping[str, str]) -> list[Notice]:
    """Return a notice for each kind of state that was left out; the mapping is from a kind to its issuer."""
    return [
        Notice("foreign_state_dropped", f"{kind} of {issuer} was left out: only its issuer can read it", "messages")
        for kind, issuer in issuers.items()
    ]


OUTPUT_EMULATED = Notice(
    "output_emulated",
    "this model has no native structured output here: the schema was put into the instructions",
    "response_format",
)


@dataclass(slots=True)
class EncodeContext:
    """The state of encoding one request.

    Attributes:
        target: the provider and model that the request is for.
        cache_mark: members that make a part a cache breakpoint; `None` where there are no breakpoints.
        notices: for the caller.
    """

    target: Target
    cache_mark: Mapping[str, Any] | None = None
    notices: list[Notice] = field(default_factory=list)
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def has(self, *flags: str) -> bool:
        """Return whether the host has one of these quirks."""
        return not self.target.flags.isdisjoint(flags)

    def notice(self, code: str, kind: str, message: str, where: str) -> None:
        """Add a notice, once for each code and kind."""
        if (code, kind) not in self._noted:
            self._noted.add((code, kind))
            self.notices.append(Notice(code, message, where))

    def mark_cached(self, value: dict[str, Any], *, cache: bool) -> dict[str, Any]:
        """Return a part, call or tool, with a cache breakpoint if one is wanted and the host has them."""
        return {**value, **self.cache_mark} if cache and self.cache_mark is not None else value

    def is_own(self, issuer: str) -> bool:
        """Return whether opaque state of this issuer may be sent to the target."""
        return issuer == self.target.issuer or same_issuer(issuer, self.target.issuer)

    def own_state(self, part: Part) -> bytes | None:
        """Return the first state of a part that the target issued."""
        return next((state.data for state in part.state if self.is_own(state.issuer)), None)
