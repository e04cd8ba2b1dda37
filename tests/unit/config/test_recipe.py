"""`Recipe`: frozen, equal where the set-up is equal, and printable without any secret."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import ConfigurationError, Ratatoskr
from ratatoskr.config.builder import Builder
from ratatoskr.config.recipe import LocalConfig, Recipe
from ratatoskr.transport.config import TransportConfig
from ratatoskr.types.timeouts import Timeouts

CANARY = "canary-0123456789"


class Client:
    """An HTTP client whose repr shows its headers, as a user's may."""

    def __repr__(self) -> str:
        return f"Client(authorization={CANARY})"


def fill(builder: Builder) -> Builder:
    """Call every method of the builder that can be combined with the others."""
    from ratatoskr.local.engine.device import Device

    return (
        builder.openai("k", api="responses")
        .provider("groq", ["a", "b"], headers={"x-a": "1"})
        .compatible("house", base_url="https://h/v1", key="k")
        .local_embeddings("AllMiniLmL6V2", "int8")
        .device(Device.cpu(workers=1))
        .cache_dir("/cache")
        .ram_budget(5)
        .timeout(connect=1)
        .timeout(9)
        .retries(3)
        .parameter_policy("drop")
        .routing({"a*": "gpt-5"}, substitute=True)
        .fallback("*", ["gpt-5", "o3"])
        .limits("openai", 5)
        .limits("openai", 6)
        .proxy("http://proxy:1")
        .unix_socket("/s")
        .tls(ca=b"PEM")
    )


def test_the_builder_fills_a_recipe() -> None:
    recipe = fill(Ratatoskr.builder()).recipe()
    assert [provider.name for provider in recipe.providers] == ["openai", "groq", "house"]
    assert [len(provider.keys) for provider in recipe.providers] == [1, 2, 1]
    assert recipe.providers[0].api == "responses"
    assert recipe.local.models == (("AllMiniLmL6V2", "int8"),)
    assert (recipe.local.cache_dir, recipe.local.ram_budget) == ("/cache", 5)
    assert recipe.timeouts == Timeouts(connect=1, total=9)
    assert (recipe.retries, recipe.policy, recipe.substitute) == (3, "drop", True)
    assert recipe.rules == (("a*", ("gpt-5",)),)
    assert recipe.fallbacks == (("*", ("gpt-5", "o3")),)
    assert recipe.in_flight == (("openai", 6),)
    assert recipe.transport == TransportConfig(proxy="http://proxy:1", unix_socket="/s", tls_ca=b"PEM")


def test_equal_set_ups_are_equal_and_another_is_not() -> None:
    recipe = fill(Ratatoskr.builder()).recipe()
    assert recipe == fill(Ratatoskr.builder()).recipe()
    assert recipe != fill(Ratatoskr.builder()).retries(0).recipe()
    assert Ratatoskr.builder().openai("k").recipe() != Ratatoskr.builder().openai("l").recipe()
    assert Ratatoskr.builder().recipe() == Recipe()


def test_a_recipe_is_frozen_and_the_builder_goes_on_without_changing_it() -> None:
    builder = Ratatoskr.builder().openai("k")
    recipe = builder.recipe()
    builder.groq("k").retries(0)
    assert [provider.name for provider in recipe.providers] == ["openai"]
    assert recipe.retries == 2
    for value in (recipe, recipe.providers[0], recipe.local):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, ())


SECRETS: dict[str, Callable[[Builder], Any]] = {
    "key": lambda b: b.openai(CANARY),
    "keys": lambda b: b.openai(["a", CANARY]),
    "header": lambda b: b.openai("k", headers={"x-api-token": CANARY}),
    "password in a base URL": lambda b: b.openai("k", base_url=f"https://me:{CANARY}@h/v1"),
    "query of a base URL": lambda b: b.openai("k", base_url=f"https://h/v1?key={CANARY}"),
    "key of a compatible host": lambda b: b.compatible("house", base_url="https://h", key=CANARY),
    "password in a compatible host's URL": lambda b: b.compatible("house", base_url=f"https://me:{CANARY}@h"),
    "proxy password": lambda b: b.proxy(f"http://me:{CANARY}@proxy:1"),
    "authorities": lambda b: b.tls(ca=CANARY.encode()),
    "certificate": lambda b: b.tls(cert=CANARY.encode()),
    "private key": lambda b: b.tls(key=CANARY),
    "client": lambda b: b.http_client(Client()),
}


@pytest.mark.parametrize("case", SECRETS)
def test_no_secret_is_in_its_repr(case: str) -> None:
    builder: Builder = SECRETS[case](Ratatoskr.builder())
    recipe = builder.recipe()
    assert CANARY not in repr(recipe)
    assert CANARY not in str(recipe)
    assert CANARY not in f"{recipe.providers}{recipe.transport}"


def test_its_repr_says_what_is_not_secret() -> None:
    shown = repr(fill(Ratatoskr.builder()).provider("xai", base_url="https://h/v1").recipe())
    for text in ("'openai'", "keys=(Secret(…),", "api='responses'", "x-a: …", "AllMiniLmL6V2", "unix_socket='/s'"):
        assert text in shown
    assert "base_url='https://h/v1'" in shown
    assert "retries=3" in shown


def test_checks_across_arguments_hold_for_a_recipe_that_no_builder_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no provider is configured"):
        Recipe().check()
    Recipe(local=LocalConfig(((tmp_path, "fp32"),))).check()
    (provider,) = Ratatoskr.builder().openai("k").recipe().providers
    with pytest.raises(ConfigurationError, match="openai: configured twice"):
        Recipe((provider, provider)).check()
    with pytest.raises(ConfigurationError, match="limits for groq"):
        Recipe((provider,), in_flight=(("groq", 1),)).check()
    for changes in ({"in_flight": (("openai", 1),)}, {"transport": TransportConfig(proxy="http://p:1")}):
        with pytest.raises(ConfigurationError, match="your own client has its own proxy") as caught:
            dataclasses.replace(Recipe((provider,), client=Client()), **changes).check()
        assert caught.value.field == "http_client"


def test_what_is_said_about_a_model_is_of_a_provider_that_there_is() -> None:
    builder = Ratatoskr.builder().compatible("house", base_url="http://127.0.0.1:1/v1", key="k")
    builder.model("house:one", context_window=5).model("openai:gpt-4.1", context_window=5).build()
    with pytest.raises(ConfigurationError, match=r"model\('opneai:gpt-4\.1'\) is of no provider: 'opneai'") as caught:
        builder.model("opneai:gpt-4.1", context_window=5).build()
    assert caught.value.field == "model"
