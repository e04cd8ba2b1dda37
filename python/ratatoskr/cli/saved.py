"""`rat sessions`: the saved conversations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command, Group

if TYPE_CHECKING:
    from ratatoskr.cli.sessions import Conversation


def _complete(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ratatoskr.cli.sessions import list_conversations

    return [path.stem for path in list_conversations() if path.stem.startswith(prefix)]


_name = click.argument("name", required=False, metavar="[NAME]", shell_complete=_complete)


@click.group("sessions", cls=Group)
def sessions() -> None:
    """List, show, export and remove saved conversations; `rat chat --session NAME` continues one."""


@sessions.command("list", cls=Command, short_help="List the conversations, the last one first.")
@click.option("-q", "--query", metavar="TEXT", help="Only those in which TEXT occurs.")
@options.as_json
def list_(query: str | None, as_json: bool) -> None:
    """List the conversations, the last one first: name, time, questions, model, and how each began."""
    from ratatoskr.cli.render import Screen, collapse_lines
    from ratatoskr.cli.sessions import list_conversations, open_named
    from ratatoskr.errors import ConfigurationError

    screen = Screen()
    rows = []
    for path in list_conversations():
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        try:
            conversation = open_named(path.stem, save=False)
        except ConfigurationError as error:
            screen.note(error.message)
            continue
        if query is None or any(query.casefold() in message.text.casefold() for message in conversation.messages):
            rows.append({"name": path.stem, "changed": changed, **_describe(conversation)})
    if as_json:
        screen.json(rows, indent=2)
        return
    for row in rows:
        head = f"{row['name']}  {row['changed']}  {row['questions']}  {row['model']}  "
        beginning = collapse_lines(str(row["beginning"]))
        room = max(20, screen.width - len(head)) if screen.out_is_terminal else len(beginning)
        screen.line(head + (beginning if len(beginning) <= room else beginning[: room - 1] + "…"))
    if not rows:
        screen.note("there are no saved conversations" + (f" with {query!r}" if query is not None else ""))


def _describe(conversation: Conversation) -> dict[str, str | int]:
    questions = [message.text for message in conversation.messages if message.role == "user"]
    models = ", ".join(conversation.models) or "-"
    return {"questions": len(questions), "model": models, "beginning": next(iter(questions), "")}


@sessions.command("show", cls=Command, short_help="Print a conversation.")
@_name
@options.plain
def show(name: str | None, plain: bool) -> None:
    """Print a conversation, by default the last one, each message below its role."""
    from ratatoskr.cli.render import AnswerView, Screen
    from ratatoskr.cli.sessions import open_existing, open_latest
    from ratatoskr.types.chat import ChatResponse

    screen = Screen()
    conversation = open_latest(save=False) if name is None else open_existing(name)
    for message in conversation.messages:
        screen.line(screen.style(message.role, "bold"))
        if message.role == "assistant":
            view = AnswerView(screen, rendered=not plain)
            view.show_response(ChatResponse(message))
            view.finish_line()
        else:
            texts = [getattr(part, "text", None) or f"[{part.type}]" for part in message.content]
            screen.write("\n".join(texts).rstrip("\n") + "\n")
        screen.line()


@sessions.command("export", cls=Command, short_help="Print a conversation as JSON.")
@_name
def export(name: str | None) -> None:
    """Print a conversation, by default the last one, as JSON, which `ratatoskr.load_messages` reads."""
    from ratatoskr.cli.render import Screen, escape_json
    from ratatoskr.cli.sessions import open_existing, open_latest
    from ratatoskr.types.message import dump_messages

    conversation = open_latest(save=False) if name is None else open_existing(name)
    Screen().line(escape_json(dump_messages(conversation.messages)))


@sessions.command("rm", cls=Command)
@click.argument("names", nargs=-1, required=True, shell_complete=_complete)
def rm(names: tuple[str, ...]) -> None:
    """Remove conversations."""
    from ratatoskr.cli.sessions import remove

    for name in names:
        remove(name)
