"""The values that each host accepts, whatever the model: ranges of numbers, stop texts, names of tools.

The rows are from the hosts' API references and from the answers that users quote, as far as they could be read in
November 2026; the sources name what is from memory. What no reference limits is not limited here.
"""

from __future__ import annotations

import math

from ratatoskr.types.rules import ModelRules, ValueLimits

_TEMPERATURE = (0, 2)
_PENALTY = (-2, 2)
_LOGPROBS = (0, 20)
_INT32 = (-(2**31), 2**31 - 1)
_NAME_64 = r"[A-Za-z0-9_-]{1,64}"

ANY_HOST = ValueLimits(
    {"temperature": _TEMPERATURE}, source="the range of OpenAI's API reference, for hosts without a row; 2026-11"
)
_OPENAI_RANGES = {"temperature": _TEMPERATURE, "frequency_penalty": _PENALTY, "presence_penalty": _PENALTY}
_OPENAI = ValueLimits(
    {**_OPENAI_RANGES, "logprobs": _LOGPROBS, "max_tokens": (1, math.inf), "seed": (-(2**63), 2**63 - 1)},
    max_stops=4,
    tool_name=_NAME_64,
    source="developers.openai.com/api/reference/resources/chat, 2026-11; 400 \"Invalid 'stop': array too long. Expected"
    ' an array with maximum length 4", seen in continuedev/continue#1572; logprobs, max_tokens and seed from memory',
)

LIMITS: dict[str, ValueLimits] = {
    "openai": _OPENAI,
    "azure": _OPENAI,
    "openai responses": ValueLimits(
        {"temperature": _TEMPERATURE, "logprobs": _LOGPROBS, "max_tokens": (16, math.inf)},
        tool_name=_NAME_64,
        source="developers.openai.com/api/reference/resources/responses, 2026-11; 400 \"Invalid 'max_output_tokens':"
        ' integer below minimum value. Expected a value >= 16", seen in vectorize-io/hindsight#58; logprobs'
        " from memory",
    ),
    "anthropic": ValueLimits(
        {"temperature": (0, 1)},
        blank_stops=False,
        tool_name=r"[A-Za-z0-9_-]{1,128}",
        source='platform.claude.com/docs/en/api/messages, 2026-11; 400 "stop_sequences: each stop sequence must contain'
        ' non-whitespace", seen in BerriAI/litellm#3286; 400 "String should match pattern'
        " '^[a-zA-Z0-9_-]{1,128}$'\", seen in modelcontextprotocol#1345",
    ),
    "google": ValueLimits(
        {**_OPENAI_RANGES, "logprobs": _LOGPROBS, "seed": _INT32},
        max_stops=5,
        tool_name=r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}",
        source="ai.google.dev/api/generate-content (GenerationConfig) and /api/caching (FunctionDeclaration), 2026-11;"
        " seed from memory",
    ),
    "mistral": ValueLimits(
        {**_OPENAI_RANGES, "temperature": (0, 1.5), "seed": (0, math.inf)},
        tool_name=_NAME_64,
        source='docs.mistral.ai/api, 2026-11; 400 "must be a-z, A-Z, 0-9, or contain underscores and dashes, with a'
        ' maximum length of 64", seen in Kochava-Studios/witsy#164',
    ),
    "groq": ValueLimits(
        _OPENAI_RANGES,
        max_stops=4,
        tool_name=_NAME_64,
        source="console.groq.com/docs/api-reference, 2026-11; stop and names from memory",
    ),
    "deepseek": ValueLimits(
        {**_OPENAI_RANGES, "logprobs": _LOGPROBS},
        max_stops=16,
        tool_name=_NAME_64,
        source="api-docs.deepseek.com/api/create-chat-completion, 2026-11; logprobs and names from memory",
    ),
    "xai": ValueLimits(
        {**_OPENAI_RANGES, "logprobs": (0, 8)},
        max_stops=4,
        source="docs.x.ai/docs/api-reference, from memory; 2026-11",
    ),
    "cerebras": ValueLimits(
        {"temperature": (0, 1.5)},
        max_stops=4,
        source="inference-docs.cerebras.ai/api-reference/chat-completions, from memory; 2026-11",
    ),
    "openrouter": ValueLimits(
        {**_OPENAI_RANGES, "logprobs": _LOGPROBS},
        source="openrouter.ai/docs/api/reference/parameters, from memory; 2026-11",
    ),
}
"""By provider; OpenAI has another row for its Responses API."""


def limits_at(provider: str, rules: ModelRules) -> ValueLimits:
    """Return the limits of a provider at the endpoint of these rules."""
    return LIMITS.get(f"{provider} {rules.endpoint}") or LIMITS.get(provider, ANY_HOST)
