"""`rat chat -i`: question and answer at a terminal until Ctrl-D."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from ratatoskr.cli.ask import Asking
from ratatoskr.cli.chat import Wish, question_of
from ratatoskr.cli.connect import gateway_for
from ratatoskr.cli.failure import lines_of
from ratatoskr.cli.render import Screen, Shown
from ratatoskr.cli.sessions import Conversation, private_folder
from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.types.message import Message

if TYPE_CHECKING:
    from ratatoskr.sync.gateway import SyncGateway

PROMPT = "> "
MOST_LINES = 1000  # of what was typed before


def converse(wish: Wish, models: tuple[str, ...], conversation: Conversation) -> None:
    """Converse until the user ends it.

    Raises:
        RatatoskrError: the conversation cannot begin. What goes wrong later is told, and the conversation goes on.
    """
    screen = Screen()
    asking = Asking.of(wish, models)
    question = question_of(wish)
    if wish.system is not None:
        conversation.instruct(wish.system)
    where = wish.where
    with (
        gateway_for(models, base_urls=where.base_urls, allow_insecure=where.allow_insecure) as gateway,
        _typed_before(conversation.kept),
    ):
        said = sum(message.role == "user" for message in conversation.messages)
        taken_up = f"; {said} question{'s' if said > 1 else ''} so far" if said else ""
        screen.note(f"{', '.join(models)}{taken_up} - Ctrl-C stops an answer, Ctrl-D ends")
        if question is not None:
            _turn(asking, gateway, conversation, question, screen)
        while (text := _typed(screen)) is not None:
            if text.strip():
                _turn(asking, gateway, conversation, Message.user(text), screen)
    if conversation.kept and conversation.messages:
        screen.note(f"kept as {conversation.name}; `rat chat -i --session {conversation.name}` goes on")


def _turn(asking: Asking, gateway: SyncGateway, conversation: Conversation, question: Message, screen: Screen) -> None:
    """Ask one question. What came of an answer that broke off stays in the conversation, with its question."""
    history = conversation.asked(question)
    shown = Shown(screen)
    try:
        answer = asking.ask(gateway, history, screen, shown).message
    except KeyboardInterrupt:
        screen.aside("\nstopped\n")
    except RatatoskrError as error:
        for line in lines_of(error):
            screen.aside(f"{line}\n", dim=False)
    else:
        _remember(conversation, history, answer, asking, screen)
        return
    if shown.text.strip():
        _remember(conversation, history, Message.assistant(shown.text), asking, screen)


def _remember(
    conversation: Conversation, history: list[Message], answer: Message, asking: Asking, screen: Screen
) -> None:
    try:
        conversation.remember(history, answer, asking.models)
    except ConfigurationError as error:
        conversation.kept = False  # told once
        screen.note(error.message)


def _typed(screen: Screen) -> str | None:
    """Return what the user types, `None` at the end; Ctrl-C forgets the line."""
    while True:
        try:
            if screen.out_is_terminal:
                return input(PROMPT)
            screen.aside(PROMPT, dim=False)  # where the answers are piped away, the prompt is not
            return sys.stdin.readline() or None
        except KeyboardInterrupt:
            screen.aside("\n", dim=False)
        except EOFError:
            screen.aside("\n", dim=False)
            return None


@contextlib.contextmanager
def _typed_before(kept: bool) -> Iterator[None]:
    """Let the arrow keys bring back what was typed before, in other conversations too."""
    readline = _readline()
    if readline is None:
        yield
        return
    readline.parse_and_bind("set enable-bracketed-paste on")  # several lines that are pasted are one question
    path = None
    if kept:
        with contextlib.suppress(OSError):
            path = private_folder().parent / "typed"
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            readline.read_history_file(path)
    try:
        yield
    finally:
        if path is not None:
            readline.set_history_length(MOST_LINES)
            with contextlib.suppress(OSError):
                readline.write_history_file(path)


def _readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:  # a Python that was built without it
        return None
    return readline
