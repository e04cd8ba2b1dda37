"""Resolve a model's name to the candidates that can serve it. Pure: no request is made.

1. `provider:model`, where the provider is configured or built in. A `/` before the colon means that there is no prefix.
2. Then the user's rules, then the table of `ratatoskr.models.names`, over configured providers only.
3. Prompts go only where the caller allows it: after the first candidate come only those that serve the same model, and
   they are tried only if it is not available. Candidates that the caller named, and all with `substitute`, are tried
   after any failure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, TypeAlias

from ratatoskr.errors import ConfigurationError, InvalidInput, NoProvider, PresetNotFound
from ratatoskr.models.embeddings import find_embedding_model
from ratatoskr.models.names import is_model_of, match_family
from ratatoskr.models.presets import PREFIX, OwnPresets, find_preset
from ratatoskr.providers.specs import SPECS
from ratatoskr.providers.specs.embed import EMBED
from ratatoskr.types.candidate import Candidate
from ratatoskr.types.visible import quote

__all__ = ["Candidate", "Routes", "Rules", "check_rules"]
__all__ += ["provider_prefix", "resolve", "resolve_chain", "resolve_embedding"]

Rules: TypeAlias = Mapping[str, Sequence[str]] | Sequence[tuple[str, Sequence[str]]]
"""Shell patterns (`*`, `?`, `[…]`) of model names, each with the names to use instead, in order."""

MAX_ROUTES = 1024
"""The number of routes that are cached; names may come from untrusted input."""
_NO_LOCAL: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def resolve(
    model: str,
    configured: Collection[str],
    *,
    rules: Rules = (),
    fallbacks: Rules = (),
    substitute: bool = False,
    local: Mapping[str, Sequence[str]] = _NO_LOCAL,
) -> tuple[Candidate, ...]:
    """Return the candidates for a model's name, in order; never empty.

    Args:
        model: the name as the caller gave it.
        configured: names of the providers that can be used.
        rules: the user's rules, which come before the table.
        fallbacks: patterns of names to the names that the user allows after any failure.
        substitute: whether the rest of the built-in chain may be tried after any failure, too.
        local: models of this process, each with the names of the same model at other providers.

    Raises:
        InvalidInput: the name is empty, or has an unknown prefix.
        NoProvider: no configured provider serves it; the message says what is missing.
        PresetNotFound: the name is a preset's, `ratatoskr:tier/capability`.
    """
    name = _check_name(model)
    vendor = provider_prefix(name, configured)
    if vendor is not None and vendor not in configured and "chat" not in SPECS[vendor].capabilities:
        raise NoProvider(f"{SPECS[vendor].title} has no chat models", provider=vendor, model=name)
    candidates = (
        _resolve_explicit(name, configured, local)
        or _resolve_by_rules(name, configured, rules, local)
        or _resolve_by_table(name, configured)
    )
    for names in _match_rules(name, fallbacks):
        candidates += _resolve_each(names, configured, local, f"allowed as a fallback of {name}")
    if substitute:
        candidates = tuple(replace(candidate, only_if_unavailable=False) for candidate in candidates)
    return _merge(candidates)


def resolve_chain(
    models: Sequence[str],
    configured: Collection[str],
    *,
    rules: Rules = (),
    fallbacks: Rules = (),
    substitute: bool = False,
    local: Mapping[str, Sequence[str]] = _NO_LOCAL,
) -> tuple[Candidate, ...]:
    """Return the candidates of the caller's own chain, in order; never empty.

    Raises:
        InvalidInput, PresetNotFound: as `resolve`, for any of the names; or the chain is empty.
        NoProvider: some of the names cannot be served; the message lists them.
    """
    if not models:
        raise InvalidInput("no model was named", field="model")
    options: Any = {"rules": rules, "fallbacks": fallbacks, "substitute": substitute, "local": local}
    candidates: tuple[Candidate, ...] = ()
    missing: list[NoProvider] = []
    for model in models:
        try:
            candidates += resolve(model, configured, **options)
        except NoProvider as error:
            missing.append(error)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        names: dict[str, list[str]] = {}
        for one in missing:
            names.setdefault(one.message, []).append(str(one.model))
        text = "; ".join(f"{', '.join(dict.fromkeys(same))}: {text}" for text, same in names.items())
        raise NoProvider(_hint_once(text))
    return _merge(candidates)


def _hint_once(text: str) -> str:
    """Return a message without the repetitions of how a provider is set up."""
    for name, spec in SPECS.items():
        before, hint, after = text.partition(spec.setup_hint())
        text = before + hint + after.replace(f"{name}: {spec.setup_hint()}", name).replace(f"; {spec.setup_hint()}", "")
    return text


def check_rules(rules: Rules, configured: Collection[str], field: str, presets: OwnPresets = dict) -> None:
    """Check that each name of the user's rules can be served, and that presets exist, the user's own among them.

    Raises:
        ConfigurationError: one of them is not a model's name, or no configured provider serves it.
    """
    for pattern, names in rules.items() if isinstance(rules, Mapping) else rules:
        for name in (names,) if isinstance(names, str) else names:
            try:
                if name.startswith(PREFIX):
                    find_preset(name, presets())
                else:
                    _resolve_each([name], configured, _NO_LOCAL, "")
            except (InvalidInput, NoProvider, PresetNotFound) as error:
                raise ConfigurationError(
                    f"{quote(pattern)} stands for {quote(name)}: {error.message}", field=field
                ) from None


class Routes:
    """The routes of one gateway: resolves each chain of names once.

    Args:
        configured: names of the providers that can be used.
        rules: as for `resolve`.
        fallbacks: as for `resolve`.
        substitute: as for `resolve`.
        other_kind: what a model that does not chat is, and by which methods it is used; `None` for any other name.
    """

    def __init__(
        self,
        configured: Collection[str],
        *,
        rules: Rules,
        fallbacks: Rules,
        substitute: bool,
        other_kind: Callable[[str], str | None],
    ) -> None:
        self._configured = configured
        self._options: Any = {"rules": rules, "fallbacks": fallbacks, "substitute": substitute}
        self._other_kind = other_kind
        self._cache: dict[tuple[str, ...], tuple[Candidate, ...]] = {}

    def resolve(self, models: tuple[str, ...]) -> tuple[Candidate, ...]:
        """Return the candidates for a chain of names; raises what `resolve_chain` raises."""
        route = self._cache.get(models)
        if route is None:
            for model in models:
                if (kind := self._other_kind(model)) is not None:
                    raise InvalidInput(f"this is {kind}", field="model", model=model)
            route = resolve_chain(models, self._configured, **self._options)
            if len(self._cache) >= MAX_ROUTES:
                self._cache.clear()
            self._cache[models] = route
        return route


def resolve_embedding(
    model: str, embedders: Mapping[str, Mapping[str, str]], remote: Mapping[str, bool] = MappingProxyType({})
) -> tuple[Candidate, ...]:
    """Return the candidates that can embed with a model, in order; never empty.

    Vectors of different models cannot be compared: no rule and no fallback applies, and after the first candidate come
    only those that serve the same model, for when it is not available there.

    Args:
        model: the name as the caller gave it, with a provider's prefix or without.
        embedders: the providers that embed, in order, each with the case-folded names that callers may use and the
            canonical name of the model.
        remote: the providers that have no list of models, and whether they name models by the hub's repositories.

    Raises:
        InvalidInput: the name is empty or not a string, or has an unknown prefix.
        NoProvider: no configured provider embeds with it; the message lists the models that are configured.
    """
    if not isinstance(model, str):
        raise InvalidInput(f"model must be one name of an embedding model, not {type(model).__name__}", field="model")
    name = _check_name(model)
    prefix, colon, rest = name.partition(":")
    only = prefix.casefold() if colon and prefix.casefold() in embedders else None
    requested = (rest.strip() if only else name).rstrip("/")  # as shells complete the path of a folder
    eligible = {provider: names for provider, names in embedders.items() if only in (None, provider)}
    matches = (_find_canonical(requested, names) for names in eligible.values())
    canonical = next((match for match in matches if match is not None), None)
    if canonical is None:
        configured = sorted({model for names in embedders.values() for model in names.values()})
        those = f"configured are {', '.join(configured)}" if configured else "none is configured"
        missing = f"not a configured embedding model: {those}; see builder().local_embeddings"
        if not remote or only:
            raise NoProvider(missing, model=name)
        vendor = provider_prefix(name, remote)
        if vendor is not None and vendor not in remote and vendor not in EMBED:
            raise NoProvider(f"{SPECS[vendor].title} has no embeddings", provider=vendor, model=name)
        try:
            return _resolve_explicit(name, remote, _NO_LOCAL) or _resolve_by_table(name, remote)
        except NoProvider as error:
            raise NoProvider(f"{missing}; {error.message}", provider=error.provider, model=name) from None
    serving = [
        provider
        for provider, names in eligible.items()
        if canonical in (_find_canonical(requested, names), _find_canonical(canonical, names))
    ]
    known = find_embedding_model(canonical)
    if only is None and known is not None and not known.provider:  # its prompts are known, so that vectors are equal
        serving += [provider for provider, hub_names in remote.items() if hub_names]
    reasons = ("named by its prefix" if only else "embeds with it", "serves the same model")
    return tuple(Candidate(one, canonical, reasons[place > 0], place > 0) for place, one in enumerate(serving))


def _find_canonical(name: str, names: Mapping[str, str]) -> str | None:
    """Return the canonical name of the model that one of its names means."""
    return names[name] if name in names else names.get(name.casefold())


def _check_name(model: str) -> str:
    if not isinstance(model, str):
        raise InvalidInput(f"model must be a name, not {type(model).__name__}", field="model")
    name = model.strip()
    if not name:
        raise InvalidInput("no model was named", field="model")
    if not name.isprintable():
        raise InvalidInput("the model's name contains a character that cannot be printed", field="model")
    return name


def _resolve_explicit(
    name: str, configured: Collection[str], local: Mapping[str, Sequence[str]]
) -> tuple[Candidate, ...]:
    """Return the candidates that the name itself spells out, empty if it does not."""
    if name in local:
        same = _resolve_each(local[name], configured, _NO_LOCAL, "serves the same model", strict=False)
        return (
            Candidate("local", name, "runs in this process"),
            *(replace(candidate, only_if_unavailable=True) for candidate in same),
        )
    prefix, colon, rest = name.partition(":")
    rest = rest.strip()
    if not colon or "/" in prefix:
        return ()
    if name.startswith(PREFIX):
        raise PresetNotFound("presets are resolved by a gateway", model=name)
    if prefix == "local" and rest in local:
        return (Candidate("local", rest, "named by its prefix"),)
    provider = provider_prefix(name, configured)
    if provider is None:
        return (_resolve_other_prefix(name, prefix, rest, configured),)
    _require_configured(provider, configured, name)
    return (Candidate(provider, rest, "named by its prefix"),)


def provider_prefix(model: str, configured: Collection[str]) -> str | None:
    """Return the provider that `provider:model` names; `None` if the name has no such prefix.

    Args:
        model: the name as the user wrote it.
        configured: names of providers besides those that are built in.

    Raises:
        InvalidInput: the name ends with the provider.
    """
    prefix, colon, rest = model.strip().partition(":")
    if not colon or "/" in prefix:
        return None
    provider = prefix if prefix in configured else prefix.casefold()
    if prefix not in configured and provider not in SPECS:
        return None
    if not rest.strip():
        raise InvalidInput(f"{quote(model)} names a provider and no model", field="model")
    return provider if is_model_of(provider, rest.strip()) else None


def _resolve_other_prefix(name: str, prefix: str, rest: str, configured: Collection[str]) -> Candidate:
    """Return the candidate for a prefix that is not a provider's name: `ft:…`, or `name:tag` at Ollama."""
    if prefix == "local":
        raise NoProvider(f"{quote(rest)} is not a configured model of this process", model=name)
    for spec in SPECS.values():
        description = dict(spec.model_prefixes).get(prefix)
        if description and rest:
            _require_configured(spec.name, configured, name)
            return Candidate(spec.name, name, description)
    tagged = [spec for spec in SPECS.values() if spec.tagged_models]
    for spec in tagged:
        if spec.name in configured and prefix and rest:
            return Candidate(spec.name, name, f"a name and a tag of {spec.title}")
    known = ", ".join(sorted({*SPECS, *configured}))
    title = SPECS[prefix].title if prefix in SPECS else None
    what = f"{quote(rest)} is not a model of {title}" if title else f"{quote(prefix)} is not a provider"
    titles = " or ".join(spec.title for spec in tagged)
    raise InvalidInput(
        f"{what} (known are {known}), and {titles}, whose names have such tags, is not configured",
        field="model",
        model=name,
    )


def _require_configured(provider: str, configured: Collection[str], name: str) -> None:
    if provider not in configured:
        raise NoProvider(f"not configured; {SPECS[provider].setup_hint()}", provider=provider, model=name)


def _resolve_by_rules(
    name: str, configured: Collection[str], rules: Rules, local: Mapping[str, Sequence[str]]
) -> tuple[Candidate, ...]:
    """Return the candidates of the first of the user's rules that matches, empty if none does."""
    names = next(iter(_match_rules(name, rules)), ())
    return _resolve_each(names, configured, local, f"by the rule for {name}")


def _match_rules(name: str, rules: Rules) -> Iterable[Sequence[str]]:
    pairs = rules.items() if isinstance(rules, Mapping) else rules
    return [names for pattern, names in pairs if fnmatchcase(name, pattern)]


def _resolve_each(
    names: Sequence[str],
    configured: Collection[str],
    local: Mapping[str, Sequence[str]],
    reason: str,
    *,
    strict: bool = True,
) -> tuple[Candidate, ...]:
    """Return the candidates for names that the user listed.

    Raises:
        NoProvider: no configured provider serves one of them, and `strict` is true; otherwise it is left out.
    """
    candidates: list[Candidate] = []
    for name in (names,) if isinstance(names, str) else names:
        checked = _check_name(name)
        try:
            chain = _resolve_explicit(checked, configured, local) or _resolve_by_table(checked, configured)
        except NoProvider:
            if strict:
                raise
        else:
            candidates += (replace(candidate, reason=reason) for candidate in chain)
    return tuple(candidates)


def _resolve_by_table(name: str, configured: Collection[str]) -> tuple[Candidate, ...]:
    """Return the configured providers that serve the name by the table, the natural one first."""
    entry = match_family(name)
    label, natural = entry.family.label, entry.providers[0][0]
    candidates: list[Candidate] = []
    for provider, model in entry.providers:
        if provider not in configured:
            continue
        if provider == natural:
            reason = f"natural provider of {label}"
        elif not candidates:
            reason = f"{natural} is not configured, {provider} serves {label}, too"
        else:
            reason = f"serves {label}, too"
        candidates.append(Candidate(provider, model, reason, only_if_unavailable=bool(candidates)))
    if not candidates and entry.family.open:
        own = [provider for provider in configured if provider not in SPECS]
        if len(own) == 1:
            candidates.append(Candidate(own[0], name, f"the only host of your own, for {label}"))
    if not candidates:
        hints = "; or ".join(f"{provider}: {SPECS[provider].setup_hint()}" for provider, _ in entry.providers)
        raise NoProvider(f"no configured provider serves this model ({hints})", model=name)
    return tuple(candidates)


def _merge(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Return each candidate once, at its first place; it is a mere substitute only if it is one wherever it occurs."""
    if len(candidates) == 1:
        return candidates
    merged: dict[tuple[str, str], Candidate] = {}
    for candidate in candidates:
        key = (candidate.provider, candidate.model)
        before = merged.get(key)
        if before is None:
            merged[key] = candidate
        elif before.only_if_unavailable and not candidate.only_if_unavailable:
            merged[key] = replace(before, only_if_unavailable=False)
    return tuple(merged.values())
