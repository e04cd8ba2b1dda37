"""`rat models show`, `refresh`, `diff`, `rollback`: what is known about models, and new tables of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from ratatoskr.cli.render import Screen
    from ratatoskr.types.metadata import ModelMetadata, Parameter, RefreshReport

MAX_LINES = 40
"""Lines of each kind of difference that are printed on a terminal."""

table = options.combine(
    click.option(
        "--from",
        "source",
        metavar="FILE|URL",
        help="A table in the form of the catalogue, of OpenRouter's list or of genai-prices; by default OpenRouter's"
        " own list.",
    ),
    click.option("--sha256", metavar="HEX", help="The digest that the table must have."),
)


@click.command("show", cls=Command, short_help="Show what is known about models.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--fetch", is_flag=True, help="Ask the provider, too.")
@options.as_json
@options.where
def show(models: tuple[str, ...], fetch: bool, as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool) -> None:
    """Show the limits, the price, the features and the parameters of MODEL. Sends nothing without --fetch."""
    from ratatoskr.cli.connect import gateway_for, gateway_of_any
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import expand_aliases

    models = expand_aliases(models)
    opened = (
        gateway_for(models, base_urls=base_urls, allow_insecure=allow_insecure)
        if fetch
        else gateway_of_any(base_urls, allow_insecure)
    )
    with opened as gateway:
        found = [(gateway.fetch_model_metadata if fetch else gateway.model_metadata)(model) for model in models]
    screen = Screen()
    if as_json:
        screen.json([one.to_dict() for one in found], indent=2)
        return
    for one in found:
        screen.line(screen.style(one.info.id, "bold"))
        screen.table(_rows(one))


def _rows(model: ModelMetadata) -> Iterator[tuple[str, str]]:
    yield "status", model.status + (f", retires {model.retires}" if model.retires else "")
    for name, value in (
        ("window", model.info.context_window),
        ("most input", model.max_input_tokens),
        ("most output", model.max_output_tokens),
    ):
        if value is not None:
            yield name, f"{value:,} tokens"
    if model.info.dimensions is not None:
        yield "dimensions", f"{model.info.dimensions:,}"
    if model.input_modalities or model.output_modalities:
        yield "reads", ", ".join(model.input_modalities) or "?"
        yield "writes", ", ".join(model.output_modalities) or "?"
    if model.features:
        yield "features", ", ".join(model.features)
    if model.released:
        yield "released", model.released
    yield "price", "unknown" if model.price is None else _describe_price(model.price)
    for name, parameter in model.parameters.items():
        yield name, _describe_parameter(parameter)
    if model.sources:
        yield "sources", ", ".join(model.sources)


def _describe_price(price: Mapping[str, Any]) -> str:
    """Return the rates of a price, in dollars for a million tokens or what else the unit says."""
    rates = [
        f"{unit} {rate if isinstance(rate, str) else json.dumps(rate, default=str)}"
        for unit, rate in price.items()
        if unit not in ("changes", "variants", "multiplier")
    ]
    further = [f"{len(price[name])} {name}" for name in ("changes", "variants") if price.get(name)]
    factor = [f"times {price['multiplier']}"] if price.get("multiplier") else []
    return ", ".join([*rates, *further, *factor])


def _describe_parameter(parameter: Parameter) -> str:
    from ratatoskr.types.metadata import Mutable, ReadOnly, Unsupported

    match parameter:
        case Mutable(low, high, _, values):
            bounds = (
                "" if low is None and high is None else f"{'' if low is None else low}..{'' if high is None else high}"
            )
            return ", ".join([*([bounds] if bounds else []), *map(_word, values)]) or "any value"
        case ReadOnly(value):
            return f"always {_word(value)}"
        case Unsupported(reason):
            return f"not supported: {reason}"
    return "passed on unchecked"


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@click.command("refresh", cls=Command, short_help="Get a new table of models.")
@table
@click.option("--accept", is_flag=True, help="Accept it although models vanish or prices move five-fold.")
@options.as_json
@options.where
def refresh(
    source: str | None,
    sha256: str | None,
    accept: bool,
    as_json: bool,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
) -> None:
    """Get a new table of models and prices, print what changes, and use it from now on.

    Nothing is fetched but by this command. The table is refused if a tenth of a provider's models would vanish or a
    price would move five-fold; what was in force then stays. `rat models rollback` undoes it. Prices in models.toml
    come before those of any table.
    """
    _refresh(source, sha256, base_urls, allow_insecure, as_json=as_json, accept=accept)


@click.command("diff", cls=Command, short_help="Show what a new table of models would change.")
@table
@options.as_json
@options.where
def diff(
    source: str | None, sha256: str | None, as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool
) -> None:
    """Print what `rat models refresh` with the same options would change, and change nothing."""
    _refresh(source, sha256, base_urls, allow_insecure, as_json=as_json, dry_run=True)


def _refresh(
    source: str | None,
    sha256: str | None,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
    *,
    as_json: bool,
    accept: bool = False,
    dry_run: bool = False,
) -> None:
    from ratatoskr.cli.connect import gateway_of_any
    from ratatoskr.cli.render import Screen

    with gateway_of_any(base_urls, allow_insecure) as gateway:
        report = gateway.refresh_models(source, sha256=sha256, accept=accept, dry_run=dry_run)
    screen = Screen()
    if as_json:
        screen.json(report.to_dict(), indent=2)
    else:
        _show_report(report, screen)


def _show_report(report: RefreshReport, screen: Screen) -> None:
    from ratatoskr.cli.render import collapse_lines

    for sign, lines in (("+", report.added), ("-", report.removed), ("~", report.changed)):
        shown = lines[:MAX_LINES] if screen.out_is_terminal else lines
        for line in shown:
            screen.line(f"{sign} {collapse_lines(line)}")
        if len(shown) < len(lines):
            screen.line(f"{sign} and {len(lines) - len(shown):,} more")
    for reason, count in report.skipped.items():
        screen.note(f"left out {count:,}: {reason}")
    counts = f"{len(report.added):,} new, {len(report.removed):,} gone, {len(report.changed):,} differences"
    screen.note(f"{collapse_lines(report.source)}: {counts}")


@click.command("rollback", cls=Command, short_help="Undo the last refresh of the table of models.")
@options.as_json
def rollback(as_json: bool) -> None:
    """Use the table of models again that the last `rat models refresh` replaced."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.config.refresh import roll_back

    count = roll_back()
    screen = Screen()
    if as_json:
        screen.json({"models": count})
    else:
        text = f"the table with {count:,} models is in force again" if count else "the package's own table is in force"
        screen.note(text)


@click.command("status", cls=Command, short_help="Tell whether models can be used.")
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@options.as_json
@options.where
def status(names: tuple[str, ...], as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool) -> None:
    """Tell of each MODEL whether it can be used: available, loading, ready, or unavailable and why.

    Asks its provider for its list of models. The exit code is 4 where one is unavailable.
    """
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.render import Screen, collapse_lines

    models = options.models_or_default(names)
    with gateway_for(models, base_urls=base_urls, allow_insecure=allow_insecure) as gateway:
        found = {model: gateway.model_status(model) for model in models}
    screen = Screen()
    if as_json:
        screen.json({model: one.to_dict() for model, one in found.items()}, indent=2)
    for model, one in () if as_json else found.items():
        screen.line(collapse_lines(f"{model}: {one.status}" + (f": {one.reason}" if one.reason else "")))
    if any(one.status == "unavailable" for one in found.values()):
        click.get_current_context().exit(4)


COMMANDS = {command.name or "": command for command in (show, status, refresh, diff, rollback)}
