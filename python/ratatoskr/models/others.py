"""Models at Ollama and at hosts of the Chat Completions API.

A host that is not listed here accepts everything: nothing is rejected before it is sent.
"""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.models.rule_table import RuleRow, RuleTable, map_efforts, map_efforts_to
from ratatoskr.types.rules import ModelRules

EVERYTHING = ModelRules(
    thinking="effort",
    efforts=map_efforts("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    off="none",
    source="an unknown host: nothing is rejected before it is sent; recorded exchanges of Hugging Face; 2026-11",
)
_LOW_TO_HIGH = map_efforts("low", "medium", "high")
GRADED = replace(EVERYTHING, efforts=_LOW_TO_HIGH, thinks=True, off=None)
"""gpt-oss, at every host."""

# Only gpt-oss accepts efforts for `think`, other models have a switch (`efforts` is empty): an effort is 400
# "think value … is not supported for this model". github.com/ollama/ollama server/routes.go, read 2026-11.
_OLLAMA = "github.com/ollama/ollama docs/api.md and server/routes.go; 2026-11"
OLLAMA: RuleTable = (
    RuleRow(
        r"(.*/)?gpt-oss",
        ModelRules(thinking="switch", efforts=_LOW_TO_HIGH, thinks=True, endpoint="ollama", source=_OLLAMA),
    ),
    RuleRow(r"", ModelRules(thinking="switch", off="disabled", endpoint="ollama", source=_OLLAMA)),
)

# Forced tool choice while thinking: 400 "Thinking mode does not support this tool_choice"; json_schema: 400 "This
# response_format type is unavailable now". Sampling is ignored while thinking, so it is rejected here.
_DEEPSEEK = "api-docs.deepseek.com/guides/thinking_mode and create-chat-completion; pydantic-ai 2.68; 2026-11"
_DEEPSEEK_HYBRID = ModelRules(
    sampling="unless_reasoning",
    thinking="effort",
    efforts=map_efforts("low", "high", "max"),
    thinks=True,
    off="disabled",
    forced_while_reasoning=False,
    schema="json_mode",
    source=_DEEPSEEK,
)
DEEPSEEK: RuleTable = (
    RuleRow(r"deepseek-(reasoner|r1)", replace(_DEEPSEEK_HYBRID, off=None, forced_tool_choice=False)),
    RuleRow(r"deepseek-(chat|coder|v3)", ModelRules(schema="json_mode", source=_DEEPSEEK)),
    RuleRow(r"", _DEEPSEEK_HYBRID),
)

# Unknown fields are 422 "extra_forbidden" there, so what its reference does not list is rejected.
_MISTRAL = "docs.mistral.ai/api, docs.mistral.ai/capabilities/reasoning; LiteLLM 1.109 reasoning_effort_levels; 2026-11"
_MISTRAL_DEFAULT = ModelRules(
    unsupported=frozenset({"logprobs", "user", "service_tier", "top_k"}), schema_subset="mistral", source=_MISTRAL
)
_MISTRAL_SWITCH = replace(_MISTRAL_DEFAULT, thinking="effort", efforts=map_efforts("none", "high"), off="none")
MISTRAL: RuleTable = (
    RuleRow(r"magistral-(small|medium)-latest", _MISTRAL_SWITCH),
    RuleRow(r"magistral-", replace(_MISTRAL_DEFAULT, thinks=True)),
    RuleRow(
        r"(zai-)?glm-5-2",
        replace(EVERYTHING, unsupported=_MISTRAL_DEFAULT.unsupported, schema_subset="mistral", source=_MISTRAL),
    ),
    RuleRow(
        r"(zai-)?glm-",
        replace(_MISTRAL_DEFAULT, thinking="effort", efforts=map_efforts("low", "high", "max"), thinks=True),
    ),
    RuleRow(
        r"mistral-(large-4|small$|small-(latest|2603)|medium$|medium-(latest|3|2604)|vibe|code-agent)|devstral-",
        _MISTRAL_SWITCH,
    ),
    RuleRow(r"", _MISTRAL_DEFAULT),
)

# "Not yet supported by any of our models": console.groq.com/docs/openai and api-reference.
_GROQ = "console.groq.com/docs/reasoning, structured-outputs and api-reference; 2026-11"
_GROQ_DEFAULT = ModelRules(
    schema="json_mode",
    schema_subset="groq_best_effort",
    unsupported=frozenset({"logprobs", "frequency_penalty", "presence_penalty", "top_k"}),
    source=_GROQ,
)
GROQ: RuleTable = (
    RuleRow(
        r"openai/gpt-oss",
        replace(
            _GROQ_DEFAULT,
            thinking="effort",
            efforts=_LOW_TO_HIGH,
            thinks=True,
            schema="native",
            schema_subset="groq",
        ),
    ),
    RuleRow(
        r"qwen/qwen3",
        replace(
            _GROQ_DEFAULT,
            thinking="effort",
            efforts={"none": "none", **map_efforts_to("default", ("minimal", "low", "medium", "high", "xhigh", "max"))},
            thinks=True,
            off="none",
        ),
    ),
    RuleRow(r"moonshotai/|meta-llama/llama-4", replace(_GROQ_DEFAULT, schema="native")),
    RuleRow(r"deepseek-r1|qwen-qwq", replace(_GROQ_DEFAULT, thinks=True)),
    RuleRow(r"", _GROQ_DEFAULT),
)

TOGETHER: RuleTable = (
    RuleRow(r"openai/gpt-oss", replace(GRADED, source="docs.together.ai/docs/openai-api-compatibility; 2026-11")),
    RuleRow(
        r"deepseek-ai/deepseek-v4",
        replace(
            EVERYTHING, thinks=True, forced_tool_choice=False, source="pydantic-ai 2.68 providers/together.py; 2026-11"
        ),
    ),
    RuleRow(r"", EVERYTHING),
)

# Penalties and `stop` are errors for models that reason.
_XAI = "docs.x.ai/docs/models and guides/reasoning; pydantic-ai 2.68 profiles/grok.py; LiteLLM 1.109; 2026-11"
_NO_PENALTIES = frozenset({"stop", "frequency_penalty", "presence_penalty"})
_XAI_DEFAULT = ModelRules(schema_subset="xai", source=_XAI)
_XAI_ALWAYS = replace(_XAI_DEFAULT, thinking="effort", efforts=_LOW_TO_HIGH, thinks=True, unsupported=_NO_PENALTIES)
_XAI_SWITCHABLE = replace(_XAI_ALWAYS, efforts=map_efforts("none", "low", "medium", "high"), off="none")
XAI: RuleTable = (
    # "Model grok-4.20-0309-non-reasoning does not support parameter reasoningEffort": neavo/LinguaGacha#771, 2026-08.
    RuleRow(r"grok-.*non-reasoning", _XAI_DEFAULT),
    RuleRow(r"grok-(4\.3\b|latest$|4-0709|4-1-fast|4-fast|3$)", _XAI_SWITCHABLE),
    RuleRow(r"grok-3-mini(-fast)?$", replace(_XAI_SWITCHABLE, efforts=map_efforts("none", "low", "high"))),
    RuleRow(r"grok-3-mini", replace(_XAI_ALWAYS, efforts=map_efforts("low", "high"))),
    RuleRow(r"grok-4\.7", replace(_XAI_ALWAYS, efforts=map_efforts("low", "medium", "high", "xhigh"))),
    RuleRow(r"grok-(4\.[56]\b|build-latest)", _XAI_ALWAYS),
    RuleRow(r"grok-(4|code|build)", replace(_XAI_DEFAULT, thinks=True, unsupported=_NO_PENALTIES)),
    RuleRow(r"grok-[23]", _XAI_DEFAULT),
    RuleRow(r"", replace(_XAI_ALWAYS, source=f"newest generation, assumed for names not listed; {_XAI}")),
)

# Sampling is fixed there: other values are errors. kimi-k3 has efforts, the others think or have a switch.
_MOONSHOT = "platform.kimi.ai/docs/models, as in java.agentscope.io/v2/en/integration/model/kimi; 2026-11"
_KIMI = ModelRules(sampling="never", thinks=True, source=_MOONSHOT)
MOONSHOT: RuleTable = (
    RuleRow(r"kimi-k3", replace(_KIMI, thinking="effort", efforts=map_efforts("low", "high", "max"))),
    RuleRow(r"kimi-k2\.7|kimi-k2-thinking", _KIMI),
    RuleRow(r"kimi-k2\.", replace(_KIMI, thinking="switch", off="disabled")),
    RuleRow(r"", EVERYTHING),
)

# There is no `response_format`, and `max_tokens` is deprecated. Models before M3 think whatever is asked for.
_MINIMAX = ModelRules(
    thinks=True,
    max_tokens_field="max_completion_tokens",
    schema="instructions",
    source="platform.minimax.io/docs/api-reference/text-openai-api; java.agentscope.io minimax; 2026-11",
)
MINIMAX: RuleTable = (RuleRow(r"", _MINIMAX),)

_CEREBRAS = "inference-docs.cerebras.ai/capabilities/structured-outputs; 2026-11"
CEREBRAS: RuleTable = (RuleRow(r"", replace(EVERYTHING, schema_subset="cerebras", source=_CEREBRAS)),)
