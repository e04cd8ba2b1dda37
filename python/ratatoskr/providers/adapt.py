"""Adapts a request's parameters to one model: each is kept, mapped, dropped, passed on, or refused before sending."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from ratatoskr.errors import UnsupportedParameter
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import EFFORTS, PARAM_NAMES, ChatRequest, Effort, JsonSchema, ReasoningConfig
from ratatoskr.types.model import ParameterChange
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.wire.dialect import Target

SAMPLING = frozenset({"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "logprobs"})
"""The parameters that reasoning models refuse together."""

BUDGETS: Mapping[Effort, int] = MappingProxyType(
    {"minimal": 1_024, "low": 2_048, "medium": 10_000, "high": 16_384, "xhigh": 32_768}
)
"""The thinking budget in tokens that corresponds to each effort."""

_CHECKED = tuple(name for name in PARAM_NAMES if name != "raw_provider_options")
_values = attrgetter(*_CHECKED)
_NO_VALUES = (None,) * len(_CHECKED)


@dataclass(frozen=True, slots=True)
class AdaptedRequest:
    """A request whose parameters the model accepts.

    Attributes:
        request: with mapped parameters, and without those that were dropped or passed on.
        changes: every parameter that is not sent as given.
        notices: for the caller, beside the answer.
        passed: members to add to the body as they are, by our parameter names.
    """

    request: ChatRequest = field(repr=False)
    changes: tuple[ParameterChange, ...] = ()
    notices: tuple[Notice, ...] = ()
    passed: dict[str, Any] = field(default_factory=dict, repr=False)


def apply_rules(
    request: ChatRequest, target: Target, parameters: frozenset[str], policy: ParameterPolicy = "error"
) -> AdaptedRequest:
    """Compare a request's parameters with what the provider supports and the model accepts.

    Args:
        request: as the caller gave it.
        target: the provider, the model and its rules.
        parameters: what the provider's dialect supports: names of chat parameters, and `tool_choice`.
        policy: what to do with a refused parameter: raise, drop it with a notice, or pass it on to the provider.

    Raises:
        UnsupportedParameter: a parameter is refused and the policy is `error`.
    """
    if request.tool_choice is None and _values(request.options) == _NO_VALUES:
        return AdaptedRequest(request)
    adapter = _Adapter(request, target, parameters, policy)
    adapter.adapt_reasoning()
    given = request.options.explicit_parameters()
    for name in _CHECKED:
        if name in given and name != "reasoning":
            adapter.adapt_parameter(name, given[name])
    if request.tool_choice is not None:
        adapter.adapt_parameter("tool_choice", request.tool_choice)
    return adapter.build_request()


@dataclass(slots=True)
class _Adapter:
    """Collects the changes to one request."""

    request: ChatRequest
    target: Target
    parameters: frozenset[str]
    policy: ParameterPolicy
    updates: dict[str, Any] = field(default_factory=dict)
    changes: list[ParameterChange] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    passed: dict[str, Any] = field(default_factory=dict)
    is_reasoning: bool = False

    def build_request(self) -> AdaptedRequest:
        request = self.request
        if self.updates:
            updates = dict(self.updates)
            choice = updates.pop("tool_choice", request.tool_choice)
            request = replace(request, options=replace(request.options, **updates), tool_choice=choice)
        return AdaptedRequest(request, tuple(self.changes), tuple(self.notices), self.passed)

    # Every parameter but reasoning

    def adapt_parameter(self, name: str, value: Any) -> None:
        refusal = None if self._has_no_effect(name, value) else self._find_refusal(name, value)
        if refusal is not None:
            self._refuse(name, value, *refusal)

    def _has_no_effect(self, name: str, value: Any) -> bool:
        """Return whether a value asks for what a provider does that does not support the parameter."""
        if name in ("logprobs", "cache_prompt"):
            return value is False
        return name == "tool_choice" and (value == "auto" or (value == "none" and name not in self.parameters))

    def _find_refusal(self, name: str, value: Any) -> tuple[str, str] | None:
        """Return why a parameter is refused and what to do instead; `None` if it is accepted."""
        rules = self.target.rules
        if name not in self.parameters:
            return f"{self.target.provider} does not support it here", ""
        if name in rules.unsupported:
            return "this model does not accept it", ""
        if name in SAMPLING:
            if rules.sampling == "never":
                return "this model does not accept it", ""
            if rules.sampling == "unless_reasoning" and self.is_reasoning:
                return "this model does not accept it while it reasons", self._advise_reasoning_off()
        if name == "tool_choice" and value != "none":
            if not rules.forced_tool_choice:
                return (
                    "this model cannot be forced to call a tool",
                    'use "auto" and ask for the call in the instructions',
                )
            if self.is_reasoning and not rules.forced_while_reasoning:
                return "this model cannot be forced to call a tool while it reasons", self._advise_reasoning_off()
        return None

    def _advise_reasoning_off(self) -> str:
        can_stop = self.target.rules.off in ("none", "disabled", "zero", "between_tools")
        return 'set reasoning="none"' if can_stop else ""

    def _refuse(self, name: str, value: Any, why: str, instead: str = "") -> None:
        if self.policy == "error":
            advice = "; or ".join(
                filter(None, (instead, "leave it out", 'choose the parameter policy "drop" or "pass"'))
            )
            raise UnsupportedParameter(
                f"{name} is refused: {why}. {advice[0].upper()}{advice[1:]}",
                field=name,
                provider=self.target.provider,
                model=self.target.model,
            )
        if self.policy == "drop":
            self.updates[name] = None
            self.changes.append(ParameterChange(name, value, None, f"dropped: {why}"))
            self.notices.append(Notice("parameter_dropped", f"{name} was not sent: {why}", name))
            return
        self.changes.append(ParameterChange(name, value, value, f"passed on unchecked: {why}"))
        if name not in self.parameters:
            self.updates[name] = None
            self.passed[name] = _to_json(name, value)

    # Reasoning

    def adapt_reasoning(self) -> None:
        given = self.request.options.reasoning
        self.is_reasoning = self.target.rules.thinks
        if not isinstance(given, ReasoningConfig) or (given.effort is None and given.budget_tokens is None):
            return  # it only says whether to show the thinking
        off = given.effort == "none" or (given.effort is None and given.budget_tokens == 0)
        if self.target.rules.thinking == "none" or "reasoning" not in self.parameters:
            self._refuse_reasoning(given, off)
        elif off:
            self._switch_off(given)
        else:
            self.is_reasoning = True
            self._map_effort(given)

    def _refuse_reasoning(self, given: ReasoningConfig, off: bool) -> None:
        thinks = self.target.rules.thinks or self.target.rules.thinking != "none"
        if off and not thinks:
            self._map_reasoning(given, None, "this model does not think anyway")
        elif thinks:
            self._refuse("reasoning", given, "the thinking of this model cannot be controlled")
        else:
            self._refuse("reasoning", given, "this model does not think")

    def _switch_off(self, given: ReasoningConfig) -> None:
        rules = self.target.rules
        lowest = next((effort for effort in EFFORTS[1:] if effort in rules.efforts), None)
        if rules.off is None:
            self.is_reasoning = True
            instead = "" if lowest is None else f'use the lowest effort, reasoning="{lowest}"'
            self._refuse("reasoning", given, "the thinking of this model cannot be switched off", instead)
        elif rules.off == "lowest" and lowest is not None:
            self.is_reasoning = True
            reason = f"thinking cannot be switched off here; {lowest} is the lowest effort"
            self._map_reasoning(given, ReasoningConfig(lowest, include=given.include), reason, notice=True)
        else:
            self.is_reasoning = False
            if given.effort is None:
                self._map_reasoning(given, ReasoningConfig("none", include=given.include), "a budget of 0 means none")

    def _map_effort(self, given: ReasoningConfig) -> None:
        """Map the effort or budget to what the model accepts: the lowest effort at or above it, else the highest."""
        rules = self.target.rules
        if rules.thinking == "budget":
            return
        effort = given.effort
        if effort is None:
            effort = _find_nearest_effort(given.budget_tokens or 0)
        if not rules.efforts:
            mapped = replace(given, effort=effort, budget_tokens=None)
            self._map_reasoning(given, mapped, "thinking is only on or off", notice=True)
            return
        if effort not in rules.efforts and (self.policy != "pass" or given.budget_tokens is not None):
            above = [word for word in EFFORTS[EFFORTS.index(effort) :] if word in rules.efforts]
            effort = above[0] if above else [word for word in EFFORTS[1:] if word in rules.efforts][-1]
        if effort != given.effort or given.budget_tokens is not None:
            what = "a budget in tokens" if given.effort is None or effort == given.effort else f'"{given.effort}"'
            reason = f'this model does not accept {what}; "{effort}" is nearest'
            self._map_reasoning(given, ReasoningConfig(effort, include=given.include), reason, notice=True)

    def _map_reasoning(
        self, before: ReasoningConfig, after: ReasoningConfig | None, reason: str, *, notice: bool = False
    ) -> None:
        self.updates["reasoning"] = after
        self.changes.append(ParameterChange("reasoning", before, after, reason))
        if notice:
            self.notices.append(Notice("reasoning_mapped", f"reasoning was mapped: {reason}", "reasoning"))


def _find_nearest_effort(budget: int) -> Effort:
    """Return the effort whose budget is nearest, by ratio."""
    return min(BUDGETS, key=lambda effort: abs(math.log(BUDGETS[effort] / max(budget, 1))))


def _to_json(name: str, value: Any) -> Any:
    """Return a parameter's value in JSON, for a provider whose own form of it is not known."""
    match value:
        case ReasoningConfig():
            members = {"effort": value.effort, "budget_tokens": value.budget_tokens}
            return {name: member for name, member in members.items() if member is not None}
        case JsonSchema():
            schema = {"name": value.name, "schema": dict(value.schema), "strict": value.strict}
            return {"type": "json_schema", "json_schema": schema}
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
    return {"type": "json_object"} if name == "response_format" else value
