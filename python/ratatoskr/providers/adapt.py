"""Adapts a request's parameters to one model: each is kept, mapped, dropped, passed on, or refused before sending."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import EFFORTS, PARAM_NAMES, ChatRequest, Effort, JsonSchema, ReasoningConfig
from ratatoskr.types.model import ParameterChange
from ratatoskr.types.rules import ParameterPolicy, Range
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.types.visible import quote
from ratatoskr.wire.dialect import Target

SAMPLING = frozenset({"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "logprobs"})
"""The parameters that reasoning models refuse together."""

BUDGETS: Mapping[Effort, int] = MappingProxyType(
    {"minimal": 1_024, "low": 2_048, "medium": 10_000, "high": 16_384, "xhigh": 32_768}
)
"""The thinking budget in tokens that corresponds to each effort."""

NEUTRAL: Mapping[str, float] = MappingProxyType(
    {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0, "parallel_tool_calls": True}
)
"""The values in force where a parameter cannot be set: asking for them changes nothing, so they need not be sent."""

_CHECKED = tuple(name for name in PARAM_NAMES if name != "raw_provider_options")
_REFUSED = "the provider refused it for this model within the last 24 hours"
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


def check_tool_names(request: ChatRequest, target: Target, policy: ParameterPolicy) -> None:
    """Check that the host accepts the names of the tools; the policy `pass` leaves that to the host.

    Raises:
        InvalidInput: it accepts no such name; `field` names the tool.
    """
    pattern = target.rules.limits.tool_name
    if pattern is None or policy == "pass":
        return
    for i, tool in enumerate(request.tools):
        if isinstance(tool, ToolDefinition) and not re.fullmatch(pattern, tool.name):
            raise InvalidInput(
                f"{target.provider} does not accept the tool name {tool.name!r:.160} ({len(tool.name)} characters): it"
                f" must match {pattern}",
                field=f"tools[{i}].name",
                provider=target.provider,
                model=target.model,
            )


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
    """Collects the changes to one request.

    Attributes:
        is_reasoning: whether the model will reason.
        has_budget: whether it will reason within a budget where the model's own way is another one.
    """

    request: ChatRequest
    target: Target
    parameters: frozenset[str]
    policy: ParameterPolicy
    updates: dict[str, Any] = field(default_factory=dict)
    changes: list[ParameterChange] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    passed: dict[str, Any] = field(default_factory=dict)
    is_reasoning: bool = False
    has_budget: bool = False

    def build_request(self) -> AdaptedRequest:
        request = self.request
        if self.updates:
            updates = dict(self.updates)
            choice = updates.pop("tool_choice", request.tool_choice)
            request = replace(request, options=replace(request.options, **updates), tool_choice=choice)
        return AdaptedRequest(request, tuple(self.changes), tuple(self.notices), self.passed)

    # Every parameter but reasoning

    def adapt_parameter(self, name: str, value: Any) -> None:
        if self._has_no_effect(name, value):
            return
        refusal = self._find_refusal(name, value)
        if refusal is not None and NEUTRAL.get(name) == value and self.policy != "pass":
            self._drop(name, value, f"{refusal[0]}, and {quote(value)} is in force without it")
            return
        if name == "stop" and refusal is None:
            value = self._drop_blank_stops(value)
        refusal = refusal or self._find_value_refusal(name, value)
        if refusal is not None:
            self._refuse(name, value, *refusal)

    def _has_no_effect(self, name: str, value: Any) -> bool:
        """Return whether a value asks for what a provider does that does not support the parameter."""
        if name in ("logprobs", "cache_prompt"):
            return value is False
        if name == "stop":
            return not value
        return name == "tool_choice" and (value == "auto" or (value == "none" and name not in self.parameters))

    def _find_refusal(self, name: str, value: Any) -> tuple[str, str] | None:
        """Return why a parameter is refused and what to do instead; `None` if it is accepted."""
        rules = self.target.rules
        if name not in self.parameters:
            return f"{self.target.provider} does not support it here", ""
        if name in rules.refused:
            return _REFUSED, ""
        if name in rules.unsupported:
            return "this model does not accept it", ""
        if name in SAMPLING and not _is_within(value, rules.accepted.get(name)):
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
            if self.is_reasoning and not (rules.forced_while_reasoning and not self.has_budget):
                return "this model cannot be forced to call a tool while it reasons", self._advise_reasoning_off()
        return None

    def _find_value_refusal(self, name: str, value: Any) -> tuple[str, str] | None:
        """Return why the host refuses a value of a parameter that it accepts, and what to do instead."""
        rules, limits = self.target.rules, self.target.rules.limits
        if name == "top_p" and rules.one_sampler and self._is_sent("temperature"):
            return "this model does not accept it together with temperature", ""
        if name == "stop":
            if limits.max_stops is not None and len(value) > limits.max_stops:
                return f"at most {limits.max_stops} texts are accepted here, not {len(value)}", ""
            if not limits.blank_stops and not all(map(str.strip, value)):
                return "a text of white space alone is not accepted here", ""
        accepted = limits.ranges.get(name)
        if accepted is not None and not isinstance(value, bool) and not _is_within(value, accepted):
            return f"it must be {_describe_range(accepted)} here, not {quote(value)}", ""
        return None

    def _is_sent(self, name: str) -> bool:
        return getattr(self.request.options, name) is not None and self.updates.get(name, name) is not None

    def _drop_blank_stops(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Return the texts that the host accepts, if the policy is to drop the others and some remain."""
        kept = tuple(text for text in texts if text.strip())
        if self.target.rules.limits.blank_stops or self.policy != "drop" or kept in ((), tuple(texts)):
            return texts
        why = "a text of white space alone is not accepted here"
        self.updates["stop"] = kept
        self.changes.append(ParameterChange("stop", texts, kept, f"dropped in part: {why}"))
        self.notices.append(Notice("parameter_dropped", f"stop was sent in part: {why}", "stop"))
        return kept

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
            self._drop(name, value, why)
            return
        self.changes.append(ParameterChange(name, value, value, f"passed on unchecked: {why}"))
        if name not in self.parameters:
            self.updates[name] = None
            self.passed[name] = _to_json(name, value)

    def _drop(self, name: str, value: Any, why: str) -> None:
        self.updates[name] = None
        self.changes.append(ParameterChange(name, value, None, f"dropped: {why}"))
        self.notices.append(Notice("parameter_dropped", f"{name} was not sent: {why}", name))

    # Reasoning

    def adapt_reasoning(self) -> None:
        given = self.request.options.reasoning
        self.is_reasoning = self.target.rules.thinks
        if not isinstance(given, ReasoningConfig) or (given.effort is None and given.budget_tokens is None):
            return  # it only says whether to show the thinking
        off = given.effort == "none" or (given.effort is None and given.budget_tokens == 0)
        if "reasoning" in self.target.rules.refused:
            self._refuse("reasoning", given, _REFUSED)
        elif self.target.rules.thinking == "none" or "reasoning" not in self.parameters:
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
        budget = given.budget_tokens
        counts = given.effort is None or rules.thinking in ("budget", "adaptive")  # elsewhere an effort comes first
        if budget is not None and rules.budgets is not None and counts:
            self.has_budget = rules.thinking == "adaptive"
            given, budget = self._map_budget(given, budget, rules.budgets), None
            if given.effort is None:
                return
        if rules.thinking == "budget":
            return
        effort = given.effort
        if effort is None:
            effort = _find_nearest_effort(budget or 0)
        if not rules.efforts:
            mapped = replace(given, effort=effort, budget_tokens=None)
            self._map_reasoning(given, mapped, "thinking is only on or off", notice=True)
            return
        if effort not in rules.efforts and (self.policy != "pass" or budget is not None):
            above = [word for word in EFFORTS[EFFORTS.index(effort) :] if word in rules.efforts]
            effort = above[0] if above else [word for word in EFFORTS[1:] if word in rules.efforts][-1]
        if effort != given.effort or budget is not None:
            what = "a budget in tokens" if given.effort is None or effort == given.effort else f'"{given.effort}"'
            reason = f'this model does not accept {what}; "{effort}" is nearest'
            kept = given.budget_tokens if budget is None else None
            self._map_reasoning(given, ReasoningConfig(effort, kept, given.include), reason, notice=True)

    def _map_budget(self, given: ReasoningConfig, budget: int, accepted: Range) -> ReasoningConfig:
        """Return the configuration with the accepted budget that is nearest."""
        nearest = int(min(max(budget, accepted[0]), accepted[1]))
        if nearest == budget or self.policy == "pass":
            return given
        mapped = replace(given, budget_tokens=nearest)
        reason = f"the budget must be {_describe_range(accepted)} tokens here; {nearest} is nearest to {budget}"
        self._map_reasoning(given, mapped, reason, notice=True)
        return mapped

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


def _is_within(value: Any, accepted: Range | None) -> bool:
    return accepted is not None and accepted[0] <= value <= accepted[1]


def _describe_range(accepted: Range) -> str:
    low, high = accepted
    return f"{low} or more" if high == math.inf else f"from {low} to {high}"


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
