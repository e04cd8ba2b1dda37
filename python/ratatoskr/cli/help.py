"""Help texts that fit a narrow terminal; click's own are at least 50 columns wide."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence

import click

MAX_COLUMNS = 80
NARROW = 60  # columns below which an option and its description are on separate lines


class HelpFormatter(click.HelpFormatter):
    """Writes a help text as wide as the terminal."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        columns = min(shutil.get_terminal_size().columns, max_width or MAX_COLUMNS)
        super().__init__(indent_increment, width or max(columns - 2, 20), max_width)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names and what they mean, in two columns if there is room."""
        super().write_dl(rows, 6 if self.width < NARROW else col_max, col_spacing)


class Context(click.Context):
    """The context of a command."""

    formatter_class = HelpFormatter


class Command(click.Command):
    """A command."""

    context_class = Context


class Group(click.Group):
    """A command with subcommands; the error for an unknown name suggests known ones."""

    context_class = Context

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            text = f"{error.message.rstrip('.')}; {suggest(args[0], self.list_commands(ctx), 'commands')}"
            raise click.UsageError(text, ctx) from None


def suggest(name: str, known: Sequence[str], what: str = "known") -> str:
    """Return the suggestion for an unknown name."""
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"{what} are {', '.join(known)}"
