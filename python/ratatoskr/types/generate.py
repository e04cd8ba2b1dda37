"""The response to a bare prompt."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.chat import ChatResponse, RawResponse
from ratatoskr.types.event import FinishReason
from ratatoskr.types.frozen import dataclass
from ratatoskr.types.pending import as_it_is, resolves_when_read
from ratatoskr.types.plain import Plain
from ratatoskr.types.usage import Cost, Usage


@resolves_when_read("cost")
@dataclass(frozen=True, slots=True)
class GenerateResponse(Plain):
    """A prompt's continuation; the fields are those of `ChatResponse`, with `text` in place of a message.

    Attributes:
        text: what was generated.
        reasoning: the text of the reasoning before it.
        usage: tokens.
        cost: what it cost, if known.
        finish_reason: why it ended.
        native_finish_reason: the provider's own name of the reason.
        provider: name of the provider.
        model: the model as answered.
        request_id: the provider's id of the request.
        warnings: notices for the caller.
        attempts: every attempt.
        raw: the provider's response.
    """

    type: ClassVar[Literal["generate_response"]] = "generate_response"
    text: str
    reasoning: str = ""
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

    @classmethod
    def of(cls, response: ChatResponse[Any]) -> GenerateResponse:
        """Return a chat's response as a prompt's."""
        return cls(
            response.content,
            response.reasoning,
            response.usage,
            as_it_is(response, "cost"),
            response.finish_reason,
            response.native_finish_reason,
            response.provider,
            response.model,
            response.request_id,
            response.warnings,
            response.attempts,
            response.raw,
        )
