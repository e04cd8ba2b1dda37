"""Options that several commands take, and what they come to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatParams, Effort

Command = TypeVar("Command", bound=Callable[..., Any])

EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Said again here, so that `--help` need not load the package."""


def stack(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return one decorator for several, which are applied so that the first comes first in the help."""

    def decorate(command: Command) -> Command:
        for one in reversed(decorators):
            command = one(command)
        return command

    return decorate


def local_models(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """Return the catalogue's names that begin so."""
    from ratatoskr.local.store.catalog import CATALOG

    return [row.name for row in CATALOG if row.name.startswith(begun)]


def _device(_: click.Context, __: click.Parameter, given: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", given):
        raise click.BadParameter(f"{given!r} is neither cpu, nor cuda, nor cuda:NUMBER")
    return given


model = click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Model, as in openai:gpt-5.4 or claude-sonnet-5; several are tried in turn. Default: RATATOSKR_MODEL.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
no_stream = click.option("--no-stream", is_flag=True, help="Wait for the whole answer.")
parameters = stack(
    click.option(
        "--reasoning",
        type=click.Choice(EFFORTS),
        metavar="EFFORT",
        help=f"How much to think: {', '.join(EFFORTS)}.",
    ),
    click.option("-t", "--temperature", type=float, metavar="NUMBER", help="0 upwards; most providers stop at 2."),
    click.option("--max-tokens", type=int, metavar="COUNT", help="The most to answer; default: what the model allows."),
    click.option("--timeout", type=float, metavar="SECONDS", help="Wait so long for the answer, streamed: to begin."),
)
where = stack(
    click.option(
        "--base-url",
        "base_urls",
        multiple=True,
        metavar="PROVIDER=URL",
        help="Ask PROVIDER there; any other name is a host that speaks OpenAI's Chat Completions.",
    ),
    click.option("--allow-insecure", is_flag=True, help="Allow plain http to other machines, for providers named."),
)


local_model = stack(
    click.option(
        "-m",
        "--model",
        metavar="MODEL",
        default=lambda: os.environ.get("RATATOSKR_EMBED_MODEL") or "AllMiniLmL6V2",
        shell_complete=local_models,
        help="Model or folder. Default: RATATOSKR_EMBED_MODEL, or AllMiniLmL6V2.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "int8"]),
        default="fp32",
        show_default=True,
        help="int8: near, and about twice as fast.",
    ),
)
cache_dir = click.option(
    "--cache-dir", type=click.Path(file_okay=False), metavar="DIR", help="The store. Default: RATATOSKR_CACHE_DIR."
)
local = stack(
    click.option(
        "--device",
        default="cpu",
        show_default=True,
        metavar="DEVICE",
        callback=_device,
        help="cpu, or cuda or cuda:1 for a GPU.",
    ),
    cache_dir,
)


@dataclass(frozen=True, slots=True)
class Where:
    """Whom to ask, apart from the models."""

    base_urls: tuple[str, ...] = ()
    allow_insecure: bool = False


@dataclass(frozen=True, slots=True)
class Parameters:
    """How to ask; what is `None` is left to the model."""

    reasoning: Effort | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    timeout: float | None = None

    def params(self) -> ChatParams:
        """Return those that are set, as the gateway takes them."""
        found: ChatParams = {}
        if self.reasoning is not None:
            found["reasoning"] = self.reasoning
        if self.temperature is not None:
            found["temperature"] = self.temperature
        if self.max_tokens is not None:
            found["max_tokens"] = self.max_tokens
        return found


def models_or_default(given: Sequence[str], remembered: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the models to ask: named now, or before in the conversation, or by the environment.

    Raises:
        click.UsageError: there is none.
    """
    models = tuple(given) or tuple(remembered) or tuple(os.environ.get("RATATOSKR_MODEL", "").split())
    if not models:
        raise click.UsageError(
            "no model: name one with -m, as in -m claude-sonnet-5, or set RATATOSKR_MODEL; `rat models` lists them"
        )
    return models
