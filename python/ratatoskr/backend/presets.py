"""Presets in routes: `ratatoskr:<tier>/<slot>` is the first of its models whose provider is configured."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from ratatoskr.errors import InvalidInput, NoProvider
from ratatoskr.models.presets import PREFIX, OwnPresets, check_parameters, find_preset
from ratatoskr.routing import MAX_ROUTES, Candidate, Routes, Rules, resolve_chain
from ratatoskr.types.chat import ChatRequest

__all__ = ["PresetRoutes", "embedding_of"]


class PresetRoutes(Routes):
    """Routes that know presets.

    A failure moves along the row of a preset only where the model is not there.

    Args:
        configured: as for `Routes`.
        rules: as for `Routes`; a preset in them stands for the first of its models that is configured.
        fallbacks: as `rules`.
        substitute: as for `Routes`.
        other_kind: as for `Routes`.
        own: the user's presets.

    Attributes:
        filled: the parameters of presets, by the names that a request gave; of those that have some.
    """

    def __init__(
        self,
        configured: Collection[str],
        *,
        rules: Rules,
        fallbacks: Rules,
        substitute: bool,
        other_kind: Callable[[str], str | None],
        own: OwnPresets,
    ) -> None:
        super().__init__(configured, rules=rules, fallbacks=fallbacks, substitute=substitute, other_kind=other_kind)
        self._own = own
        self._by_rules = any(name.startswith(PREFIX) for name in _names_in(rules, fallbacks))
        self.filled: dict[tuple[str, ...], Mapping[str, Any]] = {}

    def fill(self, request: ChatRequest, models: tuple[str, ...]) -> ChatRequest:
        """Return a request with the parameters of its preset, where the caller left them unset."""
        options = request.options
        unset = {name: value for name, value in self.filled.get(models, {}).items() if getattr(options, name) is None}
        return replace(request, options=replace(options, **unset)) if unset else request

    def resolve(self, models: tuple[str, ...]) -> tuple[Candidate, ...]:
        """Return the candidates for a chain of names, presets among them.

        Raises:
            InvalidInput, NoProvider: as `resolve_chain`; also if none of a preset's models is configured.
            PresetNotFound: there is no such preset.
        """
        route = self._cache.get(models)
        if route is not None:
            return route
        if self._by_rules:
            self._expand_rules()
        if not any(name.strip().startswith(PREFIX) for name in models):
            return super().resolve(models)
        merged: dict[tuple[str, str], Candidate] = {}
        for name in models:
            own = self._resolve_preset(name) if name.strip().startswith(PREFIX) else super().resolve((name,))
            for candidate in own:
                merged.setdefault((candidate.provider, candidate.model), candidate)
        first = next(name for name in models if name.strip().startswith(PREFIX))
        parameters = check_parameters(*find_preset(first, self._own()))
        if len(self._cache) >= MAX_ROUTES:
            self._cache.clear()
            self.filled.clear()
        if parameters:
            self.filled[models] = parameters
        self._cache[models] = route = tuple(merged.values())
        return route

    def _resolve_preset(self, name: str) -> tuple[Candidate, ...]:
        key, preset = find_preset(name, self._own())
        if key.endswith("/embedding"):
            raise InvalidInput("this is a preset of embedding models, which do not chat", field="model", model=name)
        found: list[Candidate] = []
        for model in preset.models:
            try:
                candidates = resolve_chain((model,), self._configured, **self._options)
            except NoProvider:
                continue
            found += candidates if not found else [_if_absent(candidate) for candidate in candidates]
        if not found:
            raise NoProvider(f"none of its models has a configured provider: {', '.join(preset.models)}", model=name)
        first = replace(found[0], reason=f"the first model of {PREFIX}{key} whose provider is configured")
        return (first, *found[1:])

    def _expand_rules(self) -> None:
        self._by_rules = False
        for kind in ("rules", "fallbacks"):
            pairs = self._options[kind]
            self._options[kind] = tuple(
                (pattern, tuple(self._expand(name) for name in ((names,) if isinstance(names, str) else names)))
                for pattern, names in (pairs.items() if isinstance(pairs, Mapping) else pairs)
            )

    def _expand(self, name: str) -> str:
        if not name.startswith(PREFIX):
            return name
        first = self._resolve_preset(name)[0]
        return f"{first.provider}:{first.model}"


def _if_absent(candidate: Candidate) -> Candidate:
    return replace(candidate, only_if_unavailable=True, also_if_not_found=True)


def _names_in(*rules: Rules) -> list[str]:
    pairs = [pair for one in rules for pair in (one.items() if isinstance(one, Mapping) else one)]
    return [name for _, names in pairs for name in ((names,) if isinstance(names, str) else names)]


def embedding_of(name: str, own: OwnPresets, embeds: Callable[[str], bool]) -> str:
    """Return the first model of a preset of embedding models that is configured, or else its first.

    Raises:
        InvalidInput: it is a preset of models that chat.
        PresetNotFound: there is no such preset.
    """
    key, preset = find_preset(name, own())
    if not key.endswith("/embedding"):
        raise InvalidInput("this is a preset of models that chat; use …/embedding", field="model", model=name)
    return next(filter(embeds, preset.models), preset.models[0])
