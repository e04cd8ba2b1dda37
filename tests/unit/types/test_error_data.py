"""Errors as data: every class with any fields comes back as it was, and data of any other shape is refused."""

from __future__ import annotations

import contextlib
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import (
    AllAttemptsFailed,
    AuthenticationFailed,
    ConnectionFailed,
    InvalidInput,
    OutputInvalid,
    ProviderError,
    RatatoskrError,
    StreamInterrupted,
    Timeout,
    TlsError,
)
from ratatoskr.types import Attempt, ChatResponse, Cost, ErrorInfo, Message, Notice, TextPart, ToolCall, Usage
from ratatoskr.types.error_data import _decoders, error_from_dict, error_to_dict
from unit.test_errors import CLASSES

LEAVES = [cls for cls in CLASSES if cls is not AllAttemptsFailed]

texts = st.text(max_size=8)
maybe_text = st.none() | texts
seconds = st.none() | st.floats(0, 1e6) | st.integers(0, 10)
infos = st.none() | st.builds(ErrorInfo, texts, texts, st.none() | st.integers(100, 599), maybe_text)
attempts = st.lists(st.builds(Attempt, texts, texts, infos, waited=st.floats(0, 9)), max_size=2).map(tuple)
responses = st.builds(
    ChatResponse,
    st.builds(Message.assistant, st.lists(st.builds(TextPart, texts) | st.builds(ToolCall, texts, texts, texts))),
    st.builds(Usage, st.none() | st.integers(0, 9), source=st.sampled_from(["provider", "unknown"])),
    st.none() | st.builds(Cost, st.decimals(0, 9, places=4).map(lambda d: Decimal(str(d)))),
    warnings=st.lists(st.builds(Notice, texts, texts), max_size=1).map(tuple),
    attempts=attempts,
)
places = st.lists(texts | st.integers(0, 9), max_size=3).map(tuple)
entries = st.lists(st.fixed_dictionaries({"loc": places, "msg": texts, "type": texts}), max_size=2).map(tuple)
FIELDS: dict[str, Any] = {
    **dict.fromkeys(("provider", "model", "request_id", "provider_code", "field", "phase", "reason"), maybe_text),
    "status": st.none() | st.integers(100, 599),
    "retryable": st.booleans(),
    "retry_after": seconds,
    "attempts": attempts,
    "partial": st.none() | responses,
    "response": st.none() | responses,
    "errors": entries,
    "sent": st.booleans(),
}


def fields_of(cls: type[RatatoskrError], inner: Any) -> Any:
    strategies = {**FIELDS, "cause": st.none() | inner}
    return st.fixed_dictionaries({}, optional={name: strategies[name] for name in cls._fields})


def made(cls: type[RatatoskrError], inner: Any) -> Any:
    if cls is AllAttemptsFailed:
        groups = st.lists(inner, min_size=1, max_size=3)
        return st.builds(lambda m, e, f: AllAttemptsFailed(m, e, **f), texts, groups, fields_of(cls, inner))
    return st.builds(lambda m, f: cls(m, **f), texts, fields_of(cls, inner))


leaves = st.sampled_from(LEAVES).flatmap(lambda cls: made(cls, st.nothing()))
nested = st.recursive(
    leaves, lambda inner: made(AllAttemptsFailed, inner) | made(StreamInterrupted, inner), max_leaves=3
)


def same(one: RatatoskrError | None, other: RatatoskrError | None) -> bool:
    """Return whether two errors are equal in class, text, fields, causes and nested errors."""
    if one is None or other is None:
        return one is other
    if type(one) is not type(other) or str(one) != str(other) or one.message != other.message:
        return False
    ours, theirs = one.fields(), other.fields()
    if not same(ours.pop("cause", None), theirs.pop("cause", None)) or ours != theirs:
        return False
    if not isinstance(one, AllAttemptsFailed):
        return True
    assert isinstance(other, AllAttemptsFailed)
    pairs = zip(one.exceptions, other.exceptions, strict=True)
    return all(same(*pair) for pair in pairs) and one.exceptions.index(one.primary) == other.exceptions.index(
        other.primary
    )


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
@given(data=st.data())
def test_every_class_comes_back_as_it_was(cls: type[RatatoskrError], data: Any) -> None:
    error = data.draw(made(cls, nested))
    text = json.dumps(error_to_dict(error), allow_nan=False)
    assert same(error_from_dict(json.loads(text)), error)


def test_every_field_of_every_class_has_a_decoder() -> None:
    assert {name for cls in CLASSES for name in cls._fields} == _decoders().keys()
    assert {name for cls in CLASSES for name in cls._fields} == FIELDS.keys() | {"cause"}


def test_a_class_that_is_not_known_becomes_its_nearest_parent_without_the_fields_that_it_lacks() -> None:
    data = error_to_dict(TlsError("t", phase="tls", sent=True, status=5))
    assert data["parents"] == ["connection_failed", "ratatoskr_error"]
    newer = {**data, "code": "certificate_expired", "parents": ["tls_error_of_tomorrow", *data["parents"]]}
    newer["fields"] = {**data["fields"], "expired": 3}
    read = error_from_dict(newer)
    assert (type(read), read.message, read.status) == (ConnectionFailed, "t", 5)
    assert isinstance(read, ConnectionFailed)
    assert read.sent
    assert type(error_from_dict({"code": "x", "parents": ["y"], "message": "m"})) is RatatoskrError
    assert type(error_from_dict({"code": "x", "message": "m", "exceptions": []})) is RatatoskrError


def test_a_class_of_another_module_is_read_as_its_parent() -> None:
    class Overheated(ProviderError):
        _fields = (*ProviderError._fields, "celsius")
        celsius = 99

    data = error_to_dict(Overheated("hot", status=500))
    assert data["code"] == "overheated"
    read = error_from_dict(json.loads(json.dumps(data)))
    assert (type(read), read.message, read.status) == (ProviderError, "hot", 500)


def test_the_primary_error_stays_although_another_class_would_rank_otherwise() -> None:
    group = AllAttemptsFailed("all", [Timeout("slow"), AuthenticationFailed("wrong", status=401)])
    data = error_to_dict(group)
    data["exceptions"][1]["code"] = "key_revoked"
    data["exceptions"][1]["parents"] = ["ratatoskr_error"]
    read = error_from_dict(data)
    assert isinstance(read, AllAttemptsFailed)
    assert (read.primary.message, read.status) == ("wrong", 401)


def test_a_number_that_json_does_not_have_is_left_out() -> None:
    assert error_to_dict(RatatoskrError(retry_after=math.inf))["fields"]["retry_after"] is None


def deep(levels: int) -> RatatoskrError:
    error: RatatoskrError = Timeout("t")
    for _ in range(levels):
        error = StreamInterrupted("s", cause=error)
    return error


def looped() -> dict[str, Any]:
    data: dict[str, Any] = {"code": "stream_interrupted", "fields": {}}
    data["fields"]["cause"] = data
    return data


def looped_partial() -> dict[str, Any]:
    token: dict[str, Any] = {"type": "token_logprob", "token": "a", "logprob": 0.0}
    token["top"] = [token]
    text = {"type": "text_part", "text": "a", "logprobs": [token]}
    message = {"type": "message", "role": "assistant", "content": [text]}
    return {"code": "timeout", "fields": {"partial": {"type": "chat_response", "message": message}}}


WRONG: dict[str, tuple[Any, str]] = {
    "no object": ([], "error"),
    "no code": ({}, "error.code"),
    "code": ({"code": 5}, "error.code"),
    "type": ({"code": "timeout", "type": "message"}, "error.type"),
    "message": ({"code": "timeout", "message": None}, "error.message"),
    "parents": ({"code": "x", "parents": ["a", 1]}, "error.parents[1]"),
    "unknown member": ({"code": "timeout", "class": "os.system"}, "error.class"),
    "unknown field": ({"code": "timeout", "fields": {"sent": True}}, "error.fields.sent"),
    "fields": ({"code": "timeout", "fields": []}, "error.fields"),
    "status": ({"code": "timeout", "fields": {"status": "500"}}, "error.fields.status"),
    "seconds": ({"code": "timeout", "fields": {"retry_after": math.nan}}, "error.fields.retry_after"),
    "huge number": (
        {"code": "timeout", "fields": {"attempts": [{"provider": "p", "model": "m", "waited": 10**400}]}},
        "error.fields.attempts[0].waited",
    ),
    "errors": ({"code": "output_invalid", "fields": {"errors": ["x"]}}, "error.fields.errors"),
    "cause": ({"code": "stream_interrupted", "fields": {"cause": "x"}}, "error.fields.cause"),
    "partial": ({"code": "timeout", "fields": {"partial": {"type": []}}}, "error.fields.partial"),
    "no group": ({"code": "timeout", "exceptions": [{"code": "timeout"}]}, "error.exceptions"),
    "empty group": ({"code": "all_attempts_failed", "exceptions": []}, "error.exceptions"),
    "group without errors": ({"code": "all_attempts_failed"}, "error.exceptions"),
    "group of others": ({"code": "all_attempts_failed", "exceptions": ["x"]}, "error.exceptions[0]"),
    "primary": ({"code": "all_attempts_failed", "exceptions": [{"code": "timeout"}], "primary": 1}, "error.primary"),
    "loop": (looped(), "error" + ".fields.cause" * 33),
    "loop in a response": (looped_partial(), "error"),
}


@pytest.mark.parametrize("case", WRONG)
def test_data_of_another_shape_is_refused_at_its_place(case: str) -> None:
    data, field = WRONG[case]
    with pytest.raises(InvalidInput) as caught:
        error_from_dict(data)
    assert caught.value.field == field


def test_nesting_is_bounded_in_both_directions() -> None:
    assert same(error_from_dict(error_to_dict(deep(32))), deep(32))
    with pytest.raises(InvalidInput, match="more than 32 deep"):
        error_to_dict(deep(33))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
codes = st.sampled_from([cls.code for cls in CLASSES]) | texts
fields = st.dictionaries(st.sampled_from([*FIELDS, "cause", "x"]), json_values, max_size=4)
data_like = st.fixed_dictionaries(
    {"code": codes},
    optional={
        "fields": fields | json_values,
        "exceptions": st.lists(st.fixed_dictionaries({"code": codes}) | json_values, max_size=2),
        "parents": st.lists(codes, max_size=2) | json_values,
        "message": texts | json_values,
        "primary": json_values,
        "type": json_values,
    },
)


@given(json_values | data_like)
def test_any_data_gives_an_error_or_invalid_input(data: Any) -> None:
    try:
        error = error_from_dict(data)
    except InvalidInput:
        return
    assert isinstance(error, RatatoskrError)
    assert same(error_from_dict(error_to_dict(error)), error)


@given(made(OutputInvalid, nested), st.data())
def test_valid_data_with_one_value_replaced_gives_an_error_or_invalid_input(error: Any, data: Any) -> None:
    written = json.loads(json.dumps(error_to_dict(error)))
    spot = data.draw(st.sampled_from([written, written["fields"]]))
    spot[data.draw(st.sampled_from(sorted(spot)))] = data.draw(json_values)
    with contextlib.suppress(InvalidInput):
        assert isinstance(error_from_dict(written), RatatoskrError)
