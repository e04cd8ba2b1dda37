"""Messages. A history is a list of them; nothing here changes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from ratatoskr.errors import InvalidInput
from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.part import PART_TYPES, Part, ReasoningPart, TextPart, ToolCall, ToolResult
from ratatoskr.types.plain import Plain
from ratatoskr.types.visible import quote

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
"""Whose message it is; `tool` holds the results of calls."""
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
Content: TypeAlias = "str | Part | Sequence[str | Part]"

HISTORY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Message(Plain):
    """One turn of a conversation.

    Attributes:
        role: of the speaker.
        content: the parts, in order; the constructor also takes a `str`, a part or a sequence of both.
        name: of the speaker, where several share a role.
        metadata: the caller's own; never sent.
    """

    __checked__ = True
    type: ClassVar[Literal["message"]] = "message"
    role: Role
    content: tuple[Part, ...]
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.role, str) or self.role not in ROLES:
            raise InvalidInput(f"role must be one of {', '.join(ROLES)}, not {quote(self.role)}", field="role")
        if type(self.metadata) is not dict and not isinstance(self.metadata, Mapping):
            raise InvalidInput(f"metadata must be a mapping, not {type(self.metadata).__name__}", field="metadata")
        content = parts_of(self.content)
        if content is not self.content:
            object.__setattr__(self, "content", content)

    @property
    def text(self) -> str:
        """The text parts, joined without a separator."""
        return "".join([part.text for part in self.content if isinstance(part, TextPart)])

    @property
    def reasoning(self) -> str:
        """The texts of the reasoning parts, joined without a separator."""
        return "".join(part.text for part in self.content if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls in this turn, in order."""
        return tuple(part for part in self.content if isinstance(part, ToolCall))

    @classmethod
    def system(cls, content: Content, *, name: str | None = None, metadata: Mapping[str, Any] | None = None) -> Message:
        """Return a message with instructions to the model."""
        return cls("system", parts_of(content), name, metadata or {})

    @classmethod
    def user(cls, content: Content, *, name: str | None = None, metadata: Mapping[str, Any] | None = None) -> Message:
        """Return a user message."""
        return cls("user", parts_of(content), name, metadata or {})

    @classmethod
    def assistant(
        cls, content: Content, *, name: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Message:
        """Return a message of the model."""
        return cls("assistant", parts_of(content), name, metadata or {})

    @classmethod
    def tool_results(cls, *results: ToolResult) -> Message:
        """Return one message with the results of all calls of a turn."""
        for result in results:
            if not isinstance(result, ToolResult):
                raise InvalidInput(f"tool_results takes ToolResult, not {type(result).__name__}", field="results")
        return cls("tool", results)

    @classmethod
    def tool_result(cls, tool_call_id: str, content: Any, is_error: bool = False) -> Message:
        """Return a message with the result of one call."""
        return cls("tool", (ToolResult(tool_call_id, content, is_error),))

    @classmethod
    def from_openai(cls, data: Mapping[str, Any]) -> Message:
        """Return the message that a dict in the form of OpenAI's Chat Completions says.

        Raises:
            InvalidInput: the dict has a member that is unknown or of the wrong type; `field` names it.
        """
        from ratatoskr.types.openai_message import message_from_openai

        return message_from_openai(cls, data)

    def to_openai(self, *, drop: bool = False) -> dict[str, Any]:
        """Return this message as a dict in the form of OpenAI's Chat Completions.

        Args:
            drop: leave out what that form cannot say, in place of raising.

        Raises:
            InvalidInput: the form cannot say a part of this message, which the error names, or the message holds
                several tool results, each of which takes a dict of its own.
        """
        from ratatoskr.types.openai_message import message_to_openai

        return message_to_openai(self, drop=drop)


def parts_of(content: Any) -> tuple[Part, ...]:
    """Return content as a tuple of parts; raise `InvalidInput` for anything but text and parts."""
    if isinstance(content, str):
        return (TextPart(content),)
    if type(content) is tuple:
        for item in content:
            if type(item) is not TextPart and not isinstance(item, PART_TYPES):
                break
        else:
            return content
    if isinstance(content, PART_TYPES):
        return (content,)
    if not isinstance(content, Iterable) or isinstance(content, (bytes, Mapping)):
        raise InvalidInput(f"content must be text or parts, not {type(content).__name__}", field="content")
    return tuple(_part_of(item, i) for i, item in enumerate(content))


def _part_of(item: Any, index: int) -> Part:
    if isinstance(item, str):
        return TextPart(item)
    if isinstance(item, PART_TYPES):
        return item  # type: ignore[no-any-return]  # one of the union's members
    raise InvalidInput(f"content[{index}] must be text or a part, not {type(item).__name__}", field="content")


def dump_messages(messages: Iterable[Message]) -> str:
    """Return a history as JSON text, with a version, for `load_messages`."""
    from ratatoskr.types.codec import dump

    return dump({"version": HISTORY_VERSION, "messages": [message.to_dict() for message in messages]})


def load_messages(text: str | bytes) -> list[Message]:
    """Return the history that `dump_messages` wrote.

    Raises:
        InvalidInput: the text is not such a history, or of another version.
    """
    from ratatoskr.types.codec import parse

    body = parse(text)
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise InvalidInput("not a history written by dump_messages", field="messages")
    if body.get("version") != HISTORY_VERSION:
        raise InvalidInput(
            f"history of version {quote(body.get('version'))}; this reads {HISTORY_VERSION}", field="version"
        )
    return [Message.from_dict(message) for message in body["messages"]]
