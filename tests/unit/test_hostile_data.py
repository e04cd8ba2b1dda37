"""Data that nobody meant to be read: nested without end, holding itself, of other types, without a `repr`, too large.

`tests/sweep` looks for such data by chance; what it found is here by name, each with the error that it gets.
"""

from __future__ import annotations

import enum
import json
import math
import struct
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr import (
    Citation,
    ConfigurationError,
    Embeddings,
    ImagePart,
    InvalidInput,
    JsonSchema,
    Message,
    ProviderTool,
    Ratatoskr,
    RatatoskrError,
    TextPart,
    Timeouts,
    ToolCall,
    ToolDefinition,
)
from ratatoskr.config import provider
from ratatoskr.errors import MAX_FIELD, MAX_MESSAGE
from ratatoskr.gateway.request import request_of
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.store.manifest import check_digests
from ratatoskr.testing import Replay, load_recordings
from ratatoskr.testing.schema import example_of
from ratatoskr.types import Cost
from ratatoskr.types.error_data import error_from_dict
from ratatoskr.types.model import Explanation, Plan, PlannedRequest
from ratatoskr.types.visible import quote

CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
TREE: dict[str, Any] = {}
TREE.update(a=TREE, b=TREE, c=[TREE, TREE])
HUGE = 10**5000


def nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Silent:
    """An object without a `repr`."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __eq__ = __len__ = __bool__ = __repr__  # type: ignore[assignment]
    __hash__ = object.__hash__


class SilentText(str):
    __slots__ = ()

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Name(enum.StrEnum):
    ADA = "ada"


def embeddings(**changes: Any) -> dict[str, Any]:
    return {**Embeddings(np.zeros((2, 3), np.float32)).to_dict(), **changes}


REFUSED: dict[str, tuple[Callable[[], Any], type[RatatoskrError], str | None, str]] = {
    "metadata that holds itself": (
        lambda: Message("user", "x", metadata={"a": CIRCLE}).to_json(),
        InvalidInput,
        None,
        "holds itself",
    ),
    "metadata nested without end": (
        lambda: Message("user", "x", metadata={"a": nest(20_000)}).to_json(),
        InvalidInput,
        None,
        "nested too deeply",
    ),
    "a number that JSON does not have": (
        lambda: Message("user", "x", metadata={"a": math.nan}).to_json(),
        InvalidInput,
        None,
        "no JSON form: Out of range float",
    ),
    "a number with too many digits": (
        lambda: Message("user", "x", metadata={"a": HUGE}).to_json(),
        InvalidInput,
        None,
        "no JSON form: Exceeds the limit",
    ),
    "a key that is an object": (
        lambda: Message("user", "x", metadata={"a": {Silent(): 1}}).to_json(),
        InvalidInput,
        None,
        "a key of type Silent has no JSON form",
    ),
    "metadata that is a list": (
        lambda: Message("user", "x", metadata=[]),  # type: ignore[arg-type]
        InvalidInput,
        "metadata",
        "must be a mapping, not list",
    ),
    "a role without a repr": (
        lambda: Message(Silent(), "x"),  # type: ignore[arg-type]
        InvalidInput,
        "role",
        "role must be one of system, user, assistant, tool, not <Silent instance",
    ),
    "text that is a number": (
        lambda: TextPart(5),  # type: ignore[arg-type]
        InvalidInput,
        "text",
        "text_part.text must be text, not int",
    ),
    "citations that are texts": (
        lambda: TextPart("a", ("b",)),  # type: ignore[arg-type]
        InvalidInput,
        "citations",
        "must be a tuple of Citation, not tuple",
    ),
    "state that is a number": (
        lambda: TextPart("a", state=5),  # type: ignore[arg-type]
        InvalidInput,
        "state",
        "must be a tuple of ProviderState, not int",
    ),
    "a mark that is a number": (
        lambda: ToolCall("a", "b", "{}", cache=3),  # type: ignore[arg-type]
        InvalidInput,
        "cache",
        "must be true or false, not int",
    ),
    "arguments that are an object": (
        lambda: ToolCall("a", "b", {}),  # type: ignore[arg-type]
        InvalidInput,
        "arguments",
        "must be text, not dict",
    ),
    "a media type that is bytes": (
        lambda: ImagePart(data=b"x", media_type=b"image/png"),  # type: ignore[arg-type]
        InvalidInput,
        "media_type",
        "must be text, not bytes",
    ),
    "a provider's tool that is a text": (
        lambda: ProviderTool("openai", "web_search"),  # type: ignore[arg-type]
        InvalidInput,
        "tools",
        "must be a mapping, not str",
    ),
    "a result without a repr": (
        lambda: ToolCall("a", "b", "{}").result([Silent()]),
        InvalidInput,
        "content",
        "of type list has no JSON form",
    ),
    "a type without a repr": (
        lambda: TextPart.from_dict({"type": Silent(), "text": "x"}),
        InvalidInput,
        "type",
        "TextPart has type <Silent instance",
    ),
    "a member whose name is a number": (
        lambda: TextPart.from_dict({"text": "x", 5: 6}),  # type: ignore[dict-item]
        InvalidInput,
        "5",
        "5 is not a member of text_part",
    ),
    "an amount that is no number": (
        lambda: Cost.from_dict({"amount": "sNaN"}),
        InvalidInput,
        "amount",
        "must be a decimal number as text",
    ),
    "a shape beyond memory": (
        lambda: Embeddings.from_dict(embeddings(shape=[2**62, 2**62])),
        InvalidInput,
        "shape",
        "vectors have 24 bytes, and shape is",
    ),
    "a shape of one axis": (lambda: Embeddings.from_dict(embeddings(shape=[6])), InvalidInput, "shape", "24 bytes"),
    "a shape that is to be guessed": (
        lambda: Embeddings.from_dict(embeddings(shape=[-1, -6])),
        InvalidInput,
        "shape",
        "24 bytes",
    ),
    "a member of an error whose name is long": (
        lambda: error_from_dict({"code": "x", "a" * 9000: 1}),
        InvalidInput,
        f"error.{'a' * (MAX_FIELD - 7)}…",
        "error.aaa",
    ),
    "a deadline beyond all numbers": (
        lambda: Timeouts(total=10**400),
        InvalidInput,
        "timeout.total",
        "must be seconds above 0",
    ),
    "a schema that holds itself": (
        lambda: request_of("Hi", response_format=JsonSchema("a", TREE)),
        InvalidInput,
        "response_format",
        "nested deeper than 64",
    ),
    "parameters that hold themselves": (
        lambda: request_of("Hi", tools=[ToolDefinition("f", "d", TREE)]),
        InvalidInput,
        "tools.f.parameters",
        "nested deeper than 64",
    ),
    "a schema in place of a type": (
        lambda: request_of("Hi", output={"type": "object"}),
        InvalidInput,
        "output",
        "output must be a type, not {'type': 'object'}",
    ),
    "a name in place of a type": (
        lambda: request_of("Hi", output="no such type"),
        InvalidInput,
        "output",
        "output 'no such type' cannot be validated",
    ),
    "an example of a wrong schema": (
        lambda: example_of({"enum": 5}),
        ConfigurationError,
        "schema",
        "not a JSON Schema: TypeError",
    ),
    "a recording of other types": (
        lambda: Replay([{"response": {"headers": "x"}}]),
        ConfigurationError,
        "response.headers",
        "of the recording cannot be 'x'",
    ),
    "a digest of a file elsewhere": (
        lambda: check_digests({"../x": "ab" * 32}),
        InvalidInput,
        "digests",
        "'../x' is not the name of a file of a model",
    ),
    "models that are a number": (
        lambda: Ratatoskr.builder().fallback("a", 5),  # type: ignore[arg-type]
        ConfigurationError,
        "fallback",
        "must name models, one or more, not 5",
    ),
    "a provider's name that is a list": (
        lambda: Ratatoskr.builder().provider(["a"]),  # type: ignore[arg-type]
        ConfigurationError,
        "name",
        "a provider's name is letters",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_an_error_that_names_the_field(case: str) -> None:
    make, cls, field, text = REFUSED[case]
    began = time.thread_time()
    with pytest.raises(cls) as caught:
        make()
    assert type(caught.value) is cls
    assert text in str(caught.value)
    assert caught.value.field == field
    assert time.thread_time() - began < 2


def test_what_reports_about_a_call_hold_comes_back() -> None:
    request = PlannedRequest("POST", "https://h", {"a": "b"}, {"c": [1]})
    said = Explanation(
        (Plan("openai", "gpt", "first", sent={"a": 1}, request=request),), {"total": 1.5, "idle": None}, 2
    )
    assert Explanation.from_json(said.to_json()) == said
    assert Cost.from_dict({"amount": "0.25"}).amount == Decimal("0.25")


def test_subclasses_of_texts_become_texts() -> None:
    message = Message("user", (TextPart(SilentText("a")),), Name.ADA)
    assert repr(message) == "Message(role='user', content=(TextPart(text='a'),), name='ada')"
    assert (type(message.name), type(message.text)) == (str, str)
    assert TextPart("a", [Citation("u")]).citations == (Citation("u"),)  # type: ignore[arg-type]


def test_every_value_has_a_short_form_for_a_message() -> None:
    assert quote("robot") == "'robot'"
    assert quote(["a", 1, None]) == "['a', 1, None]"
    assert quote(Silent()).startswith("<Silent instance at")
    assert quote(HUGE) == "a value of type int"
    for value in (CIRCLE, TREE, nest(20_000), "x" * 10**6, {str(n): n for n in range(1000)}, SilentText("a" * 500)):
        assert len(quote(value)) <= 83
    assert repr(Message("user", "x", metadata={"a": nest(20_000), "b": Silent()})).startswith("Message(role='user'")


def test_a_message_and_the_name_of_a_field_are_short() -> None:
    error = InvalidInput("m" * 10_000, field="f" * 10_000)
    assert (len(error.message), len(str(error.field))) == (MAX_MESSAGE, MAX_FIELD)
    assert (error.message[-2:], str(error.field)[-2:]) == ("m…", "f…")


def test_a_file_of_recordings_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 20_000)
    with pytest.raises(ConfigurationError, match=r"a\.json is not JSON"):
        load_recordings(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps({"response": {"status": "x"}}))
    with pytest.raises(ConfigurationError, match=r"a\.json: response\.status of the recording cannot be 'x'"):
        load_recordings(tmp_path)


@pytest.mark.parametrize(
    ("second", "text"),
    [
        ({"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}, "its entry is wrong, or it shares bytes with a"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [4, 2**70]}, "the tensor b cannot be read"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [4, 8]}, "the tensor b cannot be read"),
        ({"dtype": ["F32"], "shape": [1], "data_offsets": [4, 8]}, "the tensor b cannot be read"),
        ({"dtype": "F32", "shape": 5, "data_offsets": [4, 8]}, "the tensor b cannot be read"),
        ("tensor", "the tensor b cannot be read"),
    ],
)
def test_wrong_entries_of_tensors_are_refused(second: Any, text: str) -> None:
    first = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({"a": first, "b": second}).encode()
    with pytest.raises(ConfigurationError, match="the tensor b cannot be read: its entry is wrong") as caught:
        Tensors(Path("model.safetensors"), struct.pack("<Q", len(header)) + header + bytes(8))
    assert text in str(caught.value)


class Installed:
    """An entry point of an installed package."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self.name, self.load = "house", load


def _raise() -> Any:
    raise ImportError("no such module")


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (_raise, "failed with ImportError"),
        (lambda: 5, "failed with TypeError"),
        (lambda: lambda **_: "text", "made 'text', which is not a provider"),
    ],
)
def test_a_provider_of_an_installed_package_that_cannot_be_used(
    load: Callable[[], Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "entry_points", lambda **_: [Installed(load)])
    with pytest.raises(ConfigurationError, match=text) as caught:
        Ratatoskr.builder().provider("house", "k").build()
    assert caught.value.provider == "house"
