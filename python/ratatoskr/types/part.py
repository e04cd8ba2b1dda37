"""The parts of a message.

Every part may carry `cache=True` (a prompt-cache breakpoint after it) and `state`: what a provider wants back byte for
byte (signatures, encrypted reasoning, ids), tagged with who issued it. Nothing here knows a provider's format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias, get_args

from ratatoskr.errors import InvalidInput, InvalidToolArguments
from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.plain import Plain
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from pathlib import Path

MAX_DEPTH = 64
"""Deepest nesting of JSON that is taken from a model or sent to one."""
MAX_CONTAINERS = 1_000_000
"""The most objects and arrays in such JSON."""
ImageDetail: TypeAlias = Literal["auto", "low", "high", "original"]


@dataclass(frozen=True, slots=True)
class ProviderState(Plain):
    """Opaque bytes that are sent back with their part, to their issuer alone.

    Attributes:
        issuer: `provider/dialect/model`, as in `anthropic/messages/claude-opus-5`.
        data: exactly what came, as JSON text.
    """

    __checked__ = True
    type: ClassVar[Literal["provider_state"]] = "provider_state"
    issuer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Citation(Plain):
    """A source of a text.

    Attributes:
        url: address of the source, where it has one.
        title: its title.
        text: the passage quoted.
        start: first character of the text part that the citation covers.
        end: one past the last character.
        data: the provider's own form, as JSON text, sent back unchanged to where it came from.
    """

    __checked__ = True
    type: ClassVar[Literal["citation"]] = "citation"
    url: str | None = None
    title: str | None = None
    text: str | None = None
    start: int | None = None
    end: int | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob(Plain):
    """A generated token, its log probability, and the alternatives.

    Attributes:
        token: its text.
        logprob: natural logarithm of its probability.
        bytes: its UTF-8 bytes, if the provider sent them.
        top: the likeliest tokens at this place.
    """

    type: ClassVar[Literal["token_logprob"]] = "token_logprob"
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part(Plain):
    __checked__ = True
    cache: bool = False
    state: tuple[ProviderState, ...] = ()


@dataclass(frozen=True, slots=True)
class TextPart(_Part):
    """Text."""

    type: ClassVar[Literal["text_part"]] = "text_part"
    text: str
    citations: tuple[Citation, ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReasoningPart(_Part):
    """Reasoning of the model; its text may be empty while its `state` is not."""

    type: ClassVar[Literal["reasoning_part"]] = "reasoning_part"
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall(_Part):
    """A call of a tool by the model.

    Attributes:
        id: pairs the call with its result; generated if the provider has none.
        name: name of the tool.
        arguments: JSON text exactly as the model wrote it.
    """

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    id: str
    name: str
    arguments: str

    def args(self) -> dict[str, Any]:
        """Return the arguments parsed; blank text and `null` are an empty dict.

        Raises:
            InvalidToolArguments: the text is not a JSON object, or nested deeper than 64.
        """
        import json

        if self.arguments.strip() in ("", "null"):
            return {}
        try:
            value = json.loads(self.arguments)
        except (ValueError, RecursionError) as error:
            raise InvalidToolArguments(
                f"arguments of {quote(self.name)} are not JSON: {error}", field="arguments"
            ) from None
        if not isinstance(value, dict):
            raise InvalidToolArguments(f"arguments of {quote(self.name)} are not a JSON object", field="arguments")
        if depth_of(value) > MAX_DEPTH:
            raise InvalidToolArguments(
                f"arguments of {quote(self.name)} are nested deeper than {MAX_DEPTH}", field="arguments"
            )
        return value

    def result(self, content: Any, is_error: bool = False) -> ToolResult:
        """Return the result of this call; text and parts are kept, anything else that has a JSON form is encoded.

        Raises:
            InvalidInput: it has no JSON form.
        """
        return ToolResult(self.id, _result_content(content), is_error, self.name)


@dataclass(frozen=True, slots=True)
class ToolResult(_Part):
    """The result of a tool.

    Attributes:
        tool_call_id: the call it answers.
        content: text and media parts.
        is_error: whether the tool failed; the content says how.
        name: the tool's name, where known.
    """

    type: ClassVar[Literal["tool_result"]] = "tool_result"
    tool_call_id: str
    content: tuple[TextPart | ImagePart | AudioPart | FilePart | FileRef, ...]
    is_error: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        content = _result_content(self.content)
        if content is not self.content:
            object.__setattr__(self, "content", content)

    @property
    def text(self) -> str:
        """The text parts joined."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


@dataclass(frozen=True, slots=True)
class _Media(_Part):
    """Bytes or a URL; a URL is passed on to the provider and never fetched here."""

    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    media_type: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if (self.data is None) == (self.url is None):
            raise InvalidInput(f"{self.type} needs either data or a url", field="data")
        if self.data is not None and not isinstance(self.data, bytes):
            raise InvalidInput(f"{self.type}.data must be bytes, not {type(self.data).__name__}", field="data")
        if self.data is not None and self.media_type is None:
            raise InvalidInput(f"{self.type} with data needs a media_type such as image/png", field="media_type")

    @classmethod
    def from_path(cls, path: str | Path, media_type: str | None = None) -> Self:
        """Read a file now; the media type is guessed from its name if it is not given.

        Raises:
            InvalidInput: the file cannot be read or its type cannot be guessed.
        """
        import mimetypes
        from pathlib import Path

        path = Path(path)
        media_type = media_type or mimetypes.guess_type(path.name)[0]
        if media_type is None:
            raise InvalidInput(f"cannot guess the media type of {path.name}; pass media_type", field="media_type")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidInput(f"cannot read {path}: {error.strerror}", field="path") from None
        return cls(data=data, media_type=media_type, name=path.name)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview, media_type: str, name: str | None = None) -> Self:
        """Take bytes that are already in memory."""
        taken = bytes(data) if isinstance(data, (bytearray, memoryview)) else data
        return cls(data=taken, media_type=media_type, name=name)

    @classmethod
    def from_url(cls, url: str, media_type: str | None = None) -> Self:
        """Take a URL that the provider fetches.

        Raises:
            InvalidInput: it has no scheme, or names a file on this machine.
        """
        scheme = url.partition(":")[0].lower() if ":" in url else ""
        if not scheme or scheme == "file":
            raise InvalidInput(
                f"{url[:80]!r} is not a URL that a provider can fetch; use from_path to read a file", field="url"
            )
        return cls(url=url, media_type=media_type)


@dataclass(frozen=True, slots=True)
class ImagePart(_Media):
    """An image; `detail` is how closely to look at it, where an API has that setting, else a `Notice` says so."""

    type: ClassVar[Literal["image_part"]] = "image_part"
    detail: ImageDetail | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _Media.__post_init__(self)
        if self.detail is not None and self.detail not in get_args(ImageDetail):
            known = ", ".join(get_args(ImageDetail))
            raise InvalidInput(f"detail must be one of {known}, not {quote(self.detail)}", field="detail")


@dataclass(frozen=True, slots=True)
class AudioPart(_Media):
    """Audio."""

    type: ClassVar[Literal["audio_part"]] = "audio_part"


@dataclass(frozen=True, slots=True)
class FilePart(_Media):
    """A document: PDF, text, or anything else that a provider reads."""

    type: ClassVar[Literal["file_part"]] = "file_part"


@dataclass(frozen=True, slots=True)
class FileRef(_Part):
    """A file that was uploaded to a provider before, by its id there."""

    type: ClassVar[Literal["file_ref"]] = "file_ref"
    provider: str
    id: str


@dataclass(frozen=True, slots=True)
class ServerToolCall(_Part):
    """A call of a tool that the provider runs itself (web search, code execution, MCP).

    Attributes:
        id: the provider's id of the call.
        name: the tool's name.
        arguments: JSON text.
    """

    type: ClassVar[Literal["server_tool_call"]] = "server_tool_call"
    id: str
    name: str
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ServerToolResult(_Part):
    """The result of a tool that the provider ran.

    Attributes:
        tool_call_id: the call it answers.
        name: the tool's name.
        content: the result in the provider's format, as JSON text.
        is_error: whether the tool failed.
    """

    type: ClassVar[Literal["server_tool_result"]] = "server_tool_result"
    tool_call_id: str
    name: str
    content: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ProviderPart(_Part):
    """A part of the assistant's message that has no type here, kept as it came.

    Attributes:
        kind: the provider's name of its type.
        data: its JSON text, byte for byte.
        issuer: where it came from; sent back only there.
    """

    type: ClassVar[Literal["provider_part"]] = "provider_part"
    kind: str
    data: bytes
    issuer: str


Part: TypeAlias = (
    TextPart
    | ReasoningPart
    | ToolCall
    | ToolResult
    | ImagePart
    | AudioPart
    | FilePart
    | FileRef
    | ServerToolCall
    | ServerToolResult
    | ProviderPart
)
"""Anything a message can hold."""

PART_TYPES: tuple[type[Any], ...] = Part.__args__


def _result_content(content: Any) -> tuple[Any, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    if isinstance(content, PART_TYPES):
        return (content,)
    if isinstance(content, Sequence) and content and all(isinstance(item, (str, *PART_TYPES)) for item in content):
        if isinstance(content, tuple) and all(isinstance(item, PART_TYPES) for item in content):
            return content
        if any(isinstance(item, PART_TYPES) for item in content):
            return tuple(TextPart(item) if isinstance(item, str) else item for item in content)
    if isinstance(content, tuple) and not content:
        return ()
    return (TextPart(_json_text(content)),)


def _json_text(content: Any) -> str:
    import json

    try:
        return json.dumps(_json_value(content), ensure_ascii=False, separators=(",", ":"))
    except Exception:  # of the methods of the tool's own classes
        what = type(content).__name__
        raise InvalidInput(f"a tool's result of type {what} has no JSON form", field="content") from None


def _json_value(content: Any) -> Any:
    from ratatoskr.types.codec import to_value

    try:
        return to_value(content)
    except InvalidInput:
        import pydantic_core

    # Common results that are not JSON values: models, dataclasses, dates, enums, sets.
    return pydantic_core.to_jsonable_python(content, fallback=to_value)


def depth_of(value: Any) -> int:
    """Return how deep a JSON value is nested, counted no further than one past `MAX_DEPTH`; a scalar is 0.

    A value that holds itself is as deep as can be; so is one of more than `MAX_CONTAINERS` objects and arrays, which a
    small Python object can be whose parts share others.
    """
    depth, count, level = 0, 0, _containers([value])
    while level and depth <= MAX_DEPTH:
        depth, count = depth + 1, count + len(level)
        if count > MAX_CONTAINERS:
            return MAX_DEPTH + 1
        level = _containers([child for v in level for child in (v.values() if isinstance(v, dict) else v)])
    return depth


def _containers(values: list[Any]) -> list[Any]:
    return [v for v in values if isinstance(v, (dict, list))]
