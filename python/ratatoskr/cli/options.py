"""Options that several commands take."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ratatoskr.cli.help import suggest
from ratatoskr.cli.settings import aliases, default_embed_model, default_models, expand_aliases, remember

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatParams, Effort

Command = TypeVar("Command", bound=Callable[..., Any])

EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Repeated here so that `--help` does not import the package."""


def combine(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return one decorator for several; the first comes first in the help."""

    def decorate(command: Command) -> Command:
        for one in reversed(decorators):
            command = one(command)
        return command

    return decorate


def local_models(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    """Return the names of the catalogue that start with a prefix."""
    from ratatoskr.local.store.catalog import CATALOG

    return [row.name for row in CATALOG if row.name.startswith(prefix)]


def embedding_models(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    """Return the names of models for embeddings in the catalogue that start with a prefix."""
    from ratatoskr.local.store.catalog import CATALOG

    return [row.name for row in CATALOG if row.task == "embed" and row.name.startswith(prefix)]


def _embed_model_or_default(context: click.Context, _: click.Parameter, given: str | None) -> str:
    if context.resilient_parsing:
        return given or ""
    return given or default_local_model()


def default_local_model() -> str:
    """Return the embedding model of commands that are given none."""
    return os.environ.get("RATATOSKR_EMBED_MODEL") or default_embed_model() or "AllMiniLmL6V2"


def _check_device(_: click.Context, __: click.Parameter, given: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", given):
        raise click.BadParameter(f"{given!r} is neither cpu, nor cuda, nor cuda:NUMBER")
    return given


model = click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    shell_complete=lambda _context, _parameter, prefix: [name for name in aliases() if name.startswith(prefix)],
    help="Model, as in openai:gpt-5.4 or claude-sonnet-5, or an alias; several are tried in turn. Default: "
    "RATATOSKR_MODEL, else `rat models default`.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
no_stream = click.option("--no-stream", is_flag=True, help="Print the answer when it is complete.")
schema = click.option(
    "--schema",
    metavar="FILE|-|FIELDS",
    help="JSON Schema of the answer; or its fields, as in 'name, legs int, tags [str]'.",
)
usage = click.option("-u", "--usage", is_flag=True, help="Print the tokens, and the cost if it is known, to stderr.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
plain = click.option(
    "--plain", is_flag=True, help="Print the text as it is; a terminal gets Markdown rendered, by rich."
)
functions = combine(
    click.option(
        "--functions",
        type=click.Path(),
        metavar="FILE.py",
        help="Offer the functions of a Python file as tools; asks on the terminal before each call.",
    ),
    click.option("--yes", is_flag=True, help="Run the calls of --functions without asking."),
    click.option(
        "--max-rounds",
        type=click.IntRange(1),
        metavar="COUNT",
        help="With --functions: the most answers to one question.  [default: 8]",
    ),
)
_reasoning = click.option(
    "--reasoning",
    type=click.Choice(EFFORTS),
    metavar="EFFORT",
    help=f"How much to think: {', '.join(EFFORTS)}.",
)
_TEMPERATURE = "0 or more; most providers allow up to 2."
PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "parallel_tool_calls",
    "reasoning",
    "cache_prompt",
    "logprobs",
    "user",
    "service_tier",
    "metadata",
    "raw_provider_options",
)
"""Parameters that `-o` takes: all but the format of the answer. Repeated here so that `--help` imports no types."""
_TEXTS = ("reasoning", "user", "service_tier")
_limits = combine(
    click.option(
        "-o",
        "--option",
        "others",
        nargs=2,
        multiple=True,
        metavar="NAME VALUE",
        help=f"Any parameter, its value as JSON or text: {', '.join(PARAMETERS)}.",
    ),
    click.option("--max-tokens", type=int, metavar="COUNT", help="Token limit of the answer. Default: the model's."),
    click.option("--timeout", type=float, metavar="SECONDS", help="Timeout; of a stream: until its first token."),
)
parameters = combine(
    _reasoning,
    click.option("-t", "--temperature", type=float, metavar="NUMBER", help=_TEMPERATURE),
    _limits,
)
parameters_of_chat = combine(
    _reasoning, click.option("--temperature", type=float, metavar="NUMBER", help=_TEMPERATURE), _limits
)
"""As `parameters`; `-t` means more in `rat chat`."""
network = combine(
    click.option(
        "--proxy",
        envvar="RATATOSKR_PROXY",
        metavar="URL",
        expose_value=False,
        callback=remember,
        help="Send requests through a proxy. Default: RATATOSKR_PROXY.",
    ),
    click.option(
        "--ca-file",
        envvar="RATATOSKR_CA_FILE",
        metavar="FILE",
        expose_value=False,
        callback=remember,
        help="Trust the certificates in a PEM file, too. Default: RATATOSKR_CA_FILE.",
    ),
)
daemon = combine(
    click.option(
        "--address",
        envvar="RATD_ADDRESS",
        metavar="URL",
        expose_value=False,
        callback=remember,
        help="Ask the daemon at http://HOST:PORT, https://HOST:PORT or unix:PATH. Default: RATD_ADDRESS, else the "
        "socket of this machine's daemon, else none.",
    ),
    click.option(
        "--token-file",
        type=click.Path(),
        metavar="FILE",
        expose_value=False,
        callback=remember,
        help="Read the token for the daemon from FILE. Default: RATD_TOKEN.",
    ),
    click.option(
        "--cert",
        type=click.Path(),
        metavar="FILE",
        expose_value=False,
        callback=remember,
        help="Show the daemon this PEM certificate, with its --key.",
    ),
    click.option(
        "--key",
        type=click.Path(),
        metavar="FILE",
        expose_value=False,
        callback=remember,
        help="The PEM file of the key of --cert.",
    ),
    click.option("--embedded", is_flag=True, expose_value=False, callback=remember, help="Ask no daemon."),
)
providers = combine(
    click.option(
        "--base-url",
        "base_urls",
        multiple=True,
        metavar="PROVIDER=URL",
        help="URL of PROVIDER's API; an unknown name is a host with OpenAI's Chat Completions API.",
    ),
    click.option("--allow-insecure", is_flag=True, help="Allow plain http to other machines for the providers named."),
    network,
)
where = combine(providers, daemon)


def _local_model(callback: Any, default: str) -> Callable[[Command], Command]:
    return combine(
        click.option(
            "-m",
            "--model",
            metavar="MODEL",
            callback=callback,
            shell_complete=embedding_models,
            help=f"Model or folder. Default: {default}.",
        ),
        click.option(
            "--precision",
            type=click.Choice(["fp32", "int8", "bf16", "auto"]),
            default="fp32",
            show_default=True,
            help="int8: approximate, twice as fast; bf16: where the processor has it; auto: the faster of fp32, bf16.",
        ),
    )


dimensions = click.option(
    "--dimensions",
    type=click.IntRange(1),
    metavar="COUNT",
    help="Numbers in each vector, where the model has a choice.",
)
_DEFAULT_MODEL = "RATATOSKR_EMBED_MODEL, else defaults.embed_model, else AllMiniLmL6V2"
local_model = _local_model(_embed_model_or_default, _DEFAULT_MODEL)
searched_model = _local_model(None, f"the model that FILE records, else {_DEFAULT_MODEL}")
cache_dir = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="The store. Default: RATATOSKR_CACHE_DIR.",
)
local = combine(
    click.option(
        "--device",
        default="cpu",
        show_default=True,
        metavar="DEVICE",
        callback=_check_device,
        help="cpu, or cuda or cuda:1 for a GPU.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1),
        metavar="COUNT",
        help="Threads that compute. Default: the CPUs that this process may use.",
    ),
    cache_dir,
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The options of `where`: addresses of providers."""

    base_urls: tuple[str, ...] = ()
    allow_insecure: bool = False

    def over(self, remembered: Addresses) -> Addresses:
        """Return these addresses, and those of a conversation for the providers that are not named here."""
        named = {text.partition("=")[0] for text in self.base_urls}
        kept = (text for text in remembered.base_urls if text.partition("=")[0] not in named)
        return Addresses((*self.base_urls, *kept), self.allow_insecure or remembered.allow_insecure)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a chat; `None` leaves one to the model."""

    reasoning: Effort | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    timeout: float | None = None
    others: tuple[tuple[str, str], ...] = ()

    def params(self) -> ChatParams:
        """Return the parameters that are set, as keyword arguments of a gateway.

        Raises:
            click.UsageError: `-o` names an unknown one, or one that is given twice.
        """
        params: ChatParams = {}
        if self.reasoning is not None:
            params["reasoning"] = self.reasoning
        if self.temperature is not None:
            params["temperature"] = self.temperature
        if self.max_tokens is not None:
            params["max_tokens"] = self.max_tokens
        for name, text in self.others:
            if name not in PARAMETERS:
                raise click.UsageError(f"-o {name}: there is no such parameter; {suggest(name, PARAMETERS)}")
            if name in params:
                raise click.UsageError(f"{name} is given twice")
            params[name] = text if name in _TEXTS else _parse_value(text)  # type: ignore[literal-required]  # checked
        return params


def _parse_value(text: str) -> Any:
    """Return a JSON value, or the text itself."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def models_or_default(given: Sequence[str], remembered: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the models: of the command line, else of the conversation, else of the environment, else of `config.toml`.

    Raises:
        click.UsageError: there are none.
    """
    of_environment = os.environ.get("RATATOSKR_MODEL", "").split()
    models = expand_aliases(tuple(given) or tuple(remembered) or tuple(of_environment) or default_models())
    if not models:
        raise click.UsageError(
            "no model: name one with -m, as in -m claude-sonnet-5, or for good with `rat models default NAME`; "
            "`rat models` lists them"
        )
    return models
