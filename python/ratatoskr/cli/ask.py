"""One question to a gateway, with its answer on the screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratatoskr.cli.render import Screen, Shown
from ratatoskr.types.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratatoskr.cli.chat import Wish
    from ratatoskr.sync.gateway import SyncGateway
    from ratatoskr.types.chat import ChatParams, ChatResponse
    from ratatoskr.types.generate import GenerateResponse
    from ratatoskr.types.tool import Tool

NOTES: dict[str, str] = {
    "length": "the answer was cut: it reached the limit of tokens",
    "content_filter": "the answer was cut by the provider's filter",
    "paused": "the model paused; -c goes on",
}
"""What a person should know of how an answer ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and whether the provider cut it."""

    message: Message
    filtered: bool


@dataclass(frozen=True, slots=True)
class Asking:
    """How to ask, whatever the question is."""

    models: tuple[str, ...]
    params: ChatParams
    timeout: float | None = None
    tools: list[Tool] = field(default_factory=list)
    tool_choice: str | None = None
    as_json: bool = False
    stream: bool = True

    @classmethod
    def of(cls, wish: Wish, models: tuple[str, ...]) -> Asking:
        """Return what a command line says, with the files of tools and schema read.

        Raises:
            InvalidInput: one of them cannot be read.
        """
        from ratatoskr.cli.inputs import schema_of, tools_of

        params = wish.parameters.params()
        schema = schema_of(wish.schema)
        if schema is not None:
            params["response_format"] = schema
        tools = tools_of(wish.tools)
        timeout = wish.parameters.timeout
        return cls(models, params, timeout, tools, wish.tool_choice, wish.as_json, not wish.no_stream)

    def ask(
        self, gateway: SyncGateway, history: Sequence[Message], screen: Screen, shown: Shown | None = None
    ) -> Answer:
        """Ask and show the answer; `shown` keeps what came of it, should it break off.

        Raises:
            RatatoskrError: as the gateway does.
        """
        shown = shown or Shown(screen, as_json=self.as_json)
        try:
            if self.stream:
                response = self._streamed(gateway, history, shown)
            else:
                response = gateway.chat(
                    history,
                    self.models,
                    tools=self.tools,
                    tool_choice=self.tool_choice,
                    timeouts=self.timeout,
                    **self.params,
                )
                shown.whole(response)
        except KeyboardInterrupt:
            shown.interrupted = True
            raise
        finally:
            shown.end()
        tell(response, screen)
        return Answer(response.message, response.finish_reason == "content_filter")

    def _streamed(self, gateway: SyncGateway, history: Sequence[Message], shown: Shown) -> ChatResponse[Any]:
        with gateway.chat_stream(
            history,
            self.models,
            tools=self.tools,
            tool_choice=self.tool_choice,
            timeouts=self.timeout,
            **self.params,
        ) as stream:
            for event in stream:
                shown.event(event)
            return stream.response


def tell(response: ChatResponse[Any] | GenerateResponse, screen: Screen) -> None:
    """Show what a person should know of an answer that is otherwise right."""
    for notice in response.warnings:
        screen.note(f"note: {notice.message}")
    if response.finish_reason in NOTES:
        screen.note(f"note: {NOTES[response.finish_reason]}")
