"""The tokenizers of models by name: an encoding that is built in, or the repository whose tokenizer.json is theirs.

The first row that matches a name applies. Before that, what routes and hosts put around a name is removed: the prefix
of a provider, the vendor before a slash, the variant after a colon, `ft:` of a fine-tuned model. A model without a row
has no known tokenizer; its tokens can be estimated, but never counted with another model's vocabulary.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["ENCODINGS", "ROWS", "TokenizerRow", "bare_name", "estimate_family", "find_row"]

ENCODINGS: Final = ("cl100k_base", "o200k_base", "o200k_harmony")
"""The encodings that are built in."""


@dataclass(frozen=True, slots=True)
class TokenizerRow:
    """The tokenizer of the models whose bare names match one pattern.

    Attributes:
        pattern: a regular expression for the whole bare name, in lower case.
        encoding: the name of an encoding that is built in.
        repository: the repository on the hub whose tokenizer.json is theirs.
        vendors: what may stand before a slash in their names; an empty text where nothing need stand there. Others put
            their own models under such names.
        source: where this was read, with the date; what is from memory is named.
    """

    pattern: str
    encoding: str = ""
    repository: str = ""
    vendors: frozenset[str] = frozenset({""})
    source: str = ""


_TIKTOKEN = "tiktoken 0.14, tiktoken/model.py, 2026-11"
_OPENAI = frozenset({"", "openai", "azure", "azure_openai"})
_DEEPSEEK = frozenset({"deepseek", "deepseek-ai"})
_HUB = "the repository of the vendor on huggingface.co, from memory; 2026-11"

ROWS: tuple[TokenizerRow, ...] = (
    TokenizerRow(r"gpt-oss(?:-.+)?", "o200k_harmony", vendors=_OPENAI, source=_TIKTOKEN),
    TokenizerRow(
        r"o[134](?:-(?!.*image).*)?|gpt-(?:5|4\.5|4\.1)(?!.*(?:audio|realtime|image)).*|(?:chat)?gpt-4o(?!.*(?:audio|"
        r"realtime|transcribe|tts)).*",
        "o200k_base",
        vendors=_OPENAI,
        source=_TIKTOKEN,
    ),
    TokenizerRow(
        r"gpt-4(?:-.+)?|gpt-3\.5(?:-turbo.*)?|gpt-35-turbo.*|(?:davinci|babbage)-002|text-embedding-ada-002"
        r"|text-embedding-3-(?:small|large)",
        "cl100k_base",
        vendors=_OPENAI,
        source=_TIKTOKEN,
    ),
    TokenizerRow(
        r"deepseek-(?:chat|reasoner|v3(?:[.-].+)?|r1-(?:0528|671b))",
        repository="deepseek-ai/DeepSeek-V3",
        vendors=_DEEPSEEK | {""},
        source=_HUB,
    ),
    TokenizerRow(  # Ollama's deepseek-r1 is a distilled model with another tokenizer
        r"deepseek-r1", repository="deepseek-ai/DeepSeek-V3", vendors=_DEEPSEEK, source=_HUB
    ),
    TokenizerRow(
        r"(?:meta-)?llama-?3\.[123](?:-.+)?",
        repository="meta-llama/Llama-3.1-8B-Instruct",
        vendors=frozenset({"", "meta-llama", "meta"}),
        source=_HUB,
    ),
    TokenizerRow(
        r"qwen3-(?!vl|omni|coder|next)[\d.]+b(?:-.+)?",
        repository="Qwen/Qwen3-0.6B",
        vendors=frozenset({"", "qwen"}),
        source=_HUB,
    ),
    TokenizerRow(
        r"qwen-?2\.5-(?!vl|omni)[\d.]+b(?:-.+)?",
        repository="Qwen/Qwen2.5-0.5B-Instruct",
        vendors=frozenset({"", "qwen"}),
        source=_HUB,
    ),
    TokenizerRow(
        r"mistral-7b-instruct-v0\.3",
        repository="mistralai/Mistral-7B-Instruct-v0.3",
        vendors=frozenset({"", "mistralai"}),
        source=_HUB,
    ),
    TokenizerRow(r"gemma-?3-.+", repository="google/gemma-3-4b-it", vendors=frozenset({"", "google"}), source=_HUB),
)

_FAMILIES: Final = (
    (r"gpt-oss.*", "gpt-oss"),
    (r"claude.*", "claude"),
    (r"gemini.*|gemma.*", "gemini"),
    (r"(?:gpt|chatgpt|o\d|text-embedding|davinci|babbage|codex|computer-use).*", "openai"),
)


@functools.lru_cache(maxsize=4096)
def bare_name(model: str) -> str:
    """Return a model's name in lower case, without what routes and hosts put around it.

    That is the prefix of a provider and the vendor before a slash, `ft:` and the suffix of a fine-tuned model, and the
    variant after a colon, as in `openrouter:openai/gpt-5-mini:free`. A tag of Ollama, as in `qwen3:4b`, is joined to
    the name by a hyphen.
    """
    name = model.strip().lower()
    if tuned := re.match(r"(?:[a-z0-9_-]+:)?ft:([^:]+)", name):
        return tuned[1]
    _, slash, last = name.rpartition("/")
    before, colon, after = last.partition(":")
    if slash:
        return before
    if not colon:
        return last
    if re.fullmatch(r"(?:latest|[\d.]+[bm](?:-.*)?|[a-z]*-?\d*x?[\d.]+b.*)", after):
        return before if after == "latest" else f"{before}-{after}"
    if re.fullmatch(r"free|nitro|floor|online|thinking|extended|beta|exacto", after):
        return before
    return after.partition(":")[0] if not re.search(r":(?:latest|[\d.]+[bm])", after) else bare_name(after)


def _vendor_of(model: str) -> str:
    """Return what stands right before a slash in a name, without the prefix of a provider; empty if there is none."""
    before, slash, _ = model.strip().lower().rpartition("/")
    vendor = before.rpartition("/")[2].rpartition(":")[2] if slash else ""
    return "" if vendor in ("models", "deployments") else vendor


@functools.lru_cache(maxsize=4096)
def find_row(model: str) -> TokenizerRow | None:
    """Return the row of a model's name; `None` if its tokenizer is not known."""
    name, vendor = bare_name(model), _vendor_of(model)
    fitting = (row for row in ROWS if vendor in row.vendors and re.fullmatch(row.pattern, name))
    return next(fitting, None)


@functools.lru_cache(maxsize=4096)
def estimate_family(model: str) -> str:
    """Return the family by which a model's tokens are estimated; `other` if it has none of its own."""
    name = bare_name(model)
    return next((family for pattern, family in _FAMILIES if re.fullmatch(pattern, name)), "other")
