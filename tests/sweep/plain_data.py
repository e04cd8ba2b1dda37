"""Loaders of plain data: messages, responses, events, errors, arguments of tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pydantic
from pydantic_core import PydanticSerializationError

from ratatoskr import (
    AllAttemptsFailed,
    AudioPart,
    ChatResponse,
    Citation,
    Embedding,
    Embeddings,
    FilePart,
    FileRef,
    ImagePart,
    Message,
    OutputInvalid,
    RateLimited,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    StreamInterrupted,
    TextPart,
    ToolCall,
    ToolDefinition,
    ToolResult,
    Usage,
    dump_messages,
    load_messages,
)
from ratatoskr.types import Attempt, Cost, ErrorInfo, Notice
from ratatoskr.types.accumulator import ResponseBuilder, events_of, remainder_of
from ratatoskr.types.allowance import BudgetStatus, LimitStatus
from ratatoskr.types.chat import RawResponse
from ratatoskr.types.error_data import error_from_dict, error_to_dict
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.model import (
    BreakerHealth,
    Explanation,
    Health,
    LocalHealth,
    ModelInfo,
    ParameterChange,
    Plan,
    PlannedRequest,
    ProviderHealth,
)
from ratatoskr.types.part import ProviderPart, ProviderState, TokenLogprob
from ratatoskr.types.plain import Plain
from ratatoskr.types.tool import ProviderTool
from sweep.loader import Loader, Seed

STATE = (ProviderState("anthropic/messages/claude-opus-5", b'{"signature":"abc"}'),)
LOGPROBS = (TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -1.5),)),)
ANSWER = Message.assistant(
    [
        ReasoningPart("thought", state=STATE),
        TextPart("text", (Citation("https://h/", "t", "q", 0, 4, b"{}"),), LOGPROBS, cache=True),
        ToolCall("c1", "f", '{"a":1}', state=STATE),
        ServerToolCall("s1", "search", "{}"),
        ServerToolResult("s1", "search", "[]"),
        ProviderPart("thing", b'{"type":"thing"}', "openai/responses/gpt-5"),
    ],
    metadata={"models": ["openai:gpt-4.1"], "n": {"deep": [1, 2.5, None]}},
)
HISTORY = [
    Message.system("Be brief."),
    Message.user(
        [
            "question",
            ImagePart(data=b"png", media_type="image/png"),
            ImagePart(url="https://h/a.png"),
            AudioPart(data=b"wav", media_type="audio/wav"),
            FilePart(data=b"pdf", media_type="application/pdf", name="a.pdf"),
            FileRef("openai", "file-1"),
        ],
        name="Ada",
    ),
    ANSWER,
    Message.tool_results(ToolResult("c1", ("42", ImagePart(data=b"x", media_type="image/png")), name="f")),  # type: ignore[arg-type]
]
ATTEMPTS = (
    Attempt(
        "openai", "gpt-4.1", ErrorInfo("rate_limited", "slow", 429, "x", 1.5), "body", 0.1, 0.2, 0.3, "again", True
    ),
    Attempt("openai", "gpt-4.1", usage=Usage(1, 2, 3, 4, 5, "provider")),
)
RESPONSE: ChatResponse[Any] = ChatResponse(
    ANSWER,
    Usage(1, 2, 3, 4, 5, "provider"),
    Cost(Decimal("0.25")),
    "stop",
    "end_turn",
    "anthropic",
    "claude-opus-5",
    "req_1",
    (Notice("a", "b", "c"),),
    ATTEMPTS,
    RawResponse(200, {"x": "y"}, b"{}"),
)
TOOL = ToolDefinition("f", "a tool", {"type": "object", "properties": {"a": {"type": "integer"}}}, strict=True)
PLANS = Explanation(
    (
        Plan(
            "openai",
            "gpt",
            "first",
            "https://h",
            {"a": 1},
            (ParameterChange("a", 1, None, "why"),),
            request=PlannedRequest("POST", "https://h", {}, {"a": []}),
        ),
    ),
    {"total": 1.5, "idle": None},
    2,
)
HEALTH = Health(
    True,
    "1",
    (ProviderHealth("openai", "https://h", "argument"),),
    (LocalHealth("m", "fp32", "cpu", "ready"),),
    (BreakerHealth("openai", "m", "open", 2.5),),
    limits=(LimitStatus("openai", "gpt-*", "tokens", 1000, 60.0, 20, 1),),
    budgets=(BudgetStatus("budget", Decimal("10.00"), "day", Decimal("1.25"), 60.0),),
)
VECTORS = np.arange(6, dtype=np.float32).reshape(2, 3)
ARRAYS = (Embeddings(VECTORS, "m", Usage(3), 1, "local", ATTEMPTS, cut=(0,)), Embedding(VECTORS[0], "m"))
PLAIN: tuple[Plain, ...] = (
    *HISTORY,
    *(part for message in HISTORY for part in message.content),
    *events_of(RESPONSE),
    *(RESPONSE, GenerateResponse.of(RESPONSE), TOOL, ProviderTool("openai", {"type": "web_search"}), PLANS, HEALTH),
    *(ModelInfo("a:b", "a", "b", ("chat",), 5, 6), *ATTEMPTS, *ARRAYS),
)
ERRORS = (
    RateLimited("slow", provider="openai", status=429, retry_after=1.5, attempts=ATTEMPTS, partial=RESPONSE),
    AllAttemptsFailed("all", [RateLimited("a"), StreamInterrupted("b", cause=RateLimited("c"))]),
    OutputInvalid("wrong", response=RESPONSE, errors=[{"loc": ("a", 1), "msg": "m", "type": "t"}]),
)
OPENAI = (
    {"role": "developer", "content": "Be brief."},
    {
        "role": "user",
        "name": "Ada",
        "content": [
            {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "auto"}},
            {"type": "image_url", "image_url": {"url": "https://h/a.png"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "thought",
        "refusal": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "42"},
)


class Answer(pydantic.BaseModel):
    """A type of answers."""

    a: int
    b: list[float] = []
    c: dict[str, bool] | None = None


def height(city: str, metres: int = 1, ratio: float = 0.5, parts: list[dict[str, int]] | None = None) -> str:
    """Return a height."""
    return f"{city} {metres} {ratio} {parts}"


TOOLS = (ToolDefinition.from_function(height), ToolDefinition.from_model(Answer))


def use(value: Plain) -> None:
    """Do what a program does with plain data."""
    repr(value)
    assert value == value  # must not raise
    type(value).from_json(value.to_json())


def _from_dict(data: Any, cls: type[Plain]) -> None:
    use(cls.from_dict(data))


def _from_json(text: bytes, cls: type[Plain]) -> None:
    use(cls.from_json(text))


def _from_text(text: bytes, cls: type[Plain]) -> None:
    use(cls.from_json(text.decode("utf-8", "surrogateescape")))


def _as_field(data: Any, cls: type[Plain]) -> None:
    adapter = pydantic.TypeAdapter(cls)
    adapter.dump_python(adapter.validate_python(data))


def _from_openai(data: Any, _: Any) -> None:
    message = Message.from_openai(data)
    use(message)
    message.to_openai(drop=True)


def _messages(text: bytes, _: Any) -> None:
    dump_messages(load_messages(text))


def _response(text: bytes, output: Any) -> None:
    response = ChatResponse.from_json(text, output=output)
    repr(response)
    repr(response.parsed)


def _error(data: Any, _: Any) -> None:
    error = error_from_dict(data)
    str(error)
    error_to_dict(error)


def _error_text(text: bytes, _: Any) -> None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    _error(data, None)


def _events(text: bytes, classes: dict[str, type[Plain]]) -> None:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return
    builder = ResponseBuilder()
    for item in items if isinstance(items, list) else ():
        kind = item.get("type") if isinstance(item, dict) else None
        builder.add(classes.get(str(kind), next(iter(classes.values()))).from_dict(item))  # type: ignore[arg-type]
    repr(builder.response(remainder_of(RESPONSE)))
    use(builder.response())


def _arguments(text: bytes, _: Any) -> None:
    call = ToolCall("c", "f", text.decode("utf-8", "surrogateescape"))
    call.args()


def _run_tool(text: bytes, tool: ToolDefinition) -> None:
    coroutine = tool.run(ToolCall("c", tool.name, text.decode("utf-8", "surrogateescape")))
    use(complete(coroutine))


def _tool_result(value: Any, _: Any) -> None:
    use(ToolCall("c", "f", "{}").result(value))


def _parts(value: Any, cls: type[Any]) -> None:
    """Make plain data by its constructor, whose arguments are Python objects."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        known = {name: item for name, item in value.items() if name in cls.__match_args__}
        try:
            made = cls(**known)
        except TypeError as error:
            if "missing" in str(error):
                return
            raise
        made.to_json()


def complete(coroutine: Any) -> Any:
    """Run a coroutine in a new event loop."""
    import asyncio

    with asyncio.Runner() as runner:
        return runner.run(coroutine)


def _plain_seeds() -> Iterator[Seed]:
    for value in PLAIN:
        yield Seed(value.to_dict(), type(value))


def loaders() -> Iterator[Loader]:
    """Yield the loaders of plain data."""
    plain = tuple(_plain_seeds())
    arrays = [Seed(value.to_dict(), type(value)) for value in ARRAYS]
    events = events_of(RESPONSE)
    errors = [Seed(error_to_dict(error)) for error in ERRORS]
    texts = (
        '{"a": 1, "b": [0.5], "c": {"d": true}}',
        '{"city": "Oslo", "metres": 3, "ratio": 1.5, "parts": [{"a": 1}]}',
    )
    arguments = [Seed(json.loads(text)) for text in texts]
    yield Loader("Plain.from_dict", "object", plain, _from_dict, share=3)
    yield Loader("Plain.from_json, bytes", "json", plain, _from_json, share=3)
    yield Loader("Plain.from_json, str", "json", plain, _from_text)
    yield Loader(
        "plain data as a pydantic field",
        "object",
        plain,
        _as_field,
        (pydantic.ValidationError, PydanticSerializationError),
    )
    yield Loader(
        "constructors of messages and parts",
        "object",
        [
            Seed({f: getattr(p, f) for f in type(p).__match_args__}, type(p))
            for p in (*HISTORY, *HISTORY[1].content, *ANSWER.content, *HISTORY[3].content, TOOL)
        ],
        _parts,
    )
    yield Loader("Message.from_openai", "object", [Seed(data) for data in OPENAI], _from_openai)
    yield Loader("load_messages", "json", [Seed(json.loads(dump_messages(HISTORY)))], _messages)
    yield Loader(
        "ChatResponse.from_json(output=…)",
        "json",
        [
            Seed(RESPONSE.to_dict(), Answer),
            *(
                Seed(ChatResponse(Message.assistant(texts[0])).to_dict(), output)
                for output in (Answer, list[int], dict[str, Any])
            ),
        ],
        _response,
    )
    yield Loader("Embeddings.from_dict", "object", arrays, _from_dict)
    yield Loader("Embeddings.from_json", "json", arrays, _from_json)
    yield Loader("error_from_dict", "object", errors, _error)
    yield Loader("error_from_dict of JSON", "json", errors, _error_text)
    yield Loader(
        "events of a response",
        "json",
        [Seed([event.to_dict() for event in events], {event.type: type(event) for event in events})],
        _events,
    )
    yield Loader("ToolCall.args", "json", arguments, _arguments)
    yield Loader(
        "ToolDefinition.run",
        "json",
        [Seed(one.value, tool) for one in arguments for tool in TOOLS],
        _run_tool,
        share=0.5,
    )
    yield Loader("ToolCall.result", "object", [Seed({"a": [1, {"b": None}]}), Seed(["text", {"c": 2.5}])], _tool_result)
