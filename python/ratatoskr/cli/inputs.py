"""Inputs of a command: standard input, files to ask about, tools, a schema."""

from __future__ import annotations

import codecs
import html
import json
import mimetypes
import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ratatoskr.cli.short_schema import is_short_schema, parse_short_schema
from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.types.chat import JsonSchema
from ratatoskr.types.message import load_messages
from ratatoskr.types.part import AudioPart, FilePart, ImagePart, TextPart
from ratatoskr.types.tool import ProviderTool, Tool, ToolDefinition
from ratatoskr.types.visible import escape_hidden

FromFile: TypeAlias = TextPart | ImagePart | AudioPart | FilePart

MAX_BYTES = 128 * 2**20
"""The largest file and standard input that are read: above what any provider takes in one request."""
MAX_JSON = 8 * 2**20
"""The largest file of tools or with a schema."""

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
"""Media types other than text; the table of `mimetypes` differs between machines."""

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
"""Media types by the first bytes, for pipes and files without a known suffix."""


def read_stdin() -> bytes:
    """Return all of standard input, on a terminal up to Ctrl-D; empty if it is closed.

    Raises:
        InvalidInput: it is larger than `MAX_BYTES`.
    """
    if sys.stdin is None:
        return b""
    return _check_size(sys.stdin.buffer.read(MAX_BYTES + 1), MAX_BYTES, "standard input")


def read_stdin_text() -> str:
    """Return the text on standard input without trailing line ends; empty if that is a terminal.

    Raises:
        InvalidInput: it is neither UTF-8, nor UTF-16 with a byte order mark.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        return ""
    try:
        return _decode(read_stdin()).rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput("standard input is not UTF-8 text; use `-f -` for an image, audio or a PDF") from None


def load_parts(files: Sequence[str]) -> list[FromFile]:
    """Return the files as parts of a message: images, audio and documents by their media type, text as text.

    Args:
        files: paths, `-` for standard input, or http URLs, which the provider fetches.

    Raises:
        InvalidInput: one cannot be read, or its type is unknown.
    """
    return [_part_from_url(file) if re.match(r"https?://", file) else _part_from_file(file) for file in files]


def _part_from_url(url: str) -> FromFile:
    media_type = _BY_SUFFIX.get(Path(url.partition("?")[0].partition("#")[0]).suffix.lower(), "")
    cls = _class_for(media_type) or (ImagePart if not media_type else FilePart)
    return cls.from_url(url, media_type or None)


def _part_from_file(file: str) -> FromFile:
    data = read_stdin() if file == "-" else read_file(file)
    name = "standard input" if file == "-" else Path(file).name
    suffix = Path(name).suffix.lower()
    media_type = _BY_SUFFIX.get(suffix) or next((kind for head, kind in _BY_BEGINNING if head.match(data)), "")
    cls = _class_for(media_type)
    shown = escape_hidden(file, 200)
    if cls is not None:
        if not data:
            raise InvalidInput(f"{shown}: the file is empty", field="file")
        return cls.from_bytes(data, media_type, name)
    text = _decode_text(data)
    if text is not None:
        return TextPart(f'<file name="{html.escape(escape_hidden(name, 200))}">\n{text.rstrip()}\n</file>')
    guess = mimetypes.guess_type(name, strict=False)[0]
    if guess is None:
        raise InvalidInput(f"{shown}: neither text nor a known type of file", field="file")
    if guess.startswith("text/"):
        raise InvalidInput(f"{shown}: not UTF-8 text; convert it, for example by `iconv -t utf-8`", field="file")
    return (ImagePart if guess.startswith("image/") else FilePart).from_bytes(data, guess, name)


def _class_for(media_type: str) -> type[ImagePart | AudioPart | FilePart] | None:
    classes: dict[str, type[ImagePart | AudioPart | FilePart]]
    classes = {"image": ImagePart, "audio": AudioPart, "application": FilePart}
    return classes.get(media_type.partition("/")[0])


def _decode_text(data: bytes) -> str | None:
    try:
        text = _decode(data)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _decode(data: bytes) -> str:
    """Return UTF-8 text, or UTF-16 with a byte order mark, as PowerShell 5 redirects output."""
    return data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")


def read_file(file: str, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file, or of a pipe that the shell opened: `<(command)` is `/dev/fd/N`.

    A named pipe could wait for ever, and a device never ends.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"cannot read {escape_hidden(file, 200)}: {why}", field="file") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) and file.startswith("/dev/fd/"):
            os.set_blocking(descriptor, True)
        elif not stat.S_ISREG(mode):
            kind = "is a directory" if stat.S_ISDIR(mode) else "is not a regular file; - reads standard input"
            raise InvalidInput(f"cannot read {escape_hidden(file, 200)}: it {kind}", field="file")
        with open(descriptor, "rb", closefd=False) as opened:  # a descriptor, not a path
            return _check_size(opened.read(limit + 1), limit, escape_hidden(file, 200))
    finally:
        os.close(descriptor)


def _check_size(data: bytes, limit: int, name: str) -> bytes:
    if len(data) > limit:
        raise InvalidInput(f"{name} is larger than {limit >> 20} MiB, the most that is read", field="file")
    return data


def load_tools(file: str | None) -> list[Tool]:
    """Return the tools in a JSON file: a list, each in our form, OpenAI's or Anthropic's.

    Raises:
        InvalidInput: the file cannot be read, or is not such a list.
    """
    if file is None:
        return []
    value = _load_json(file)
    if not isinstance(value, list):
        raise InvalidInput(f"{file}: not a JSON list of tools", field="tools")
    return [_parse_tool(tool, f"{file}: tool {number}") for number, tool in enumerate(value, 1)]


def _parse_tool(tool: Any, place: str) -> Tool:
    if not isinstance(tool, dict):
        raise InvalidInput(f"{place}: not a JSON object", field="tools")
    try:
        if tool.get("type") == "provider_tool":
            return ProviderTool.from_dict(tool)
        definition = tool["function"] if isinstance(tool.get("function"), dict) else tool
        schema = definition.get("parameters", definition.get("input_schema", {"type": "object", "properties": {}}))
        if "name" not in definition:
            raise InvalidInput('has no "name"', field="tools")
        return ToolDefinition(
            definition["name"], str(definition.get("description") or ""), schema, definition.get("strict")
        )
    except RatatoskrError as error:
        raise InvalidInput(f"{place}: {error.message}", field="tools") from None


def load_schema(file: str | None) -> JsonSchema | None:
    """Return the JSON Schema in a file, or on standard input for `-`; or the one that the text itself is.

    Raises:
        InvalidInput: it cannot be read or is not a JSON object.
    """
    if file is None:
        return None
    if not Path(file).exists() and is_short_schema(file):
        if not file.lstrip().startswith("{"):
            return JsonSchema("answer", parse_short_schema(file))
        value = _parse_json(file, "the schema")
    else:
        value = _load_json(file)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{_display_name(file)}: not a JSON object", field="schema")
    title = re.sub(r"[^A-Za-z0-9_-]+", "_", str(value.get("title") or ""))[:64].strip("_")
    return JsonSchema(title or "answer", value)


def load_history(file: str) -> list[Any]:
    """Return the messages in a JSON file: a list of OpenAI's form, or what `rat sessions export` wrote.

    Raises:
        InvalidInput: it cannot be read, or is neither.
    """
    value = _load_json(file)
    if isinstance(value, list):
        return value
    try:
        return list(load_messages(json.dumps(value)))
    except RatatoskrError as error:
        raise InvalidInput(
            f"{_display_name(file)}: not a list of messages: {error.message}", field="messages"
        ) from None


def _load_json(file: str) -> Any:
    data = _check_size(read_stdin(), MAX_JSON, "standard input") if file == "-" else read_file(file, MAX_JSON)
    return _parse_json(data, _display_name(file))


def _parse_json(text: str | bytes, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{name}: not JSON: {error}", field="file") from None


def _display_name(file: str) -> str:
    return "standard input" if file == "-" else file
