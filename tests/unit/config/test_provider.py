"""`ProviderConfig`: keys, headers and base URLs are checked and resolved; installed packages may provide more."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from ratatoskr import ConfigurationError, Ratatoskr
from ratatoskr.config import provider as module
from ratatoskr.config.provider import ProviderConfig, check_headers, check_keys, resolve_base_url, resolve_keys
from ratatoskr.providers.specs import SPECS, ProviderSpec
from ratatoskr.types.secret import Secret

ALL = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@ALL
def test_a_key_comes_from_the_argument_before_the_environment(spec: ProviderSpec, monkeypatch: Any) -> None:
    monkeypatch.setenv(spec.key_variables[0], "from-env")
    assert resolve_keys(ProviderConfig(spec.name)) == ((Secret("from-env"),), spec.key_variables[0])
    given = ProviderConfig(spec.name, check_keys(spec.name, ["a", "b"]))
    assert resolve_keys(given) == ((Secret("a"), Secret("b")), "argument")


@ALL
def test_a_missing_key_is_an_error_where_the_row_needs_one(spec: ProviderSpec) -> None:
    config = ProviderConfig(spec.name)
    if not spec.needs_key:
        assert resolve_keys(config) == ((), None)
        return
    with pytest.raises(ConfigurationError) as caught:
        resolve_keys(config)
    assert caught.value.provider == spec.name
    assert f"set {' or '.join(spec.key_variables)}, or" in caught.value.message


@ALL
def test_a_header_may_not_repeat_the_key(spec: ProviderSpec) -> None:
    headers = check_headers(spec.name, {spec.key_header[0].title(): "x"})
    with pytest.raises(ConfigurationError, match="is set by the key; give one of the two"):
        resolve_keys(ProviderConfig(spec.name, check_keys(spec.name, "k"), headers=headers))


@ALL
def test_the_base_url_is_the_rows_unless_given(spec: ProviderSpec) -> None:
    assert resolve_base_url(ProviderConfig(spec.name)) == spec.base_url
    assert resolve_base_url(ProviderConfig(spec.name, base_url="https://h/v1/")) == "https://h/v1"


@ALL
def test_the_variable_of_a_base_url_counts_only_where_the_address_configures_it(
    spec: ProviderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    if spec.base_url_variable is not None:
        monkeypatch.setenv(spec.base_url_variable, "https://elsewhere.example")
    expected = "https://elsewhere.example" if spec.configured_by == "address" else spec.base_url
    assert resolve_base_url(ProviderConfig(spec.name)) == expected


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_plain_http_is_allowed_to_this_machine(host: str) -> None:
    assert resolve_base_url(ProviderConfig("openai", base_url=f"http://{host}:1/v1")) == f"http://{host}:1/v1"


def test_plain_http_to_another_machine_has_to_be_allowed() -> None:
    with pytest.raises(ConfigurationError, match="plain http to h; use https"):
        resolve_base_url(ProviderConfig("openai", base_url="http://h"))
    assert resolve_base_url(ProviderConfig("openai", base_url="http://h", allow_insecure=True)) == "http://h"


@pytest.mark.parametrize("scheme", ["HTTP", "Http"])
def test_a_scheme_in_capitals_does_not_avoid_the_check(scheme: str) -> None:
    with pytest.raises(ConfigurationError, match="plain http to h; use https"):
        resolve_base_url(ProviderConfig("openai", base_url=f"{scheme}://H"))


@pytest.mark.parametrize(
    "host",
    ["bücher.example", "１27.0.0.1", "127.0.0.1.1", "127.0.0.256", "a.0x", "a..b", ".a", "a%2eb", "a\\b", "[::1%1]"],
)
def test_a_host_that_has_no_ascii_form_or_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="ASCII form") as caught:
        resolve_base_url(ProviderConfig("openai", base_url=f"https://{host}/v1"))
    assert caught.value.field == "base_url"


class Registered:
    """A provider of an installed package."""

    def __init__(self, **arguments: Any) -> None:
        self.name = "registered"
        self.arguments = arguments

    async def chat(self, request: Any, call: Any) -> Any:
        raise NotImplementedError

    async def open(self, request: Any, call: Any) -> Any:
        raise NotImplementedError


def test_an_installed_package_may_register_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("registered", f"{__name__}:Registered", module.ENTRY_POINTS)
    monkeypatch.setattr(module, "entry_points", lambda group: [entry] if group == module.ENTRY_POINTS else [])
    with pytest.raises(ConfigurationError, match=r"no provider is named 'regstered'; known are .*, registered"):
        Ratatoskr.builder().provider("regstered").build()
    gateway = Ratatoskr.builder().provider("registered", "k", headers={"a": "b"}).build()
    made: Any = gateway.assembly.providers["registered"]  # type: ignore[union-attr]
    assert isinstance(made, Registered)
    assert made.arguments["keys"] == (Secret("k"),)
    assert made.arguments["headers"] == {"a": "b"}
    assert made.arguments["base_url"] is None
    with pytest.raises(ConfigurationError, match="registered: limits need a base_url"):
        Ratatoskr.builder().provider("registered").limits("registered", 2).build()
    bare = Ratatoskr.builder().provider("registered").build()
    assert bare.assembly.providers["registered"].arguments["headers"] is None  # type: ignore[union-attr]
