"""The families of models by name: the providers that serve each, and the name that each provider has for a model.

The first family that matches applies. A provider whose spelling does not match does not serve the model. The spellings
are from the vendors' model pages and openrouter.ai/models, read in November 2026.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TypeAlias

Spelling: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of a pattern that matches a full name and a template for `re.Match.expand`."""


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """Models whose names match one pattern.

    Attributes:
        label: the family's name in messages.
        pattern: a regular expression for the full name.
        providers: the providers that serve the models, the vendor first, with the spelling of names there.
        open: whether the weights are open, so that a host of the user's own may serve them.
    """

    label: str
    pattern: str
    providers: tuple[tuple[str, Spelling], ...]
    open: bool = False


@dataclass(frozen=True, slots=True)
class FamilyMatch:
    """The family of one name, and each provider that serves the model with the name there."""

    family: ModelFamily
    providers: tuple[tuple[str, str], ...]


AS_IS: Spelling = ((r".+", r"\g<0>"),)
_DATE = r"(?:-\d{8}|-latest|@.*)?"


def _prefix(vendor: str) -> Spelling:
    return ((r".+", rf"{vendor}/\g<0>"),)


_CLAUDE_TO_OPENROUTER: Spelling = (
    (rf"claude-(\d)-(\d)-([a-z]+){_DATE}", r"anthropic/claude-\1.\2-\3"),
    (rf"claude-(\d)-([a-z]+){_DATE}", r"anthropic/claude-\1-\2"),
    (rf"claude-([a-z]+)-(\d)(?:-0)?{_DATE}", r"anthropic/claude-\1-\2"),
    (rf"claude-([a-z]+)-(\d+)-(\d{{1,2}}){_DATE}", r"anthropic/claude-\1-\2.\3"),
    (r"claude-.+", r"anthropic/\g<0>"),
)
_CLAUDE_FROM_OPENROUTER: Spelling = (
    (r"anthropic/(claude-3-haiku)", r"\1-20240307"),
    (r"anthropic/(claude-3-[a-z]+)", r"\1-latest"),
    (r"anthropic/claude-3\.(\d)-([a-z]+)", r"claude-3-\1-\2-latest"),
    (r"anthropic/claude-(opus|sonnet)-4", r"claude-\1-4-0"),
    (r"anthropic/claude-(\d)\.(\d)-([a-z]+)(?:-\d{8})?", r"claude-\3-\1-\2"),
    (r"anthropic/claude-([a-z]+)-(\d+)\.(\d+)", r"claude-\1-\2-\3"),
    (r"anthropic/(claude-[a-z]+-\d+)", r"\1"),
)
_GPT_TO_OPENROUTER: Spelling = (
    (r"((?:o\d|gpt-[5-9]).*?)-\d{4}-\d\d-\d\d", r"openai/\1"),
    (r"(gpt-5(?:\.\d+)?-chat)-latest", r"openai/\1"),
    (r".+", r"openai/\g<0>"),
)
_GPT_FROM_OPENROUTER: Spelling = (
    (r"openai/(gpt-5(?:\.\d+)?-chat)", r"\1-latest"),
    (r"openai/((?!gpt-oss|o[134]-mini-high)(?:gpt-|o\d|chatgpt-|text-embedding-)[^/:]+|o\d)", r"\1"),
)
_GEMINI_TO_OPENROUTER: Spelling = (
    (r"(gemini-2\.0-flash(?:-lite)?)", r"google/\1-001"),
    (r".+", r"google/\g<0>"),
)
_GROK_TO_OPENROUTER: Spelling = (
    (r"grok-4-0709", r"x-ai/grok-4"),
    (r"grok-(\d)-(\d)-fast(?:-reasoning)?", r"x-ai/grok-\1.\2-fast"),
    (r"grok-4-fast(?:-reasoning)?", r"x-ai/grok-4-fast"),
    (r"(?!.*non-reasoning)grok-.+", r"x-ai/\g<0>"),
)
_GROK_FROM_OPENROUTER: Spelling = (
    (r"x-ai/grok-4\.1-fast", r"grok-4-1-fast-reasoning"),
    (r"x-ai/(grok-[^/:]+)", r"\1"),
)
_DEEPSEEK_TO_OPENROUTER: Spelling = (
    (r"deepseek-reasoner", r"deepseek/deepseek-r1"),
    (r".+", r"deepseek/\g<0>"),
)
_MISTRAL_TO_OPENROUTER: Spelling = (
    (r"(.+)-latest", r"mistralai/\1"),
    (r".+", r"mistralai/\g<0>"),
)
_MISTRAL_FROM_OPENROUTER: Spelling = (
    (r"mistralai/([a-z][a-z-]*-\d{4})", r"\1"),
    (r"mistralai/((?:mistral-(?:large|medium|small)|codestral|devstral-(?:small|medium)))", r"\1-latest"),
)
_LLAMA_TO_OPENROUTER: Spelling = (
    (r"(llama-.+)-(?:versatile|instant)", r"meta-llama/\1-instruct"),
    (r".+", r"meta-llama/\g<0>"),
)

_MISTRAL_SERIES = r"ministral|magistral|codestral|devstral|pixtral|voxtral|mathstral"
_MISTRAL_NAME = (
    rf"(?:mistral|{_MISTRAL_SERIES}|open-mistral|open-mixtral|"
    r"open-codestral|labs|zai-glm|glm|deepseek-v4)-[a-z0-9.-]+|ft:[a-z].*"
)
_OPEN_HOSTS = (("openrouter", AS_IS), ("huggingface", AS_IS), ("together", AS_IS))
_NOT_A_VARIANT = r"(?!free$|nitro$|floor$|online$|thinking$|extended$|beta$|exacto$)"

FAMILIES: tuple[ModelFamily, ...] = (
    # Names with a vendor.
    ModelFamily("hf.co/*", r"(?:hf\.co|huggingface\.co)/.+", (("ollama", AS_IS),)),
    ModelFamily("models/*", r"(?:models|tunedModels)/.+", (("google", ((r"models/(.+)|(.+)", r"\1\2"),)),)),
    ModelFamily(
        "anthropic/*",
        r"~?anthropic/.+",
        (("openrouter", AS_IS), ("anthropic", _CLAUDE_FROM_OPENROUTER)),
    ),
    ModelFamily("openai/gpt-oss*", r"openai/gpt-oss[^:]*", (*_OPEN_HOSTS, ("groq", AS_IS)), open=True),
    ModelFamily(
        "openai/*",
        r"~?openai/(?:gpt-(?!oss)|o\d|chatgpt-|text-embedding-).*",
        (("openrouter", AS_IS), ("openai", _GPT_FROM_OPENROUTER)),
    ),
    ModelFamily(
        "google/gemini-*",
        r"~?google/gemini-.+",
        (("openrouter", AS_IS), ("google", ((r"google/(gemini-[^/:]+)", r"\1"),))),
    ),
    ModelFamily("x-ai/*", r"~?x-ai/.+", (("openrouter", AS_IS), ("xai", _GROK_FROM_OPENROUTER))),
    ModelFamily(
        "deepseek/*",
        r"deepseek/.+",
        (("openrouter", AS_IS), ("deepseek", ((r"deepseek/(deepseek-(?:chat|flash|v4-[^/:]+))", r"\1"),))),
    ),
    ModelFamily(
        "mistralai/*",
        r"mistralai/[^:]+",
        (("openrouter", AS_IS), ("mistral", _MISTRAL_FROM_OPENROUTER), *_OPEN_HOSTS[1:]),
        open=True,
    ),
    ModelFamily(
        "org/name:provider",
        rf"[^/:~]+/[^/:]+:{_NOT_A_VARIANT}[a-z0-9-]+",
        (("huggingface", AS_IS), ("openrouter", AS_IS)),
    ),
    ModelFamily("vendor/model:variant", r"[^/]+/[^:]+:.+", (("openrouter", AS_IS),)),
    ModelFamily("vendor/model", r"[^/]+/.+", _OPEN_HOSTS, open=True),
    # Names without a vendor.
    ModelFamily("claude-*", r"claude-.+", (("anthropic", AS_IS), ("openrouter", _CLAUDE_TO_OPENROUTER))),
    ModelFamily(
        "gpt-oss*",
        r"gpt-oss.*",
        (
            *((name, _prefix("openai")) for name in ("openrouter", "huggingface", "together", "groq")),
            ("ollama", AS_IS),
        ),
        open=True,
    ),
    ModelFamily(
        "gpt-*, o1-*, o3-*, o4-*, chatgpt-*",
        r"(?:gpt-|o\d-|chatgpt-|chat-latest$|codex-|computer-use-|text-embedding-(?:3|ada)|davinci-|babbage-).*|o\d",
        (("openai", AS_IS), ("openrouter", _GPT_TO_OPENROUTER)),
    ),
    ModelFamily("gemini-*", r"gemini-.+", (("google", AS_IS), ("openrouter", _GEMINI_TO_OPENROUTER))),
    ModelFamily("gemma-*", r"gemma-.+", (("google", AS_IS), ("openrouter", _prefix("google"))), open=True),
    ModelFamily("Google's embeddings", r"(?:text-)?(?:multilingual-)?embedding-\d+", (("google", AS_IS),)),
    ModelFamily("grok-*", r"grok-.+", (("xai", AS_IS), ("openrouter", _GROK_TO_OPENROUTER))),
    ModelFamily(
        "deepseek-*",
        r"deepseek-.+",
        (("deepseek", AS_IS), ("openrouter", _DEEPSEEK_TO_OPENROUTER), ("ollama", AS_IS)),
        open=True,
    ),
    ModelFamily(
        "glm-*", r"glm-.+", (("openrouter", _prefix("z-ai")), ("mistral", AS_IS), ("ollama", AS_IS)), open=True
    ),
    ModelFamily(
        "mistral-*",
        _MISTRAL_NAME,
        (("mistral", AS_IS), ("openrouter", _MISTRAL_TO_OPENROUTER), ("ollama", AS_IS)),
        open=True,
    ),
    ModelFamily(
        "llama-*",
        r"llama-.+",
        (("groq", ((r"llama-.+-(?:versatile|instant)", r"\g<0>"),)), ("openrouter", _LLAMA_TO_OPENROUTER)),
        open=True,
    ),
    *(
        ModelFamily(f"{prefix}*", rf"{prefix}[\d.-].*", (("openrouter", _prefix(vendor)), ("ollama", AS_IS)), open=True)
        for prefix, vendor in (
            ("qwen", "qwen"),
            ("kimi-", "moonshotai"),
            ("command-", "cohere"),
            ("minimax-", "minimax"),
            ("sonar", "perplexity"),
            ("nova-", "amazon"),
            ("phi-", "microsoft"),
        )
    ),
    ModelFamily("any other name", r".+", (("openrouter", AS_IS), ("ollama", AS_IS)), open=True),
)


@functools.lru_cache(maxsize=4096)
def match_family(model: str) -> FamilyMatch:
    """Return the family of a model's name, and the providers that serve it, the model's own vendor first."""
    family = next(f for f in FAMILIES if re.fullmatch(f.pattern, model, re.DOTALL))
    names = ((provider, _spell(spelling, model)) for provider, spelling in family.providers)
    return FamilyMatch(family, tuple((provider, name) for provider, name in names if name))


def _spell(spelling: Spelling, model: str) -> str:
    """Return the name that a provider has for a model; `""` if the provider does not serve it."""
    for pattern, template in spelling:
        match = re.fullmatch(pattern, model, re.DOTALL)
        if match:
            return match.expand(template)
    return ""


_PREFIXED_NAMES = {"mistral": rf"{_MISTRAL_NAME}|{_MISTRAL_SERIES}|mixtral-[a-z0-9.-]+"}
"""Without a prefix, the bare name of a series is a model of Ollama's library."""


def is_model_of(provider: str, name: str) -> bool:
    """Return whether `provider:name` can name a model of the provider; `mistral:7b` is a tag of Ollama's `mistral`."""
    pattern = _PREFIXED_NAMES.get(provider)
    return pattern is None or re.fullmatch(pattern, name) is not None
