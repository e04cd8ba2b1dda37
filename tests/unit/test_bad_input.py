"""What is wrong and can be known without sending is told at once: a typed error that names the field, nothing sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ratatoskr import (
    ChatOptions,
    ChatRequest,
    EmbeddedGateway,
    FileRef,
    ImagePart,
    InvalidInput,
    JsonSchema,
    Message,
    NoProvider,
    PresetNotFound,
    ProviderTool,
    Ratatoskr,
    RatatoskrError,
    ToolCall,
    ToolDefinition,
    UnsupportedParameter,
    Usage,
    run_tools,
)
from ratatoskr.config.builder import Builder
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.testing.thread import ThreadedUpstream

GPT, REASONER, CLAUDE = "openai:gpt-4.1", "openai:gpt-5.4", "anthropic:claude-sonnet-5"
KEY = "sk-canary-77"
MIB = 1 << 20


@pytest.fixture(scope="module")
def listening() -> Iterator[ThreadedUpstream]:
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream


@pytest.fixture
def upstream(listening: ThreadedUpstream) -> Iterator[ThreadedUpstream]:
    """Fail the test if anything, even a connection, came this far."""
    yield listening
    assert (listening.count, listening.connections) == (0, 0)


@pytest.fixture
def gateway(upstream: ThreadedUpstream) -> EmbeddedGateway:
    return gateway_to(upstream).build()


def gateway_to(upstream: ThreadedUpstream) -> Builder:
    builder = Ratatoskr.builder()
    for name in ("openai", "anthropic", "google"):
        builder.provider(name, KEY, base_url=upstream.base_url(name))
    return builder


def said(error: BaseException, *texts: str) -> None:
    """Check that a message reads as one: it says what, hides the key, repeats nothing, names no class of ours."""
    message = str(error)
    assert all(text in message for text in texts), message
    assert KEY not in message
    assert "<class" not in message
    assert len(message.splitlines()) == 1


def picture(size: int = 10, media_type: str = "image/png") -> ImagePart:
    return ImagePart(data=b"x" * size, media_type=media_type)


def height(branch: str) -> str:
    """Tell a height."""
    return branch


class Callish:
    def __call__(self, branch: str) -> str:
        return branch


CALLED = (Message.user("x"), Message.assistant(ToolCall("1", "f", "{}")))
OBJECT = {"type": "object"}
OFFERED = [height]

CALLS: dict[str, tuple[dict[str, Any], type[Exception], str | None, str]] = {
    "no model": ({"model": None}, InvalidInput, "model", "no model: pass a name such as 'openai:gpt-5.4'"),
    "no model in options": ({"model": ChatOptions(seed=1)}, InvalidInput, "model", "no model"),
    "empty chain": ({"model": []}, InvalidInput, "model", "no model"),
    "empty model": ({"model": ""}, InvalidInput, "model", "model must be a name, and not empty"),
    "blank model": ({"model": "  "}, InvalidInput, "model", "model must be a name, and not empty"),
    "empty model in a chain": ({"model": [GPT, ""]}, InvalidInput, "model", "model must be a name, and not empty"),
    "model of a wrong type": ({"model": 5}, InvalidInput, "model", "model must be a sequence of names, not int"),
    "prefix alone": ({"model": "openai:"}, InvalidInput, "model", "'openai:' names a provider and no model"),
    "prefix unknown": (
        {"model": "opnai:gpt-4.1"},
        InvalidInput,
        "model",
        "'opnai' is not a provider (known are anthropic, ",
    ),
    "prefix not configured": ({"model": "groq:llama-4"}, NoProvider, None, "not configured; set GROQ_API_KEY, or call"),
    "name that nobody serves": ({"model": "grok-4"}, NoProvider, None, "set XAI_API_KEY, or call .xai(key)"),
    "preset": ({"model": "ratatoskr:fast/chat"}, PresetNotFound, None, "there is no such preset"),
    "model with a line break": ({"model": "openai:a\nb"}, InvalidInput, "model", "cannot be printed"),
    "no messages": ({"messages": []}, InvalidInput, "messages", "messages is empty"),
    "no message": ({"messages": None}, InvalidInput, "messages", "a sequence of Messages, not NoneType"),
    "an empty message as a dict": (
        {"messages": {"role": "user"}},
        InvalidInput,
        "messages",
        "messages[0] (role user) is empty",
    ),
    "a dict with an unknown key": (
        {"messages": [{"role": "user", "content": "x", "contents": "y"}]},
        InvalidInput,
        "messages[0].contents",
        "messages[0].contents is not a member here; the members are role, content, name",
    ),
    "neither a message nor a dict": (
        {"messages": [5]},
        InvalidInput,
        "messages",
        "messages[0] must be a Message or a dict with role and content, not int; Message.user(…) makes one",
    ),
    "message without content": (
        {"messages": Message.user([])},
        InvalidInput,
        "messages",
        "messages[0] (role user) is empty",
    ),
    "results without one": (
        {"messages": [Message.tool_results()]},
        InvalidInput,
        "messages",
        "messages[0] (role tool) is empty",
    ),
    "half a character": ({"messages": "a\ud800b"}, InvalidInput, "messages[0].content[0]", "lone surrogate"),
    "half a character to Anthropic": (
        {"messages": [Message.system("\udfff"), Message.user("x")], "model": CLAUDE},
        InvalidInput,
        "messages[0].content[0]",
        "surrogate",
    ),
    "half a character to Gemini": (
        {"messages": "\udc00", "model": "google:gemini-3-flash"},
        InvalidInput,
        "messages[0].content[0]",
        "surrogate",
    ),
    "image too large": (
        {"messages": Message.user(picture(21 * MIB))},
        InvalidInput,
        "messages",
        "an image of 21.0 MiB; 20",
    ),
    "image too large in a result": (
        {"messages": [*CALLED, Message.tool_result("1", picture(21 * MIB))]},
        InvalidInput,
        "messages",
        "messages[2] holds an image of 21.0 MiB; 20 MiB is the most",
    ),
    "image too large for one": (
        {"messages": Message.user(picture(6 * MIB)), "model": CLAUDE},
        InvalidInput,
        "messages[0].content[0]",
        "an image of 6291456 bytes exceeds the limit",
    ),
    "image without bytes": ({"messages": Message.user(picture(0))}, InvalidInput, "messages", "an image without bytes"),
    "image that is a document": (
        {"messages": Message.user(picture(media_type="application/pdf"))},
        InvalidInput,
        "messages",
        "an image whose media type is application/pdf",
    ),
    "file of another's": (
        {"messages": Message.user(FileRef("anthropic", "file_1"))},
        InvalidInput,
        "messages[0].content[0]",
        "file 'file_1' was uploaded to anthropic; openai does not have it",
    ),
    "call by the user": (
        {"messages": Message.user(ToolCall("1", "f", "{}"))},
        InvalidInput,
        "messages[0].content[0]",
        "a message of the user cannot contain a tool_call",
    ),
    "call without a result": (
        {"messages": [Message.assistant(ToolCall("1", "f", "{}"))], "model": CLAUDE},
        InvalidInput,
        "messages[0].content[0]",
        "the call '1' of 'f' has no result",
    ),
    "result without a call": (
        {"messages": [Message.user("a"), Message.tool_result("1", "b")]},
        InvalidInput,
        "messages[1].content[0]",
        "the result of '1' has no call of this id in the turn before it",
    ),
    "answer at the end": (
        {"messages": [Message.user("a"), Message.assistant("b")], "model": CLAUDE},
        InvalidInput,
        "messages[1]",
        "does not continue a message of the assistant",
    ),
    "blank text": ({"messages": " ", "model": CLAUDE}, InvalidInput, "messages[0].content", "blank text"),
    "temperature": (
        {"temperature": 11},
        InvalidInput,
        "temperature",
        "temperature must be a number from 0 to 10, not 11",
    ),
    "temperature below": ({"temperature": -0.1}, InvalidInput, "temperature", "from 0 to 10, not -0.1"),
    "temperature that is none": ({"temperature": math.nan}, InvalidInput, "temperature", "from 0 to 10, not nan"),
    "temperature as text": (
        {"temperature": "1"},
        InvalidInput,
        "temperature",
        "must be a number from 0 to 10, not '1'",
    ),
    "top_p": ({"top_p": 1.1}, InvalidInput, "top_p", "top_p must be a number from 0 to 1, not 1.1"),
    "max_tokens": ({"max_tokens": -1}, InvalidInput, "max_tokens", "a whole number, 0 or more, not -1"),
    "part of a token": ({"max_tokens": 1.5}, InvalidInput, "max_tokens", "a whole number, 0 or more, not 1.5"),
    "reasoning": (
        {"reasoning": "hard", "model": REASONER},
        InvalidInput,
        "reasoning",
        "minimal, low, medium, high, xhigh",
    ),
    "stop": ({"stop": ["a", ""]}, InvalidInput, "stop", "texts, none of them empty"),
    "metadata": ({"metadata": {"a": 5}}, InvalidInput, "metadata", "a mapping of texts to texts"),
    "raw options": ({"raw_provider_options": 5}, InvalidInput, "raw_provider_options", "must be a mapping, not 5"),
    "raw options without JSON": (
        {"raw_provider_options": {"a": object()}},
        InvalidInput,
        "raw_provider_options",
        "has no JSON form",
    ),
    "response_format": (
        {"response_format": "xml"},
        InvalidInput,
        "response_format",
        "\"json\" or a JsonSchema, not 'xml'",
    ),
    "malformed schema": (
        {"response_format": JsonSchema("s", {"type": "objekt"})},
        InvalidInput,
        "response_format",
        "/type is 'objekt', which is not a type of JSON Schema",
    ),
    "malformed schema inside": (
        {"response_format": JsonSchema("s", {**OBJECT, "properties": {"a": 5}})},
        InvalidInput,
        "response_format",
        "/properties/a must be an object",
    ),
    "output and a format": ({"output": int, "response_format": "json"}, InvalidInput, "response_format", "not both"),
    "output that is no type": ({"output": 5}, InvalidInput, "output", "output 5 cannot be validated"),
    "two tools of one name": ({"tools": [height, height]}, InvalidInput, "tools", "two tools are named 'height'"),
    "a tool alone": ({"tools": height}, InvalidInput, "tools", "tools must be a sequence of tools, not function"),
    "a text for a tool": ({"tools": ["height"]}, InvalidInput, "tools", "or functions, not str"),
    "anything callable": ({"tools": [Callish()]}, InvalidInput, "tools", "or functions, not Callish"),
    "a list of tools in a list": ({"tools": [[height]]}, InvalidInput, "tools", "or functions, not list"),
    "a tool without a name": (
        {"tools": [lambda a: a]},
        InvalidInput,
        "tools",
        "no provider takes a tool named '<lambda>'",
    ),
    "a tool of any arguments": ({"tools": [max]}, InvalidInput, "tools", "not builtin_function_or_method"),
    "a tool's malformed schema": (
        {"tools": [ToolDefinition("f", "", {**OBJECT, "required": "a"})]},
        InvalidInput,
        "tools.f.parameters",
        "/required must be a list of names",
    ),
    "choice of no tool": (
        {"tools": OFFERED, "tool_choice": "depth"},
        InvalidInput,
        "tool_choice",
        "is not one of the tools (height)",
    ),
    "choice without tools": (
        {"tool_choice": "required"},
        InvalidInput,
        "tool_choice",
        "is not one of the tools (none given)",
    ),
    "tool of another's": (
        {"tools": [ProviderTool("anthropic", {"type": "web_search"})]},
        UnsupportedParameter,
        "tools",
        "a tool of anthropic cannot run at openai",
    ),
    "timeouts": ({"timeout": 0}, InvalidInput, "timeout.total", "timeout.total must be seconds above 0"),
    "timeout as text": ({"timeout": "20"}, InvalidInput, "timeout.total", "not '20'"),
    **{
        f"{name} of another library": ({name: 1}, TypeError, None, f"unexpected keyword argument {name!r}; use {use}")
        for name, use in {
            "timeouts": "timeout",
            "system": "Message.system",
            "stream": "chat_stream",
            "max_completion_tokens": "max_tokens",
            "reasoning_effort": "reasoning",
            "extra_body": "raw_provider_options",
            "extra_headers": "headers=",
            "n": "chat_many",
        }.items()
    },
    "unknown keyword": ({"temprature": 1}, TypeError, None, "'temprature'; use temperature. The keywords are tools, "),
}


@pytest.mark.parametrize("face", ["chat", "chat_stream", "chat_many"])
@pytest.mark.parametrize("case", CALLS)
async def test_a_call_that_cannot_work_is_refused_unsent(case: str, face: str, gateway: EmbeddedGateway) -> None:
    arguments, error, field, text = CALLS[case]
    arguments = {"messages": "x", "model": GPT, **arguments}
    if face == "chat_many":
        if not {*arguments} <= {"messages", "model", "tools", "tool_choice", "output"} or error is TypeError:
            pytest.skip("a ChatRequest cannot be made of that")
        options = arguments.pop("model")
        options = options if isinstance(options, ChatOptions) else ChatOptions(model=options)
        _, found = await anext(gateway.chat_many([ChatRequest(**arguments, options=options)]))  # as it stands
        assert isinstance(found, error)
    else:
        with pytest.raises(error) as caught:
            await getattr(gateway, face)(**arguments)
        found = caught.value  # type: ignore[assignment]  # a TypeError, too
    said(found, text)
    assert getattr(found, "field", None) == field
    if isinstance(found, RatatoskrError):
        assert not found.retryable


@pytest.mark.parametrize(
    ("model", "params", "field"),
    [
        (REASONER, {"temperature": 0.5, "reasoning": "high"}, "temperature"),
        (GPT, {"reasoning": "high"}, "reasoning"),
        (GPT, {"top_k": 40}, "top_k"),
        (CLAUDE, {"frequency_penalty": 0.5}, "frequency_penalty"),
    ],
)
async def test_a_parameter_that_a_model_does_not_take_follows_the_policy(
    model: str, params: dict[str, Any], field: str
) -> None:
    async with ScriptedUpstream("ok") as upstream:
        for policy, sent in (("error", 0), ("drop", 1), ("pass", 2)):
            builder = Ratatoskr.builder().parameter_policy(policy)  # type: ignore[arg-type]  # one of the three
            builder.openai(KEY, base_url=upstream.base_url("openai"))
            builder.anthropic(KEY, base_url=upstream.base_url("anthropic"))
            async with builder.build() as gateway:
                if policy == "error":
                    with pytest.raises(UnsupportedParameter) as caught:
                        await gateway.chat("x", model, **params)
                    said(caught.value, f"{field} is refused", 'eave it out; or choose the parameter policy "drop"')
                    assert caught.value.field == field
                else:
                    response = await gateway.chat("x", model, **params)
                    assert (field in [notice.field for notice in response.warnings]) == (policy == "drop")
                    assert (field in upstream.last.raw.decode()) == (policy == "pass")
            assert upstream.count == sent


async def test_a_tool_loop_that_cannot_run_its_tools_does_not_begin(gateway: EmbeddedGateway) -> None:
    request = ChatRequest((Message.user("x"),), (ToolDefinition("f", "", OBJECT),), options=ChatOptions(model=GPT))
    with pytest.raises(InvalidInput, match=r"no function to run for f: make the tool by ToolDefinition\.from_function"):
        await run_tools(gateway, request)
    with pytest.raises(InvalidInput, match="max_rounds must be a whole number, 1 or more, not 0"):
        await run_tools(gateway, request, max_rounds=0)


@pytest.mark.parametrize("model", ["openai:", " anthropic: ", "OpenAI:"])
def test_a_provider_without_a_model_is_refused_by_every_question_about_a_model(
    gateway: EmbeddedGateway, model: str
) -> None:
    blocking = gateway.sync()
    questions: list[Callable[[], object]] = [
        lambda: blocking.model_metadata(model),
        lambda: blocking.cost(Usage(1, 1), model),
        lambda: blocking.count_tokens("Hi", model),
        lambda: blocking.tokenize("Hi", model),
        lambda: blocking.context_left("Hi", model),
        lambda: blocking.explain(model),
    ]
    for question in questions:
        with pytest.raises(InvalidInput, match="names a provider and no model") as caught:
            question()
        assert caught.value.field == "model"
