"""The providers that are built in, as far as naming them and finding their keys goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Known:
    """One provider.

    Attributes:
        name: the prefix in `provider:model`, and the builder's method.
        variables: where its key is looked for in the environment, in this order.
        key: whether it can be used without one.
    """

    name: str
    variables: tuple[str, ...]
    key: Literal["required", "optional"] = "required"

    def missing(self) -> str:
        """Say in a few words what would configure it."""
        if self.name == "ollama":
            return "set OLLAMA_HOST or call .ollama() on the builder"
        if self.key == "optional":
            return f"set {self.variables[0]} or call .{self.name}() on the builder"
        return f"set {' or '.join(self.variables)}, or call .{self.name}(key) on the builder"


KNOWN: dict[str, Known] = {
    known.name: known
    for known in (
        Known("openrouter", ("OPENROUTER_API_KEY",), "optional"),
        Known("anthropic", ("ANTHROPIC_API_KEY",)),
        Known("openai", ("OPENAI_API_KEY",)),
        Known("google", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
        Known("ollama", ("OLLAMA_API_KEY",), "optional"),
        Known("huggingface", ("HF_TOKEN",)),
        Known("groq", ("GROQ_API_KEY",)),
        Known("mistral", ("MISTRAL_API_KEY",)),
        Known("deepseek", ("DEEPSEEK_API_KEY",)),
        Known("together", ("TOGETHER_API_KEY",)),
        Known("xai", ("XAI_API_KEY",)),
    )
}
