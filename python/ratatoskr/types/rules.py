"""What is known of a model's parameters: the shape of one row; the rows stand in `ratatoskr.models.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ratatoskr.types.chat import Effort

ParameterPolicy: TypeAlias = Literal["error", "drop", "pass"]
"""What happens to a parameter that a model does not take: an error, left out with a notice, or sent all the same."""

Thinking: TypeAlias = Literal["none", "effort", "adaptive", "budget", "level", "switch"]
"""How a model is told to think: not at all, by an effort word, adaptively with an effort, by a budget in tokens, by a
level, or by a switch (on, off, or a word)."""


@dataclass(frozen=True, slots=True)
class ModelRules:
    """One model at one kind of endpoint.

    Attributes:
        sampling: whether `temperature`, `top_p`, `top_k`, penalties and `logprobs` are taken: always, never, or only
            while the model does not reason.
        thinking: how depth of thought is said.
        efforts: our word to the word on the wire; a word that is missing is refused by the model.
        thinks: whether it reasons when nothing is said.
        off: how thinking is switched off: `disabled`, `between_tools`, `zero` (a budget of 0), `lowest` (near enough),
            `none` (a word); `None` where it cannot be.
        endpoint: which of a provider's chat endpoints it is asked at.
        max_output_tokens: the most it can answer; sent where a limit is required and the caller gave none.
        max_tokens_field: name of the limit on the wire.
        instructions_role: role of system messages on the wire.
        forced_tool_choice: whether `required` or a tool's name is taken.
        forced_while_reasoning: whether it is taken while the model reasons, too.
        schema: how a JSON Schema for the answer is asked for: by the provider's own means, by JSON mode with the
            schema in the instructions, or by instructions alone.
        unsupported: parameters refused whatever else is set.
        flags: quirks that the dialect reads, besides the host's.
        source: where this was read, with the date.
    """

    sampling: Literal["always", "never", "unless_reasoning"] = "always"
    thinking: Thinking = "none"
    efforts: Mapping[Effort, str] = field(default_factory=dict)
    thinks: bool = False
    off: Literal["disabled", "between_tools", "zero", "lowest", "none"] | None = None
    endpoint: Literal["chat_completions", "responses", "messages", "generate_content", "ollama"] = "chat_completions"
    max_output_tokens: int | None = None
    max_tokens_field: str = "max_tokens"
    instructions_role: Literal["system", "developer"] = "system"
    forced_tool_choice: bool = True
    forced_while_reasoning: bool = True
    schema: Literal["native", "json_mode", "instructions"] = "native"
    unsupported: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    source: str = ""
