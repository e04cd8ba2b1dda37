"""How the tokens of a request are estimated where the model's own tokenizer is not at hand, by family of models.

The unit of each row is the token of `o200k_base`. The numbers were fitted to the half of the recorded exchanges whose
id has an even SHA-256, nearly all of which are English; `tests/recorded/test_token_estimates.py` checks the other half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ESTIMATES", "Amounts", "Estimate"]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a request consists of.

    Attributes:
        text: tokens of the texts of all messages.
        opaque: tokens of what may be counted or not: reasoning that is sent back, parts in a provider's own form.
        messages: the number of messages; 0 for a text alone.
        tools: the number of tools.
        tool_text: tokens of the tools' definitions as JSON.
        images: the number of images.
    """

    text: int
    opaque: int = 0
    messages: int = 0
    tools: int = 0
    tool_text: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The tokens of a family of models: each pair is a value and its greatest error.

    Attributes:
        text: of a token of text.
        message: of a message, besides its text.
        request: of a conversation.
        tools: of the instructions that come with any tool.
        tool_text: of a token of a tool's definition.
        image: of an image.
    """

    text: tuple[float, float]
    message: tuple[float, float]
    request: tuple[float, float]
    tools: tuple[float, float]
    tool_text: tuple[float, float]
    image: tuple[float, float]

    def of(self, amounts: Amounts, *, text_is_exact: bool = False) -> tuple[int, float]:
        """Return the number of tokens and the greatest error as a fraction of it.

        Args:
            amounts: what the request consists of.
            text_is_exact: the texts were counted by the model's own tokenizer.
        """
        chat = 1 if amounts.messages else 0
        parts = (
            (amounts.text, (1.0, 0.0) if text_is_exact else self.text),
            (amounts.opaque, (0.5, 0.5)),
            (amounts.messages, self.message),
            (chat, self.request),
            (1 if amounts.tools else 0, self.tools),
            (amounts.tool_text, self.tool_text),
            (amounts.images, self.image),
        )
        tokens = max(1 if amounts.text or chat else 0, round(sum(number * value for number, (value, _) in parts)))
        error = sum(number * error for number, (_, error) in parts) + (0.5 if tokens else 0.0)
        return tokens, round(error / tokens, 4) if tokens else 0.0


ESTIMATES: Final[dict[str, Estimate]] = {
    "openai": Estimate((1.0, 0.2), (4.5, 3.5), (3.0, 4.0), (20.0, 30.0), (0.4, 0.35), (750.0, 750.0)),
    "gpt-oss": Estimate((1.0, 0.2), (6.0, 6.0), (65.0, 15.0), (20.0, 30.0), (0.6, 0.5), (750.0, 750.0)),
    "claude": Estimate((1.2, 0.25), (4.5, 6.0), (5.0, 6.0), (480.0, 330.0), (1.1, 0.6), (1000.0, 1000.0)),
    "gemini": Estimate((1.0, 0.2), (2.0, 5.0), (3.0, 6.0), (50.0, 60.0), (0.6, 0.6), (700.0, 700.0)),
    "other": Estimate((1.15, 0.4), (5.0, 6.0), (6.0, 14.0), (150.0, 160.0), (1.8, 1.8), (900.0, 900.0)),
}
"""By the family's name, as `models.tokenizers.estimate_family` gives it."""
