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
        unanswered: the last question, if its answer failed: it is not in the conversation.
        ended: whether the user has left it.
    """

    call: ChatCall
    conversation: Conversation
    screen: Screen
    unanswered: Message | None = None
    ended: bool = False

    @property
    def last_question(self) -> Message | None:
        """The last question that the user asked."""
        asked = reversed(self.conversation.messages)
        return self.unanswered or next((message for message in asked if message.role == "user"), None)


def _help(talk: Talk, _: str) -> None:
    for name, (words, _function, text) in COMMANDS.items():
        talk.screen.aside(f"  {f'/{name} {words}'.rstrip():<16} {text}\n", dim=False)
    talk.screen.aside(f"  {QUOTES:<16} begin and end a question of several lines\n", dim=False)


def _exit(talk: Talk, _: str) -> None:
    talk.ended = True


def _model(talk: Talk, names: str) -> None:
    if names:
        talk.call = replace(talk.call, models=expand_aliases(names.split()))
    talk.screen.note(f"model: {', '.join(talk.call.models)}")


def _system(talk: Talk, text: str) -> None:
    if text:
        talk.conversation.set_system(text)
    first = talk.conversation.messages[0] if talk.conversation.messages else None
    system = first.text if first is not None and first.role == "system" else "none"
    talk.screen.note(f"system: {system}")


def _edit(talk: Talk, text: str) -> Message | None:
    """Return what the user wrote in an editor, begun with the last question."""
    question = text or (talk.last_question or Message.user("")).text
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
        written = path.read_text(encoding="utf-8", errors="replace").strip()
        return Message.user(written) if written else None


def _save(talk: Talk, name: str) -> None:
    try:
        if name:
            talk.conversation.rename(name)
        talk.conversation.save()
    except ConfigurationError as error:
        talk.screen.note(error.message)
        return
    talk.screen.note(f"saved as {talk.conversation.name}")


def _retry(talk: Talk, _: str) -> Message | None:
    """Take the last question and its answer away, and ask it again, with its files."""
    question = talk.last_question
    if question is None:
        talk.screen.note("there is no question to ask again")
    elif question is not talk.unanswered:
        talk.conversation.take_back(question)
    return question


COMMANDS: dict[str, tuple[str, Callable[[Talk, str], Message | None], str]] = {
    "help": ("", _help, "list these commands"),
    "exit": ("", _exit, "end the conversation, as Ctrl-D does"),
    "model": ("[NAME …]", _model, "show or change the model"),
    "system": ("[TEXT]", _system, "show or set the instructions to the model"),
    "edit": ("[TEXT]", _edit, "write the next question in $EDITOR, begun with the last one"),
    "save": ("[NAME]", _save, "save the conversation now, under a name of its own"),
    "retry": ("", _retry, "ask the last question again"),
}
"""Each command: its arguments, what it does (it returns a question to ask), and its line of help."""


def run_command(talk: Talk, line: str) -> Message | None:
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
