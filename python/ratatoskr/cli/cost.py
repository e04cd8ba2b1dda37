"""`rat cost`: what saved answers cost, or what their tokens would cost at another model."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ratatoskr.cli.render import Screen
    from ratatoskr.sync.gateway import SyncGateway
    from ratatoskr.types.usage import Cost, Usage


@click.command("cost", cls=Command)
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="Price the tokens as this model's, in place of the bill.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    metavar="TIME",
    help="When the answers were complete, in UTC. Default: now.",
)
@options.as_json
def cost(files: tuple[str, ...], model: str | None, at: datetime | None, as_json: bool) -> None:
    """Show what saved answers cost; nothing is sent.

    A FILE holds what `rat chat --json` or a response's `to_json` wrote, one answer or one a line; - is standard input.
    A provider's bill is shown as it is; otherwise the answer is priced by the list prices of its model.
    """
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.render import Screen
    from ratatoskr.providers.specs import SPECS

    answers = [answer for file in files for answer in _read_answers(file)]
    keyless = next(name for name, spec in SPECS.items() if not spec.needs_key)  # prices need none
    with gateway_for(providers=[keyless]) as gateway:
        costs = [_price(gateway, name, usage, bill, model, at) for name, usage, bill in answers]
    screen = Screen()
    names = [model or name for name, _, _ in answers]
    if as_json:
        rows = [{"model": name, "cost": found and found.to_dict()} for name, found in zip(names, costs, strict=True)]
        screen.json(rows, indent=2)
        return
    for name, found in zip(names, costs, strict=True):
        _show(name, found, screen)
    known = [found for found in costs if found is not None]
    if len(costs) > 1 and known:
        total = sum(known[1:], known[0])
        unknown = len(costs) - len(known)
        rest = f"; the price of {unknown} of {len(costs)} is unknown" if unknown else ""
        screen.line(f"total {format_amount(total.amount)} {total.currency}{rest}")


def format_amount(amount: Decimal) -> str:
    """Return an amount as a decimal number without an exponent, at least two digits after the point."""
    text = f"{amount:f}"
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"


def _read_answers(file: str) -> Iterator[tuple[str, Usage, Cost | None]]:
    """Yield the model, the usage and the bill of each answer in a file.

    Raises:
        InvalidInput: it holds something else.
    """
    from ratatoskr.cli.inputs import read_file, read_stdin_text
    from ratatoskr.errors import InvalidInput
    from ratatoskr.types.usage import Cost, Usage

    name = "standard input" if file == "-" else file
    text = read_stdin_text() if file == "-" else read_file(file).decode("utf-8-sig", "replace")
    found = False
    for number, answer in enumerate(_parse(text, name), 1):
        place = f"answer {number} of {name}"
        if not isinstance(answer, dict) or not {"provider", "model", "usage"} <= answer.keys():
            if isinstance(answer, dict) and answer.get("type") not in {None, "chat_response"} and "usage" not in answer:
                continue  # an event of a stream before its end
            raise InvalidInput(f"{place} has no provider, model and usage; rat chat --json writes them", field="FILE")
        for key in ("provider", "model"):
            if not isinstance(answer[key], str) or not answer[key].strip():
                raise InvalidInput(f"{place}: {key} must be a name, not {answer[key]!r}"[:300], field=key)
        try:
            usage = Usage.from_dict(answer["usage"])
            cost = None if answer.get("cost") is None else Cost.from_dict(answer["cost"])
        except InvalidInput as error:
            raise InvalidInput(f"{place}: {error.message}", field=error.field) from None
        found = True
        bill = cost if cost is not None and cost.source == "provider" else None
        yield f"{answer['provider']}:{answer['model']}", usage, bill
    if not found:
        raise InvalidInput(f"{name} holds no answer; rat chat --json writes them", field="FILE")


def _parse(text: str, name: str) -> Sequence[Any]:
    """Return the JSON values of a text: one, the entries of one list, or one a line."""
    from ratatoskr.errors import InvalidInput

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            raise InvalidInput(f"{name} is not JSON, nor JSON by lines", field="FILE") from None
    return value if isinstance(value, list) else [value]


def _price(
    gateway: SyncGateway, name: str, usage: Usage, bill: Cost | None, model: str | None, at: datetime | None
) -> Cost | None:
    if bill is not None and model is None:
        return bill
    from ratatoskr.errors import InvalidInput

    try:
        return gateway.cost(usage, model or name, at)
    except InvalidInput as error:
        if model is not None or error.field != "model":
            raise
        return None  # of a host of your own, to which `models.toml` gives no price


def _show(name: str, found: Cost | None, screen: Screen) -> None:
    from ratatoskr.cli.render import replace_controls

    if found is None:
        screen.line(f"{replace_controls(name)}: its price is unknown")
        return
    about = "about " if found.estimated else ""
    origin = "as billed" if found.source == "provider" else found.basis
    amount = f"{about}{format_amount(found.amount)} {found.currency}"
    screen.line(screen.style(f"{replace_controls(name)}: {amount}", "bold") + (f" ({origin})" if origin else ""))
    screen.table(
        (
            item.unit.replace("_", " "),
            f"{item.quantity:,} at {_rate(item.rate, item.unit)}: {format_amount(item.amount)}",
        )
        for item in found.items
        if found.source != "provider"
    )


def _rate(rate: Decimal | None, unit: str) -> str:
    from ratatoskr.models.price import UNITS

    if rate is None:
        return "an unknown rate"
    per = UNITS[unit].per
    words = {1: "each", 1_000: "a thousand", 1_000_000: "a million"}
    return f"{format_amount(rate)} {words.get(per, f'for {per:,}')}"
