"""The APIs of decisions as rows: questions about a text that a hosted model answers with probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["DECISIONS", "DecisionSpec"]


@dataclass(frozen=True, slots=True)
class DecisionSpec:
    """The API of decisions of one provider.

    Attributes:
        provider: its name in the table of providers.
        path: what follows the base URL.
        beside: the end of the base URL that is left out.
        form: whether questions and answers are a list, in order, or a mapping by names.
        text: the member for the text.
        max_choices: the most labels of one question.
        max_questions: the most questions of one request.
        models: a regular expression for names that decide, as far as they are known.
        source: where this was read, with the date; what is from memory is named.
    """

    provider: str
    path: str
    beside: str = ""
    form: Literal["list", "named"] = "list"
    text: str = "input"
    max_choices: int = 255
    max_questions: int = 400
    models: str = ""
    source: str = ""


_ROWS = (
    DecisionSpec(
        "openai",
        "/decisions",
        models=r"gpt-6-luna.*",
        source="docs.rs/gproxy-protocol 4.1 wire/openai/decisions, after openai-python of 2026-10-08; docs.fireworks.ai"
        " api-reference/post-decisions (255 choices), 2026-11",
    ),
    DecisionSpec(
        "google",
        "/v1beta/decisions",
        form="named",
        source="the client google-genai 3.4, 2026-11; the limits are those of OpenAI",
    ),
    DecisionSpec(
        "openrouter",
        "/api/alpha/decisions",
        "/api/v1",
        form="named",
        text="state",
        models=r"~?perplexity/pplx-decider.*|openai/gpt-6-luna.*",
        source="openrouter.ai/docs client-sdks createapialphadecisionsrequest, 2026-11; the limits are those of OpenAI",
    ),
)

DECISIONS: Mapping[str, DecisionSpec] = MappingProxyType({spec.provider: spec for spec in _ROWS})
"""The APIs of decisions by the provider's name."""
