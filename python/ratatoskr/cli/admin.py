"""`rat admin`: what an administrator asks of a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command, Group
from ratatoskr.cli.settings import daemon_url

if TYPE_CHECKING:
    from ratatoskr.service.client.client import ServiceClient

A = TypeVar("A")


@click.group("admin", cls=Group)
def admin() -> None:
    """Administrate a daemon, by a token with `admin = true` or a listener with it."""


def _ask(question: Callable[[ServiceClient], Awaitable[A]]) -> A:
    """Return the answer of the daemon to a question."""
    from ratatoskr.cli.daemon import daemon_client
    from ratatoskr.errors import ConfigurationError

    url = daemon_url()
    if url is None:
        raise ConfigurationError("no daemon is named, and none has a socket here: --address or RATD_ADDRESS names one")

    async def ask() -> A:
        async with daemon_client(url) as client:
            return await question(client)

    return asyncio.run(ask())


@admin.command("status", cls=Command)
@options.as_json
@options.daemon
@options.network
def status(as_json: bool) -> None:
    """Show what the daemon serves, to whom, and what is under way."""
    from ratatoskr.cli.render import Screen

    state = _ask(lambda client: client.admin.status())
    screen = Screen()
    if as_json:
        screen.json(state, indent=2)
        return
    screen.line(f"ratatoskr {state['version']}, process {state['pid']}: {state['state']}")
    screen.table((one["name"], f"{one['url']}, open to {one['open_to']}") for one in state["listeners"])
    screen.table(
        [
            ("providers", ", ".join(state["providers"])),
            ("config", state["config"] or "none, but the environment"),
            ("under way", f"{state['calls']} calls, {state['streams']} of them streams"),
            *([("last reload", _reload_line(state["last_reload"]))] if state["last_reload"] else []),
        ]
    )


def _reload_line(reload: dict[str, Any]) -> str:
    if reload["error"] is not None:
        return f"failed: {reload['error']}"
    return f"in force; after a restart: {', '.join(reload['needs_restart'])}" if reload["needs_restart"] else "in force"


@admin.command("reload", cls=Command)
@options.daemon
@options.network
def reload() -> None:
    """Have the configuration, the keys, the tokens and the certificates read again; calls under way go on."""
    from ratatoskr.cli.render import Screen

    needs_restart = _ask(lambda client: client.admin.reload())
    if needs_restart:
        Screen().note(f"note: only a restart changes {', '.join(needs_restart)}")


@admin.command("drain", cls=Command)
@click.option(
    "--grace", type=click.FloatRange(0, 86_400), metavar="SECONDS", help="Default: the daemon's server.grace."
)
@options.daemon
@options.network
def drain(grace: float | None) -> None:
    """End the daemon, once the calls under way have ended or the grace is over."""
    _ask(lambda client: client.admin.drain(grace))


@admin.command("preload", cls=Command)
@click.argument("model")
@options.daemon
@options.network
def preload(model: str) -> None:
    """Load a local MODEL of the daemon ahead of use."""
    _ask(lambda client: client.preload(model))


@admin.command("unload", cls=Command)
@click.argument("model")
@options.daemon
@options.network
def unload(model: str) -> None:
    """Unload a local MODEL of the daemon; its next use loads it again."""
    _ask(lambda client: client.unload(model))


@admin.command("pull", cls=Command)
@click.argument("model")
@click.option("--revision", metavar="REVISION", help="Branch, tag or commit on the hub.  [default: main]")
@options.quiet
@options.daemon
@options.network
def pull(model: str, revision: str | None, quiet: bool) -> None:
    """Have the daemon download a MODEL into its store."""
    from ratatoskr.cli.render import Screen, StatusLine

    line = StatusLine(Screen(), quiet=quiet)

    def show(file: str, done: int, total: int | None) -> None:
        line.update(f"{file}: {done:,}{f' of {total:,}' if total else ''} bytes")

    try:
        _ask(lambda client: client.admin.pull(model, revision, show))
    finally:
        line.clear()
