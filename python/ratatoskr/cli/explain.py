"""`rat explain`: what a chat would send, to which provider, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ratatoskr.cli import options
from ratatoskr.cli.health import describe_breaker
from ratatoskr.cli.help import Command
from ratatoskr.cli.settings import expand_aliases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratatoskr.cli.render import Screen
    from ratatoskr.types.model import Explanation, Plan
    from ratatoskr.types.usage import CostRange


@click.command("explain", cls=Command)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--tools", type=click.Path(), metavar="FILE.json", help="Tools to offer.")
@click.option("--tool-choice", metavar="CHOICE", help="auto, none, required or a tool's name.")
@options.schema
@options.parameters
@options.as_json
@options.where
def explain(
    models: tuple[str, ...],
    tools: str | None,
    tool_choice: str | None,
    schema: str | None,
    reasoning: Any,
    temperature: float | None,
    max_tokens: int | None,
    timeout: float | None,
    others: tuple[tuple[str, str], ...],
    as_json: bool,
    base_urls: tuple[str, ...],
    allow_insecure: bool,
) -> None:
    """Show what `rat chat -m MODEL` with the same options would do; nothing is sent.

    Prints the providers in order and why, the parameters as the provider's API names them, what is changed or refused,
    and the deadlines.
    """
    from ratatoskr.cli.connect import gateway_for
    from ratatoskr.cli.inputs import load_schema, load_tools
    from ratatoskr.cli.render import Screen

    models = expand_aliases(models)
    params: dict[str, Any] = {**options.Parameters(reasoning, temperature, max_tokens, timeout, others).params()}
    if schema is not None:
        params["response_format"] = load_schema(schema)
    with gateway_for(models, base_urls=base_urls, allow_insecure=allow_insecure) as gateway:
        explanation = gateway.explain(
            models, tools=load_tools(tools), tool_choice=tool_choice, timeout=timeout, **params
        )
    screen = Screen()
    if as_json:
        screen.json(explanation.to_dict(), indent=2)
    else:
        _show(explanation, screen)


def _show(explanation: Explanation, screen: Screen) -> None:
    for number, plan in enumerate(explanation.plans, 1):
        screen.line(screen.style(f"{number}. {plan.provider}: {plan.model}", "bold"))
        screen.table(_plan_rows(plan))
    limits = ", ".join(
        f"{name.replace('_', ' ')} {seconds:g} s"
        for name, seconds in explanation.deadlines.items()
        if seconds is not None
    )
    budgets = [("budget", budget.words) for budget in explanation.budgets]
    screen.table([("deadlines", limits), ("attempts", f"{explanation.retries + 1} at each"), *budgets], indent="")


def describe_range(cost: CostRange) -> str:
    """Return what a call may cost as a text."""
    from ratatoskr.cli.cost import format_amount

    low = f"{format_amount(cost.low)} for about {cost.input_tokens:,} tokens of the prompt"
    high = (
        "" if cost.high is None else f", up to {format_amount(cost.high)} with {cost.max_output_tokens:,} of the answer"
    )
    return f"{low}{high} ({cost.basis or cost.currency})"


def _describe_origin(origin: str | None) -> str:
    return "" if origin in (None, "built in", "argument") else f" (base URL from {origin})"


def _plan_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    from ratatoskr.cli.failure import adapt_to_shell

    yield "why", plan.why + ("; only if the models before are not available" if plan.only_if_unavailable else "")
    if plan.breaker is not None:
        yield "state", describe_breaker(plan.breaker, plan.ready_in)
    elif plan.ready_in > 0:
        yield "state", f"refused lately: asked after the others for {plan.ready_in:.0f} s"
    if plan.url:
        yield "where", plan.url + _describe_origin(plan.base_url_origin)
    if plan.sent is not None:
        yield "sent", json.dumps(plan.sent, ensure_ascii=False)
    if plan.cost is not None:
        yield "cost", describe_range(plan.cost)
    for limit in plan.limits:
        yield "limit", limit.words
    if plan.retires:
        yield "retires", plan.retires
    for change in plan.changes:
        after = "left out" if change.after is None else f"sent as {json.dumps(change.after, default=str)}"
        yield "changed", adapt_to_shell(f"{change.field} {change.before!r} is {after}: {change.reason}")
    if plan.refused:
        yield "refused", adapt_to_shell(plan.refused)
