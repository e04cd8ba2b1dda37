"""`rat`: its commands by name, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from typing import Any, NoReturn

import click

from ratatoskr.cli.help import Group

COMMANDS: dict[str, str] = {
    "admin": "Administrate a daemon: its state, a reload, its end, its models.",
    "alias": "Set, list and remove short names of models.",
    "chat": "Ask a model, or converse with one.",
    "chaos": "Serve a scripted provider with faults, for tests of applications.",
    "classify": "Classify texts, with labels of yours or of the model.",
    "completion": "Print the script for completion in bash, zsh or fish.",
    "cost": "Show what saved answers cost, or would cost at another model; sends nothing.",
    "embed": "Turn texts into vectors on this machine, or search among them.",
    "embed-file": "Embed the texts of a file on this machine; can be interrupted and continued.",
    "explain": "Show what a chat would send, to which provider and why; sends nothing.",
    "generate": "Complete a prompt, without a conversation.",
    "health": "List the providers and the origin of each key; sends nothing.",
    "job": "Embed, classify, judge or count all texts of files; can be interrupted and continued.",
    "keys": "Save, list and remove the keys of providers.",
    "models": "List and describe models; refresh the table of them; pull, list and verify local ones.",
    "nli": "Judge whether a text entails another, on this machine.",
    "presets": "List presets, or show which model one stands for; sends nothing.",
    "rerank": "Order documents by their relevance to a query.",
    "search": "Search a file of vectors that embed-file wrote.",
    "sessions": "List, show, export and remove saved conversations.",
    "stance": "Judge whether texts are for something, against it, or neither.",
    "templates": "List, show and remove saved prompts.",
    "tokenize": "Show the tokens of texts, with their ids and places.",
    "tokens": "Count the tokens of texts or of a conversation.",
}
"""Listing the commands imports none."""
MODULES: dict[str, str] = {
    "classify": "analyse",
    "nli": "analyse",
    "rerank": "analyse",
    "sessions": "saved",
    "stance": "analyse",
}
"""The modules of the commands that are not in the module of their name."""

INTERRUPTED = 130
BROKEN_PIPE = 141  # the status of a program that SIGPIPE ended


class Rat(Group):
    """The group of commands; an exception becomes a line on standard error and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `rat "a prompt"` and `rat -m MODEL …` for `rat chat …`, and options before a command for its own."""
        args = _move_options(args)
        place = next((i for i, arg in enumerate(args) if arg not in _OWN_OPTIONS), len(args))
        if place < len(args) and _is_chat(args[place]):
            args.insert(place, "chat")
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = MODULES.get(name, name)
        command: click.Command = getattr(importlib.import_module(f"ratatoskr.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write where keys and settings come from, and the exit codes."""
        from ratatoskr.providers.specs import example_variables

        self.epilog = (
            f"Keys come from the environment ({example_variables()}, …) or from `rat keys set`; settings from "
            "~/.config/ratatoskr/config.toml. Exit codes: 0; 1 other; 2 usage, configuration, input; 3 authentication; "
            "4 model not found; 5 rate or quota; 6 network, timeout, provider; 7 filtered; 130 Ctrl-C."
        )
        super().format_epilog(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            super().invoke(ctx)
            _flush_stdout()
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            _end_line()
            ctx.exit(INTERRUPTED)
        except Exception as error:
            ctx.exit(_report_error(error))


_OWN_OPTIONS = ("-v", "--verbose", "--version", "-h", "--help")
_WORDS_OF = {"--address": 2, "--token-file": 2, "--cert": 2, "--key": 2, "--proxy": 2, "--ca-file": 2, "--embedded": 1}
"""Options of most commands that may also come before the command, each with the number of its words."""


def _move_options(args: list[str]) -> list[str]:
    """Return a command line with the options of most commands behind the command, if it has one."""
    own: list[str] = []
    moved: list[str] = []
    place = 0
    while place < len(args):
        name, equals, _ = args[place].partition("=")
        words = 1 if equals else _WORDS_OF.get(name, 1)
        if name in _OWN_OPTIONS:
            own += [name]
        elif name in _WORDS_OF:
            moved += args[place : place + words]
        else:
            break
        place += words
    rest = args[place:]
    if rest and not _is_chat(rest[0]):
        end = rest.index("--") if "--" in rest else len(rest)
        return [*own, *rest[:end], *moved, *rest[end:]]
    return args if rest else own or args


def _is_chat(first: str) -> bool:
    """Return whether a command line that begins so is a chat: a prompt or an option, and no misspelt command."""
    if first in COMMANDS:
        return False
    if first.startswith("-") or any(character.isspace() for character in first):
        return True
    import difflib

    return not difflib.get_close_matches(first, COMMANDS, 1)


def _flush_stdout() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _end_line() -> None:
    """End the line on which the terminal shows `^C`."""
    for stream in (sys.stderr, sys.stdout):
        if stream is not None and stream.isatty():
            click.echo(file=stream)
            return


def _report_error(error: Exception) -> int:
    """Print an error and return its exit code."""
    from ratatoskr.cli.failure import error_lines, exit_code

    if isinstance(error, BrokenPipeError):
        _discard_output()
        return BROKEN_PIPE
    if os.environ.get("RATATOSKR_DEBUG"):
        import traceback

        traceback.print_exception(error)
    with contextlib.suppress(BrokenPipeError):
        _flush_stdout()
        for line in error_lines(error):
            click.echo(line, err=True)
    return exit_code(error)


def _discard_output() -> None:
    """Discard buffered output, which the interpreter would fail to flush at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError, ValueError):
            stream.flush()
            continue
        with contextlib.suppress(OSError, AttributeError, ValueError):
            os.dup2(devnull, stream.fileno())
    os.close(devnull)


def _version(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested and not ctx.resilient_parsing:
        from ratatoskr import __version__

        click.echo(f"rat {__version__}")
        ctx.exit()


def _print_logs(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested and not ctx.resilient_parsing:
        from ratatoskr._log import print_logs

        print_logs("debug")


@click.group(
    cls=Rat,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "-v", "--verbose", is_flag=True, expose_value=False, callback=_print_logs, help="Print log records: each attempt."
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def rat() -> None:
    """Ratatoskr in a shell: one command for every model.

    \b
      rat chat -m claude-sonnet-5 "Who runs along the ash tree?"
      git diff | rat chat -m openai:gpt-5.4 "Review this."
    """  # noqa: D301  # click reads the backspace, not two characters


def main() -> NoReturn:
    """Run `rat`."""
    gc.set_threshold(50_000)  # imports make many objects and hardly any garbage
    try:
        _run()
    finally:
        gc.freeze()  # else the interpreter looks through everything again before it ends


def _run() -> NoReturn:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines would be between those of `rat`
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # closed, or not a text file
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        rat(prog_name="rat")
    except KeyboardInterrupt:  # before a command ran, or during cleanup
        sys.exit(INTERRUPTED)
    except OSError as error:  # the help could not be written
        sys.exit(_report_error(error))
    sys.exit(0)


if __name__ == "__main__":
    main()
