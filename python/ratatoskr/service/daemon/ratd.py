"""`ratd`: the daemon's command line."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from ratatoskr.service.daemon.setup import Setup

__all__ = ["main"]

WRONG = 2
"""The exit code where the command line or the configuration is wrong."""
FAILED = 1
_LEVELS = ("debug", "info", "warning", "error")


class _Ratd(click.Group):
    """The commands; an error becomes lines on standard error and an exit code."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; the error for an unknown one names those that there are."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            known = ", ".join(f"ratd {name}" for name in self.list_commands(ctx))
            text = f"{error.message.rstrip('.')}; there are {known}, and `ratd` alone serves"
            raise click.UsageError(text, ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        from ratatoskr.errors import RatatoskrError
        from ratatoskr.types.visible import escape_hidden

        try:
            return super().invoke(ctx)
        except RatatoskrError as error:
            for line in error.message.split("\n"):
                click.echo(f"ratd: {escape_hidden(line, 2000)}", err=True)
            ctx.exit(WRONG)


def _version(ctx: click.Context, _: click.Parameter, requested: bool) -> None:
    if requested and not ctx.resilient_parsing:
        from ratatoskr.version import VERSION

        click.echo(f"ratd {VERSION}")
        ctx.exit()


_config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration. Default: RATATOSKR_CONFIG, else config.toml in ~/.config/ratatoskr, ~/.ratatoskr or "
    "/etc/ratatoskr.",
)


@click.group(
    cls=_Ratd,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Without a file the daemon listens at 127.0.0.1:9741 with the providers of the environment. SIGHUP reloads, "
    "SIGTERM ends once the calls under way have ended, a second one ends at once, SIGUSR1 logs what is under "
    "way. Exit codes: 0; 1 cannot listen; 2 usage, configuration.",
)
@_config_option
@click.option("--check-config", is_flag=True, help="Check the configuration, and do nothing else.")
@click.option("--log-level", type=click.Choice(_LEVELS), help="Log this level and above; overrides the file.")
@click.option(
    "--insecure-listen",
    is_flag=True,
    help="Listen on networks without encryption or authentication, if the configuration says so.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def ratd(
    ctx: click.Context, path: Path | None, check_config: bool, log_level: str | None, insecure_listen: bool
) -> None:
    """Serve the models of this machine's keys to its programs, over gRPC."""
    ctx.obj = path
    if ctx.invoked_subcommand is not None:
        if check_config or insecure_listen or log_level:
            raise click.UsageError(f"`ratd {ctx.invoked_subcommand}` takes only --config")
        return
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")  # the daemon never forks
    for number in () if check_config else (signal.SIGHUP, signal.SIGUSR1):  # which would end it before it serves
        signal.signal(number, signal.SIG_IGN)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines would be between those of the log
    loader = _Loader(path, log_level, insecure_listen)
    setup = loader.load()
    if check_config:
        if setup.warning is not None:
            click.echo(f"ratd: warning: {setup.warning}", err=True)
        click.echo(f"{setup.path or 'no file, and the environment'}: right")
        return
    from ratatoskr.service.daemon.run import run

    ctx.exit(run(setup, loader.load))


class _Loader:
    """Reads the configuration, now and at each reload.

    Args:
        path: of the file, if one was named.
        log_level: in place of the file's.
        allow_insecure: leave this machine without encryption or authentication.
    """

    def __init__(self, path: Path | None, log_level: str | None, allow_insecure: bool) -> None:
        self._path = path
        self._log_level = log_level
        self._allow_insecure = allow_insecure

    def load(self, listeners: Any = ()) -> Setup:
        """Return the set-up; raises `ConfigurationError`."""
        from dataclasses import replace

        import msgspec

        from ratatoskr.config.paths import find_config
        from ratatoskr.service.daemon.setup import load_setup

        setup = load_setup(self._path or find_config(), listeners=listeners, allow_insecure=self._allow_insecure)
        if self._log_level is None:
            return setup
        server = msgspec.structs.replace(setup.config.server, log_level=self._log_level)
        return replace(setup, config=msgspec.structs.replace(setup.config, server=server))


@ratd.command("token")
@click.argument("name")
@click.option("--admin", is_flag=True, help="The client may administrate.")
@click.option("--models", "models", multiple=True, metavar="PATTERN", help="The client may use these models alone.")
def token(name: str, admin: bool, models: tuple[str, ...]) -> None:
    """Make a token for the client NAME: print it once on stdout, and the lines to keep of it on stderr.

    The lines belong into config.toml, and come into force with a reload. The token is not kept: give it to the client,
    in a file that other users cannot read (`rat --token-file`), or as RATD_TOKEN.
    """
    from ratatoskr.config.server import CLIENT_NAME
    from ratatoskr.config.toml_text import format_value
    from ratatoskr.service.daemon.tokens import digest_of, new_token

    if not CLIENT_NAME.fullmatch(name):
        raise click.UsageError("NAME must be of letters, digits and _ . @ -, at most 64")
    made = new_token()
    lines = [f"[clients.{name if name.replace('-', '').isalnum() else format_value(name)}]"]
    lines.append(f'token_sha256 = "{digest_of(made)}"')
    if models:
        lines.append(f"models = {format_value(models)}")
    if admin:
        lines.append("admin = true")
    click.echo(made)
    click.echo("\n".join(lines), err=True)


@ratd.command("config")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_obj
def config(named: Path | None, path: Path | None, as_json: bool) -> None:
    """Show every setting in force, and where each comes from; no secrets."""
    import json

    from ratatoskr.config.paths import find_config
    from ratatoskr.service.daemon.show import settings_of

    rows = settings_of(path or named or find_config())
    if as_json:
        click.echo(json.dumps([{"key": key, "value": value, "from": origin} for key, value, origin in rows], indent=2))
        return
    for key, value, origin in rows:
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}  # {origin}")


def main() -> NoReturn:
    """Run `ratd`."""
    gc.set_threshold(50_000)  # imports make many objects, and calls few that are garbage in a circle
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        ratd(prog_name="ratd")
    finally:
        gc.freeze()  # else the interpreter looks through everything again before it ends
    sys.exit(0)


if __name__ == "__main__":
    main()
