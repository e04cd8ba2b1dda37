"""What the catalogue holds about one model, and the names that mean it. Pure: what reads files is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Final, Generic, Protocol, TypeVar

from msgspec import Meta, Struct

from ratatoskr.models.price import Price

__all__ = ["ModelEntry", "NameIndex", "ProviderTable"]

Name = Annotated[str, Meta(min_length=1, max_length=300)]
Count = Annotated[int, Meta(ge=1, le=10**12)]
Words = tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...]


class ModelEntry(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One model of a provider.

    Attributes:
        id: its name there.
        names: further names of the same model at the same price.
        prices: what it costs; `None` where that is unknown.
        context_window: the most tokens of prompt and answer.
        max_input_tokens: the most tokens of the prompt.
        max_output_tokens: the most tokens of the answer.
        dimensions: of its vectors.
        input: what it reads: `text`, `image`, `audio`, `video`, `pdf`; empty where that is unknown.
        output: what it writes, in the same words; empty where that is unknown.
        features: `tools`, `schema`, `reasoning`, `prompt_caching`, `web_search`, `computer_use`; for `reasoning` also
            its words and its budget in tokens, such as `reasoning:high` and `reasoning:128..32768`.
        released: the date in the name of its first dated version.
        retires: the first day on which it is not served any more.
        retirements: the same of single names, where it is another day.
        deprecated: whether the provider advises against it.
        sources: the letters of the sources of the table.
    """

    id: Name
    names: tuple[Name, ...] = ()
    prices: Price | None = None
    context_window: Count | None = None
    max_input_tokens: Count | None = None
    max_output_tokens: Count | None = None
    dimensions: Count | None = None
    input: Words = ()
    output: Words = ()
    features: Words = ()
    released: date | None = None
    retires: date | None = None
    retirements: dict[str, date] = {}
    deprecated: bool = False
    sources: Words = ()

    def retires_as(self, name: str) -> date | None:
        """Return the day on which the model is not served any more under one of its names."""
        return self.retirements.get(name.strip().lower(), self.retires)


class ProviderTable(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The models of one provider.

    Attributes:
        provider: its name.
        date: of the newest of its sources.
        sources: the table that each letter in `ModelEntry.sources` stands for.
        models: sorted by name.
    """

    provider: Name
    date: date
    sources: dict[str, str] = {}
    models: tuple[ModelEntry, ...] = ()


_PREFIXES: Final[dict[str, tuple[str, ...]]] = {
    "anthropic": ("anthropic/",),
    "openai": ("openai/",),
    "google": ("models/", "google/", "publishers/google/models/", "gemini/"),
    "xai": ("x-ai/", "xai/"),
    "mistral": ("mistralai/", "mistral/"),
    "deepseek": ("deepseek/", "deepseek-ai/"),
    "cerebras": ("cerebras/", "cerebras:"),
    "moonshot": ("moonshotai/",),
    "minimax": ("minimax/", "minimaxai/"),
    "openrouter": ("openrouter/",),
}
"""What may stand before a model's name at its own provider, where a name has it that comes from elsewhere."""
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_DATE: Final = rf"[-@]20\d\d(?:{_MONTH}{_DAY}|-{_MONTH}-{_DAY})"
_VERSIONS: Final[dict[str, str]] = {
    "google": rf"-latest|@[\w-]+|{_DATE}|-\d{{3}}|-(?:preview-)?(?:0[1-9]|1[0-2])-(?:\d\d|20\d\d)|-preview",
    "openrouter": rf"-20\d\d{_MONTH}{_DAY}|:(?:nitro|floor|exacto|online)",
    "huggingface": r"(?!)",
    "together": r"(?!)",
    "mistral": r"(?!)",  # the month in a name is another model, at another price
    "groq": r"(?!)",
}
"""What may follow a model's name where the name with it is not in the table: a version of the same model."""
_ANY_VERSION: Final = rf"-latest|@[\w-]+|{_DATE}"
_DOT: Final = re.compile(r"(?<=\d)\.(?=\d)")


def spell(provider: str, name: str) -> Iterator[str]:
    """Yield the keys by which a name may be in the index of a provider, the most exact first."""
    key = name.strip().lower()
    yield key
    for prefix in _PREFIXES.get(provider, ()):
        key = key.removeprefix(prefix)
    if key.startswith("ft:"):  # of the model with this name, for one organisation: ft:NAME:ORGANISATION::ID
        key = ":".join(key.split(":")[:2])
    yield key
    version = re.search(rf"(?:{_VERSIONS.get(provider, _ANY_VERSION)})\Z", key)
    if version is not None and version.start():
        yield key[: version.start()]


def undot(name: str) -> str:
    """Return a name with hyphens in place of the dots of versions: `claude-opus-5.5` is `claude-opus-5-5`."""
    return _DOT.sub("-", name) if "." in name else name


class Named(Protocol):
    """What has names."""

    @property
    def id(self) -> str:
        """The first name."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Further names."""
        ...


N = TypeVar("N", bound=Named)


class NameIndex(Generic[N]):
    """Finds a model by any of its names.

    A name that is in no table finds nothing, however near it is: another model has another price.

    Args:
        provider: whose names they are.
        entries: with those that come first in force where names collide.
    """

    __slots__ = ("_exact", "_provider", "_undotted")

    def __init__(self, provider: str, entries: Iterable[N]) -> None:
        self._provider = provider
        exact: dict[str, N] = {}
        for entry in entries:
            exact.setdefault(entry.id.lower(), entry)
            for name in entry.names:
                exact.setdefault(name.lower(), entry)
        self._exact = exact
        self._undotted: dict[str, N | None] | None = None

    def find(self, name: str) -> N | None:
        """Return the model that a name means; `None` if it is in no table."""
        for key in spell(self._provider, name):
            found = self._exact.get(key) or self._find_undotted(undot(key))
            if found is not None:
                return found
        return None

    def _find_undotted(self, key: str) -> N | None:
        if self._undotted is None:
            undotted: dict[str, N | None] = {}
            for name, entry in self._exact.items():
                known = undotted.setdefault(undot(name), entry)
                if known is not entry:
                    undotted[undot(name)] = None  # two models: only the exact names find them
            self._undotted = undotted
        return self._undotted.get(key)
