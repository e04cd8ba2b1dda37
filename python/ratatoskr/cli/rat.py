"""`rat`: the commands by name, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any, NoReturn

import click

from ratatoskr.cli.help import Group
from ratatoskr.providers.specs import example_variables

COMMANDS: dict[str, str] = {
    "chat": "Ask a model, or converse with one.",
    "chaos": "Serve a scripted provider that misbehaves, for tests of applications.",
    "embed": "Turn texts into vectors on this machine, or search among them.",
    "embed-file": "Embed the texts of a file on this machine; what was interrupted goes on.",
    "explain": "Tell what a chat would send, to whom and why; sends nothing.",
    "generate": "Continue a bare prompt.",
    "health": "List the providers and where each key comes from; sends nothing.",
    "models": "List the models that the providers serve; pull, list and verify local ones.",
}
"""Each is the object of its name in the module of its name; listing them imports none."""

INTERRUPTED = 130
BROKEN_PIPE = 141  # what a shell reports for a program that SIGPIPE ended


class Rat(Group):
    """The group of commands; what they raise ends in one line on standard error and a code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"ratatoskr.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            super().invoke(ctx)
            _flush()
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            _close_the_line()
            ctx.exit(INTERRUPTED)
        except Exception as error:
            ctx.exit(_failed(error))


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _close_the_line() -> None:
    """Go to a new line behind the `^C` that the terminal shows."""
    for stream in (sys.stderr, sys.stdout):
        if stream is not None and stream.isatty():
            click.echo(file=stream)
            return


def _failed(error: Exception) -> int:
    """Say what went wrong and return the exit code."""
    from ratatoskr.cli.failure import code_of, lines_of

    if isinstance(error, BrokenPipeError):
        _let_the_pipe_go()
        return BROKEN_PIPE
    if os.environ.get("RATATOSKR_DEBUG"):
        import traceback

        traceback.print_exception(error)
    with contextlib.suppress(BrokenPipeError):
        _flush()
        for line in lines_of(error):
            click.echo(line, err=True)
    return code_of(error)


def _let_the_pipe_go() -> None:
    """Send what is still buffered nowhere, or the interpreter complains when it flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError, ValueError):
            stream.flush()
            continue
        with contextlib.suppress(OSError, AttributeError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from ratatoskr import __version__

        click.echo(f"rat {__version__}")
        ctx.exit()


@click.group(
    cls=Rat,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Keys come from the environment ({example_variables()}, …) or from "
    "~/.config/ratatoskr/secrets.toml. Exit codes: 0; 1 other; 2 usage, configuration, input; 3 authentication; "
    "4 no such model; 5 rate or quota; 6 network, timeout, provider; 7 filtered; 130 Ctrl-C.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def rat() -> None:
    """Ratatoskr in a shell: one door to every model.

    \b
      rat chat -m claude-sonnet-5 "Who runs along the ash tree?"
      git diff | rat chat -m openai:gpt-5.4 "Review this."
    """  # noqa: D301  # click reads the backspace, not two characters


def main() -> NoReturn:
    """Run `rat`."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # closed, or no text file
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        rat(prog_name="rat")
    except KeyboardInterrupt:  # before a command ran, or while the last of it was put away
        sys.exit(INTERRUPTED)
    except OSError as error:  # a help text could not be written
        sys.exit(_failed(error))
    sys.exit(0)


if __name__ == "__main__":
    main()
