"""`Limit`: how many requests and tokens a provider, or some of its models, may get in a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.types.visible import quote

__all__ = ["DIMENSIONS", "Limit"]

DIMENSIONS: Final = ("requests", "tokens", "input_tokens", "output_tokens")
"""What is limited; `tokens` are input and output together."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that is sent in any window of `per` seconds; `None` is no limit.

    Attributes:
        provider: its name.
        model: a pattern of names of models (`*` for anything), which share the limit.
        requests: the number of requests.
        tokens: of input and output together.
        input_tokens: of the input.
        output_tokens: of the output.
        per: seconds.
        each_key: whether each of the provider's keys has this limit, in place of all together.

    Raises:
        ConfigurationError: an argument is invalid; `field` names it.
    """

    provider: str
    model: str = "*"
    requests: int | None = None
    tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    per: float = 60.0
    each_key: bool = False

    def __post_init__(self) -> None:
        for name in DIMENSIONS:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigurationError(f"{name} must be a whole number above 0, not {quote(value)}", field=name)
        per = self.per
        if isinstance(per, bool) or not isinstance(per, (int, float)) or not 0 < per < math.inf:
            raise ConfigurationError(f"per must be a number of seconds above 0, not {quote(per)}", field="per")
        if not isinstance(self.model, str) or not self.model.strip():
            raise ConfigurationError(f"model must be a name or a pattern, not {quote(self.model)}", field="model")
        if not isinstance(self.each_key, bool):
            raise ConfigurationError(f"each_key must be true or false, not {quote(self.each_key)}", field="each_key")
        if not any(self.dimensions()):
            raise ConfigurationError(f"a limit needs one of {', '.join(DIMENSIONS)}", field="requests")

    def dimensions(self) -> Iterator[tuple[str, int]]:
        """Yield what is limited, and to how much."""
        for name in DIMENSIONS:
            value = getattr(self, name)
            if value is not None:
                yield name, value

    def account(self, dimension: str) -> str:
        """Return the name of the account of a dimension; that of each key begins with it."""
        return f"limit:{self.provider}:{self.model}:{dimension}:{self.per:g}"

    def holds_for(self, model: str) -> bool:
        """Return whether a model is limited."""
        return fnmatchcase(model.casefold(), self.model.casefold())
