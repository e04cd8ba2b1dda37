"""Values that mean nothing are refused where they are made, by an error that names the field."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from ratatoskr import (
    ChatOptions,
    FilePart,
    ImagePart,
    InvalidInput,
    JsonSchema,
    Message,
    ReasoningConfig,
    Timeouts,
    ToolCall,
    ToolDefinition,
    load_messages,
)
from unit.test_bad_input import said

MADE: dict[str, tuple[Callable[[], Any], type[Exception], str, str]] = {
    "role": (lambda: Message("robot", "x"), InvalidInput, "role", "system, user, assistant, tool, not 'robot'"),  # type: ignore[arg-type]
    "content": (lambda: Message.user(5), InvalidInput, "content", "text or parts, not int"),  # type: ignore[arg-type]
    "content inside": (lambda: Message.user(["x", 5]), InvalidInput, "content", "content[1] must be text or a part"),  # type: ignore[list-item]
    "missing file": (lambda: ImagePart.from_path("/no/such.png"), InvalidInput, "path", "cannot read /no/such.png: No"),
    "folder": (lambda: FilePart.from_path("/", "text/plain"), InvalidInput, "path", "cannot read /: Is a directory"),
    "untold type": (
        lambda: ImagePart.from_path("/no/such"),
        InvalidInput,
        "media_type",
        "cannot guess the media type of",
    ),
    "path as a URL": (
        lambda: ImagePart.from_url("cat.png"),
        InvalidInput,
        "url",
        "'cat.png' is not a URL that a provider",
    ),
    "file as a URL": (lambda: ImagePart.from_url("file:///etc/x"), InvalidInput, "url", "use from_path to read a file"),
    "nothing": (lambda: ImagePart(), InvalidInput, "data", "needs either data or a url"),
    "both": (lambda: ImagePart(data=b"x", url="https://h/a.png"), InvalidInput, "data", "needs either data or a url"),
    "text for bytes": (lambda: ImagePart.from_bytes("x", "image/png"), InvalidInput, "data", "must be bytes, not str"),  # type: ignore[arg-type]
    "type unknown": (lambda: ImagePart(data=b"x"), InvalidInput, "media_type", "needs a media_type such as image/png"),
    "nameless tool": (lambda: ToolDefinition("", "", {}), InvalidInput, "tools", "a tool needs a name"),
    "tool's parameters": (
        lambda: ToolDefinition("f", "", []),
        InvalidInput,
        "tools",
        "'f' must be a JSON Schema object",
    ),  # type: ignore[arg-type]
    "schema's name": (
        lambda: JsonSchema("a b", {}),
        InvalidInput,
        "response_format",
        "letters, digits, _ and -, not 'a b'",
    ),
    "schema": (lambda: JsonSchema("a", []), InvalidInput, "response_format", "must be a JSON object"),  # type: ignore[arg-type]
    "budget": (lambda: ReasoningConfig(budget_tokens=-1), InvalidInput, "reasoning", "a whole number, 0 or more"),
    "option": (lambda: ChatOptions(top_p=2), InvalidInput, "top_p", "from 0 to 1, not 2"),
    "result": (lambda: ToolCall("1", "f", "{}").result(object()), InvalidInput, "content", "has no JSON form"),
    "timeout": (lambda: Timeouts(connect=math.nan), InvalidInput, "timeout.connect", "seconds above 0"),
    "history's version": (
        lambda: load_messages('{"version": 9, "messages": []}'),
        InvalidInput,
        "version",
        "history of version 9; this reads 1",
    ),
    "no history": (lambda: load_messages("{}"), InvalidInput, "messages", "not a history written by dump_messages"),
}


@pytest.mark.parametrize("case", MADE)
def test_a_value_that_means_nothing_is_refused_where_it_is_made(case: str) -> None:
    make, error, field, text = MADE[case]
    with pytest.raises(error) as caught:
        make()
    said(caught.value, text)
    assert getattr(caught.value, "field", None) == field
