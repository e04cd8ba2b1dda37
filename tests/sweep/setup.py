"""Loaders of set-up: arguments of the builder, and providers of installed packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ratatoskr import Ratatoskr
from ratatoskr.config import provider
from sweep.loader import Loader, Seed

CALLS: dict[str, dict[str, Any]] = {
    "openai": {"key": "sk-1", "base_url": "https://h/v1", "headers": {"x-a": "b"}, "api": "auto"},
    "compatible": {"name": "house", "base_url": "http://127.0.0.1:1/v1", "key": ["a", "b"], "headers": {"x-a": "b"}},
    "provider": {"name": "anthropic", "key": "sk-1", "base_url": "https://h", "headers": None},
    "routing": {"rules": {"fast": ["openai:gpt-4.1"]}},
    "timeout": {"total": 5.0, "idle": 1},
    "fallback": {"pattern": "openai:*", "models": ["anthropic:claude-sonnet-5"]},
    "retries": {"n": 2},
    "parameter_policy": {"policy": "drop"},
    "proxy": {"url": "http://127.0.0.1:3128"},
    "tls": {"ca": "/no/such.pem"},
    "limits": {"provider": "openai", "in_flight": 3},
    "local_embeddings": {"model": "AllMiniLmL6V2", "precision": "int8"},
    "ram_budget": {"bytes": 5_000_000},
    "cache_dir": {"path": "/tmp/none"},
}


REQUIRED = {
    "compatible",
    "provider",
    "retries",
    "parameter_policy",
    "ram_budget",
    "cache_dir",
    "proxy",
    "limits",
    "fallback",
    "local_embeddings",
}


def _call(value: Any, name: str) -> None:
    builder = Ratatoskr.builder()
    if type(value) is dict and set(CALLS[name]) & value.keys():
        arguments = {key: item for key, item in value.items() if key in CALLS[name]}
        if name in REQUIRED:
            arguments = {**CALLS[name], **arguments}
        method = getattr(builder, name)
        builder = method(**arguments)
        (builder if name in ("openai", "compatible", "provider") else builder.openai("sk-1")).build()


class _EntryPoint:
    """An entry point of an installed package, whose object is anything."""

    def __init__(self, name: str, thing: Any) -> None:
        self.name, self._thing = name, thing

    def load(self) -> Any:
        if isinstance(self._thing, str):
            raise {"import": ImportError, "name": AttributeError}.get(self._thing, RuntimeError)(self._thing)
        return self._thing


def _entry_point(value: Any, _: Any) -> None:
    thing = value["load"] if type(value) is dict and "load" in value else value
    for loaded in (thing, lambda **_: thing):
        _build_with(_EntryPoint("house", loaded))


def _build_with(entry: _EntryPoint) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "entry_points", lambda **_: [entry])
        repr(Ratatoskr.builder().provider("house", "k").build())


def loaders() -> Iterator[Loader]:
    """Yield the loaders of set-up."""
    seeds = [Seed(arguments, name) for name, arguments in CALLS.items()]
    yield Loader("arguments of the builder", "object", seeds, _call, share=2)
    points = [Seed({"load": "import"}), Seed({"load": "name"}), Seed({"load": None}), Seed({"load": [1]})]
    yield Loader("providers of installed packages", "object", points, _entry_point, share=0.3)
