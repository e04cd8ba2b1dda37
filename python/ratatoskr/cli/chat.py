"""`rat chat`: one question, or a conversation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options, templates
from ratatoskr.cli.ask import ChatArguments, ChatCall, build_question
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.cli.sessions import Conversation


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
    help="Ask about a file: image, audio, PDF or text; - is standard input; a URL is passed on.",
)
@click.option("--tools", type=click.Path(), metavar="FILE.json", help="Tools to offer; calls are printed, not run.")
@options.functions
@click.option("--tool-choice", metavar="CHOICE", help="auto, none, required or a tool's name.")
@options.schema
@templates.option
@options.parameters_of_chat
@options.as_json
@options.no_stream
@options.plain
@click.option("-x", "--extract", is_flag=True, help="Print only the first code block of the answer.")
@options.usage
@click.option("--dry-run", is_flag=True, help="Print the request that would be sent; send nothing.")
@click.option("--curl", is_flag=True, help="As --dry-run, as a command for a shell.")
@click.option("-i", "--interactive", is_flag=True, help="Converse; Ctrl-C stops an answer, Ctrl-D ends.")
@click.option("-c", "--continue", "continued", is_flag=True, help="Continue the last conversation.")
@click.option("--session", metavar="NAME", help="Continue or start the conversation NAME.")
@click.option("--no-save", is_flag=True, help="Do not save the conversation.")
@options.where
def chat(
    prompt: str | None,
    short: tuple[str, ...],
    template: str | None,
    save: str | None,
    reasoning: Any,
    temperature: float | None,
    max_tokens: int | None,
    timeout: float | None,
    others: tuple[tuple[str, str], ...],
    base_urls: tuple[str, ...],
    allow_insecure: bool,
    **rest: Any,
) -> None:
    """Ask a model, or converse with one.

    Standard input, if it is not a terminal, comes before PROMPT. The answer is streamed to standard output; with
    --json one event a line (with --no-stream, the whole response). Conversations are saved in
    ~/.local/state/ratatoskr/chats.

    \b
      rat chat -m openai:gpt-5.4 "How high is an ash?"
      rat chat -m claude-sonnet-5 -f scan.pdf "What is owed, and when?"
      rat chat -c "And in feet?"
      rat chat -s "Be brief." --save review 'Review this: $input'
      git diff | rat chat -t review
    """  # noqa: D301  # click reads the backspace, not two characters
    temperature, template = templates.split_short(short, temperature, template)
    parameters = options.Parameters(reasoning, temperature, max_tokens, timeout, others)
    arguments = ChatArguments(
        prompt=prompt, parameters=parameters, where=options.Addresses(base_urls, allow_insecure), **rest
    )
    if save is not None:
        _check_saved_options()
        templates.save_template(save, arguments)
        return
    if template is not None:
        arguments = templates.apply_template(arguments, template)
    _check_arguments(arguments)
    conversation = _open_conversation(arguments)
    models = options.models_or_default(arguments.models, conversation.models)
    if arguments.interactive:
        from ratatoskr.cli.converse import converse

        converse(arguments, models, conversation)
    else:
        _ask_once(arguments, models, conversation)


def _check_saved_options() -> None:
    """Raise `click.UsageError` for an option that a template does not keep."""
    from click.core import ParameterSource

    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in ("prompt", "models", "system", "save"):
            raise click.UsageError(f"--save keeps PROMPT, -s and -m, not {parameter.opts[-1]}")


def _check_arguments(arguments: ChatArguments) -> None:
    if arguments.continued and arguments.session is not None:
        raise click.UsageError("-c and --session exclude each other")
    if arguments.files.count("-") + (arguments.schema == "-") + (arguments.tools == "-") > 1:
        raise click.UsageError("standard input can be read only once")
    if arguments.interactive and (arguments.dry_run or arguments.curl):
        raise click.UsageError("-i excludes --dry-run and --curl")
    if arguments.extract and (arguments.as_json or arguments.interactive):
        raise click.UsageError("-x excludes --json and -i")
    if arguments.interactive and arguments.as_json:
        raise click.UsageError("-i and --json exclude each other")
    if arguments.interactive and not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError("-i needs a terminal on standard input")
    if arguments.functions is None and (arguments.yes or arguments.max_rounds is not None):
        raise click.UsageError("--yes and --max-rounds need --functions")
    if arguments.functions is not None:
        _check_functions(arguments)


def _check_functions(arguments: ChatArguments) -> None:
    if arguments.tools is not None:
        raise click.UsageError("--tools and --functions exclude each other: only functions can be run")
    asks_nothing = arguments.yes or arguments.dry_run or arguments.curl
    if not asks_nothing and not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise click.UsageError("--functions asks before each call: it needs a terminal, or --yes to run without asking")


def _open_conversation(arguments: ChatArguments) -> Conversation:
    from ratatoskr.cli import sessions

    save = not arguments.no_save
    if arguments.continued:
        return sessions.open_latest(save)
    return sessions.open_named(arguments.session, save) if arguments.session is not None else sessions.create(save)


def _ask_once(arguments: ChatArguments, models: tuple[str, ...], conversation: Conversation) -> None:
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.dry_run import show_request
    from ratatoskr.cli.render import Screen
    from ratatoskr.errors import ConfigurationError

    call = ChatCall.from_arguments(arguments, models, conversation)
    question = build_question(arguments)
    if question is None:
        raise click.UsageError(
            "no prompt: give a PROMPT, a file (-f), text on standard input, or -i to converse"
            if arguments.template_prompt is None
            else "the template has $input: give a PROMPT, or text on standard input"
        )
    if arguments.system is not None:
        conversation.set_system(arguments.system)
    history = conversation.with_question(question)
    screen = Screen()
    where = call.where
    with gateway_for(models, base_urls=where.base_urls, allow_insecure=where.allow_insecure) as gateway:
        if arguments.dry_run or arguments.curl:
            show_request(call.plan(gateway, history), screen, as_curl=arguments.curl)
            return
        answer = call.ask(gateway, history, screen)
    try:
        conversation.remember(history, answer.messages, models, where)
    except ConfigurationError as error:
        if arguments.continued or arguments.session is not None:
            raise
        screen.note(error.message)  # the answer was given, and saving it was not requested
    if answer.filtered:
        from ratatoskr.cli.failure import FILTERED

        click.get_current_context().exit(FILTERED)
