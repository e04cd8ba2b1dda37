"""One call of a chat, from the command line's arguments to the answer on the screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratatoskr.cli.render import AnswerView, Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratatoskr.cli.functions import FunctionRunner
    from ratatoskr.cli.options import Addresses, Parameters
    from ratatoskr.cli.sessions import Conversation
    from ratatoskr.sync.gateway import SyncGateway
    from ratatoskr.types.chat import ChatParams, ChatResponse
    from ratatoskr.types.generate import GenerateResponse
    from ratatoskr.types.message import Message
    from ratatoskr.types.model import Plan
    from ratatoskr.types.tool import Tool

MAX_ROUNDS = 8
"""The most answers to one question where functions run, as of `run_tools`."""

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
    functions: str | None
    yes: bool
    max_rounds: int | None
    tool_choice: str | None
    schema: str | None
    as_json: bool
    no_stream: bool
    plain: bool
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
    template_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """The messages that follow a question, the last of them an answer, and whether the provider's filter ended it."""

    messages: tuple[Message, ...]
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
    rendered: bool = False
    functions: FunctionRunner | None = None

    @classmethod
    def from_arguments(cls, arguments: ChatArguments, models: tuple[str, ...], conversation: Conversation) -> ChatCall:
        """Return the call that a command line describes, with its tools and schema loaded.

        Addresses of the conversation hold where the command line names no other.

        Raises:
            InvalidInput: a file cannot be read.
        """
        from ratatoskr.cli.inputs import load_schema, load_tools

        functions = None
        if arguments.functions is not None:
            from ratatoskr.cli.functions import FunctionRunner, load_functions

            functions = FunctionRunner(
                load_functions(arguments.functions), arguments.max_rounds or MAX_ROUNDS, not arguments.yes
            )
        params = arguments.parameters.params()
        schema = load_schema(arguments.schema)
        if schema is not None:
            params["response_format"] = schema
        tools: list[Tool] = load_tools(arguments.tools) if functions is None else [*functions.tools.values()]
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
            not arguments.plain and schema is None,
            functions,
        )

    def ask(
        self, gateway: SyncGateway, history: Sequence[Message], screen: Screen, view: AnswerView | None = None
    ) -> ShownAnswer:
        """Send the conversation and show the answer; after an interruption `view` has the received part.

        Raises:
            RatatoskrError: as the gateway does.
        """
        view = view or self.new_view(screen)
        responses: list[ChatResponse[Any]] = []
        new: tuple[Message, ...] = ()
        try:
            while True:
                response = self._send(gateway, [*history, *new], view, first=not responses)
                responses.append(response)
                new = (*new, response.message)
                if self.functions is None or not response.tool_calls or len(responses) == self.functions.max_rounds:
                    break
                view.finish_line()
                new = (*new, self.functions.run(response.tool_calls, screen))
        except KeyboardInterrupt:
            view.interrupted = True
            raise
        finally:
            view.finish_line()
        for response in responses:
            show_notices(response, screen)
        if self.functions is not None and responses[-1].tool_calls:
            screen.note(f"note: stopped after {len(responses)} answers; --max-rounds allows more")
        if self.usage:
            show_usage(responses, screen)
        return ShownAnswer(new, responses[-1].finish_reason == "content_filter")

    def new_view(self, screen: Screen) -> AnswerView:
        """Return a view of an answer; calls of functions are shown by what runs them."""
        return AnswerView(
            screen,
            as_json=self.as_json,
            rendered=self.rendered and not self.extract,
            calls=self.functions is None,
        )

    def _send(
        self, gateway: SyncGateway, history: Sequence[Message], view: AnswerView, *, first: bool
    ) -> ChatResponse[Any]:
        """Send the conversation once and show the answer; a forced choice of a tool holds for the first time only."""
        choice = self.tool_choice if first or self.tool_choice in (None, "auto", "none") else "auto"
        if self.stream:
            with gateway.chat_stream(
                history, self.models, tools=self.tools, tool_choice=choice, timeout=self.timeout, **self.params
            ) as stream:
                for event in stream:
                    view.show_event(event)
                return stream.response
        response = gateway.chat(
            history, self.models, tools=self.tools, tool_choice=choice, timeout=self.timeout, **self.params
        )
        if not (self.extract and self.functions is not None and response.tool_calls):
            view.show_response(response, extract=self.extract)
        return response

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


def show_usage(responses: Sequence[ChatResponse[Any] | GenerateResponse], screen: Screen) -> None:
    """Show the tokens of one or more answers, and what they cost if that is known of each."""
    usage = responses[0].usage
    for response in responses[1:]:
        usage += response.usage
    costs = [response.cost for response in responses if response.cost is not None]
    total = sum(cost.amount for cost in costs)
    known_cost = len(costs) == len(responses) and len({cost.currency for cost in costs}) == 1
    inputs = {"cached": usage.cache_read_tokens, "written to the cache": usage.cache_write_tokens}
    sides = [
        _count("input", usage.prompt_tokens, inputs),
        _count("output", usage.completion_tokens, {"reasoning": usage.reasoning_tokens}),
    ]
    known = " + ".join(side for side in sides if side)
    cost = f"; {total} {costs[0].currency}" if known_cost else ""
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
    if arguments.template_prompt is not None:
        from ratatoskr.cli.templates import fill_prompt

        text = fill_prompt(arguments.template_prompt, text, required=not parts) or ""
    return Message.user([*parts, *([text] if text else [])]) if parts or text else None


def show_notices(response: ChatResponse[Any] | GenerateResponse, screen: Screen) -> None:
    """Show the warnings of an answer and what its finish reason means."""
    for notice in response.warnings:
        screen.note(f"note: {notice.message}")
    if response.finish_reason in NOTES:
        screen.note(f"note: {NOTES[response.finish_reason]}")
