"""`rat chat --dry-run` and `--curl`: the request that a chat would send."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from ratatoskr.cli.render import escape_json
from ratatoskr.errors import InvalidInput
from ratatoskr.providers.specs import SPECS

if TYPE_CHECKING:
    from ratatoskr.cli.render import Screen
    from ratatoskr.types.model import Plan, PlannedRequest


def show_request(plan: Plan, screen: Screen, *, as_curl: bool) -> None:
    """Print the request of a plan, as HTTP or as a command that sends it.

    Raises:
        InvalidInput: the request would be refused.
    """
    if plan.request is None:
        raise InvalidInput(plan.refused or f"{plan.provider} does not say what it would send")
    if as_curl:
        screen.line(_curl(plan.request, plan.provider))
        return
    screen.line(f"{plan.request.method} {plan.request.url}")
    for name, value in plan.request.headers.items():
        screen.line(f"{name}: {value}")
    screen.line("")
    screen.line(escape_json(json.dumps(plan.request.body, ensure_ascii=False, indent=2)))


def _curl(request: PlannedRequest, provider: str) -> str:
    """Return a command; where a secret belongs, it has the variable that holds it."""
    spec = SPECS.get(provider)
    variable = spec.key_variables[0] if spec is not None and spec.key_variables else "API_KEY"
    lines = [f"curl {shlex.quote(request.url)}"]
    for name, value in request.headers.items():
        before, secret, _ = value.partition("[redacted]")
        header = f'"{name}: {before}${variable}"' if secret else shlex.quote(f"{name}: {value}")
        lines.append(f"  -H {header}")
    lines.append(f"  -d {shlex.quote(escape_json(json.dumps(request.body, ensure_ascii=False)))}")
    return " \\\n".join(lines)
