"""Presets: `ratatoskr:<tier>/<slot>` stands for the first of some models whose provider is configured.

The rows are by the prices of November 2026 (dollars per million tokens in and out, in the comments), newest models
first looked at; `TABLE_DATE` is when they were chosen. Embedding is the same model in every tier, as vectors of
different models cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct

from ratatoskr.errors import InvalidInput, PresetNotFound
from ratatoskr.types.chat import PARAM_NAMES, ChatOptions
from ratatoskr.types.visible import quote

__all__ = [
    "PREFIX",
    "PRESETS",
    "SLOTS",
    "TABLE_DATE",
    "TIERS",
    "OwnPresets",
    "Preset",
    "check_parameters",
    "check_preset_name",
    "find_preset",
]

PREFIX: Final = "ratatoskr:"
TIERS: Final = ("free", "budget", "mid", "premium")
SLOTS: Final = ("agentic", "coding", "summariser", "text-generation", "embedding")
TABLE_DATE: Final = date(2026, 11, 28)

_Name = Annotated[str, Meta(min_length=1)]


class Preset(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One row.

    Attributes:
        models: names in order of preference; each with the provider's prefix.
        parameters: of `chat`, which fill only what the caller left unset.
    """

    models: Annotated[tuple[_Name, ...], Meta(min_length=1)]
    parameters: Mapping[str, Any] = {}


OwnPresets: TypeAlias = Callable[[], Mapping[str, Preset]]
"""Returns the user's own presets; called at the first question about one."""

_FREE = (
    "openrouter:openai/gpt-oss-120b:free",
    "openrouter:nvidia/nemotron-3-super-120b-a12b:free",
    "openrouter:google/gemma-4-31b-it:free",
    "openrouter:thinkingmachines/inkling:free",
)
_BUDGET = (
    "openai:gpt-6-luna",  # 0.10 / 0.50
    "anthropic:claude-haiku-5-5",  # 0.10 / 0.50, to 100,000 tokens
    "deepseek:deepseek-v4-flash",  # 0.15 / 0.60
    "mistral:mistral-small-2603",  # 0.15 / 0.60
    "openrouter:openai/gpt-6-luna",
)
_MID = (
    "anthropic:claude-sonnet-5-5",  # 2 / 10
    "openai:gpt-6.1-sol",  # 2 / 10
    "google:gemini-3.8-flash",  # 0.75 / 3.75 to the end of 2026, then 1.50 / 7.50
    "xai:grok-4.7",  # 2 / 6
    "openrouter:anthropic/claude-sonnet-5.5",
)
_PREMIUM = (
    "anthropic:claude-opus-5-5",  # 4 / 20
    "google:gemini-4-argon",  # 4 / 20
    "openai:gpt-6-astra",  # 10 / 50
    "openrouter:anthropic/claude-opus-5.5",
)
_CODERS_FIRST = ("openrouter:qwen/qwen3-coder:free", *_FREE)
_EMBEDDING: Final = Preset(models=("local:sentence-transformers/all-MiniLM-L6-v2",))

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "free/agentic": Preset(models=_FREE),
        "free/coding": Preset(models=_CODERS_FIRST),
        "free/summariser": Preset(models=_FREE),
        "free/text-generation": Preset(models=_FREE),
        "budget/agentic": Preset(models=_BUDGET),
        "budget/coding": Preset(models=_BUDGET),
        "budget/summariser": Preset(models=_BUDGET),
        "budget/text-generation": Preset(models=_BUDGET),
        "mid/agentic": Preset(models=_MID),
        "mid/coding": Preset(models=_MID),
        "mid/summariser": Preset(models=("google:gemini-3.8-flash", *(m for m in _MID if not m.startswith("google:")))),
        "mid/text-generation": Preset(models=_MID),
        "premium/agentic": Preset(models=_PREMIUM),
        "premium/coding": Preset(models=_PREMIUM),
        "premium/summariser": Preset(models=_PREMIUM),
        "premium/text-generation": Preset(models=_PREMIUM),
        **{f"{tier}/embedding": _EMBEDDING for tier in TIERS},
    }
)


def check_preset_name(name: str) -> str:
    """Return `tier/slot` in lower case, without the prefix.

    Raises:
        InvalidInput: a half is missing.
    """
    tier, slash, slot = (part.strip() for part in name.strip().removeprefix(PREFIX).lower().partition("/"))
    if not slash or not tier or not slot or "/" in slot:
        raise InvalidInput(
            f"{quote(name)} is not the name of a preset: that is {PREFIX}<tier>/<slot>, such as {PREFIX}free/agentic",
            field="model",
        )
    return f"{tier}/{slot}"


def find_preset(name: str, own: Mapping[str, Preset] | None = None) -> tuple[str, Preset]:
    """Return a preset by its name, with the prefix or without, and `tier/slot`; the user's own come first.

    Raises:
        InvalidInput: a half of the name is missing.
        PresetNotFound: there is none of this name; the message has the nearest names.
    """
    key = check_preset_name(name)
    every = {**PRESETS, **(own or {})}
    if key not in every:
        import difflib

        near = difflib.get_close_matches(key, every, 3, 0.5) or sorted(every)[:3]
        raise PresetNotFound(
            f"there is no such preset; nearest are {', '.join(PREFIX + one for one in near)}", model=f"{PREFIX}{key}"
        )
    return key, every[key]


def check_parameters(name: str, preset: Preset) -> Mapping[str, Any]:
    """Return the parameters of a preset as `chat` takes them.

    Raises:
        InvalidInput: one is not a parameter of `chat`, or has a wrong value.
    """
    unknown = sorted(preset.parameters.keys() - set(PARAM_NAMES))
    if unknown:
        raise InvalidInput(
            f"{PREFIX}{name} sets {', '.join(unknown)}, which is not a parameter; known are {', '.join(PARAM_NAMES)}",
            field=f"presets.{name}.parameters.{unknown[0]}",
        )
    return ChatOptions(**preset.parameters).explicit_parameters() if preset.parameters else {}
