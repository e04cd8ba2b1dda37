"""Decoding of the providers' JSON into structs: limited in depth, tolerant of invalid UTF-8 and lone surrogates."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Set as AbstractSet
from types import UnionType
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from ratatoskr import _core
from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.types.part import MAX_DEPTH

T = TypeVar("T")
JsonObject: TypeAlias = dict[str, Any]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
"""A count or an index; in an answer, an integer written as a float (`9.0`) is read as one, too."""


@functools.cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def decode(shape: type[T], data: bytes) -> T:
    """Return provider JSON as a struct. Unknown fields and a byte order mark are ignored, invalid UTF-8 is replaced.

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
        # RFC 8259 §8.1 allows parsers to ignore a byte order mark. The parser of event streams does the same, so that a
        # body and a stream give the same text.
        valid = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").encode()
        return _decode_surrogates(shape, data, error) if valid == data else decode(shape, valid)
    except RecursionError:
        raise MalformedResponse("JSON nested too deep") from None


def decode_answer(shape: type[T], data: bytes, minor: AbstractSet[str], notices: list[Notice]) -> T:
    """Return provider JSON as a struct, without the minor members that have another form than the shape's.

    Args:
        shape: the struct.
        data: the JSON.
        minor: the names, at any depth, of the members without which the answer is still complete.
        notices: is given one notice for each member that is left out.

    Raises:
        MalformedResponse: as `decode` does; another member does not fit the shape.
    """
    try:
        return decode(shape, data)
    except MalformedResponse as error:
        return decode_without_minor(error, shape, data, minor, notices)


def decode_without_minor(
    error: MalformedResponse, shape: type[T], data: bytes, minor: AbstractSet[str], notices: list[Notice]
) -> T:
    """Do what `decode_answer` does once `decode` has raised `error`; readers of streams call the two themselves."""
    if not str(error).startswith("unexpected shape"):
        raise error
    dropped: dict[str, None] = {}
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip().encode()
    value = decode(shape, _drop_minor(shape, text, minor, "", dropped))
    for path in dropped:
        note_ignored(notices, path)
    return value


def note_ignored(notices: list[Notice], path: str) -> None:
    """Add the notice of a member that is left out, once for each path."""
    if not any(notice.code == "member_ignored" and notice.field == path for notice in notices):
        notices.append(Notice("member_ignored", f"the provider sent {path} in an unexpected form", path))


def drop_odd_members(shape: type[msgspec.Struct], data: bytes, minor: AbstractSet[str], notices: list[Notice]) -> bytes:
    """Return a JSON object without the minor members that do not fit the shape, otherwise byte for byte."""
    dropped: dict[str, None] = {}
    rest = _drop_minor(shape, data, minor, "", dropped)
    for path in dropped:
        note_ignored(notices, path)
    return rest if dropped else data


@functools.cache
def _member_types(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(shape)}


def _drop_minor(shape: Any, data: bytes, minor: AbstractSet[str] | None, path: str, dropped: dict[str, None]) -> bytes:
    """Return JSON without the minor members that do not fit the shape; `None` means that all members are minor."""
    for kind in get_args(shape) if isinstance(shape, UnionType) else (shape,):
        if get_origin(kind) is list and data.startswith(b"["):
            item = get_args(kind)[0]
            items = (_drop_minor(item, bytes(raw), minor, path, dropped) for raw in decode(list[msgspec.Raw], data))
            return b"[" + b",".join(items) + b"]"
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and data.startswith(b"{"):
            types = _member_types(kind)
            members: list[bytes] = []
            for name, raw in decode(dict[str, msgspec.Raw], data).items():
                value = bytes(raw)
                if name in types and not _fits(types[name], value):
                    where, is_minor = f"{path}.{name}".lstrip("."), minor is None or name in minor
                    if Count in get_args(types[name]):
                        value = _whole_number(value)
                    else:
                        value = _drop_minor(types[name], value, None if is_minor else minor, where, dropped)
                    if is_minor and not _fits(types[name], value):
                        dropped[where] = None
                        continue
                members.append(msgspec.json.encode(name) + b":" + value)
            return b"{" + b",".join(members) + b"}"
    return data


def _whole_number(data: bytes) -> bytes:
    """Return a float without a fraction as an integer, any other JSON as it is."""
    try:
        number = float(data)
    except ValueError:
        return data
    return b"%d" % number if number.is_integer() else data


def _fits(shape: Any, data: bytes) -> bool:
    try:
        decode(shape, data)
    except MalformedResponse:
        return False
    return True


def _decode_surrogates(shape: type[T], data: bytes, error: Exception) -> T:
    """Decode JSON with lone surrogate escapes, which providers do send and the strict decoder refuses."""
    if not _SURROGATE_ESCAPE.search(data):
        raise MalformedResponse(f"not JSON: {error}") from None
    from msgspec import inspect  # rarely needed

    try:
        return msgspec.convert(_restore_raw(_replace_unpaired(json.loads(data)), inspect.type_info(shape)), shape)
    except msgspec.ValidationError as wrong:
        raise MalformedResponse(f"unexpected shape: {wrong}") from None
    except (ValueError, RecursionError) as wrong:
        raise MalformedResponse(f"not JSON: {wrong}") from None


def _restore_raw(value: Any, kind: Any) -> Any:
    """Encode the values for which the shape has `msgspec.Raw`, which `msgspec.convert` does not do by itself."""
    name = type(kind).__name__
    if name == "UnionType":
        return next((raw for one in kind.types if (raw := _restore_raw(value, one)) is not value), value)
    if name == "RawType":
        return msgspec.Raw(json.dumps(value, separators=(",", ":")).encode())
    if name == "StructType" and isinstance(value, dict):
        kinds = {field.encode_name: field.type for field in kind.fields}
        return {k: _restore_raw(v, kinds[k]) if k in kinds else v for k, v in value.items()}
    if name == "ListType" and isinstance(value, list):
        return [_restore_raw(v, kind.item_type) for v in value]
    if name == "DictType" and isinstance(value, dict):
        return {k: _restore_raw(v, kind.value_type) for k, v in value.items()}
    return value


_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPAIRED = re.compile("(?<!^)[\udc00-\udfff]|[\ud800-\udbff](?!$)")
"""Lone surrogates, except one at an end of the text that the next or previous delta may complete."""


def _replace_unpaired(value: Any) -> Any:
    if isinstance(value, str):
        return _UNPAIRED.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", k): _replace_unpaired(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_replace_unpaired(v) for v in value]
    return value


def replace_surrogates(text: str) -> str:
    """Return the text with each lone surrogate replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def text_of(raw: msgspec.Raw | bytes) -> str:
    """Return a raw JSON value as text, unchanged."""
    return bytes(raw).decode("utf-8", "replace")


def is_blank(arguments: str) -> bool:
    """Return whether the arguments of a call say nothing: one without a name is then no call at all."""
    return arguments.strip() in ("", "{}", "null")


def arguments_object(arguments: str) -> msgspec.Raw | None:
    """Return a tool call's arguments as a JSON object; `None` if they are not one.

    Blank arguments and `null` are an empty object. The object is byte for byte as the model wrote it, except that
    escapes of lone surrogates, which providers refuse as invalid JSON, become U+FFFD.
    """
    text = arguments.strip()
    if text in ("", "null"):
        return msgspec.Raw(b"{}")
    data = text.encode("utf-8", "replace")
    try:
        if not (text.startswith("{") and _core.check_depth(data, MAX_DEPTH)):
            return None
        value = json.loads(text)
        if _SURROGATE_ESCAPE.search(data):
            written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            valid = replace_surrogates(written)
            data = data if valid is written else valid.encode()
        _decoder(msgspec.Raw).decode(data)
    except (ValueError, RecursionError):
        return None
    return msgspec.Raw(data)
