"""Typed output: what `output` may be, and answers that are asked for again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import pydantic
import pytest

from ratatoskr import (
    Attempt,
    ChatRequest,
    ChatResponse,
    Cost,
    InvalidInput,
    JsonSchema,
    Message,
    OutputInvalid,
    Ratatoskr,
    RateLimited,
    Timeouts,
    ToolCall,
    Usage,
)
from ratatoskr.testing import ScriptedGateway, ScriptedUpstream


class Animal(pydantic.BaseModel):
    name: str
    legs: int


GOOD, BAD = '{"name": "eagle", "legs": 2}', '{"name": "eagle", "legs": "two"}'


def answer(text: str, started: float = 0.5, **fields: Any) -> ChatResponse[Any]:
    fields = {"finish_reason": "stop", "usage": Usage(input_tokens=10, output_tokens=3, source="provider")} | fields
    return ChatResponse(Message.assistant(text), attempts=(Attempt("p", "m", started=started),), **fields)


@pytest.mark.parametrize(
    "output",
    [{"type": "object", "properties": {}}, JsonSchema("a", {"type": "object"}), "json", "Animal"],
)
async def test_a_schema_given_as_output_names_what_takes_it(output: Any) -> None:
    gateway = ScriptedGateway(GOOD)
    for call in (
        lambda: gateway.chat("Hi", "m", output=output),
        lambda: gateway.chat_stream("Hi", "m", output=output).collect(),
        lambda: gateway.run_tools("Hi", "m", output=output),
    ):
        with pytest.raises(InvalidInput, match=r"response_format=JsonSchema\(name, schema\)") as caught:
            await call()
        assert caught.value.field == "output"
    assert gateway.requests == []


@pytest.mark.parametrize("output", [[Animal], (Animal,), 5, Animal(name="a", legs=1)])
async def test_what_is_no_type_is_refused(output: Any) -> None:
    with pytest.raises(InvalidInput, match=r"output .* cannot be validated") as caught:
        await ScriptedGateway(GOOD).chat("Hi", "m", output=output)
    assert caught.value.field == "output"


async def test_a_type_that_cannot_be_hashed_is_one_all_the_same() -> None:
    response = await ScriptedGateway('{"value": 3}').chat("Hi", "m", output=Annotated[int, {"unit": "cm"}])
    assert response.parsed == 3


async def test_an_invalid_answer_is_asked_for_again_with_the_errors() -> None:
    gateway = ScriptedGateway(answer(BAD), answer("No."), answer(GOOD))
    response = await gateway.chat("Describe an eagle.", "m", output=Animal, retries_on_invalid=3)
    assert response.parsed == Animal(name="eagle", legs=2)
    assert [len(request.messages) for request in gateway.requests] == [1, 3, 3]
    question, wrong, errors = gateway.requests[1].messages
    assert (question.text, wrong.text, errors.role) == ("Describe an eagle.", BAD, "user")
    assert "- legs: Input should be a valid integer" in errors.text
    assert "- answer: Invalid JSON" in gateway.requests[2].messages[-1].text
    assert [request.output for request in gateway.requests] == [Animal] * 3


async def test_every_try_counts() -> None:
    cost = Cost(Decimal("0.01"))
    gateway = ScriptedGateway(answer(BAD, cost=cost), answer(GOOD, cost=cost))
    response = await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=1)
    assert response.usage == Usage(input_tokens=20, output_tokens=6, source="provider")
    assert response.cost == Cost(Decimal("0.02"))
    assert [attempt.provider for attempt in response.attempts] == ["p", "p"]
    assert response.attempts[0].started == 0.5 < response.attempts[1].started < 60
    assert [(notice.code, notice.field) for notice in response.warnings] == [("output_retried", "output")]
    assert response.message == Message.assistant(GOOD)  # the history goes on without the wrong answers


async def test_the_cost_of_some_is_not_the_cost_of_all() -> None:
    gateway = ScriptedGateway(answer(BAD), answer(GOOD, cost=Cost(Decimal("0.01"))))
    assert (await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=1)).cost is None


async def test_when_no_try_is_valid_the_last_answer_is_there() -> None:
    gateway = ScriptedGateway(*[answer(BAD)] * 3)
    response = await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=2)
    with pytest.raises(OutputInvalid) as caught:
        _ = response.parsed
    assert caught.value.response is response
    assert len(caught.value.attempts) == 3
    assert caught.value.response.usage.input_tokens == 30


async def test_by_default_nothing_is_asked_again() -> None:
    gateway = ScriptedGateway(BAD)
    await gateway.chat("Hi", "m", output=Animal)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("reason", ["length", "refusal", "content_filter", "paused"])
async def test_an_answer_that_another_try_cannot_better_is_left(reason: Any) -> None:
    gateway = ScriptedGateway(answer('{"name": "ea', finish_reason=reason))
    response = await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=2)
    assert response.finish_reason == reason


async def test_an_empty_answer_is_not_sent_back() -> None:
    gateway = ScriptedGateway(ChatResponse(Message("assistant", ()), finish_reason="stop"), answer(GOOD))
    await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=1)
    assert [message.role for message in gateway.requests[1].messages] == ["user", "user"]


async def test_a_failing_retry_keeps_the_answer_before() -> None:
    failure = RateLimited("slow down", attempts=(Attempt("p", "m", started=0.1),))
    gateway = ScriptedGateway(answer(BAD), failure)
    with pytest.raises(RateLimited) as caught:
        await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=1)
    assert caught.value.partial is not None
    assert caught.value.partial.text == BAD
    assert len(caught.value.attempts) == 2


async def test_the_total_timeout_holds_for_all_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 4.0, 11.0])
    monkeypatch.setattr("ratatoskr.gateway.output.monotonic", lambda: next(now))
    gateway = ScriptedGateway(*[answer(BAD)] * 3)
    response = await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=5, timeout=Timeouts(total=10, idle=3))
    assert [request.timeouts for request in gateway.requests] == [
        Timeouts(total=10, idle=3),
        Timeouts(total=6, idle=3),
    ]
    assert len(response.attempts) == 2


async def test_tools_are_run_first_and_their_last_answer_is_validated() -> None:
    def count(what: str) -> int:
        """Count."""
        return 2

    call = ToolCall("1", "count", '{"what": "legs"}')
    gateway = ScriptedGateway([call], answer(BAD), answer(GOOD))
    response, messages = await gateway.run_tools("Hi", "m", tools=[count], output=Animal, retries_on_invalid=1)
    assert response.parsed.legs == 2
    assert [message.role for message in messages] == ["assistant", "tool", "assistant"]
    assert messages[-1].text == GOOD
    assert [len(request.messages) for request in gateway.requests] == [1, 3, 5]


async def test_many_are_each_asked_again() -> None:
    gateway = ScriptedGateway(answer(BAD), answer(GOOD), answer(GOOD))
    many = gateway.chat_many(["a", "b"], "m", concurrency=1, output=Animal, retries_on_invalid=1)
    found = {index: outcome async for index, outcome in many}
    assert [len(found[i].attempts) for i in (0, 1)] == [2, 1]  # type: ignore[union-attr]
    request = replace(gateway.requests[0], output=None)
    (_, outcome), *_ = [one async for one in gateway.chat_many([request], retries_on_invalid=1)]
    assert isinstance(outcome, InvalidInput)


def test_blocking_calls_do_the_same() -> None:
    gateway = ScriptedGateway(answer(BAD), answer(GOOD), answer(BAD), answer(GOOD), answer(BAD), answer(GOOD)).sync()
    typed: dict[str, Any] = {"output": Animal, "retries_on_invalid": 1}
    assert gateway.chat("Hi", "m", **typed).parsed.legs == 2
    [(_, outcome)] = gateway.chat_many(["Hi"], "m", **typed)
    assert len(outcome.attempts) == 2
    assert gateway.run_tools("Hi", "m", **typed)[0].parsed.legs == 2
    gateway.close()


@pytest.mark.parametrize("retries", [-1, 1.5, True, "2"])
async def test_a_wrong_number_is_refused(retries: Any) -> None:
    gateway = ScriptedGateway(GOOD)
    with pytest.raises(InvalidInput, match="0 or more") as caught:
        await gateway.chat("Hi", "m", output=Animal, retries_on_invalid=retries)
    assert (caught.value.field, gateway.requests) == ("retries_on_invalid", [])


async def test_retries_need_an_output_and_a_whole_answer() -> None:
    gateway = ScriptedGateway(GOOD)
    untyped: Any = gateway
    with pytest.raises(InvalidInput, match="needs output"):
        await untyped.chat("Hi", "m", retries_on_invalid=1)
    for stream in (
        untyped.chat_stream("Hi", "m", output=Animal, retries_on_invalid=1),
        untyped.run_tools_stream("Hi", "m", output=Animal, retries_on_invalid=1),
    ):
        with pytest.raises(InvalidInput, match="cannot be taken back") as caught:
            await anext(stream)
        assert caught.value.field == "retries_on_invalid"
    assert gateway.requests == []
    assert await untyped.explain("m", output=Animal, retries_on_invalid=1)


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "google"])
async def test_the_correction_can_be_sent_to_every_dialect(dialect: str) -> None:
    async with ScriptedUpstream([BAD, GOOD, "next"]) as upstream:
        builder = Ratatoskr.builder()
        getattr(builder, dialect)("key", base_url=upstream.base_url(dialect))
        async with builder.build() as gateway:
            model = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-5", "google": "gemini-2.5-flash"}[dialect]
            history: list[Any] = ["Describe an eagle."]
            response = await gateway.chat(history[0], f"{dialect}:{model}", output=Animal, retries_on_invalid=1)
            assert response.parsed.legs == 2
            assert "valid integer" in upstream.last.raw.decode()
            after = [Message.user(history[0]), response.message, Message.user("And?")]
            assert (await gateway.chat(after, f"{dialect}:{model}")).text == "next"


def test_a_request_holds_no_retries() -> None:
    assert "retries_on_invalid" not in ChatRequest.__match_args__
