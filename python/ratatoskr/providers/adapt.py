"""What becomes of a request's parameters at one model: kept, mapped, dropped, passed on, or refused before sending."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from ratatoskr.errors import UnsupportedParameter
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import EFFORTS, PARAM_NAMES, ChatRequest, Effort, JsonSchema, ReasoningConfig
from ratatoskr.types.rules import ModelRules

Policy: TypeAlias = Literal["error", "drop", "pass"]

SAMPLING = frozenset({"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "logprobs"})
"""What models that reason refuse together: they choose their words in their own way."""

BUDGETS: Mapping[Effort, int] = MappingProxyType(
    {"minimal": 1_024, "low": 2_048, "medium": 10_000, "high": 16_384, "xhigh": 32_768}
)
"""Tokens of thinking that an effort stands for, to find the nearest effort for a budget."""

_CHECKED = tuple(name for name in PARAM_NAMES if name != "raw_provider_options")
_values = attrgetter(*_CHECKED)
_NONE_GIVEN = (None,) * len(_CHECKED)


@dataclass(frozen=True, slots=True)
class Change:
    """What was made of a parameter that is not sent as it was given.

    Attributes:
        field: its name.
        before: as given.
        after: as it is sent; `None` if it is not.
        reason: why, in a few words.
    """

    field: str
    before: Any
    after: Any
    reason: str


@dataclass(frozen=True, slots=True)
class AdaptedRequest:
    """A request that a dialect can say to this model.

    Attributes:
        request: with mapped parameters, without those dropped or passed on.
        changes: everything that is not sent as given.
        notices: of these, what the caller is to read beside the answer.
        passed: to be merged into the body as it is, by our own names.
    """

    request: ChatRequest
    changes: tuple[Change, ...] = ()
    notices: tuple[Notice, ...] = ()
    passed: dict[str, Any] = field(default_factory=dict)


def apply_rules(
    request: ChatRequest,
    *,
    provider: str,
    model: str,
    rules: ModelRules,
    parameters: frozenset[str],
    policy: Policy = "error",
) -> AdaptedRequest:
    """Hold a request's parameters against what the provider has words for and what the model takes.

    Args:
        request: as the caller gave it.
        provider: for messages.
        model: for messages.
        rules: what the model takes.
        parameters: what the provider's dialect has words for: names of chat parameters, and `tool_choice`.
        policy: what to do with what is refused: raise, drop it with a notice, or pass it on for the provider to judge.

    Raises:
        UnsupportedParameter: a parameter is refused and the policy is `error`.
    """
    if request.tool_choice is None and _values(request.options) == _NONE_GIVEN:
        return AdaptedRequest(request)
    work = _Settling(request, provider, model, rules, parameters, policy)
    work.settle_reasoning()
    given = request.options.given()
    for name in _CHECKED:
        if name in given and name != "reasoning":
            work.settle_one(name, given[name])
    if request.tool_choice is not None:
        work.settle_one("tool_choice", request.tool_choice)
    return work.settled()


@dataclass(slots=True)
class _Settling:
    """The work on one request."""

    request: ChatRequest
    provider: str
    model: str
    rules: ModelRules
    parameters: frozenset[str]
    policy: Policy
    updates: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    passed: dict[str, Any] = field(default_factory=dict)
    reasons: bool = False

    def settled(self) -> AdaptedRequest:
        if not self.updates:
            return AdaptedRequest(self.request, tuple(self.changes), tuple(self.notices), self.passed)
        updates = dict(self.updates)
        choice = updates.pop("tool_choice", self.request.tool_choice)
        request = replace(self.request, options=replace(self.request.options, **updates), tool_choice=choice)
        return AdaptedRequest(request, tuple(self.changes), tuple(self.notices), self.passed)

    # anything but reasoning

    def settle_one(self, name: str, value: Any) -> None:
        why = None if self._asks_nothing(name, value) else self._refusal(name, value)
        if why is not None:
            self._refuse(name, value, *why)

    def _asks_nothing(self, name: str, value: Any) -> bool:
        """Tell whether the value says what holds anyway where there is no word for it."""
        if name in ("logprobs", "cache_prompt"):
            return value is False
        return name == "tool_choice" and (value == "auto" or (value == "none" and name not in self.parameters))

    def _refusal(self, name: str, value: Any) -> tuple[str, str] | None:
        """Return why a parameter is refused and what to do instead, `None` if it is taken."""
        rules = self.rules
        if name not in self.parameters:
            return f"{self.provider} has no word for it at this endpoint", ""
        if name in rules.unsupported:
            return "this model does not take it", ""
        if name in SAMPLING:
            if rules.sampling == "never":
                return "this model does not take it", ""
            if rules.sampling == "unless_reasoning" and self.reasons:
                return "this model does not take it while it reasons", self._way_to_stop()
        if name == "tool_choice" and value != "none":
            if not rules.forced_tool_choice:
                return "this model cannot be made to call a tool", 'use "auto" and ask for the call in the instructions'
            if self.reasons and not rules.forced_while_reasoning:
                return "this model cannot be made to call a tool while it reasons", self._way_to_stop()
        return None

    def _way_to_stop(self) -> str:
        return 'set reasoning="none"' if self.rules.off in ("none", "disabled", "zero", "between_tools") else ""

    def _refuse(self, name: str, value: Any, why: str, instead: str = "") -> None:
        if self.policy == "error":
            ways = [instead, "leave it out", 'choose the parameter policy "drop" or "pass"']
            raise UnsupportedParameter(
                f"{name} is refused: {why}. {_sentence(ways)}", field=name, provider=self.provider, model=self.model
            )
        if self.policy == "drop":
            self.updates[name] = None
            self.changes.append(Change(name, value, None, f"dropped: {why}"))
            self.notices.append(Notice("parameter_dropped", f"{name} was not sent: {why}", name))
            return
        self.changes.append(Change(name, value, value, f"passed on unchecked: {why}"))
        if name not in self.parameters:
            self.updates[name] = None
            self.passed[name] = _plain(name, value)

    # reasoning

    def settle_reasoning(self) -> None:
        wish = self.request.options.reasoning
        self.reasons = self.rules.thinks
        if not isinstance(wish, ReasoningConfig) or (wish.effort is None and wish.budget_tokens is None):
            return  # at most it says whether to show what is thought
        off = wish.effort == "none" or (wish.effort is None and wish.budget_tokens == 0)
        if self.rules.thinking == "none" or "reasoning" not in self.parameters:
            self._without_words(wish, off)
        elif off:
            self._switch_off(wish)
        else:
            self.reasons = True
            self._how_much(wish)

    def _without_words(self, wish: ReasoningConfig, off: bool) -> None:
        thinks = self.rules.thinks or self.rules.thinking != "none"
        if off and not thinks:
            self._map(wish, None, "this model does not think anyway")
        elif thinks:
            self._refuse("reasoning", wish, "how much this model thinks cannot be told")
        else:
            self._refuse("reasoning", wish, "this model does not think")

    def _switch_off(self, wish: ReasoningConfig) -> None:
        lowest = next((effort for effort in EFFORTS[1:] if effort in self.rules.efforts), None)
        if self.rules.off is None:
            self.reasons = True
            instead = "" if lowest is None else f'the least is reasoning="{lowest}"'
            self._refuse("reasoning", wish, "the thinking of this model cannot be switched off", instead)
        elif self.rules.off == "lowest" and lowest is not None:
            self.reasons = True
            reason = f"thinking cannot be switched off here; {lowest} is the least"
            self._map(wish, ReasoningConfig(lowest, include=wish.include), reason, notice=True)
        else:
            self.reasons = False
            if wish.effort is None:
                self._map(wish, ReasoningConfig("none", include=wish.include), "a budget of 0 means none")

    def _how_much(self, wish: ReasoningConfig) -> None:
        """Say the wish by what the model takes: the lowest effort at or above it, else the highest."""
        rules = self.rules
        if rules.thinking == "budget":
            return
        effort = wish.effort
        if effort is None:
            effort = _nearest_effort(wish.budget_tokens or 0)
        if not rules.efforts:
            self._map(wish, replace(wish, effort=effort, budget_tokens=None), "thinking is only on or off", notice=True)
            return
        if effort not in rules.efforts and (self.policy != "pass" or wish.budget_tokens is not None):
            above = [word for word in EFFORTS[EFFORTS.index(effort) :] if word in rules.efforts]
            effort = above[0] if above else [word for word in EFFORTS[1:] if word in rules.efforts][-1]
        if effort != wish.effort or wish.budget_tokens is not None:
            what = "a budget in tokens" if wish.effort is None or effort == wish.effort else f'"{wish.effort}"'
            reason = f'this model does not take {what}; "{effort}" is nearest'
            self._map(wish, ReasoningConfig(effort, include=wish.include), reason, notice=True)

    def _map(
        self, before: ReasoningConfig, after: ReasoningConfig | None, reason: str, *, notice: bool = False
    ) -> None:
        self.updates["reasoning"] = after
        self.changes.append(Change("reasoning", before, after, reason))
        if notice:
            self.notices.append(Notice("reasoning_mapped", f"reasoning was mapped: {reason}", "reasoning"))


def _nearest_effort(budget: int) -> Effort:
    """Return the effort whose budget is nearest, by ratio."""
    return min(BUDGETS, key=lambda effort: abs(math.log(BUDGETS[effort] / max(budget, 1))))


def _sentence(ways: list[str]) -> str:
    said = "; or ".join(way for way in ways if way)
    return said[0].upper() + said[1:]


def _plain(name: str, value: Any) -> Any:
    """Return a parameter's value as JSON has it, for a provider of which we know no word for it."""
    match value:
        case ReasoningConfig():
            said = {"effort": value.effort, "budget_tokens": value.budget_tokens}
            return {part: said[part] for part in said if said[part] is not None}
        case JsonSchema():
            schema = {"name": value.name, "schema": dict(value.schema), "strict": value.strict}
            return {"type": "json_schema", "json_schema": schema}
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
    return {"type": "json_object"} if name == "response_format" else value
