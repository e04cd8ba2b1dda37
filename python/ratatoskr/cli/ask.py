"""One call of a chat, from the command line's arguments to the answer on the screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratatoskr.cli.render import AnswerView, Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratatoskr.cli.options import Addresses, Parameters
    from ratatoskr.cli.sessions import Conversation
    from ratatoskr.sync.gateway import SyncGateway
    from ratatoskr.types.chat import ChatParams, ChatResponse
    from ratatoskr.types.generate import GenerateResponse
    from ratatoskr.types.message import Message
    from ratatoskr.types.model import Plan
    from ratatoskr.types.tool import Tool

NOTES: dict[str, str] = {
    "length": "the answer is incomplete: it reached the token limit",
    "content_filter": "the answer is incomplete: the provider's filter ended it",
    "paused": "the model paused; -c continues",
}
"""Notes to the user by finish reason."""


@dataclass(frozen=True, slots=True)
class ChatArguments:
    """The command line of `rat chat`."""

    prompt: str | None
    models: tuple[str, ...]
    system: str | None
    files: tuple[str, ...]
    tools: str | None
    tool_choice: str | None
    schema: str | None
    as_json: bool
    no_stream: bool
    extract: bool
    usage: bool
    dry_run: bool
    curl: bool
    interactive: bool
    continued: bool
    session: str | None
    no_save: bool
    parameters: Parameters
    where: Addresses


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer, and whether the provider's filter ended it."""

    message: Message
    filtered: bool


@dataclass(frozen=True, slots=True)
class ChatCall:
    """Everything of a call but the conversation."""

    models: tuple[str, ...]
    where: Addresses
    params: ChatParams
    timeout: float | None = None
    tools: list[Tool] = field(default_factory=list)
    tool_choice: str | None = None
    as_json: bool = False
    stream: bool = True
    extract: bool = False
    usage: bool = False

    @classmethod
    def from_arguments(cls, arguments: ChatArguments, models: tuple[str, ...], conversation: Conversation) -> ChatCall:
        """Return the call that a command line describes, with its tools and schema loaded.

        Addresses of the conversation hold where the command line names no other.

        Raises:
            InvalidInput: a file cannot be read.
        """
        from ratatoskr.cli.inputs import load_schema, load_tools

        params = arguments.parameters.params()
        schema = load_schema(arguments.schema)
        if schema is not None:
            params["response_format"] = schema
        tools = load_tools(arguments.tools)
        return cls(
            models,
            arguments.where.over(conversation.where),
            params,
            arguments.parameters.timeout,
            tools,
            arguments.tool_choice,
            arguments.as_json,
            not arguments.no_stream and not arguments.extract,
            arguments.extract,
            arguments.usage,
        )

    def ask(
        self, gateway: SyncGateway, history: Sequence[Message], screen: Screen, view: AnswerView | None = None
    ) -> ShownAnswer:
        """Send the conversation and show the answer; after an interruption `view` has the received part.

        Raises:
            RatatoskrError: as the gateway does.
        """
        view = view or AnswerView(screen, as_json=self.as_json)
        try:
            if self.stream:
                response = self._stream(gateway, history, view)
            else:
                response = gateway.chat(
                    history,
                    self.models,
                    tools=self.tools,
                    tool_choice=self.tool_choice,
                    timeout=self.timeout,
                    **self.params,
                )
                view.show_response(response, extract=self.extract)
        except KeyboardInterrupt:
            view.interrupted = True
            raise
        finally:
            view.finish_line()
        show_notices(response, screen)
        if self.usage:
            show_usage(response, screen)
        return ShownAnswer(response.message, response.finish_reason == "content_filter")

    def plan(self, gateway: SyncGateway, history: Sequence[Message]) -> Plan:
        """Return the request that would be sent to the first candidate; nothing is sent."""
        return gateway.explain(
            self.models,
            history,
            body=True,
            tools=self.tools,
            tool_choice=self.tool_choice,
            timeout=self.timeout,
            **self.params,
        ).plans[0]

    def _stream(self, gateway: SyncGateway, history: Sequence[Message], view: AnswerView) -> ChatResponse[Any]:
        with gateway.chat_stream(
            history,
            self.models,
            tools=self.tools,
            tool_choice=self.tool_choice,
            timeout=self.timeout,
            **self.params,
        ) as stream:
            for event in stream:
                view.show_event(event)
            return stream.response


def show_usage(response: ChatResponse[Any] | GenerateResponse, screen: Screen) -> None:
    """Show the tokens of an answer, and what it cost if that is known."""
    usage = response.usage
    inputs = {"cached": usage.cache_read_tokens, "written to the cache": usage.cache_write_tokens}
    sides = [
        _count("input", usage.prompt_tokens, inputs),
        _count("output", usage.completion_tokens, {"reasoning": usage.reasoning_tokens}),
    ]
    known = " + ".join(side for side in sides if side)
    cost = "" if response.cost is None else f"; {response.cost.amount} {response.cost.currency}"
    screen.note(f"{known} tokens{cost}" if known else "the provider reported no tokens")


def _count(name: str, tokens: int | None, parts: dict[str, int | None]) -> str:
    if tokens is None:
        return ""
    shown = ", ".join(f"{count:,} {part}" for part, count in parts.items() if count)
    return f"{tokens:,} {name} ({shown})" if shown else f"{tokens:,} {name}"


def build_question(arguments: ChatArguments) -> Message | None:
    """Return the user message of the command line and standard input, `None` if there is none.

    Raises:
        InvalidInput: a file cannot be read.
    """
    from ratatoskr.cli import inputs
    from ratatoskr.types.message import Message

    taken = "-" in (*arguments.files, arguments.schema, arguments.tools) or arguments.interactive
    texts = ["" if taken else inputs.read_stdin_text(), arguments.prompt or ""]
    text = "\n\n".join(text for text in texts if text.strip())
    parts = inputs.load_parts(arguments.files)
    return Message.user([*parts, *([text] if text else [])]) if parts or text else None


def show_notices(response: ChatResponse[Any] | GenerateResponse, screen: Screen) -> None:
    """Show the warnings of an answer and what its finish reason means."""
    for notice in response.warnings:
        screen.note(f"note: {notice.message}")
    if response.finish_reason in NOTES:
        screen.note(f"note: {NOTES[response.finish_reason]}")
