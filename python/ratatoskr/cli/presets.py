"""`rat presets`: the presets, and what one stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.types.metadata import PresetInfo, ResolvedPreset


def _complete(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ratatoskr.models.presets import PRESETS

    return [name for name in PRESETS if name.startswith(prefix)]


@click.command("presets", cls=Command)
@click.argument("name", required=False, metavar="[TIER/SLOT]", shell_complete=_complete)
@options.as_json
@options.where
def presets(name: str | None, as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool) -> None:
    """List the presets, which -m takes as ratatoskr:TIER/SLOT; or show which model one stands for here.

    A preset stands for the first of its models whose provider is configured. Sends nothing.
    """
    from ratatoskr.cli.connect import gateway_for, gateway_of_any
    from ratatoskr.cli.render import Screen
    from ratatoskr.models.presets import PREFIX

    opened = (
        gateway_of_any(base_urls, allow_insecure)
        if name is None
        else gateway_for((f"{PREFIX}{name.removeprefix(PREFIX)}",), base_urls=base_urls, allow_insecure=allow_insecure)
    )
    with opened as gateway:
        found: list[PresetInfo] | ResolvedPreset
        found = gateway.list_presets() if name is None else gateway.resolve_preset(name)
    screen = Screen()
    if as_json:
        screen.json([one.to_dict() for one in found] if isinstance(found, list) else found.to_dict(), indent=2)
    elif isinstance(found, list):
        screen.table(((one.name, ", ".join(one.models)) for one in found), indent="")
    else:
        screen.line(found.model)
        for model in found.alternatives:
            screen.note(f"where that is not there: {model}")
