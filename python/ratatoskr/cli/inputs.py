"""What a command reads: standard input, files to ask about, tools, a schema."""

from __future__ import annotations

import json
import mimetypes
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.types.chat import JsonSchema
from ratatoskr.types.part import AudioPart, FilePart, ImagePart, TextPart
from ratatoskr.types.tool import ProviderTool, Tool, ToolDefinition

FromFile: TypeAlias = TextPart | ImagePart | AudioPart | FilePart

_BY_SUFFIX: dict[str, str] = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".webp": "image/webp",
}
"""What models read that is no text; the table of `mimetypes` differs between machines."""

_BY_BEGINNING: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"ID3|\xff[\xfb\xf3\xf2]"), "audio/mpeg"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"%PDF-"), "application/pdf"),
)
"""The same, for pipes and files without a suffix that tells."""


def piped() -> bytes:
    """Return what standard input holds, up to Ctrl-D where it is a terminal; nothing where it is closed."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read()


def piped_text() -> str:
    """Return the text on standard input, unless that is a terminal, without the line ends that close it.

    Raises:
        InvalidInput: it is no text.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        return ""
    try:
        return piped().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput(
            "standard input is no UTF-8 text; `-f -` takes an image, audio or a PDF from there"
        ) from None


def parts_of(files: Sequence[str]) -> list[FromFile]:
    """Return the files as parts of a message: images, audio and documents by their media type, text as text.

    Args:
        files: paths, `-` for standard input, or http addresses, which the provider fetches.

    Raises:
        InvalidInput: one cannot be read, or it cannot be told what it is.
    """
    return [_address(file) if re.match(r"https?://", file) else _part(file) for file in files]


def _address(url: str) -> FromFile:
    media_type = _BY_SUFFIX.get(Path(url.partition("?")[0].partition("#")[0]).suffix.lower(), "")
    cls = _class_for(media_type) or (ImagePart if not media_type else FilePart)
    return cls.from_url(url, media_type or None)


def _part(file: str) -> FromFile:
    data = piped() if file == "-" else _read(file)
    name = "standard input" if file == "-" else Path(file).name
    suffix = Path(name).suffix.lower()
    media_type = _BY_SUFFIX.get(suffix) or next((kind for head, kind in _BY_BEGINNING if head.match(data)), "")
    cls = _class_for(media_type)
    if cls is not None:
        return cls.from_bytes(data, media_type, name)
    text = _text(data)
    if text is not None:
        return TextPart(f'<file name="{name}">\n{text.rstrip()}\n</file>')
    guessed = mimetypes.guess_type(name, strict=False)[0]
    if guessed is None:
        raise InvalidInput(f"{file}: neither text nor a kind of file that is known", field="file")
    return (ImagePart if guessed.startswith("image/") else FilePart).from_bytes(data, guessed, name)


def _class_for(media_type: str) -> type[ImagePart | AudioPart | FilePart] | None:
    classes: dict[str, type[ImagePart | AudioPart | FilePart]]
    classes = {"image": ImagePart, "audio": AudioPart, "application": FilePart}
    return classes.get(media_type.partition("/")[0])


def _text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"cannot read {file}: {why}", field="file") from None


def tools_of(file: str | None) -> list[Tool]:
    """Return the tools in a JSON file: a list, each in our form or in that of OpenAI or Anthropic.

    Raises:
        InvalidInput: the file cannot be read, or holds something else.
    """
    if file is None:
        return []
    value = _json(file)
    if not isinstance(value, list):
        raise InvalidInput(f"{file}: tools are a JSON list", field="tools")
    return [_tool(tool, f"{file}: tool {number}") for number, tool in enumerate(value, 1)]


def _tool(tool: Any, place: str) -> Tool:
    if not isinstance(tool, dict):
        raise InvalidInput(f"{place} is no JSON object", field="tools")
    try:
        if tool.get("type") == "provider_tool":
            return ProviderTool.from_dict(tool)
        said = tool["function"] if isinstance(tool.get("function"), dict) else tool
        schema = said.get("parameters", said.get("input_schema", {"type": "object", "properties": {}}))
        if "name" not in said:
            raise InvalidInput('has no "name"', field="tools")
        return ToolDefinition(said["name"], str(said.get("description") or ""), schema, said.get("strict"))
    except RatatoskrError as error:
        raise InvalidInput(f"{place}: {error.message}", field="tools") from None


def schema_of(file: str | None) -> JsonSchema | None:
    """Return the JSON Schema in a file, or on standard input for `-`.

    Raises:
        InvalidInput: it cannot be read or is no JSON object.
    """
    if file is None:
        return None
    value = _json(file)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{_called(file)}: a schema is a JSON object", field="schema")
    title = re.sub(r"[^A-Za-z0-9_-]+", "_", str(value.get("title") or ""))[:64].strip("_")
    return JsonSchema(title or "answer", value)


def _json(file: str) -> Any:
    data = piped() if file == "-" else _read(file)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{_called(file)} is no JSON: {error}", field="file") from None


def _called(file: str) -> str:
    return "standard input" if file == "-" else file
