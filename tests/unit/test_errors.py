"""The error tree: codes, fields, pickling, the group of several candidates."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from ratatoskr import errors
from ratatoskr.errors import AllAttemptsFailed, AuthenticationFailed, RatatoskrError, RateLimited, Timeout, summarize


def leaves(cls: type[RatatoskrError] = RatatoskrError) -> list[type[RatatoskrError]]:
    return [cls, *(leaf for sub in cls.__subclasses__() for leaf in leaves(sub))]


CLASSES = sorted({c for c in leaves() if c.__module__ == errors.__name__}, key=lambda c: c.__name__)
FIELDS: dict[str, Any] = {
    "provider": "p",
    "model": "m",
    "status": 500,
    "request_id": "r",
    "provider_code": "c",
    "retryable": True,
    "retry_after": 1.5,
    "field": "f",
}
OWN: dict[str, dict[str, Any]] = {
    "timeout": {"phase": "idle"},
    "connection_failed": {"phase": "tls", "sent": True},
    "tls_error": {"phase": "tls"},
    "model_not_available": {"reason": "gone"},
    "output_invalid": {"errors": ({"loc": ("a",), "msg": "m", "type": "t"},)},
    "stream_interrupted": {"cause": None},
}


@pytest.mark.parametrize("cls", [c for c in CLASSES if c is not AllAttemptsFailed], ids=lambda c: c.__name__)
def test_each_class_is_made_alike_and_survives_pickling(cls: type[RatatoskrError]) -> None:
    assert cls().message == ""
    fields = {**FIELDS, **OWN.get(cls.code, {})}
    error = cls("what", **fields)
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is cls
        assert copied.message == "what"
        assert {name: getattr(copied, name) for name in fields} == fields
    assert str(error) == "p, m: what (status 500, request r)"


def test_codes_are_class_names_in_snake_case_and_differ() -> None:
    codes = [c.code for c in CLASSES]
    assert len(set(codes)) == len(codes)
    assert AllAttemptsFailed.code == "all_attempts_failed"
    assert errors.TlsError.code == "tls_error"


def test_the_standard_library_recognises_its_own_kinds() -> None:
    assert issubclass(Timeout, TimeoutError)
    assert issubclass(errors.TlsError, ConnectionError)
    assert issubclass(AllAttemptsFailed, ExceptionGroup)


def test_a_group_speaks_with_the_voice_of_its_most_telling_error() -> None:
    slow, wrong = Timeout("slow", phase="idle"), AuthenticationFailed("wrong", provider="b", status=401)
    group = AllAttemptsFailed("all failed", [slow, wrong])
    assert group.primary is wrong
    assert (group.provider, group.status, group.retryable, group.message) == ("b", 401, False, "all failed")
    again = pickle.loads(pickle.dumps(group))
    assert [type(e) for e in again.exceptions] == [Timeout, AuthenticationFailed]
    assert again.status == 401
    with pytest.raises(AttributeError):
        group.message = "x"  # type: ignore[misc]


def test_parts_of_a_group_keep_its_fields() -> None:
    group = AllAttemptsFailed("all", [RateLimited("r"), Timeout("t")], request_id="x")
    matched, rest = group.split(RateLimited)
    assert isinstance(matched, AllAttemptsFailed)
    assert isinstance(rest, AllAttemptsFailed)
    assert (matched.request_id, [e.message for e in rest.exceptions]) == ("x", ["t"])
    caught = []
    try:
        raise group
    except* Timeout as found:
        caught = list(found.exceptions)
    except* RateLimited:
        pass
    assert [e.message for e in caught] == ["t"]


def test_the_message_for_several_candidates_says_each_failure_once_and_who_had_it() -> None:
    errors = [
        RateLimited("slow down", provider="a", model="m", status=429),
        Timeout("x" * 5000, provider="b", model="m"),
        RateLimited("slow down", provider="a", model="n", status=429),
        AuthenticationFailed("wrong key", provider="c", status=401, request_id="req_1"),
    ]
    first, second, third = summarize(errors).split("; ")
    assert first == "a:m and a:n: slow down (status 429)"
    assert second.startswith("b:m: xxx")
    assert len(second) == len("b:m: ") + 300
    assert third == "c: wrong key (status 401, request req_1)"
    group = AllAttemptsFailed(f"all 4 candidates failed: {summarize(errors)}", errors)
    assert str(group) == group.message
