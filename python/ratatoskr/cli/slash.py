"""The commands of a conversation at a terminal, which begin with a slash, and questions of several lines."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ratatoskr.cli.settings import expand_aliases
from ratatoskr.errors import ConfigurationError
from ratatoskr.types.message import Message

if TYPE_CHECKING:
    from ratatoskr.cli.ask import ChatCall
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.sessions import Conversation

QUOTES = '"""'


@dataclass(slots=True)
class Talk:
    """A conversation at a terminal.

    Attributes:
        call: everything of the next call but the conversation.
        conversation: the messages.
        screen: where answers and notes go.
        ended: whether the user has left it.
    """

    call: ChatCall
    conversation: Conversation
    screen: Screen
    ended: bool = False


def _help(talk: Talk, _: str) -> str | None:
    for name, (words, _function, text) in COMMANDS.items():
        talk.screen.aside(f"  {f'/{name} {words}'.rstrip():<16} {text}\n", dim=False)
    talk.screen.aside(f"  {QUOTES:<16} begin and end a question of several lines\n", dim=False)
    return None


def _exit(talk: Talk, _: str) -> str | None:
    talk.ended = True
    return None


def _model(talk: Talk, names: str) -> str | None:
    if names:
        talk.call = replace(talk.call, models=expand_aliases(names.split()))
    talk.screen.note(f"model: {', '.join(talk.call.models)}")
    return None


def _system(talk: Talk, text: str) -> str | None:
    if text:
        talk.conversation.set_system(text)
    first = talk.conversation.messages[0] if talk.conversation.messages else None
    system = first.text if first is not None and first.role == "system" else "none"
    talk.screen.note(f"system: {system}")
    return None


def _edit(talk: Talk, text: str) -> str | None:
    """Return what the user wrote in an editor, begun with the last question."""
    question = text or (_last_question(talk.conversation) or Message.user("")).text
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="rat-") as folder:
        path = Path(folder) / "question.md"
        path.write_text(question, encoding="utf-8")
        try:
            done = subprocess.run([*shlex.split(command), str(path)], check=False)  # noqa: S603  # the user's own editor
        except (OSError, ValueError) as error:
            talk.screen.note(f"cannot run {command}: {error}; set EDITOR to an editor")
            return None
        if done.returncode:
            talk.screen.note(f"{command} ended with status {done.returncode}; nothing is sent")
            return None
        return path.read_text(encoding="utf-8", errors="replace").strip() or None


def _save(talk: Talk, name: str) -> str | None:
    try:
        if name:
            talk.conversation.rename(name)
        talk.conversation.save()
    except ConfigurationError as error:
        talk.screen.note(error.message)
        return None
    talk.screen.note(f"saved as {talk.conversation.name}")
    return None


def _retry(talk: Talk, _: str) -> str | None:
    """Take the last question and its answer away, and ask it again."""
    question = _last_question(talk.conversation)
    if question is None:
        talk.screen.note("there is no question to ask again")
        return None
    talk.conversation.take_back(question)
    return question.text


def _last_question(conversation: Conversation) -> Message | None:
    return next((message for message in reversed(conversation.messages) if message.role == "user"), None)


COMMANDS: dict[str, tuple[str, Callable[[Talk, str], str | None], str]] = {
    "help": ("", _help, "list these commands"),
    "exit": ("", _exit, "end the conversation, as Ctrl-D does"),
    "model": ("[NAME …]", _model, "show or change the model"),
    "system": ("[TEXT]", _system, "show or set the instructions to the model"),
    "edit": ("[TEXT]", _edit, "write the next question in $EDITOR, begun with the last one"),
    "save": ("[NAME]", _save, "save the conversation now, under a name of its own"),
    "retry": ("", _retry, "ask the last question again"),
}
"""Each command: its arguments, what it does (it returns a question to ask), and its line of help."""


def run_command(talk: Talk, line: str) -> str | None:
    """Run a line that begins with a slash, and return the question that it asks, if any."""
    name, _, rest = line.removeprefix("/").strip().partition(" ")
    known = COMMANDS.get(name)
    if known is None:
        talk.screen.note(f"/{name} is unknown; /help lists the commands, and a blank before / sends the line")
        return None
    return known[1](talk, rest.strip())


def read_quoted(first: str, read_line: Callable[[], str | None]) -> str:
    """Return a question that begins with three quotes, up to the line that ends with three."""
    lines = [first.strip().removeprefix(QUOTES)]
    while not lines[-1].rstrip().endswith(QUOTES):
        line = read_line()
        if line is None:
            break
        lines.append(line.rstrip("\n"))
    return "\n".join(lines).strip().removesuffix(QUOTES).strip()
