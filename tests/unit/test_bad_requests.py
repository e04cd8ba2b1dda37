"""Requests of `chat_many` that cannot work: one by one, and items of another type."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr import ChatRequest, EmbeddedGateway, InvalidInput, Message, Ratatoskr
from unit.test_bad_input import said


@pytest.fixture
def gateway() -> EmbeddedGateway:
    return Ratatoskr.builder().openai("sk-never-sent", base_url="http://127.0.0.1:9/v1").build()


async def test_many_requests_are_refused_one_by_one(gateway: EmbeddedGateway) -> None:
    requests: list[Any] = ["x", ChatRequest((Message.user("x"),)), [], {"role": "user", "content": "x", "nane": "y"}]
    outcomes: dict[int, Any] = dict([pair async for pair in gateway.chat_many(requests)])
    said(outcomes[0], "no model")
    said(outcomes[1], "no model")
    said(outcomes[2], "messages is empty")
    said(outcomes[3], "messages[0].nane is not a member here; the members are role, content, name")
    assert outcomes[3].field == "messages[0].nane"
    with pytest.raises(InvalidInput, match="concurrency must be a whole number, 1 or more, not 0"):
        _ = [pair async for pair in gateway.chat_many(requests, concurrency=0)]
    for wrong in ("text", b"x", {"role": "user"}, Message.user("x"), 5):
        with pytest.raises(InvalidInput, match="requests must be an iterable of messages or ChatRequests, not "):
            _ = [pair async for pair in gateway.chat_many(wrong)]  # type: ignore[arg-type]


@pytest.mark.parametrize("ordered", [False, True])
async def test_an_item_of_another_type_ends_the_iteration_after_the_answers_before_it(
    gateway: EmbeddedGateway, ordered: bool
) -> None:
    seen: list[int] = []

    async def read() -> None:
        async for index, _ in gateway.chat_many(["x", "y", 5, "z"], ordered=ordered):  # type: ignore[list-item]
            seen.append(index)

    with pytest.raises(InvalidInput, match=r"requests\[2\] must be messages or a ChatRequest, not int") as caught:
        await read()
    assert sorted(seen) == [0, 1]
    assert caught.value.field == "requests[2]"
