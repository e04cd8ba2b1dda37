"""Messages in the form of OpenAI's Chat Completions: dicts to `Message` and back.

Source: OpenAI's API reference, "Create chat completion", `messages` (from memory, November 2026). Two members that
other libraries write are read too: `reasoning_content` (hosts that show reasoning) and `cache_control`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    FileRef,
    ImageDetail,
    ImagePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.types.message import Message, Role

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_KEYS: dict[Role, tuple[str, ...]] = {
    "system": ("role", "content", "name"),
    "user": ("role", "content", "name"),
    "assistant": ("role", "content", "name", "refusal", "reasoning_content", "tool_calls"),
    "tool": ("role", "content", "name", "tool_call_id"),
}
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "opus": "audio/ogg", "aac": "audio/aac"}
_AUDIO_FORMATS = {media_type: name for name, media_type in _AUDIO_TYPES.items()} | {"audio/mp3": "mp3"}


def message_from_openai(cls: type[Message], data: Mapping[str, Any], path: str = "message") -> Message:
    """Return the message that a dict of Chat Completions says.

    Members that are `None` or empty lists, as a dumped answer holds them, count as absent.

    Args:
        cls: `Message`.
        data: the dict.
        path: the name of the place in errors.

    Raises:
        InvalidInput: the dict is not such a message; `field` names the member.
    """
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{path} must be a dict, not {type(data).__name__}", field=path)
    name = data.get("role")
    role = _ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        raise InvalidInput(f"{path}.role must be one of {', '.join(_ROLES)}, not {quote(name)}", field=f"{path}.role")
    _check_keys(data, _KEYS[role], path)
    speaker = _text(data, "name", path) if data.get("name") is not None else None
    content = _content(data.get("content"), f"{path}.content")
    if role == "tool":
        result = ToolResult(_text(data, "tool_call_id", path), content, name=speaker)  # type: ignore[arg-type]  # parts
        return cls("tool", (result,))
    if role == "assistant":
        content = (*_reasoning(data, path), *content, *_refusal(data, path), *_calls(data.get("tool_calls"), path))
    return cls(role, content, speaker)


def message_to_openai(message: Message, *, drop: bool = False) -> dict[str, Any]:
    """Return a message as a dict of Chat Completions.

    Args:
        message: of any role; one of role `tool` must hold exactly one result.
        drop: leave out what that form cannot say, in place of raising.

    Raises:
        InvalidInput: the message holds something that the form cannot say; the error names it.
    """
    lost = _unsayable(message)
    if lost and not drop:
        raise InvalidInput(
            f"the form of Chat Completions cannot say {', '.join(lost)}; drop=True leaves it out", field="message"
        )
    data: dict[str, Any] = {"role": message.role}
    if message.name is not None:
        data["name"] = message.name
    if message.role == "tool":
        results = [part for part in message.content if isinstance(part, ToolResult)]
        if len(results) != 1:
            raise InvalidInput(
                f"a message of {len(results)} tool results takes {len(results)} dicts: convert one result each",
                field="message",
            )
        return {**data, "tool_call_id": results[0].tool_call_id, "content": _content_out(results[0].content)}
    body = [part for part in message.content if isinstance(part, tuple(_WRITERS))]
    data["content"] = _content_out(body) if body or message.role != "assistant" else None
    if message.reasoning:
        data["reasoning_content"] = message.reasoning
    if message.tool_calls:
        data["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return data


def _check_keys(data: Mapping[str, Any], allowed: Sequence[str], path: str) -> None:
    for key, value in data.items():
        if key not in allowed and value is not None and not (isinstance(value, list) and not value):
            raise InvalidInput(
                f"{path}.{key!s:.80} is not a member here; the members are {', '.join(allowed)}",
                field=f"{path}.{key!s:.80}",
            )


def _text(data: Mapping[str, Any], key: str, path: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise InvalidInput(f"{path}.{key} must be text, not {quote(value)}", field=f"{path}.{key}")
    return value


def _member(data: Mapping[str, Any], key: str, path: str, allowed: Sequence[str]) -> Mapping[str, Any]:
    """Return the object under a key, whose own keys are checked."""
    value = data.get(key)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{path}.{key} must be an object, not {quote(value)}", field=f"{path}.{key}")
    _check_keys(value, allowed, f"{path}.{key}")
    return value


def _content(content: Any, path: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (TextPart(content),)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise InvalidInput(f"{path} must be text or a list of parts, not {type(content).__name__}", field=path)
    return tuple(_part(part, f"{path}[{i}]") for i, part in enumerate(content))


def _part(data: Any, path: str) -> Part:
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{path} must be an object with a type, not {type(data).__name__}", field=path)
    kind = data.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise InvalidInput(f"{path}.type must be one of {', '.join(_READERS)}, not {quote(kind)}", field=f"{path}.type")
    _check_keys(data, ("type", str(kind), "cache_control"), path)
    return read(data, path, data.get("cache_control") is not None)


def _read_text(data: Mapping[str, Any], path: str, cache: bool) -> Part:
    return TextPart(_text(data, "text", path), cache=cache)


def _read_refusal(data: Mapping[str, Any], path: str, cache: bool) -> Part:
    return TextPart(_text(data, "refusal", path), cache=cache)


def _read_image(data: Mapping[str, Any], path: str, cache: bool) -> Part:
    image = _member(data, "image_url", path, ("url", "detail"))
    detail = image.get("detail")
    if detail is not None and detail not in get_args(ImageDetail):
        field = f"{path}.image_url.detail"
        raise InvalidInput(
            f"{field} must be one of {', '.join(get_args(ImageDetail))}, not {quote(detail)}", field=field
        )
    url = _text(image, "url", f"{path}.image_url")
    if url.startswith("data:"):
        bytes_, media_type = _data_url(url, f"{path}.image_url.url")
        return ImagePart(data=bytes_, media_type=media_type, detail=detail, cache=cache)
    return ImagePart(url=ImagePart.from_url(url).url, detail=detail, cache=cache)


def _read_audio(data: Mapping[str, Any], path: str, cache: bool) -> Part:
    audio = _member(data, "input_audio", path, ("data", "format"))
    where = f"{path}.input_audio"
    name = _text(audio, "format", where)
    return AudioPart(
        data=_base64(_text(audio, "data", where), f"{where}.data"),
        media_type=_AUDIO_TYPES.get(name, f"audio/{name}"),
        cache=cache,
    )


def _read_file(data: Mapping[str, Any], path: str, cache: bool) -> Part:
    file = _member(data, "file", path, ("file_id", "file_data", "filename"))
    where = f"{path}.file"
    if file.get("file_id") is not None:
        return FileRef("openai", _text(file, "file_id", where), cache=cache)
    content, media_type = _data_url(_text(file, "file_data", where), f"{where}.file_data")
    name = _text(file, "filename", where) if file.get("filename") is not None else None
    return FilePart(data=content, media_type=media_type, name=name, cache=cache)


_READERS: dict[str, Callable[[Mapping[str, Any], str, bool], Part]] = {
    "text": _read_text,
    "image_url": _read_image,
    "input_audio": _read_audio,
    "file": _read_file,
    "refusal": _read_refusal,
}


def _reasoning(data: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    if data.get("reasoning_content") is None:
        return ()
    return (ReasoningPart(_text(data, "reasoning_content", path)),)


def _refusal(data: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    if data.get("refusal") is None:
        return ()
    return (TextPart(_text(data, "refusal", path)),)


def _calls(calls: Any, path: str) -> tuple[Part, ...]:
    if calls is None:
        return ()
    path = f"{path}.tool_calls"
    if not isinstance(calls, Sequence) or isinstance(calls, (str, bytes)):
        raise InvalidInput(f"{path} must be a list, not {type(calls).__name__}", field=path)
    return tuple(_call(call, f"{path}[{i}]") for i, call in enumerate(calls))


def _call(call: Any, path: str) -> ToolCall:
    if not isinstance(call, Mapping):
        raise InvalidInput(f"{path} must be an object, not {type(call).__name__}", field=path)
    _check_keys(call, ("id", "type", "index", "function"), path)
    kind = call.get("type", "function")
    if not isinstance(kind, str) or kind != "function":
        raise InvalidInput(f"{path}.type must be function, not {quote(kind)}", field=f"{path}.type")
    function = _member(call, "function", path, ("name", "arguments"))
    return ToolCall(
        _text(call, "id", path),
        _text(function, "name", f"{path}.function"),
        _text(function, "arguments", f"{path}.function"),
    )


def _data_url(url: str, path: str) -> tuple[bytes, str]:
    """Return the bytes and the media type of a `data:` URL with base64."""
    head, comma, text = url.partition(",")
    media_type, _, encoding = head.removeprefix("data:").rpartition(";")
    if not head.startswith("data:") or not comma or encoding != "base64" or not media_type:
        raise InvalidInput(f"{path} must be a data: URL with a media type and base64", field=path)
    return _base64(text, path), media_type


def _base64(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{path} is not base64", field=path) from None


def _content_out(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    """Return content as text if it is one plain text part, else as a list of parts."""
    parts = list(filter(_has_form, parts))
    if len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].cache:
        return parts[0].text
    written = []
    for part in parts:
        data = _WRITERS[type(part)](part)
        if part.cache:
            data["cache_control"] = {"type": "ephemeral"}
        written.append(data)
    return written


def _write_media_url(part: Any) -> str:
    return part.url or f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"


def _write_image(part: Any) -> dict[str, Any]:
    detail = {} if part.detail is None else {"detail": part.detail}
    return {"type": "image_url", "image_url": {"url": _write_media_url(part), **detail}}


def _write_audio(part: Any) -> dict[str, Any]:
    name = _AUDIO_FORMATS.get(part.media_type, part.media_type.partition("/")[2])
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(part.data).decode(), "format": name}}


def _write_file(part: Any) -> dict[str, Any]:
    named = {} if part.name is None else {"filename": part.name}
    return {"type": "file", "file": {"file_data": _write_media_url(part), **named}}


_WRITERS: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    TextPart: lambda part: {"type": "text", "text": part.text},
    ImagePart: _write_image,
    AudioPart: _write_audio,
    FilePart: _write_file,
    FileRef: lambda part: {"type": "file", "file": {"file_id": part.id}},
}


def _unsayable(message: Message) -> list[str]:
    """Return what a message holds that the form cannot say."""
    lost = ["metadata"] if message.metadata else []
    results = [part for part in message.content if isinstance(part, ToolResult)]
    for part in (*message.content, *(part for result in results for part in result.content)):
        if not _has_form(part):
            lost.append(f"{part.type} of {part.provider}" if isinstance(part, FileRef) else part.type)
        if part.state:
            lost.append(f"state of {part.type}")
        if isinstance(part, TextPart) and part.citations:
            lost.append("citations")
        if isinstance(part, ToolResult) and part.is_error:
            lost.append("is_error")
    return list(dict.fromkeys(lost))


def _has_form(part: Part) -> bool:
    if isinstance(part, (AudioPart, FilePart)):
        return part.data is not None
    if isinstance(part, FileRef):
        return part.provider == "openai"
    return isinstance(part, (ReasoningPart, ToolCall, ToolResult, *_WRITERS))
