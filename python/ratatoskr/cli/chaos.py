"""`rat chaos`: a provider on this machine that follows a script of answers and faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.testing import ScriptedUpstream


@click.command("chaos", cls=Command)
@click.argument("script", required=False, type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen on. Default: any free port.")
def chaos(script: str | None, host: str, port: int) -> None:
    """Serve a provider that follows SCRIPT in every dialect until Ctrl-C.

    SCRIPT is TOML or JSON; without one, every request gets a plausible answer.

    \b
      [[step]]
      fault = "rate_limited_seconds"
      times = 2
      [[step]]
      text = "Hello"
    """  # noqa: D301  # click reads the backspace, not two characters
    import asyncio

    from ratatoskr.errors import ConfigurationError
    from ratatoskr.testing import load_script, serve

    steps = load_script(script) if script is not None else None
    try:
        asyncio.run(serve(steps, host, port, ready=_show_addresses))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}", field="port") from None


def _show_addresses(upstream: ScriptedUpstream) -> None:
    from ratatoskr.cli.render import Screen
    from ratatoskr.testing.routes import BASES

    screen = Screen()
    screen.line(f"serving on port {upstream.port} until Ctrl-C")
    screen.table((provider, upstream.base_url(provider)) for provider in BASES)
    address = upstream.base_url("compatible")
    screen.write(f"try: rat chat -m local:any --base-url local={address} Hello\n")
