"""A chat's request and response, and the options in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias, TypedDict

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.event import FinishReason
from ratatoskr.types.frozen import dataclass, field, replace
from ratatoskr.types.generic import GenericBase
from ratatoskr.types.message import Message
from ratatoskr.types.part import ToolCall
from ratatoskr.types.pending import as_it_is, resolves_when_read
from ratatoskr.types.plain import Plain
from ratatoskr.types.schema import JsonSchema as JsonSchema  # noqa: PLC0414  # handed on
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.tool import Tool
from ratatoskr.types.usage import Cost, Usage
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.types.generic import T


Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How much to reason, mapped to what the model takes."""
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class ReasoningConfig:
    """How much the model reasons.

    Attributes:
        effort: mapped to what the model takes.
        budget_tokens: an upper bound in tokens, where the model takes one.
        include: whether the response includes the reasoning.
    """

    effort: Effort | None = None
    budget_tokens: int | None = None
    include: bool = True

    def __post_init__(self) -> None:
        if self.effort is not None and (not isinstance(self.effort, str) or self.effort not in EFFORTS):
            raise InvalidInput(
                f"reasoning must be one of {', '.join(EFFORTS)}, not {quote(self.effort)}", field="reasoning"
            )
        if self.budget_tokens is not None and (not isinstance(self.budget_tokens, int) or self.budget_tokens < 0):
            raise InvalidInput("reasoning.budget_tokens must be a whole number, 0 or more", field="reasoning")


ResponseFormat: TypeAlias = 'Literal["json"] | JsonSchema'
"""The form of an answer: any JSON, or JSON by a schema."""


class ChatParams(TypedDict, total=False):
    """Keyword parameters of a chat, each with the meaning of the `ChatOptions` field; `None` unsets the option."""

    temperature: float | None
    top_p: float | None
    top_k: int | None
    max_tokens: int | None
    stop: str | Sequence[str] | None
    seed: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    parallel_tool_calls: bool | None
    response_format: ResponseFormat | None
    reasoning: Effort | ReasoningConfig | None
    cache_prompt: bool | None
    logprobs: bool | int | None
    user: str | None
    service_tier: str | None
    metadata: Mapping[str, str] | None
    raw_provider_options: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """A model and the parameters of its requests; `None` means the model's own default.

    Attributes:
        model: a name, or a chain of names that the caller allows one after the other.
        temperature: 0 upwards; most providers stop at 2.
        top_p: nucleus sampling, 0 to 1.
        top_k: the number of tokens to sample from.
        max_tokens: the most tokens to generate; `None` means what the model allows.
        stop: texts that end the answer.
        seed: for repeatable sampling, where it exists.
        frequency_penalty: -2 to 2.
        presence_penalty: -2 to 2.
        parallel_tool_calls: whether one turn may hold several calls.
        response_format: `"json"` or a `JsonSchema`.
        reasoning: an effort or a `ReasoningConfig`.
        cache_prompt: let the provider cache the prompt's prefix.
        logprobs: log probabilities of the tokens; a number is how many alternatives each token has.
        user: an opaque id of the end user, for the provider's abuse checks.
        service_tier: the provider's name of a speed and price class.
        metadata: sent to providers that store it.
        raw_provider_options: merged into the JSON of the request unchanged, last.
    """

    model: str | Sequence[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: str | Sequence[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning: Effort | ReasoningConfig | None = None
    cache_prompt: bool | None = None
    logprobs: bool | int | None = None
    user: str | None = None
    service_tier: str | None = None
    metadata: Mapping[str, str] | None = None
    raw_provider_options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.reasoning, str):
            object.__setattr__(self, "reasoning", ReasoningConfig(self.reasoning))
        if isinstance(self.stop, str):
            object.__setattr__(self, "stop", (self.stop,))
        for name, value in zip(_CHECKS, _checked_values(self), strict=True):
            if value is not None and not _CHECKS[name][1](value):
                raise InvalidInput(f"{name} must be {_CHECKS[name][0]}, not {quote(value)}", field=name)

    def explicit_parameters(self) -> dict[str, Any]:
        """Return the parameters that are set, by name, without the model."""
        return {name: value for name in PARAM_NAMES if (value := getattr(self, name)) is not None}

    def override(self, params: Mapping[str, Any]) -> ChatOptions:
        """Return these options with some replaced.

        Raises:
            TypeError: a keyword that is not an option.
        """
        if not params:
            return self
        for name in params:
            if name not in PARAM_SET and name != "model":
                from ratatoskr.types.hints import unknown_keyword

                raise unknown_keyword(name, (*CALL_KEYWORDS, *PARAM_NAMES))
        return replace(self, **params)


PARAM_NAMES: tuple[str, ...] = ChatOptions.__match_args__[1:]
"""Every field but `model`."""
PARAM_SET = frozenset(PARAM_NAMES)
CALL_KEYWORDS = ("tools", "tool_choice", "output", "timeout")
"""The keywords of a chat that are not fields of its options."""


def _number(low: float, high: float) -> Any:
    return lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and low <= v <= high


def _integer(low: int) -> Any:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= low


_CHECKS: dict[str, tuple[str, Any]] = {
    "temperature": ("a number from 0 to 10", _number(0, 10)),
    "top_p": ("a number from 0 to 1", _number(0, 1)),
    "top_k": ("a whole number, 0 or more", _integer(0)),
    "max_tokens": ("a whole number, 0 or more", _integer(0)),
    "stop": (
        "texts, none of them empty",
        lambda v: isinstance(v, (list, tuple)) and all(isinstance(s, str) and s for s in v),
    ),
    "seed": ("a whole number", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    "frequency_penalty": ("a number from -2 to 2", _number(-2, 2)),
    "presence_penalty": ("a number from -2 to 2", _number(-2, 2)),
    "parallel_tool_calls": ("true or false", lambda v: isinstance(v, bool)),
    "response_format": ('"json" or a JsonSchema', lambda v: v == "json" or isinstance(v, JsonSchema)),
    "reasoning": ("an effort or a ReasoningConfig", lambda v: isinstance(v, ReasoningConfig)),
    "cache_prompt": ("true or false", lambda v: isinstance(v, bool)),
    "logprobs": ("true, false or a whole number", lambda v: isinstance(v, int) and v >= 0),
    "user": ("text", lambda v: isinstance(v, str)),
    "service_tier": ("text", lambda v: isinstance(v, str)),
    "metadata": (
        "a mapping of texts to texts",
        lambda v: isinstance(v, Mapping) and all(isinstance(text, str) for item in v.items() for text in item),
    ),
    "raw_provider_options": ("a mapping", lambda v: isinstance(v, Mapping)),
}


_checked_values = attrgetter(*_CHECKS)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Everything that decides an answer: what middleware, backends and test gateways see.

    Attributes:
        messages: the history.
        tools: what the model may call.
        tool_choice: `auto`, `none`, `required` or a tool's name; `None` leaves it to the model.
        output: the type of the answer.
        options: the model and its parameters.
        timeouts: of this call.
        kind: a conversation, or a bare prompt to continue (then `messages` is one user turn).
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    output: Any = None
    options: ChatOptions = ChatOptions()
    timeouts: Timeouts = UNSET
    kind: Literal["chat", "generate"] = "chat"


@dataclass(frozen=True, slots=True)
class RawResponse(Plain):
    """The provider's own response.

    Attributes:
        status: HTTP status.
        headers: names in lower case; secrets are left out.
        body: the bytes; `None` for streams.
    """

    type: ClassVar[Literal["raw_response"]] = "raw_response"
    status: int
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)


@resolves_when_read("cost")
@dataclass(frozen=True, slots=True)
class ChatResponse(Plain, GenericBase["T"]):
    """A response to a chat.

    Attributes:
        message: the assistant's message; add it to the history unchanged.
        usage: tokens.
        cost: what it cost, if known.
        finish_reason: why it ended.
        native_finish_reason: the provider's own name of the reason.
        provider: name of the provider.
        model: the model as answered.
        request_id: the provider's id of the request.
        warnings: notices for the caller.
        attempts: every attempt; the last one is this response.
        raw: the provider's response.
    """

    type: ClassVar[Literal["chat_response"]] = "chat_response"
    message: Message
    usage: Usage = Usage()
    cost: Cost | None = None
    finish_reason: FinishReason = "unknown"
    native_finish_reason: str | None = None
    provider: str = ""
    model: str = ""
    request_id: str | None = None
    warnings: tuple[Notice, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    raw: RawResponse | None = None
    _output: Any = field(default=None, repr=False, compare=False, kw_only=True)
    _parsed: list[Any] = field(default_factory=list, repr=False, compare=False, kw_only=True)

    def __repr__(self) -> str:
        from ratatoskr.types.display import represent

        shown = {
            "text": self.text,
            "tool_calls": tuple(call.name for call in self.tool_calls),
            "parsed": self._parsed[0] if self._parsed else None,
            "provider": self.provider,
            "model": self.model,
            "input_tokens": self.usage.prompt_tokens,
            "output_tokens": self.usage.completion_tokens,
            "finish_reason": self.finish_reason,
            "warnings": tuple(notice.code for notice in self.warnings),
        }
        given = [f"{name}={represent(value)}" for name, value in shown.items() if value not in (None, "", ())]
        return f"ChatResponse({', '.join(given)})"

    def _repr_markdown_(self) -> str:
        """Return the answer's text, which notebooks render as Markdown, and the calls of tools."""
        calls = [f"`{call.name}({call.arguments})`" for call in self.tool_calls]
        return "\n\n".join(text for text in (self.text, *calls) if text)

    @property
    def content(self) -> str:
        """The answer's text."""
        return self.message.text

    @property
    def text(self) -> str:
        """The answer's text, as `content`."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """The text of the reasoning."""
        return self.message.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that the model wants run."""
        return self.message.tool_calls

    @property
    def parsed(self) -> T:
        """The answer as the requested output type; `None` without one. Validated once.

        An answer in words that holds one fenced block of JSON is read from that block; `text` stays as it came.

        Raises:
            OutputInvalid: the text does not validate.
        """
        if not self._parsed:
            if self._output is None:
                return None  # type: ignore[return-value]  # T is None without an output type
            from ratatoskr.types.output import validate

            self._parsed.append(validate(self, self._output))
        return self._parsed[0]  # type: ignore[no-any-return]  # validated as T

    def with_output(self, output: Any) -> Self:
        """Return this response with the type that `parsed` gives."""
        return replace(self, _output=output, _parsed=[])

    def with_attempts(self, attempts: tuple[Attempt, ...]) -> Self:
        """Return this response with the attempts of its call; every field is named, which is cheaper than `replace`."""
        return self.__class__(
            self.message,
            self.usage,
            as_it_is(self, "cost"),
            self.finish_reason,
            self.native_finish_reason,
            self.provider,
            self.model,
            self.request_id,
            self.warnings,
            attempts,
            self.raw,
            _output=self._output,
            _parsed=self._parsed,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, output: Any = None) -> Self:
        """Return the response that `to_dict` wrote; `output` gives `parsed` its type back."""
        from ratatoskr.types.codec import read_object

        return read_object(cls, data).with_output(output)

    @classmethod
    def from_json(cls, text: str | bytes, *, output: Any = None) -> Self:
        """Return the response that `to_json` wrote."""
        from ratatoskr.types.codec import parse

        return cls.from_dict(parse(text), output=output)
