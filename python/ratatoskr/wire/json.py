"""Careful JSON of the providers: typed structs, a limit on depth, split surrogate pairs that break nothing."""

from __future__ import annotations

import functools
import json
import re
from typing import Any, TypeVar

import msgspec

from ratatoskr import _core
from ratatoskr.errors import InvalidToolArguments, MalformedResponse
from ratatoskr.types.part import MAX_DEPTH

T = TypeVar("T")


@functools.cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def decode(shape: type[T], data: bytes) -> T:
    """Return provider JSON as a struct; unknown fields are ignored, a byte order mark and invalid UTF-8 put right.

    Raises:
        MalformedResponse: not JSON, not of that shape, or nested deeper than 64; the message names the path.
    """
    if not _core.check_depth(data, MAX_DEPTH):
        raise MalformedResponse(f"JSON nested deeper than {MAX_DEPTH}")
    try:
        decoder: msgspec.json.Decoder[T] = _decoder(shape)  # type: ignore[arg-type]  # a type is hashable
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise MalformedResponse(f"unexpected shape: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        plain = _plain_utf8(data)
        return _decode_surrogates(shape, data, error) if plain == data else decode(shape, plain)
    except RecursionError:
        raise MalformedResponse("JSON nested too deep") from None


def _plain_utf8(data: bytes) -> bytes:
    """Return bytes without a byte order mark (RFC 8259 §8.1 allows to pass over one), invalid UTF-8 made U+FFFD.

    The parser of event streams does the same, so that a call and a stream read the same text.
    """
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").encode()


def _decode_surrogates(shape: type[T], data: bytes, error: Exception) -> T:
    """Read JSON that the strict decoder refused for a lone surrogate escape, which providers do send."""
    if not _SURROGATE_ESCAPE.search(data):
        raise MalformedResponse(f"not JSON: {error}") from None
    from msgspec import inspect  # hardly ever needed

    try:
        return msgspec.convert(_with_raw(_mended(json.loads(data)), inspect.type_info(shape)), shape)
    except msgspec.ValidationError as wrong:
        raise MalformedResponse(f"unexpected shape: {wrong}") from None
    except (ValueError, RecursionError) as wrong:
        raise MalformedResponse(f"not JSON: {wrong}") from None


def _with_raw(value: Any, kind: Any) -> Any:
    """Give a value back its bytes wherever the shape keeps `msgspec.Raw`, which `convert` does not make by itself."""
    name = type(kind).__name__
    if name == "UnionType":
        return next((raw for one in kind.types if (raw := _with_raw(value, one)) is not value), value)
    if name == "RawType":
        return msgspec.Raw(json.dumps(value, separators=(",", ":")).encode())
    if name == "StructType" and isinstance(value, dict):
        kinds = {field.encode_name: field.type for field in kind.fields}
        return {k: _with_raw(v, kinds[k]) if k in kinds else v for k, v in value.items()}
    if name == "ListType" and isinstance(value, list):
        return [_with_raw(v, kind.item_type) for v in value]
    if name == "DictType" and isinstance(value, dict):
        return {k: _with_raw(v, kind.value_type) for k, v in value.items()}
    return value


_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE_INSIDE = re.compile("(?<!^)[\udc00-\udfff]|[\ud800-\udbff](?!$)")


def _mended(value: Any) -> Any:
    """Replace lone surrogates by U+FFFD, save one that a neighbouring delta may complete."""
    if isinstance(value, str):
        return _LONE_INSIDE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(k): _mended(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_mended(v) for v in value]
    return value


_SURROGATE = re.compile("[\ud800-\udfff]")


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def whole(text: str) -> str:
    """Return text in which a lone surrogate has become U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _whole(text)
    return text


def text_of(raw: msgspec.Raw | bytes) -> str:
    """Return a raw JSON value as text, exactly as it stood."""
    return bytes(raw).decode("utf-8", "replace")


def arguments_object(arguments: str, where: str) -> msgspec.Raw:
    """Return a tool call's arguments as the JSON object that some dialects want, byte for byte.

    Raises:
        InvalidToolArguments: they are no JSON object, which a dialect that wants one cannot carry.
    """
    text = arguments.strip() or "{}"
    data = text.encode("utf-8", "replace")
    try:
        is_object = text.startswith("{") and _core.check_depth(data, MAX_DEPTH)
        _decoder(msgspec.Raw).decode(data)
        json.loads(text)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise InvalidToolArguments("the arguments of a tool call in the history are no JSON object", field=where)
    return msgspec.Raw(data)
