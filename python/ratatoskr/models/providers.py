"""The built-in providers: their names, and where their keys come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """One built-in provider.

    Attributes:
        name: the prefix in `provider:model`, and the name of the builder's method.
        variables: the environment variables that may contain its key, in order.
        key: whether a key is required.
    """

    name: str
    variables: tuple[str, ...]
    key: Literal["required", "optional"] = "required"

    def setup_hint(self) -> str:
        """Return how to configure it, in a few words."""
        if self.name == "ollama":
            return "set OLLAMA_HOST or call .ollama() on the builder"
        if self.key == "optional":
            return f"set {self.variables[0]} or call .{self.name}() on the builder"
        return f"set {' or '.join(self.variables)}, or call .{self.name}(key) on the builder"


KNOWN_PROVIDERS: dict[str, KnownProvider] = {
    provider.name: provider
    for provider in (
        KnownProvider("openrouter", ("OPENROUTER_API_KEY",), "optional"),
        KnownProvider("anthropic", ("ANTHROPIC_API_KEY",)),
        KnownProvider("openai", ("OPENAI_API_KEY",)),
        KnownProvider("google", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
        KnownProvider("ollama", ("OLLAMA_API_KEY",), "optional"),
        KnownProvider("huggingface", ("HF_TOKEN",)),
        KnownProvider("groq", ("GROQ_API_KEY",)),
        KnownProvider("mistral", ("MISTRAL_API_KEY",)),
        KnownProvider("deepseek", ("DEEPSEEK_API_KEY",)),
        KnownProvider("together", ("TOGETHER_API_KEY",)),
        KnownProvider("xai", ("XAI_API_KEY",)),
    )
}
