"""Errors as a status code, a text, and details that give the very same error back."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import DecodeError

from ratatoskr.errors import (
    AllAttemptsFailed,
    AuthenticationFailed,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidInput,
    ModelNotAvailable,
    ModelNotFound,
    NoProvider,
    ProviderError,
    RatatoskrError,
    RateLimited,
    Timeout,
)
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.error_data import error_from_dict, error_to_dict

__all__ = ["MAX_DETAILS", "code_of", "details_from_octets", "details_of", "error_of_status", "text_of"]

MAX_DETAILS: Final = 8 * 1024
"""The most bytes of details: trailing metadata that is larger is lost, and the status with it."""
_ROOM: Final = MAX_DETAILS - 1024
_PLAIN: Final = 2048
"""From this size on, details are compressed."""
_MAX_READ: Final = 1024 * 1024
"""The most bytes that details may have once they are decompressed."""

_CODES: Final[tuple[tuple[type[RatatoskrError], int], ...]] = (
    (ContextLengthExceeded, 11),  # OUT_OF_RANGE
    (RateLimited, 8),  # RESOURCE_EXHAUSTED
    (AuthenticationFailed, 16),  # UNAUTHENTICATED
    (ModelNotFound, 5),  # NOT_FOUND
    (NoProvider, 5),
    (InvalidInput, 3),  # INVALID_ARGUMENT
    (ModelNotAvailable, 14),  # UNAVAILABLE
    (ContentFiltered, 7),  # PERMISSION_DENIED
)
"""The numbers of status codes by class; the first that fits, and INTERNAL for all others."""
_INTERNAL: Final = 13


def code_of(error: RatatoskrError) -> int:
    """Return the number of the status code of an error."""
    if isinstance(error, AllAttemptsFailed):
        return code_of(error.primary)
    return next((code for cls, code in _CODES if isinstance(error, cls)), _INTERNAL)


_MAX_STATUS: Final = 2048
"""The most bytes of the text of a status as it travels; the details have the whole."""
_LIMIT: Final = re.compile(
    r"(?:maximum|max|limit|at most|up to|window)\D{0,60}?(\d[\d,]*)|(\d[\d,]*)\D{0,20}(?:maximum|limit)", re.IGNORECASE
)


def text_of(error: RatatoskrError) -> str:
    """Return the text of a status: the wait of a `RateLimited` and the limit of a context are in it, last."""
    primary = error.primary if isinstance(error, AllAttemptsFailed) else error
    text = error.message.encode("utf-8", "replace").decode()
    end = ""
    if isinstance(primary, RateLimited) and primary.retry_after is not None:
        end = f"; retry after {primary.retry_after:.9g}s"
    if isinstance(primary, ContextLengthExceeded) and (found := _LIMIT.search(text)):
        limit = (found[1] or found[2]).replace(",", "")
        end = f" (limit {limit})"
    return _fit(text) + end


def _fit(text: str) -> str:
    """Return a text of a status short enough to travel beside the details, percent-encoded as it is."""
    if len(text) <= _MAX_STATUS // 12:
        return text
    size = 0
    for index, letter in enumerate(text):
        size += 1 if " " <= letter <= "~" and letter != "%" else 3 * len(letter.encode())
        if size > _MAX_STATUS:
            return f"{text[:index]}…"
    return text


def details_of(error: RatatoskrError, *, delivered: bool = False) -> bytes:
    """Return the serialized details of an error, at most `MAX_DETAILS` bytes.

    Where they are too long, answers, attempts and then messages are shortened, and the details say so.

    Args:
        error: of a call.
        delivered: whether the caller has received the events of what the error calls `partial`, which is left out.
    """
    data = error_to_dict(error)
    if delivered:
        _forget_partial(data)
    shortened = False
    octets = _pack(data)
    for shorten in _SHORTENERS:
        if len(octets) <= _ROOM:
            break
        shortened = shorten(data) or shortened
        octets = _pack(data)
    status = pb.ErrorStatus(code=code_of(error), message=text_of(error)[:_MAX_TEXT])
    status.details.add().Pack(pb.ErrorDetail(error_json=octets, shortened=shortened))
    serialized: bytes = status.SerializeToString()
    return serialized


_MAX_TEXT: Final = 200


def _pack(data: dict[str, Any]) -> bytes:
    octets = json.dumps(data, separators=(",", ":")).encode("utf-8")
    is_short = len(octets) <= _PLAIN or len(octets) > _MAX_READ  # what is too long is shortened until it is not
    return octets if is_short else bytes(zlib.compress(octets))


def _all_errors(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield an error's data, and those of its cause and of the errors of a group."""
    yield data
    nested = [*data.get("exceptions", ()), data["fields"].get("cause")]
    for one in nested:
        if one is not None:
            yield from _all_errors(one)


def _forget_partial(data: dict[str, Any]) -> bool:
    for one in _all_errors(data):
        one["fields"].pop("partial", None)
    return True


def _forget_nested_attempts(data: dict[str, Any]) -> bool:
    for one in _all_errors(data):
        if one is not data:
            one["fields"].pop("attempts", None)
    return True


def _shorten_attempts(data: dict[str, Any]) -> bool:
    attempts = data["fields"].get("attempts") or []
    if len(attempts) > _KEPT:
        left_out = len(attempts) - _KEPT
        data["fields"]["attempts"] = attempts[-_KEPT:]
        data["message"] = f"{data['message'][:_MAX_MESSAGE]} ({left_out} attempts are left out here)"
    return True


def _forget_response(data: dict[str, Any]) -> bool:
    for one in _all_errors(data):
        for name in ("response", "errors"):
            one["fields"].pop(name, None)
    return True


def _shorten_messages(data: dict[str, Any]) -> bool:
    for one in _all_errors(data):
        one["message"] = _cut(one["message"], _MAX_TEXT)
        one["fields"] = {name: _cut(value, _MAX_TEXT) for name, value in one["fields"].items()}
        for attempt in one["fields"].get("attempts") or ():
            if attempt["error"] is not None:
                attempt["error"]["message"] = _cut(attempt["error"]["message"], 60)
    return True


def _cut(value: Any, limit: int) -> Any:
    return value if not isinstance(value, str) or len(value) <= limit else value[: limit - 1] + "…"


def _forget_all_but_the_class(data: dict[str, Any]) -> bool:
    data["fields"] = {name: _cut(v, 100) for name, v in data["fields"].items() if isinstance(v, str | int | float)}
    data["message"] = f"{_cut(data['message'], _MAX_TEXT)} (details are left out here)"
    if "exceptions" in data:
        kept = data["exceptions"][data.get("primary", 0)]
        data["exceptions"], data["primary"] = [{**kept, "fields": {}, "message": _cut(kept["message"], 100)}], 0
        data["exceptions"][0].pop("exceptions", None)
        data["exceptions"][0].pop("primary", None)
        if kept["code"] == AllAttemptsFailed.code:
            data["exceptions"][0]["code"] = RatatoskrError.code
    return True


_KEPT: Final = 8
_MAX_MESSAGE: Final = 1500
_SHORTENERS: Final = (
    _forget_partial,
    _forget_response,
    _forget_nested_attempts,
    _shorten_messages,
    _shorten_attempts,
    _forget_all_but_the_class,
)
"""What is given up, in order, until the details fit."""


def details_from_octets(octets: bytes) -> RatatoskrError | None:
    """Return the error of details; `None` where they hold none that can be read."""
    try:
        status = pb.ErrorStatus.FromString(octets)
        for any_detail in status.details:
            detail = pb.ErrorDetail()
            if any_detail.Unpack(detail):
                return error_from_dict(json.loads(_unpack(detail.error_json)))
    except (ValueError, RatatoskrError, RecursionError, zlib.error, DecodeError):
        return None
    return None


def _unpack(octets: bytes) -> bytes:
    if octets[:1] != b"\x78":
        return octets
    reader = zlib.decompressobj()
    found = reader.decompress(octets, _MAX_READ)
    if reader.unconsumed_tail:
        raise ValueError("the details are too large")
    return found


_CLASSES: Final[dict[str, type[RatatoskrError]]] = {
    "RESOURCE_EXHAUSTED": RateLimited,
    "UNAUTHENTICATED": AuthenticationFailed,
    "NOT_FOUND": ModelNotFound,
    "INVALID_ARGUMENT": InvalidInput,
    "UNAVAILABLE": ModelNotAvailable,
    "UNIMPLEMENTED": NoProvider,
    "PERMISSION_DENIED": ContentFiltered,
    "OUT_OF_RANGE": ContextLengthExceeded,
}
_WAIT: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s)\b")


def error_of_status(code: str, text: str) -> RatatoskrError:
    """Return the error of a status without details, from a daemon that sends none.

    Args:
        code: the name of the status code.
        text: of the status.
    """
    if code == "DEADLINE_EXCEEDED":
        return Timeout(text or "the deadline of the call has passed", phase="total")
    cls = _CLASSES.get(code, ProviderError)
    error = cls(text or code)
    waits = _WAIT.findall(text) if cls is RateLimited else []
    if waits:
        number, unit = waits[-1]
        error.retry_after = float(number) / (1000 if unit == "ms" else 1)
    return error
