"""Parameters that a provider has refused: remembered for a day, so that the parameter policy acts before sending.

Learned from the 400 of a request that had the parameter, where its code says so, or its text by a row of `PATTERNS`.
What refuses a value, or two parameters together, says nothing about the parameter.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from ratatoskr.errors import RatatoskrError, UnsupportedParameter
from ratatoskr.types.chat import PARAM_NAMES, ChatRequest

__all__ = ["Refusals", "find_refused"]

LIFE: Final = 24 * 3600.0
"""Seconds for which a refusal is remembered: models change."""
MAX_REFUSALS: Final = 1_000
_STATUSES: Final = frozenset({400, 422})

_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: name for name in (*PARAM_NAMES, "tool_choice") if name != "raw_provider_options"},
        **dict.fromkeys(("max_completion_tokens", "max_output_tokens", "maxoutputtokens", "num_predict"), "max_tokens"),
        **dict.fromkeys(("stop_sequences", "stopsequences"), "stop"),
        **dict.fromkeys(("topp", "top-p"), "top_p"),
        **dict.fromkeys(("topk", "top-k"), "top_k"),
        "frequencypenalty": "frequency_penalty",
        "presencepenalty": "presence_penalty",
        **dict.fromkeys(("top_logprobs", "responselogprobs"), "logprobs"),
        "random_seed": "seed",
        **dict.fromkeys(
            (
                *("reasoning_effort", "reasoningeffort", "reasoning.effort", "thinking", "thinking.type", "think"),
                *("thinkingconfig", "thinking_config", "output_config.effort", "thinkinglevel", "thinkingbudget"),
            ),
            "reasoning",
        ),
        **dict.fromkeys(
            ("text.format", "responseschema", "responsejsonschema", "output_config.format", "output_format"),
            "response_format",
        ),
        **dict.fromkeys(("cache_control", "prompt_cache_key", "prompt_cache_retention"), "cache_prompt"),
        "toolconfig": "tool_choice",
        **dict.fromkeys(("safety_identifier", "metadata.user_id"), "user"),
    }
)
"""The names in the APIs, in lower case, to ours."""

_NAME = r"['\"`]?(?P<name>[\w.-]+)['\"`]?"
_OPENAI: Final = (
    rf"(?:unsupported|unknown|unrecognized) (?:request )?(?:parameter|argument|field)s?(?: supplied)?:? {_NAME}",
    rf"{_NAME} (?:parameter )?is not supported (?:with|by|for|on) (?:this|the) model",
    rf"\bdoes not support (?:the )?(?:parameter )?{_NAME}(?: parameter)?(?=[.,;\s]|$)(?! (?:value|of)\b|\s*['\"\d])",
    rf"{_NAME} does not support .{{0,80}}\bonly the default\b",
    rf"{_NAME} is (?:deprecated|not permitted|not allowed|unsupported) (?:for|with|on) this model",
)
PATTERNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # developers.openai.com/api/docs/guides/error-codes and the errors that users quote in public, 2026-11
        "chat_completions": _OPENAI,
        "responses": _OPENAI,
        # platform.claude.com/docs/en/api/errors and public reports, 2026-11
        "messages": (
            rf"^{_NAME}: extra inputs are not permitted",
            rf"{_NAME} is (?:deprecated|not supported) (?:for|by|on|with) this model",
        ),
        # ai.google.dev/gemini-api/docs/troubleshooting and public reports, 2026-11
        "generate_content": (
            r"unknown name \"(?P<name>\w+)\"",
            rf"\b{_NAME} is not (?:enabled|supported) for (?:this model|models/)",
        ),
    }
)
"""By dialect, what a message says where it refuses a parameter whatever its value."""
_OTHERS: Final = (rf"does not support {_NAME}$",)  # Ollama, public reports, 2026-11


def find_refused(error: RatatoskrError, request: ChatRequest, dialect: str) -> str | None:
    """Return the parameter of a request that an error refuses, whatever its value; `None` if there is none."""
    if error.status not in _STATUSES:
        return None
    named = [error.field] if isinstance(error, UnsupportedParameter) and error.field else []
    if error.provider_code == "unsupported_value" and "only the default" not in error.message.casefold():
        return None
    if not named:
        matches = (re.search(pattern, error.message, re.IGNORECASE) for pattern in PATTERNS.get(dialect, _OTHERS))
        named = [match["name"] for match in matches if match is not None]
    given = request.options.explicit_parameters()
    if request.tool_choice is not None:
        given["tool_choice"] = request.tool_choice
    for name in named:
        ours = _NAMES.get(name.casefold()) or _NAMES.get(name.casefold().rpartition(".")[2])
        if ours in given:
            return ours
    return None


class Refusals:
    """What one provider has refused, by model and parameter.

    Args:
        now: returns seconds that never go back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[tuple[str, str], float] = {}

    def add(self, model: str, parameter: str) -> None:
        """Remember that a model does not accept a parameter; the oldest is forgotten where there are too many."""
        self._until.pop((model, parameter), None)
        if len(self._until) >= MAX_REFUSALS:
            del self._until[next(iter(self._until))]
        self._until[model, parameter] = self._now() + LIFE

    def find(self, model: str) -> tuple[frozenset[str], float | None]:
        """Return the parameters that a model does not accept, and when the first of them is to be forgotten."""
        now = self._now()
        if not self._until:
            return frozenset(), None
        found = {name: until for (one, name), until in self._until.items() if one == model and until > now}
        return frozenset(found), min(found.values(), default=None)

    def is_over(self, until: float) -> bool:
        """Return whether a time has come."""
        return self._now() >= until
