"""The parameters that a model accepts, as data; `ratatoskr.models` has the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ratatoskr.types.chat import Effort

ParameterPolicy: TypeAlias = Literal["error", "drop", "pass"]
"""What is done with a parameter that a model does not accept: raise, drop it with a notice, or send it anyway."""

Thinking: TypeAlias = Literal["none", "effort", "adaptive", "budget", "level", "switch"]
"""How thinking is configured: not at all, by an effort, adaptively with an effort, by a budget in tokens, by a level,
or by a switch (on, off, or an effort)."""


SchemaSubset: TypeAlias = Literal[
    "anthropic",
    "cerebras",
    "compatible",
    "gemini",
    "groq",
    "groq_best_effort",
    "mistral",
    "ollama",
    "openai",
    "openai_fine_tuned",
    "xai",
]
"""The names of the subsets of JSON Schema that vendors take; `ratatoskr.wire.schema` has the table."""

Range: TypeAlias = tuple[float, float]
"""The least and the greatest value that is accepted."""


@dataclass(frozen=True, slots=True)
class ValueLimits:
    """The values that a host accepts, whatever the model.

    Attributes:
        ranges: of numbers, by parameter; without an entry, every value is accepted.
        max_stops: the number of texts in `stop`; `None` where it is not limited.
        blank_stops: whether a text in `stop` may be white space alone.
        tool_name: a regular expression for the names of tools; `None` where every name is accepted.
        source: where the limits were read, with the date.
    """

    ranges: Mapping[str, Range] = field(default_factory=dict)
    max_stops: int | None = None
    blank_stops: bool = True
    tool_name: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The rules of one model at one kind of endpoint.

    Attributes:
        sampling: whether `temperature`, `top_p`, `top_k`, penalties and `logprobs` are accepted: always, never, or
            only while the model does not reason.
        accepted: values of these parameters that are accepted although `sampling` excludes the parameter.
        one_sampler: whether only one of `temperature` and `top_p` is accepted.
        thinking: how thinking is configured.
        efforts: our efforts to the API's; the model rejects an effort that is missing here.
        budgets: the budgets in tokens that are accepted for thinking, also where `thinking` is not `budget`; `None`
            where there is no budget.
        thinks: whether the model reasons by default.
        off: how thinking is switched off: `disabled`, `between_tools`, `zero` (a budget of 0), `lowest` (the lowest
            effort), `none` (an effort); `None` where it cannot be.
        endpoint: the chat endpoint of the provider that is used.
        max_output_tokens: the limit of its answers; sent where a limit is required and the caller gave none.
        max_tokens_field: the name of the limit in the request.
        instructions_role: the role of system messages in the request.
        forced_tool_choice: whether `required` or a tool's name is accepted.
        forced_while_reasoning: whether it is also accepted while the model reasons.
        schema: how a JSON Schema for the answer is requested: natively, by JSON mode with the schema in the
            instructions, or by instructions alone.
        schema_subset: what the model takes of JSON Schema; `None` for what its dialect takes.
        unsupported: parameters that are always rejected.
        refused: parameters that the provider has rejected within the last 24 hours.
        limits: the values that the host accepts.
        flags: quirks that the dialect reads, in addition to the host's.
        source: where the rules were read, with the date.
    """

    sampling: Literal["always", "never", "unless_reasoning"] = "always"
    accepted: Mapping[str, Range] = field(default_factory=dict)
    one_sampler: bool = False
    thinking: Thinking = "none"
    efforts: Mapping[Effort, str] = field(default_factory=dict)
    budgets: Range | None = None
    thinks: bool = False
    off: Literal["disabled", "between_tools", "zero", "lowest", "none"] | None = None
    endpoint: Literal["chat_completions", "responses", "messages", "generate_content", "ollama"] = "chat_completions"
    max_output_tokens: int | None = None
    max_tokens_field: str = "max_tokens"
    instructions_role: Literal["system", "developer"] = "system"
    forced_tool_choice: bool = True
    forced_while_reasoning: bool = True
    schema: Literal["native", "json_mode", "instructions"] = "native"
    schema_subset: SchemaSubset | None = None
    unsupported: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    limits: ValueLimits = ValueLimits()
    flags: frozenset[str] = frozenset()
    source: str = ""
