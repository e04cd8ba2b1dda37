"""Which providers serve a model of this name, and how each of them spells it: data, first match stands.

Spellings: the vendors' model pages and openrouter.ai/models, read 2026-11. A provider whose spelling does not match
does not serve the model under that name.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TypeAlias

Spelling: TypeAlias = tuple[tuple[str, str], ...]
"""Rows of a pattern (the whole name) and what it becomes, as in `re.Match.expand`."""


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are told apart by their names.

    Attributes:
        label: how people write the family.
        pattern: a regular expression for the whole name.
        providers: who serves them, the natural provider first, and the spelling there.
        open: whether anybody may host them, so that a host of the user's own can be meant.
    """

    label: str
    pattern: str
    providers: tuple[tuple[str, Spelling], ...]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """What the table says of one name: its family, and each provider with the name there."""

    family: Family
    providers: tuple[tuple[str, str], ...]


AS_IS: Spelling = ((r".+", r"\g<0>"),)
_DATE = r"(?:-\d{8}|-latest|@.*)?"


def _after(author: str) -> Spelling:
    return ((r".+", rf"{author}/\g<0>"),)


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

_MISTRAL_NAME = (
    r"(?:mistral|ministral|magistral|codestral|devstral|pixtral|voxtral|mathstral|open-mistral|open-mixtral|"
    r"open-codestral|labs|zai-glm|glm|deepseek-v4)-[a-z0-9.-]+|ft:[a-z].*"
)
_OPEN_HOSTS = (("openrouter", AS_IS), ("huggingface", AS_IS), ("together", AS_IS))
_NOT_A_VARIANT = r"(?!free$|nitro$|floor$|online$|thinking$|extended$|beta$|exacto$)"

FAMILIES: tuple[Family, ...] = (
    # Names with an author.
    Family("hf.co/*", r"(?:hf\.co|huggingface\.co)/.+", (("ollama", AS_IS),)),
    Family("models/*", r"(?:models|tunedModels)/.+", (("google", ((r"models/(.+)|(.+)", r"\1\2"),)),)),
    Family(
        "anthropic/*",
        r"~?anthropic/.+",
        (("openrouter", AS_IS), ("anthropic", _CLAUDE_FROM_OPENROUTER)),
    ),
    Family("openai/gpt-oss*", r"openai/gpt-oss[^:]*", (*_OPEN_HOSTS, ("groq", AS_IS)), open=True),
    Family(
        "openai/*",
        r"~?openai/(?:gpt-(?!oss)|o\d|chatgpt-|text-embedding-).*",
        (("openrouter", AS_IS), ("openai", _GPT_FROM_OPENROUTER)),
    ),
    Family(
        "google/gemini-*",
        r"~?google/gemini-.+",
        (("openrouter", AS_IS), ("google", ((r"google/(gemini-[^/:]+)", r"\1"),))),
    ),
    Family("x-ai/*", r"~?x-ai/.+", (("openrouter", AS_IS), ("xai", _GROK_FROM_OPENROUTER))),
    Family(
        "deepseek/*",
        r"deepseek/.+",
        (("openrouter", AS_IS), ("deepseek", ((r"deepseek/(deepseek-(?:chat|flash|v4-[^/:]+))", r"\1"),))),
    ),
    Family(
        "mistralai/*",
        r"mistralai/[^:]+",
        (("openrouter", AS_IS), ("mistral", _MISTRAL_FROM_OPENROUTER), *_OPEN_HOSTS[1:]),
        open=True,
    ),
    Family(
        "org/name:provider",
        rf"[^/:~]+/[^/:]+:{_NOT_A_VARIANT}[a-z0-9-]+",
        (("huggingface", AS_IS), ("openrouter", AS_IS)),
    ),
    Family("vendor/model:variant", r"[^/]+/[^:]+:.+", (("openrouter", AS_IS),)),
    Family("vendor/model", r"[^/]+/.+", _OPEN_HOSTS, open=True),
    # Names without.
    Family("claude-*", r"claude-.+", (("anthropic", AS_IS), ("openrouter", _CLAUDE_TO_OPENROUTER))),
    Family(
        "gpt-oss*",
        r"gpt-oss.*",
        (
            *((name, _after("openai")) for name in ("openrouter", "huggingface", "together", "groq")),
            ("ollama", AS_IS),
        ),
        open=True,
    ),
    Family(
        "gpt-*, o1-*, o3-*, o4-*, chatgpt-*",
        r"(?:gpt-|o\d-|chatgpt-|chat-latest$|codex-|computer-use-|text-embedding-(?:3|ada)|davinci-|babbage-).*|o\d",
        (("openai", AS_IS), ("openrouter", _GPT_TO_OPENROUTER)),
    ),
    Family("gemini-*", r"gemini-.+", (("google", AS_IS), ("openrouter", _GEMINI_TO_OPENROUTER))),
    Family("gemma-*", r"gemma-.+", (("google", AS_IS), ("openrouter", _after("google"))), open=True),
    Family("Google's embeddings", r"(?:text-)?(?:multilingual-)?embedding-\d+", (("google", AS_IS),)),
    Family("grok-*", r"grok-.+", (("xai", AS_IS), ("openrouter", _GROK_TO_OPENROUTER))),
    Family(
        "deepseek-*",
        r"deepseek-.+",
        (("deepseek", AS_IS), ("openrouter", _DEEPSEEK_TO_OPENROUTER), ("ollama", AS_IS)),
        open=True,
    ),
    Family("glm-*", r"glm-.+", (("openrouter", _after("z-ai")), ("mistral", AS_IS), ("ollama", AS_IS)), open=True),
    Family(
        "mistral-*",
        _MISTRAL_NAME,
        (("mistral", AS_IS), ("openrouter", _MISTRAL_TO_OPENROUTER), ("ollama", AS_IS)),
        open=True,
    ),
    Family(
        "llama-*",
        r"llama-.+",
        (("groq", ((r"llama-.+-(?:versatile|instant)", r"\g<0>"),)), ("openrouter", _LLAMA_TO_OPENROUTER)),
        open=True,
    ),
    *(
        Family(f"{prefix}*", rf"{prefix}[\d.-].*", (("openrouter", _after(author)), ("ollama", AS_IS)), open=True)
        for prefix, author in (
            ("qwen", "qwen"),
            ("kimi-", "moonshotai"),
            ("command-", "cohere"),
            ("minimax-", "minimax"),
            ("sonar", "perplexity"),
            ("nova-", "amazon"),
            ("phi-", "microsoft"),
        )
    ),
    Family("any other name", r".+", (("openrouter", AS_IS), ("ollama", AS_IS)), open=True),
)


@functools.lru_cache(maxsize=4096)
def served(model: str) -> Served:
    """Return who serves a model of this name, the natural provider first; nobody is asked."""
    family = next(f for f in FAMILIES if re.fullmatch(f.pattern, model, re.DOTALL))
    found = ((provider, _spell(spelling, model)) for provider, spelling in family.providers)
    return Served(family, tuple((provider, name) for provider, name in found if name))


def _spell(spelling: Spelling, model: str) -> str:
    for pattern, template in spelling:
        match = re.fullmatch(pattern, model, re.DOTALL)
        if match:
            return match.expand(template)
    return ""


_PREFIXED_NAMES = {"mistral": _MISTRAL_NAME}


def is_model_of(provider: str, name: str) -> bool:
    """Return whether `provider:name` can name a model of the provider; `mistral:7b` is a tag of Ollama's `mistral`."""
    pattern = _PREFIXED_NAMES.get(provider)
    return pattern is None or re.fullmatch(pattern, name) is not None
