"""`rat chat -i`: a conversation at a terminal until Ctrl-D."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Self

from ratatoskr.cli.ask import ChatArguments, ChatCall, build_question
from ratatoskr.cli.connect import gateway_for
from ratatoskr.cli.failure import error_lines
from ratatoskr.cli.render import Screen
from ratatoskr.cli.sessions import Conversation, private_folder
from ratatoskr.cli.slash import QUOTES, Talk, read_quoted, run_command
from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.types.message import Message

if TYPE_CHECKING:
    from ratatoskr.sync.gateway import SyncGateway

PROMPT = "> "
MAX_HISTORY = 1000  # lines of input that the arrow keys bring back


def converse(arguments: ChatArguments, models: tuple[str, ...], conversation: Conversation) -> None:
    """Converse until the user ends it.

    Raises:
        RatatoskrError: the conversation cannot start. Later errors are shown, and the conversation continues.
    """
    screen = Screen()
    talk = Talk(ChatCall.from_arguments(arguments, models, conversation), conversation, screen)
    question = build_question(arguments)
    if arguments.system is not None:
        conversation.set_system(arguments.system)
    with _Connection() as connection, _line_history(conversation.saved):
        connection.gateway(talk.call)
        count = sum(message.role == "user" for message in conversation.messages)
        so_far = f"; {count} question{'s' if count > 1 else ''} so far" if count else ""
        screen.note(f"{', '.join(models)}{so_far} - Ctrl-C stops an answer, Ctrl-D ends, /help lists commands")
        if question is not None:
            _turn(talk, connection, question)
        while not talk.ended and (text := _read_line(screen)) is not None:
            if text.startswith("/"):
                question = run_command(talk, text)
            else:
                if text.lstrip().startswith(QUOTES):
                    text = read_quoted(text, lambda: _read_line(screen))
                question = Message.user(text) if text.strip() else None
            if question is not None:
                _turn(talk, connection, question)
    if conversation.saved and conversation.messages:
        screen.note(f"saved as {conversation.name}; `rat chat -i --session {conversation.name}` continues it")


class _Connection:
    """The gateway of a conversation, which is opened again when its models change."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._models: tuple[str, ...] = ()
        self._gateway: SyncGateway | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def gateway(self, call: ChatCall) -> SyncGateway:
        """Return the gateway for the models of a call; raises `RatatoskrError` if it cannot be opened."""
        if self._gateway is None or call.models != self._models:
            opened = gateway_for(call.models, base_urls=call.where.base_urls, allow_insecure=call.where.allow_insecure)
            gateway = opened.__enter__()
            self._stack.close()
            self._stack.push(opened)
            self._gateway, self._models = gateway, call.models
        return self._gateway


def _turn(talk: Talk, connection: _Connection, question: Message) -> None:
    """Send one question; the received part of an interrupted answer stays in the conversation."""
    call, conversation, screen = talk.call, talk.conversation, talk.screen
    talk.unanswered = question
    history = conversation.with_question(question)
    view = call.new_view(screen)
    try:
        answers = call.ask(connection.gateway(call), history, screen, view).messages
    except KeyboardInterrupt:
        screen.aside("\nstopped\n")
    except RatatoskrError as error:
        for line in error_lines(error):
            screen.aside(f"{line}\n", dim=False)
    else:
        _remember(talk, history, answers)
        return
    if view.text.strip():
        _remember(talk, history, (Message.assistant(view.text),))


def _remember(talk: Talk, history: list[Message], answers: Sequence[Message]) -> None:
    talk.unanswered = None
    try:
        talk.conversation.remember(history, answers, talk.call.models, talk.call.where)
    except ConfigurationError as error:
        talk.conversation.saved = False  # the note is shown once
        talk.screen.note(error.message)


def _read_line(screen: Screen) -> str | None:
    """Return a line of input, `None` at the end; Ctrl-C discards the line."""
    while True:
        try:
            if screen.out_is_terminal:
                return input(PROMPT)
            screen.aside(PROMPT, dim=False)  # the answers go to a pipe, the prompt to the terminal
            return sys.stdin.readline() or None
        except KeyboardInterrupt:
            screen.aside("\n", dim=False)
        except EOFError:
            screen.aside("\n", dim=False)
            return None


@contextlib.contextmanager
def _line_history(save: bool) -> Iterator[None]:
    """Let the arrow keys bring back earlier lines, also of other conversations."""
    readline = _readline()
    if readline is None:
        yield
        return
    readline.parse_and_bind("set enable-bracketed-paste on")  # a paste of several lines is one question
    path = None
    if save:
        with contextlib.suppress(OSError):
            path = private_folder().parent / "typed"
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            readline.read_history_file(path)
    try:
        yield
    finally:
        if path is not None:
            readline.set_history_length(MAX_HISTORY)
            with contextlib.suppress(OSError):
                readline.write_history_file(path)


def _readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:  # Python was built without it
        return None
    return readline
