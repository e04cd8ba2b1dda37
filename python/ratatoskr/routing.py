"""From a model's name to the candidates that may answer: pure, nobody is asked.

1. `provider:model`, where the provider is configured or known. A `/` before the colon means no prefix.
2. Then the user's rules, then the table of `ratatoskr.models.names`, over configured providers only.
3. Prompts do not wander: behind the first candidate come only those that serve the same model, and they are for the
   case that it is not available; what the caller named, and everything with `substitute`, is tried after any failure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, TypeAlias

from ratatoskr.errors import InvalidInput, NoProvider, PresetNotFound
from ratatoskr.models.names import match_family, provider_prefix
from ratatoskr.models.providers import KNOWN_PROVIDERS

__all__ = ["Candidate", "Routes", "Rules", "resolve", "resolve_chain", "resolve_embedding"]

Rules: TypeAlias = Mapping[str, Sequence[str]] | Sequence[tuple[str, Sequence[str]]]
"""Shell patterns (`*`, `?`, `[…]`) of names, each with the names to ask instead, in order."""

MOST_ROUTES = 1024
"""Routes that are kept; names may come from strangers."""
_NO_LOCAL: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be asked.

    Attributes:
        provider: name as configured.
        model: the model's name there.
        reason: why, in a few words, for people.
        only_if_unavailable: to be tried only after `ModelNotAvailable`, never after another failure.
    """

    provider: str
    model: str
    reason: str
    only_if_unavailable: bool = False


def resolve(
    model: str,
    configured: Collection[str],
    *,
    rules: Rules = (),
    fallbacks: Rules = (),
    substitute: bool = False,
    local: Mapping[str, Sequence[str]] = _NO_LOCAL,
) -> tuple[Candidate, ...]:
    """Return who may answer for a model's name, in order; never empty.

    Args:
        model: the name as the caller gave it.
        configured: names of the providers that can be used.
        rules: the user's, asked before the table.
        fallbacks: names that the user allows after any failure of a name that matches.
        substitute: let the rest of the built-in chain be tried after any failure, too.
        local: models of this process, each with the names of the very same model at other providers.

    Raises:
        InvalidInput: no name, or a prefix that nobody knows.
        NoProvider: nobody who serves it is configured; says what is missing.
        PresetNotFound: a preset's name, `ratatoskr:tier/capability`.
    """
    name = _checked(model)
    found = _named(name, configured, local) or _ruled(name, configured, rules, local) or _table(name, configured)
    for names in _matching(name, fallbacks):
        found += _first_of_each(names, configured, local, f"allowed as a fallback of {name}")
    if substitute:
        found = tuple(replace(candidate, only_if_unavailable=False) for candidate in found)
    return _merged(found)


def resolve_chain(
    models: Sequence[str],
    configured: Collection[str],
    *,
    rules: Rules = (),
    fallbacks: Rules = (),
    substitute: bool = False,
    local: Mapping[str, Sequence[str]] = _NO_LOCAL,
) -> tuple[tuple[Candidate, ...], tuple[NoProvider, ...]]:
    """Return the candidates of a chain of the caller's own, and the names in it that nobody configured serves.

    Raises:
        InvalidInput, PresetNotFound: as `resolve`, for any of the names; or there are none.
        NoProvider: none of the names can be served.
    """
    if not models:
        raise InvalidInput("no model was named", field="model")
    found: tuple[Candidate, ...] = ()
    missing: list[NoProvider] = []
    for model in models:
        try:
            found += resolve(model, configured, rules=rules, fallbacks=fallbacks, substitute=substitute, local=local)
        except NoProvider as error:
            missing.append(error)
    if not found:
        raise missing[0] if len(missing) == 1 else NoProvider("; ".join(map(str, missing)))
    return _merged(found), tuple(missing)


class Routes:
    """The ways to the models of one gateway, each worked out once.

    Args:
        configured: names of the providers that can be used.
        rules: as `resolve` takes them.
        fallbacks: as `resolve` takes them.
        substitute: as `resolve` takes it.
        embeds: tells whether a name is one of an embedding model, which does not chat.
    """

    def __init__(
        self,
        configured: Collection[str],
        *,
        rules: Rules,
        fallbacks: Rules,
        substitute: bool,
        embeds: Callable[[str], bool],
    ) -> None:
        self._configured = configured
        self._how: Any = {"rules": rules, "fallbacks": fallbacks, "substitute": substitute}
        self._embeds = embeds
        self._known: dict[tuple[str, ...], tuple[Candidate, ...]] = {}

    def to(self, models: tuple[str, ...]) -> tuple[Candidate, ...]:
        """Return who may answer for a chain of names; raises what `resolve_chain` raises."""
        route = self._known.get(models)
        if route is None:
            embedding = next((model for model in models if self._embeds(model)), None)
            if embedding is not None:
                raise InvalidInput("it embeds texts and does not chat", field="model", model=embedding)
            route, _ = resolve_chain(models, self._configured, **self._how)
            if len(self._known) >= MOST_ROUTES:
                self._known.clear()
            self._known[models] = route
        return route


def resolve_embedding(model: str, embedders: Mapping[str, Mapping[str, str]]) -> tuple[Candidate, ...]:
    """Return who may embed with a model, in order; never empty.

    Vectors of different models do not mix: no rule and no fallback applies, and behind the first candidate come only
    those that serve the very same model, for the case that it is not available there.

    Args:
        model: the name as the caller gave it, with a provider's prefix or without.
        embedders: who embeds, in order, each with the names that callers may use, folded, and the model's one name.

    Raises:
        InvalidInput: no name.
        NoProvider: nobody is configured who embeds with it; lists the models that are.
    """
    if not isinstance(model, str):
        raise InvalidInput(f"model must be one name of an embedding model, not {type(model).__name__}", field="model")
    name = _checked(model)
    prefix, colon, rest = name.partition(":")
    only = prefix.casefold() if colon and prefix.casefold() in embedders else None
    wanted = rest.strip() if only else name
    asked = {who: names for who, names in embedders.items() if only in (None, who)}
    one = next((found for names in asked.values() if (found := _called(wanted, names)) is not None), None)
    if one is None:
        configured = sorted({model for names in embedders.values() for model in names.values()})
        those = f"configured are {', '.join(configured)}" if configured else "none is configured"
        raise NoProvider(f"{name!r} is no embedding model here: {those}; see builder().local_embeddings", model=name)
    serving = [who for who, names in asked.items() if one in (_called(wanted, names), _called(one, names))]
    whys = ("named by its prefix" if only else "embeds with it", "serves the very same model")
    return tuple(Candidate(who, one, whys[place > 0], place > 0) for place, who in enumerate(serving))


def _called(name: str, names: Mapping[str, str]) -> str | None:
    """Return the one name of the model that is called so."""
    return names[name] if name in names else names.get(name.casefold())


def _checked(model: str) -> str:
    if not isinstance(model, str):
        raise InvalidInput(f"model must be a name, not {type(model).__name__}", field="model")
    name = model.strip()
    if not name:
        raise InvalidInput("no model was named", field="model")
    if not name.isprintable():
        raise InvalidInput("the model's name holds a character that cannot be printed", field="model")
    return name


def _named(name: str, configured: Collection[str], local: Mapping[str, Sequence[str]]) -> tuple[Candidate, ...]:
    """Return the candidate that the name itself spells out, if it does."""
    if name in local:
        return (Candidate("local", name, "runs in this process"), *_twins(local[name], configured))
    prefix, colon, rest = name.partition(":")
    if not colon or "/" in prefix:
        return ()
    if prefix == "ratatoskr":
        raise PresetNotFound("there is no such preset", model=name)
    if prefix == "local" and rest in local:
        return (Candidate("local", rest, "named by its prefix"),)
    provider = provider_prefix(name, configured)
    if provider is None:
        return (_other_prefix(name, prefix, rest, configured),)
    if not rest:
        raise InvalidInput(f"{name!r} names a provider and no model", field="model")
    _require(provider, configured, name)
    return (Candidate(provider, rest, "named by its prefix"),)


def _other_prefix(name: str, prefix: str, rest: str, configured: Collection[str]) -> Candidate:
    """Return the candidate for `ft:…` and for Ollama's `name:tag`."""
    if prefix == "ft" and rest:
        _require("openai", configured, name)
        return Candidate("openai", name, "a fine-tuned model of OpenAI's")
    if "ollama" in configured and prefix and rest:
        return Candidate("ollama", name, "a name and a tag of Ollama's")
    known = ", ".join(sorted({*KNOWN_PROVIDERS, *configured}))
    what = f"{rest!r} is no model of Mistral's" if prefix == "mistral" else f"{prefix!r} is no provider"
    raise InvalidInput(
        f"{what} (known are {known}), and Ollama, whose names have such tags, is not configured",
        field="model",
        model=name,
    )


def _require(provider: str, configured: Collection[str], name: str) -> None:
    if provider not in configured:
        raise NoProvider(f"not configured; {KNOWN_PROVIDERS[provider].setup_hint()}", provider=provider, model=name)


def _twins(names: Sequence[str], configured: Collection[str]) -> tuple[Candidate, ...]:
    """Return where else the very same model is served, as far as configured."""
    found = _first_of_each(names, configured, _NO_LOCAL, "serves the very same model", strict=False)
    return tuple(replace(candidate, only_if_unavailable=True) for candidate in found)


def _ruled(
    name: str, configured: Collection[str], rules: Rules, local: Mapping[str, Sequence[str]]
) -> tuple[Candidate, ...]:
    """Return what the user's rules say; a rule that matches is never silently passed over for the table."""
    refused: NoProvider | None = None
    for names in _matching(name, rules):
        try:
            return _first_of_each(names, configured, local, f"the rule for {name} says so")
        except NoProvider as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return ()


def _matching(name: str, rules: Rules) -> Iterable[Sequence[str]]:
    pairs = rules.items() if isinstance(rules, Mapping) else rules
    return [names for pattern, names in pairs if fnmatchcase(name, pattern)]


def _first_of_each(
    names: Sequence[str],
    configured: Collection[str],
    local: Mapping[str, Sequence[str]],
    reason: str,
    *,
    strict: bool = True,
) -> tuple[Candidate, ...]:
    """Return the candidates for names that the user listed, leaving out who is not configured.

    Raises:
        NoProvider: nobody of them is, and that is not allowed.
    """
    found: list[Candidate] = []
    missing: list[NoProvider] = []
    for name in (names,) if isinstance(names, str) else names:
        try:
            chain = _named(_checked(name), configured, local) or _table(_checked(name), configured)
        except NoProvider as error:
            missing.append(error)
        else:
            found += (replace(candidate, reason=reason) for candidate in chain)
    if missing and not found and strict:
        raise missing[0]
    return tuple(found)


def _table(name: str, configured: Collection[str]) -> tuple[Candidate, ...]:
    """Return the configured providers that serve the name by the table, the natural one first."""
    entry = match_family(name)
    label, natural = entry.family.label, entry.providers[0][0]
    found: list[Candidate] = []
    for provider, model in entry.providers:
        if provider not in configured:
            continue
        if provider == natural:
            reason = f"natural provider of {label}"
        elif not found:
            reason = f"{natural} is not configured, {provider} serves {label}, too"
        else:
            reason = f"serves {label}, too"
        found.append(Candidate(provider, model, reason, only_if_unavailable=bool(found)))
    if not found and entry.family.open:
        own = [provider for provider in configured if provider not in KNOWN_PROVIDERS]
        if len(own) == 1:
            found.append(Candidate(own[0], name, f"the only host of your own, for {label}"))
    if not found:
        wanted = "; or ".join(
            f"{provider}: {KNOWN_PROVIDERS[provider].setup_hint()}" for provider, _ in entry.providers
        )
        raise NoProvider(f"nobody is configured who serves it ({wanted})", model=name)
    return tuple(found)


def _merged(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Return each candidate once, where it stands first, and free to be tried if any mention of it is."""
    if len(candidates) == 1:
        return candidates
    kept: dict[tuple[str, str], Candidate] = {}
    for candidate in candidates:
        key = (candidate.provider, candidate.model)
        before = kept.get(key)
        if before is None:
            kept[key] = candidate
        elif before.only_if_unavailable and not candidate.only_if_unavailable:
            kept[key] = replace(before, only_if_unavailable=False)
    return tuple(kept.values())
