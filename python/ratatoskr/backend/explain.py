"""What would be asked of one candidate, for `explain`; nothing is sent."""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.providers.protocol import CallOptions, ChatProvider, Plans
from ratatoskr.routing import Candidate
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.model import Plan
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Deadlines


def plan_of(provider: ChatProvider, request: ChatRequest, candidate: Candidate, policy: ParameterPolicy) -> Plan:
    """Return what this candidate would be asked, in its own words where it can tell."""
    if isinstance(provider, Plans):
        plan = provider.plan(request, CallOptions(candidate.model, Deadlines(), policy), candidate.reason)
    else:
        plan = Plan(candidate.provider, candidate.model, candidate.reason)
    return replace(plan, only_if_unavailable=candidate.only_if_unavailable)
