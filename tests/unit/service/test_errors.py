"""Every error comes back as the same class with the same fields, within the bytes that trailing metadata has."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import grpc
import pytest
from tests.unit.service.serving import client_of, path, serve

from ratatoskr import (
    AllAttemptsFailed,
    Attempt,
    ChatResponse,
    ContextLengthExceeded,
    ErrorInfo,
    InvalidInput,
    Message,
    ModelNotAvailable,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
    StreamInterrupted,
    Timeout,
    Usage,
    errors,
)
from ratatoskr.service.convert.error import MAX_DETAILS, details_from_octets, details_of, error_of_status, text_of
from ratatoskr.service.methods import DETAILS, PUSHBACK, REQUEST_ID
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.error_data import error_to_dict

ATTEMPT = Attempt("openai", "gpt-4.1", ErrorInfo("timeout", "no answer", 504), "send", 0.0, 1.25, 0.5, "again", True)
PARTIAL = ChatResponse(Message.assistant("up to h"), Usage(3, 4), provider="openai", model="gpt-4.1")
VALUES: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4.1",
    "status": 429,
    "request_id": "req-1",
    "provider_code": "slow_down",
    "retryable": True,
    "retry_after": 2.5,
    "attempts": (ATTEMPT, ATTEMPT),
    "partial": PARTIAL,
    "field": "temperature",
    "phase": "connect",
    "reason": "too large",
    "sent": True,
    "response": PARTIAL,
    "errors": ({"loc": ("legs", 0), "msg": "not a number"},),
    "cause": Timeout("it took too long", phase="idle"),
}
CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, RatatoskrError) and cls is not AllAttemptsFailed
]


def example(cls: type[RatatoskrError]) -> RatatoskrError:
    return cls("what is wrong – with ü", **{name: VALUES[name] for name in cls._fields})


EXAMPLES = [example(cls) for cls in CLASSES]
NESTED = AllAttemptsFailed(
    "none has answered",
    [AllAttemptsFailed("nor here", [example(RateLimited), example(Timeout)]), example(StreamInterrupted)],
    attempts=(ATTEMPT,),
)


@pytest.mark.parametrize("error", [*EXAMPLES, NESTED], ids=lambda error: error.code)
def test_details_give_the_same_error_back(error: RatatoskrError) -> None:
    octets = details_of(error)
    assert len(octets) <= MAX_DETAILS
    read = details_from_octets(octets)
    assert type(read) is type(error)
    assert error_to_dict(read) == error_to_dict(error)


@pytest.mark.parametrize("error", [*EXAMPLES, NESTED], ids=lambda error: error.code)
async def test_a_client_raises_what_a_gateway_in_process_raises(error: RatatoskrError) -> None:
    async with ScriptedGateway(error, error, error) as gateway, client_of(gateway.backend) as client:
        for call in (gateway.chat, client.chat):
            with pytest.raises(type(error)) as caught:
                await call("Hi", "any")
            if call == gateway.chat:
                expected = error_to_dict(caught.value)
        assert type(caught.value) is type(error)
        assert error_to_dict(caught.value) == expected


def test_six_candidates_of_six_attempts_each_fit() -> None:
    def attempt(number: int) -> Attempt:
        noise = hashlib.shake_256(str(number).encode()).hexdigest(400)  # which no compression shortens
        info = ErrorInfo("service_unavailable", f"the provider is overloaded: {noise}", 503, noise[:64])
        return Attempt("openrouter", f"vendor/model-{number}", info, "send", 0.0, 1.0, 0.5, "again")

    inner = [
        ServiceUnavailable(
            f"candidate {n}: " + "x" * 900, status=503, attempts=tuple(map(attempt, range(6 * n, 6 * n + 6)))
        )
        for n in range(5)
    ]
    inner.append(RateLimited("wait", retry_after=7.0, attempts=tuple(map(attempt, range(30, 36)))))
    error = AllAttemptsFailed("all failed: " + "y" * 3000, inner, attempts=tuple(map(attempt, range(36))))
    octets = details_of(error)
    assert len(octets) <= MAX_DETAILS
    read = details_from_octets(octets)
    assert isinstance(read, AllAttemptsFailed)
    assert [type(one) for one in read.exceptions] == [type(one) for one in inner]
    assert read.primary.code == error.primary.code
    assert read.attempts[-1].model == "vendor/model-35"
    detail = pb.ErrorDetail()
    pb.ErrorStatus.FromString(octets).details[0].Unpack(detail)
    assert detail.shortened


def test_nothing_is_too_large_for_the_details() -> None:
    long = "é" * 100_000
    errors_ = [InvalidInput(long, field=long, provider=long, model=long) for _ in range(40)]
    for error in (
        errors_[0],
        AllAttemptsFailed(long, errors_),
        StreamInterrupted(long, cause=errors_[0], partial=PARTIAL),
    ):
        assert len(details_of(error)) <= MAX_DETAILS
        assert len(text_of(error).encode()) <= 2048
        assert type(details_from_octets(details_of(error))) is type(error)


def test_what_was_delivered_does_not_travel_again() -> None:
    read = details_from_octets(details_of(example(StreamInterrupted), delivered=True))
    assert isinstance(read, StreamInterrupted)
    assert read.partial is None
    assert isinstance(read.cause, Timeout)


@pytest.mark.parametrize("octets", [b"", b"\xff\xff", b"x\x9c\x00", pb.ErrorStatus(code=3).SerializeToString()])
def test_details_that_cannot_be_read_are_none(octets: bytes) -> None:
    assert details_from_octets(octets) is None


STATUSES = {
    "RESOURCE_EXHAUSTED": RateLimited("slow down", retry_after=2.5),
    "UNAUTHENTICATED": errors.AuthenticationFailed("no"),
    "NOT_FOUND": errors.ModelNotFound("no such model"),
    "INVALID_ARGUMENT": errors.UnsupportedParameter("no top_k", field="top_k"),
    "UNAVAILABLE": ModelNotAvailable("not loaded"),
    "PERMISSION_DENIED": errors.ContentFiltered("no"),
    "OUT_OF_RANGE": ContextLengthExceeded("at most 8192 tokens, and 9000 were sent"),
    "INTERNAL": errors.ProviderError("broken"),
}


@pytest.mark.parametrize("code", STATUSES)
async def test_the_known_clients_get_the_status_that_they_expect(code: str) -> None:
    error = STATUSES[code]
    request = pb.ChatRequest(
        messages=[pb.Message(role=pb.ROLE_USER, content="Hi")], options=pb.ChatOptions(model="any")
    )
    async with ScriptedGateway(error) as gateway, serve(gateway.backend) as served, served.channel() as channel:
        call = channel.unary_unary(path("Chat"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request.SerializeToString(), metadata=((REQUEST_ID, "my-id-1"),))
    assert caught.value.code().name == code
    trailing = dict(caught.value.trailing_metadata())
    assert trailing[REQUEST_ID] == "my-id-1"
    text = caught.value.details()
    if code == "RESOURCE_EXHAUSTED":
        assert text.endswith("2.5s")
        assert trailing[PUSHBACK] == "2500"
        assert error_of_status(code, text).retry_after == 2.5
    if code == "OUT_OF_RANGE":
        assert text.endswith("(limit 8192)")
    assert type(details_from_octets(trailing[DETAILS])) is type(error)


@pytest.mark.parametrize(
    ("text", "seconds"), [("retry in 1500ms", 1.5), ("wait 30s", 30.0), ("used 3s, wait 4.5s", 4.5), ("later", None)]
)
def test_the_wait_is_read_from_the_text_of_a_daemon_without_details(text: str, seconds: float | None) -> None:
    error = error_of_status("RESOURCE_EXHAUSTED", text)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds
