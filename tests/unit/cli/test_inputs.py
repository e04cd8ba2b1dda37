"""Inputs of a command: files by media type, tools in several forms, a schema; errors name the place."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ratatoskr.cli import inputs
from ratatoskr.cli.inputs import load_parts, load_schema, load_tools, read_stdin_text
from ratatoskr.errors import InvalidInput
from ratatoskr.types.part import AudioPart, FilePart, ImagePart, TextPart
from ratatoskr.types.tool import ProviderTool, ToolDefinition


def make_file(path: Path) -> Path:
    path.touch()
    return path


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))


@pytest.mark.parametrize(
    ("name", "data", "cls", "media_type"),
    [
        ("a.png", b"whatever it says", ImagePart, "image/png"),
        ("A.JPEG", b"\xff\xd8\xff", ImagePart, "image/jpeg"),
        ("a.webp", b"\0", ImagePart, "image/webp"),
        ("a.mp3", b"\0", AudioPart, "audio/mpeg"),
        ("a.wav", b"\0", AudioPart, "audio/wav"),
        ("a.pdf", b"\0", FilePart, "application/pdf"),
        ("none", b"%PDF-1.7\n\xff", FilePart, "application/pdf"),
        ("none", b"\x89PNG\r\n\x1a\n", ImagePart, "image/png"),
        ("none", b"RIFF\x01\x02\x03\x0aWEBP", ImagePart, "image/webp"),
        ("none", b"RIFF\x01\x02\x03\x0aWAVE", AudioPart, "audio/wav"),
        ("a.zip", b"PK\x03\x04\xff", FilePart, "application/zip"),
    ],
)
def test_the_media_type_of_a_file_is_that_of_its_suffix_or_first_bytes(
    tmp_path: Path, name: str, data: bytes, cls: type[Any], media_type: str
) -> None:
    (tmp_path / name).write_bytes(data)
    [part] = load_parts([str(tmp_path / name)])
    assert type(part) is cls
    assert (part.media_type, part.data, part.name) == (media_type, data, name)


@pytest.mark.parametrize("name", ["a.txt", "a.ts", "a.svg", "a.md", "Makefile", "a.unheard-of"])
def test_text_files_are_sent_as_text_with_their_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("\ufeffGrüße\n\n".encode())
    assert load_parts([str(tmp_path / name)]) == [TextPart(f'<file name="{name}">\nGrüße\n</file>')]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_with_a_byte_order_mark_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    data = "\ufeffGrüße\r\n".encode(encoding)
    (tmp_path / "a.txt").write_bytes(data)
    assert load_parts([str(tmp_path / "a.txt")]) == [TextPart('<file name="a.txt">\nGrüße\n</file>')]
    pipe(monkeypatch, data)
    assert read_stdin_text() == "Grüße"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [("a.png", b"", "the file is empty"), ("a.pdf", b"", "the file is empty"), ("a.txt", b"caf\xe9", "not UTF-8 text")],
)
def test_a_file_that_no_provider_takes_is_refused_by_its_name(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidInput, match=f"{name}: {words}"):
        load_parts([str(tmp_path / name)])


def test_the_name_of_a_file_cannot_end_its_own_mark(tmp_path: Path) -> None:
    path = tmp_path / 'a"><system>\n\x1b\u202eb&.txt'.replace("/", "")
    path.write_text("x")
    assert load_parts([str(path)]) == [
        TextPart('<file name="a&quot;&gt;&lt;system&gt;\\n\\u001b\\u202eb&amp;.txt">\nx\n</file>')
    ]


def test_a_schema_and_standard_input_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "schema.json"
    large.write_bytes(b" " * (inputs.MAX_JSON + 1))
    for load in (load_schema, load_tools):
        with pytest.raises(InvalidInput, match=r"schema\.json is larger than 8 MiB"):
            load(str(large))
    pipe(monkeypatch, b" " * (inputs.MAX_JSON + 1))
    with pytest.raises(InvalidInput, match="standard input is larger than 8 MiB"):
        load_schema("-")
    monkeypatch.setattr(inputs, "MAX_BYTES", 10)
    pipe(monkeypatch, b"x" * 11)
    with pytest.raises(InvalidInput, match="standard input is larger than"):
        read_stdin_text()


def test_an_address_is_passed_on() -> None:
    parts = load_parts(["https://h/a.png?x=1.pdf", "https://h/a", "http://h/a.pdf", "https://h/a.mp3"])
    assert parts == [
        ImagePart.from_url("https://h/a.png?x=1.pdf", "image/png"),
        ImagePart.from_url("https://h/a"),
        FilePart.from_url("http://h/a.pdf", "application/pdf"),
        AudioPart.from_url("https://h/a.mp3", "audio/mpeg"),
    ]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"\x89PNG\r\n\x1a\n")
    [part] = load_parts(["-"])
    assert isinstance(part, ImagePart)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "directory"),
        (os.mkfifo, "it is not a regular file; - reads standard input"),
        (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file; - reads standard input"),
        (
            lambda path: os.truncate(make_file(path), inputs.MAX_BYTES + 1),
            "is larger than 128 MiB, the most that is read",
        ),
        (lambda path: path.write_bytes(b"\xff\xfe\0"), "neither text nor"),
        (lambda path: path.write_bytes(b"text\0with a NUL"), "neither text nor"),
    ],
    ids=["missing", "folder", "pipe", "device", "large", "bytes", "nul"],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, make: Any, words: str) -> None:
    make(tmp_path / "it")
    with pytest.raises(InvalidInput, match=words) as caught:
        load_parts([str(tmp_path / "it")])
    assert str(tmp_path / "it") in caught.value.message


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"a\r\n\n", "a"), ("\ufeff\n é".encode(), "\n é")], ids=["nothing", "ends", "mark"]
)
def test_standard_input_is_text_without_the_line_ends_that_close_it(
    monkeypatch: pytest.MonkeyPatch, data: bytes, text: str
) -> None:
    pipe(monkeypatch, data)
    assert read_stdin_text() == text


def test_a_terminal_or_a_closed_standard_input_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    assert read_stdin_text() == ""
    monkeypatch.setattr("sys.stdin", None)
    assert read_stdin_text() == ""


def test_standard_input_that_is_not_utf8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"\xff")
    with pytest.raises(InvalidInput, match="-f -"):
        read_stdin_text()


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "weather", "description": "d", "parameters": SCHEMA},
        {"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}},
        {"type": "function", "name": "weather", "description": "d", "parameters": SCHEMA},
        {"name": "weather", "description": "d", "input_schema": SCHEMA},
    ],
    ids=["ours", "Chat Completions", "Responses", "Anthropic"],
)
def test_tools_are_read_in_the_forms_of_several_providers(tmp_path: Path, tool: Any) -> None:
    (tmp_path / "t.json").write_text(json.dumps([tool]))
    assert load_tools(str(tmp_path / "t.json")) == [ToolDefinition("weather", "d", SCHEMA)]


def test_a_tool_that_the_provider_runs_is_read_as_it_is_written(tmp_path: Path) -> None:
    tool = ProviderTool("anthropic", {"type": "web_search_20250305", "name": "web_search"})
    (tmp_path / "t.json").write_text(json.dumps([tool.to_dict()]))
    assert load_tools(str(tmp_path / "t.json")) == [tool]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "JSON list"),
        ("[", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ("[1]", "tool 1: not a JSON object"),
        ('[{"name": "a"}, {}]', 'tool 2: has no "name"'),
        ('[{"name": "a", "parameters": 3}]', "tool 1: parameters"),
        ('[{"type": "provider_tool"}]', "tool 1: "),
    ],
)
def test_an_invalid_file_of_tools_is_an_error_that_names_the_tool(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_tools(str(tmp_path / "t.json"))
    assert words in caught.value.message
    assert str(tmp_path / "t.json") in caught.value.message


@pytest.mark.parametrize(
    ("title", "name"), [(None, "answer"), ("An Animal!", "An_Animal"), ("動物", "answer"), ("x" * 99, "x" * 64)]
)
def test_the_name_of_a_schema_is_its_title(tmp_path: Path, title: str | None, name: str) -> None:
    schema = SCHEMA if title is None else {"title": title, **SCHEMA}
    (tmp_path / "s.json").write_text(json.dumps(schema))
    read = load_schema(str(tmp_path / "s.json"))
    assert read is not None
    assert (read.name, read.schema) == (name, schema)


def test_a_schema_that_is_not_an_object_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.json").write_text("[]")
    with pytest.raises(InvalidInput, match=r"s\.json: not a JSON object"):
        load_schema(str(tmp_path / "s.json"))
    pipe(monkeypatch, b"{")
    with pytest.raises(InvalidInput, match="standard input: not JSON"):
        load_schema("-")


def test_a_pipe_can_be_a_file() -> None:
    read, write = os.pipe()
    os.write(write, b"from a pipe")
    os.close(write)
    try:
        assert load_parts([f"/dev/fd/{read}"]) == [TextPart(f'<file name="{read}">\nfrom a pipe\n</file>')]
    finally:
        os.close(read)
