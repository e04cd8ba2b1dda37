"""Parts of messages, with the opaque state that hangs on them."""

from __future__ import annotations

from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import Codec
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.part import (
    AudioPart,
    Citation,
    FilePart,
    FileRef,
    ImagePart,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    TokenLogprob,
    ToolCall,
    ToolResult,
)
from ratatoskr.types.visible import quote

__all__ = ["CITATION", "PROVIDER_STATE", "TOKEN_LOGPROB", "TOOL_CALL", "part_from_pb", "part_to_pb"]


def part_to_pb(part: Any) -> pb.Part:
    """Return a part as a message."""
    name, codec = _BY_CLASS[type(part)]
    return pb.Part(**{name: codec.to_pb(part)})


def part_from_pb(message: pb.Part) -> Any:
    """Return the part of a message; raises `InvalidInput` for a kind that this version does not know."""
    name = message.WhichOneof("part")
    if name is None:
        raise InvalidInput("a part is empty, or of a kind that this version does not know", field="parts")
    return _BY_NAME[name].from_pb(getattr(message, name))


def _logprobs_to_pb(logprobs: tuple[TokenLogprob, ...]) -> pb.TokenLogprobs:
    return pb.TokenLogprobs(items=[TOKEN_LOGPROB.to_pb(one) for one in logprobs])


def _logprobs_from_pb(message: pb.TokenLogprobs) -> tuple[TokenLogprob, ...]:
    return tuple([TOKEN_LOGPROB.from_pb(one) for one in message.items])


def _octets(numbers: tuple[int, ...]) -> bytes:
    try:
        return bytes(numbers)
    except (ValueError, TypeError):
        raise InvalidInput(f"the bytes of a token must be from 0 to 255, not {quote(numbers)}", field="bytes") from None


PROVIDER_STATE: Final = Codec(ProviderState, pb.ProviderState)
CITATION: Final = Codec(Citation, pb.Citation)
TOKEN_LOGPROB: Final = Codec(TokenLogprob, pb.TokenLogprob, bytes=(_octets, tuple))
TOKEN_LOGPROB.nest(top=TOKEN_LOGPROB)


def _codec(cls: Any, message: Any, **codecs: Any) -> Codec:
    return Codec(cls, message, state=PROVIDER_STATE, **codecs)


TOOL_CALL: Final = _codec(ToolCall, pb.ToolCall)
_ROWS: Final = {
    "text": _codec(TextPart, pb.TextPart, citations=CITATION, logprobs=(_logprobs_to_pb, _logprobs_from_pb)),
    "reasoning": _codec(ReasoningPart, pb.ReasoningPart),
    "tool_call": TOOL_CALL,
    "tool_result": _codec(ToolResult, pb.ToolResult, content=(part_to_pb, part_from_pb)),
    "image": _codec(ImagePart, pb.Media),
    "audio": _codec(AudioPart, pb.Media),
    "file": _codec(FilePart, pb.Media),
    "file_ref": _codec(FileRef, pb.FileRef),
    "server_tool_call": _codec(ServerToolCall, pb.ServerToolCall),
    "server_tool_result": _codec(ServerToolResult, pb.ServerToolResult),
    "provider_part": _codec(ProviderPart, pb.ProviderPart),
}
"""The kinds of parts by their names in `Part`."""
_BY_NAME: Final[dict[str, Codec]] = _ROWS
_BY_CLASS: Final[dict[Any, tuple[str, Codec]]] = {codec.cls: (name, codec) for name, codec in _ROWS.items()}
