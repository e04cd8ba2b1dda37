"""What the dialects share when they write a request: checks of texts and JSON values, and notices to the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import JsonSchema
from ratatoskr.types.message import Message
from ratatoskr.types.part import Part, ServerToolCall, ToolCall
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import arguments_object

Note: TypeAlias = Callable[[str, str, str, str], None]
"""Adds a notice, given as its code, kind, message and path, unless there is one of this code and kind."""

INVALID_JSON = "INVALID_JSON"
"""The member in which arguments go back that are not a JSON object."""


def require_utf8(text: str, where: str) -> str:
    """Return the text unchanged.

    Raises:
        InvalidInput: it contains a lone surrogate, which UTF-8 cannot encode; `field` is `where`.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidInput("text with a lone surrogate cannot be sent", field=where) from None
    return text


def encode_arguments(call: ToolCall | ServerToolCall, where: str, note: Note) -> msgspec.Raw:
    """Return the arguments of a call in the history as a JSON object, which is all that providers accept.

    Arguments that are not one, as those that the token limit cut off, go into a member of an object, with a notice.
    """
    text = require_utf8(call.arguments, where)
    found = arguments_object(text)
    if found is not None:
        return found
    message = f"the arguments of the call {call.id!r:.80} are not a JSON object; they were sent as text in one"
    note("arguments_replaced", call.id, message, where)
    return msgspec.Raw(msgspec.json.encode({INVALID_JSON: text}))


def encode_argument_text(call: ToolCall, where: str, note: Note) -> str:
    """Return the arguments of a call as `encode_arguments` does, as text; those of most calls are unchanged."""
    encoded = bytes(encode_arguments(call, where, note)).decode()
    return call.arguments if encoded == call.arguments.strip() else encoded


def _mapping_to_dict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_mapping_to_dict)


def encode_json(value: Any, where: str) -> bytes:
    """Return a value of the caller's as JSON.

    Raises:
        InvalidInput: it has no JSON form, or contains a lone surrogate; `field` is `where`.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise InvalidInput("text with a lone surrogate cannot be sent", field=where) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"not a JSON value: {error}", field=where) from None


def schema_instructions(form: JsonSchema) -> str:
    """Return instructions that ask for the schema, for models without native structured output."""
    schema = encode_json(form.schema, "response_format").decode()
    return f"Answer with one JSON value that follows this JSON Schema, and with nothing besides it:\n{schema}"


def foreign_state_notices(issuers: Mapping[str, str]) -> list[Notice]:
    """Return a notice for each kind of state that was left out; the mapping is from a kind to its issuer."""
    return [
        Notice("foreign_state_dropped", f"{kind} of {issuer} was left out: only its issuer can read it", "messages")
        for kind, issuer in issuers.items()
    ]


SYSTEM_AS_USER = (
    "system_as_user",
    "",
    "the instructions were sent as a message of the user: the provider refuses a request without one",
    "messages",
)
"""The notice about a history of system messages only; unpacked for `Note`."""

OUTPUT_EMULATED = Notice(
    "output_emulated",
    "this model has no native structured output here: the schema was put into the instructions",
    "response_format",
)


JSON_NAMED = Notice(
    "instruction_added",
    "the instruction to answer with JSON was added: JSON mode is refused where no message mentions JSON",
    "response_format",
)


def mentions_json(messages: tuple[Message, ...]) -> bool:
    """Return whether a message besides the assistant's has the word that OpenAI and others require for JSON mode."""
    return any("json" in message.text.lower() for message in messages if message.role != "assistant")


@dataclass(slots=True)
class EncodeContext:
    """The state of encoding one request.

    Attributes:
        target: the provider and model that the request is for.
        cache_mark: members that make a part a cache breakpoint; `None` where there are no breakpoints.
        notices: for the caller.
        marks: the number of cache breakpoints so far.
    """

    target: Target
    cache_mark: Mapping[str, Any] | None = None
    notices: list[Notice] = field(default_factory=list)
    marks: int = 0
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def has(self, *flags: str) -> bool:
        """Return whether the host has one of these quirks."""
        return not self.target.flags.isdisjoint(flags)

    def notice(self, code: str, kind: str, message: str, where: str) -> None:
        """Add a notice, once for each code and kind."""
        if (code, kind) not in self._noted:
            self._noted.add((code, kind))
            self.notices.append(Notice(code, message, where))

    def mark_cached(self, value: dict[str, Any], *, cache: bool) -> dict[str, Any]:
        """Return a part, call or tool, with a cache breakpoint if one is wanted and the host has them."""
        if not cache or self.cache_mark is None:
            return value
        self.marks += 1
        return {**value, **self.cache_mark}

    def is_own(self, issuer: str) -> bool:
        """Return whether opaque state of this issuer may be sent to the target."""
        return issuer == self.target.issuer or same_issuer(issuer, self.target.issuer)

    def own_state(self, part: Part) -> bytes | None:
        """Return the first state of a part that the target issued."""
        return next((state.data for state in part.state if self.is_own(state.issuer)), None)
