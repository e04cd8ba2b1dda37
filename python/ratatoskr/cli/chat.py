"""`rat chat`: one question, or a conversation."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.cli.sessions import Conversation
    from ratatoskr.types.message import Message


@dataclass(frozen=True, slots=True)
class Wish:
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
    interactive: bool
    continued: bool
    session: str | None
    no_save: bool
    parameters: options.Parameters
    where: options.Where


@click.command("chat", cls=Command)
@click.argument("prompt", required=False)
@options.model
@click.option("-s", "--system", metavar="TEXT", help="Instructions to the model.")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Ask about a file: image, audio, PDF or text; - is standard input, an address is passed on.",
)
@click.option("--tools", type=click.Path(), metavar="FILE.json", help="Tools to offer; calls are printed, not run.")
@click.option("--tool-choice", metavar="CHOICE", help="auto, none, required or a tool's name.")
@click.option("--schema", type=click.Path(), metavar="FILE|-", help="JSON Schema that the answer is to follow.")
@options.parameters
@options.as_json
@options.no_stream
@click.option("-i", "--interactive", is_flag=True, help="Converse: Ctrl-C stops an answer, Ctrl-D ends.")
@click.option("-c", "--continue", "continued", is_flag=True, help="Take up the last conversation.")
@click.option("--session", metavar="NAME", help="Take up, or begin, the conversation of that name.")
@click.option("--no-save", is_flag=True, help="Keep nothing of it.")
@options.where
def chat(
    prompt: str | None,
    reasoning: Any,
    temperature: float | None,
    max_tokens: int | None,
    timeout: float | None,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
    **rest: Any,
) -> None:
    """Ask a model, or converse with one.

    Standard input, if it is no terminal, comes before PROMPT. The answer goes to standard output as it is made;
    with --json that is one event a line (with --no-stream, the whole answer). Conversations are kept in
    ~/.local/state/ratatoskr/chats.

    \b
      rat chat -m openai:gpt-5.4 "How high is an ash?"
      rat chat -m claude-sonnet-5 -f scan.pdf "What is owed, and when?"
      rat chat -c "And in feet?"
    """  # noqa: D301  # click reads the backspace, not two characters
    parameters = options.Parameters(reasoning, temperature, max_tokens, timeout)
    wish = Wish(prompt=prompt, parameters=parameters, where=options.Where(base_urls, allow_insecure), **rest)
    _check(wish)
    conversation = _conversation(wish)
    models = options.models_or_default(wish.models, conversation.models)
    if wish.interactive:
        from ratatoskr.cli.converse import converse

        converse(wish, models, conversation)
    else:
        _ask_once(wish, models, conversation)


def _check(wish: Wish) -> None:
    if wish.continued and wish.session is not None:
        raise click.UsageError("-c takes up the last conversation, --session NAME a certain one: give one of them")
    if wish.files.count("-") + (wish.schema == "-") + (wish.tools == "-") > 1:
        raise click.UsageError("standard input can be read only once")
    if wish.interactive and wish.as_json:
        raise click.UsageError("-i is for people, --json for programs: give one of them")
    if wish.interactive and not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError("-i needs a terminal to converse at; without it, what is piped in comes before PROMPT")


def _conversation(wish: Wish) -> Conversation:
    from ratatoskr.cli import sessions

    kept = not wish.no_save
    if wish.continued:
        return sessions.latest(kept)
    return sessions.named(wish.session, kept) if wish.session is not None else sessions.begin(kept)


def question_of(wish: Wish) -> Message | None:
    """Return what the command line and standard input ask, `None` if nothing.

    Raises:
        InvalidInput: something cannot be read.
    """
    from ratatoskr.cli import inputs
    from ratatoskr.types.message import Message

    taken = "-" in (*wish.files, wish.schema, wish.tools) or wish.interactive
    texts = ["" if taken else inputs.piped_text(), wish.prompt or ""]
    text = "\n\n".join(text for text in texts if text.strip())
    parts = inputs.parts_of(wish.files)
    return Message.user([*parts, *([text] if text else [])]) if parts or text else None


def _ask_once(wish: Wish, models: tuple[str, ...], conversation: Conversation) -> None:
    from ratatoskr.cli.ask import Asking
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.render import Screen
    from ratatoskr.errors import ConfigurationError

    asking = Asking.of(wish, models)
    question = question_of(wish)
    if question is None:
        raise click.UsageError("nothing to ask: give a PROMPT, a file (-f), text on standard input, or -i to converse")
    if wish.system is not None:
        conversation.instruct(wish.system)
    history = conversation.asked(question)
    screen = Screen()
    where = wish.where
    with gateway_for(models, base_urls=where.base_urls, allow_insecure=where.allow_insecure) as gateway:
        answer = asking.ask(gateway, history, screen)
    try:
        conversation.remember(history, answer.message, models)
    except ConfigurationError as error:
        if wish.continued or wish.session is not None:
            raise
        screen.note(error.message)  # the answer was given, and nobody asked to keep it
    if answer.filtered:
        from ratatoskr.cli.failure import FILTERED

        click.get_current_context().exit(FILTERED)
