"""Messages: one of ours is one of theirs, but for several tool results, which take a message each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import Words, read_json, refuse, write_json
from ratatoskr.service.convert.part import TOOL_CALL, part_from_pb, part_to_pb
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart, ToolCall, ToolResult

__all__ = ["message_from_pb", "message_to_pb", "messages_from_pb", "messages_to_pb", "plain_text"]

_ROLES: Final = Words(pb.Role, "ROLE_")


def messages_to_pb(messages: Iterable[Message]) -> list[pb.Message]:
    """Return a history; raises `InvalidInput` for what has no form there."""
    history = []
    for index, message in enumerate(messages):
        try:
            history.append(message_to_pb(message))
        except InvalidInput as error:
            raise InvalidInput(f"messages[{index}]: {error.message}", field=error.field) from None
        results = [part for part in message.content if type(part) is ToolResult]
        history += [_repeat_result(message, result) for result in results[1:]]
    return history


def _repeat_result(message: Message, result: ToolResult) -> pb.Message:
    role = _ROLES.number(message.role, "role")
    return pb.Message(role=role, content=result.text, name=result.name, tool_call_id=result.tool_call_id, repeated=True)


def messages_from_pb(messages: Iterable[pb.Message]) -> tuple[Message, ...]:
    """Return the history of a request."""
    return tuple([message_from_pb(message) for message in messages if not message.repeated])


def plain_text(message: Message) -> str | None:
    """Return the text of a message that holds nothing else; `None` for any other message."""
    content = message.content
    if len(content) == 1 and type(part := content[0]) is TextPart and part.text:
        is_plain = not (part.citations or part.cache or part.state or part.logprobs is not None)
        return part.text if is_plain else None
    return None


def message_to_pb(message: Message, *, listed: bool = True) -> pb.Message:
    """Return a message.

    Args:
        message: of any role.
        listed: whether the listed fields repeat what `parts` say, for readers that know only those.

    Raises:
        InvalidInput: a lone surrogate, or metadata without a JSON form.
    """
    try:
        role = _ROLES.number(message.role, "role")
        text = plain_text(message)
        metadata = write_json(message.metadata, "metadata") if message.metadata else None
        if text is not None:
            return pb.Message(role=role, content=text, name=message.name, metadata_json=metadata)
        parts = [part_to_pb(part) for part in message.content]
        if not listed:
            return pb.Message(role=role, name=message.name, parts=parts, metadata_json=metadata)
        result = next((part for part in message.content if type(part) is ToolResult), None)
        return pb.Message(
            role=role,
            content=message.text if result is None else result.text,
            tool_calls=[TOOL_CALL.to_pb(call) for call in message.tool_calls],
            name=message.name,
            tool_call_id=None if result is None else result.tool_call_id,
            parts=parts,
            metadata_json=metadata,
        )
    except UnicodeError as error:
        raise refuse("content", message.role, error) from None


def message_from_pb(message: pb.Message) -> Message:
    """Return a message.

    Raises:
        InvalidInput: its role is unspecified or unknown, or a part is.
    """
    role = _ROLES.word(message.role, "role")
    name = message.name if message.HasField("name") else None
    metadata = read_json(message.metadata_json, "metadata") if message.HasField("metadata_json") else {}
    if message.parts:
        return Message(role, tuple([part_from_pb(part) for part in message.parts]), name, metadata)
    if role == "tool" and message.HasField("tool_call_id"):
        result = ToolResult(message.tool_call_id, (TextPart(message.content),), name=name)
        return Message(role, (result,), None, metadata)
    text = message.content
    content: tuple[TextPart | ToolCall, ...] = (TextPart(text),) if text else ()
    if message.tool_calls:
        content += tuple([TOOL_CALL.from_pb(call) for call in message.tool_calls])
    return Message(role, content, name, metadata)
