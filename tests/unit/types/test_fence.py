"""Typed output out of an answer in words that holds one fenced block of JSON."""

from __future__ import annotations

import json
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr import ChatResponse, Message, OutputInvalid
from ratatoskr.types.fence import fenced_json


class Animal(pydantic.BaseModel):
    name: str
    legs: int


SQUIRREL = '{"name": "squirrel", "legs": 4}'
EAGLE = '{"name": "eagle", "legs": 2}'


def parsed(text: str, output: Any = Animal) -> Any:
    return ChatResponse(Message.assistant(text)).with_output(output).parsed


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{SQUIRREL}\n```",
        f"Here it is:\n\n```json\n{SQUIRREL}\n```\n\nIs there anything else?",
        f"```JSON\r\n{SQUIRREL}\r\n```\r\n",
        f"```\n{SQUIRREL}\n```",
        f"~~~json\n{SQUIRREL}\n~~~",
        f"````json\n{SQUIRREL}\n````",
        f"   ```json\n   {SQUIRREL}\n   ```",
        f"Sure: ```json{SQUIRREL}```",
        f"```json\n{SQUIRREL}",  # the fence is not closed, the JSON is whole
        f"```json5\n{SQUIRREL}\n```",
        f"I ran this:\n```python\nprint(1)\n```\nand got\n```json\n{SQUIRREL}\n```",
        f"Of the input\n```\n{EAGLE}\n```\nI made\n```json\n{SQUIRREL}\n```",  # the label decides
        f"```json\n{SQUIRREL}\n```\nOnce more:\n```json\n{SQUIRREL}\n```",
        f"```text\nnot this\n```\n```\n{SQUIRREL}\n```",
    ],
)
def test_one_fenced_value_is_read(text: str) -> None:
    assert parsed(text) == Animal(name="squirrel", legs=4)


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{SQUIRREL}\n```\nor\n```json\n{EAGLE}\n```",
        f"```\n{SQUIRREL}\n```\nor\n```\n{EAGLE}\n```",
        f"```json\n{SQUIRREL}\n{EAGLE}\n```",
        f'```json\n{{"name": "squ\n```\nsorry:\n```json\n{SQUIRREL}\n```',
        '```json\n{"name": "squirrel", "legs":',
        f"```python\n{SQUIRREL}\n```",
        "```json\n```",
        "```",
        "no JSON at all",
        f"The answer is {SQUIRREL}.",
    ],
)
def test_what_is_ambiguous_or_not_fenced_is_not_read(text: str) -> None:
    with pytest.raises(OutputInvalid, match="Invalid JSON") as caught:
        parsed(text)
    assert caught.value.response.text == text


def test_fences_inside_strings_belong_to_the_value() -> None:
    code = "```json\n1\n```"
    value = json.dumps({"name": code, "legs": 1})
    assert parsed(value).name == code  # the text itself is JSON
    assert parsed(f"Look:\n```json\n{value}\n```\n").name == code


def test_a_wrapped_value_may_be_fenced_too() -> None:
    assert parsed('```json\n{"value": [1, 2]}\n```', list[int]) == [1, 2]


def test_a_fenced_value_is_validated() -> None:
    with pytest.raises(OutputInvalid, match="legs: Field required"):
        parsed('```json\n{"name": "nidhogg"}\n```')


def test_an_answer_that_was_cut_says_so() -> None:
    response = ChatResponse(Message.assistant('{"name": "squ'), finish_reason="length").with_output(Animal)
    with pytest.raises(OutputInvalid, match=r"\(it was cut: finish_reason is length\)"):
        _ = response.parsed


VALUES = st.recursive(
    st.none() | st.integers() | st.text('`~"\\\n json{}[]', max_size=30), lambda inner: st.lists(inner)
)


@given(VALUES, st.sampled_from(["```", "~~~", "`````"]), st.sampled_from(["json\n", "\n", "json "]))
def test_any_value_survives_a_fence(value: Any, fence: str, label: str) -> None:
    found = fenced_json(f"Before.\n{fence}{label}{json.dumps(value)}\n{fence}\nAfter.")
    assert found is not None
    assert json.loads(found) == value


def test_an_answer_of_many_fences_is_given_up_soon() -> None:
    assert fenced_json("".join(f'```json "{i}' for i in range(50_000))) is None
    assert fenced_json("```json [" * 50_000) is None
    assert fenced_json("```\n[x" * 50_000 + f"```json\n{SQUIRREL}\n```") is None
    assert fenced_json("".join(f"```json\n{i}\n```\n" for i in range(50_000))) is None
