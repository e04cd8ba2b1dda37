"""`ProviderSpec`: what is known about one provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

BEARER = ("authorization", "Bearer ")

CHAT_COMPLETIONS = MappingProxyType({"chat_completions": "ratatoskr.wire.chat_completions"})


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider.

    Attributes:
        name: the prefix of its models' names, as in `name:model`.
        title: the name that the vendor uses.
        base_url: where its API begins; what differs between accounts is a name in braces.
        dialects: endpoint family to the package that implements it; the first is the default.
        key_variables: the environment variables that may hold its key, in order of precedence.
        base_url_variable: the environment variable that holds its base URL, as in the vendor's own programs; without
            one there, it is the name in capitals and `_BASE_URL`.
        base_url_path: what follows an address without a path in that variable.
        api_version_variable: the environment variable that holds the version of the API, where that decides the form of
            its URLs and models are named by their deployments, as at Azure.
        placeholders: the names in braces in `base_url`, each with the environment variable that holds its value.
        needs_key: whether every request needs a key.
        configured_by: what `Ratatoskr.from_env()` looks for: a key, or an address in the environment.
        alternative_to: the provider with the same key that it adds in place of this one.
        probed: whether it also looks for a server that accepts connections at `base_url`.
        key_header: the header's name and what precedes the key in its value.
        token_header: the same for what a key function returns; `None` for that of keys.
        request_id: the response headers that may hold the request's id, in order of preference.
        capabilities: what it serves.
        flags: quirks that the dialects read.
        refused: chat parameters that the dialect supports and this host rejects or ignores.
        model_prefixes: other prefixes that mean one of its models, each with a description; the name is sent whole.
        tagged_models: whether its models' names have tags, as in `name:tag`.
        example_model: a small model for examples and the demo.
        models_path: the path of its model list below `base_url`, with the largest page size if the list is paged.
        models_headers: headers that the model list needs besides the key.
        models_shape: the member of the model list that holds the models.
        version_prefixes: the first segments of its dialect's paths, with which a base URL may end as well.
        own_headers: headers whose values depend on the request, which the caller cannot set.
        list_headers: headers that are lists, to which the caller can add.
        body_limit: the size of the largest request in bytes.
        hub_tasks: whether it serves the hub's tasks of classification beside its chats.
        builder_method: whether the builder has a method of this name; if not, `provider(name)` adds it.
        counts_by: the dialect whose address counts the tokens of a request; empty where the provider has none.
        note: what differs from other providers and is in no other field.
        source: where this row was read, with the date; what is from memory is named.
    """

    name: str
    title: str
    base_url: str
    dialects: Mapping[str, str] = field(default_factory=lambda: CHAT_COMPLETIONS)
    key_variables: tuple[str, ...] = ()
    base_url_variable: str = ""
    base_url_path: str = ""
    api_version_variable: str = ""
    placeholders: tuple[tuple[str, str], ...] = ()
    needs_key: bool = True
    configured_by: Literal["key", "address"] = "key"
    alternative_to: str = ""
    probed: bool = False
    key_header: tuple[str, str] = BEARER
    token_header: tuple[str, str] | None = None
    request_id: tuple[str, ...] = ("x-request-id",)
    capabilities: tuple[Literal["chat", "generate", "models"], ...] = ("chat", "models")
    flags: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    model_prefixes: tuple[tuple[str, str], ...] = ()
    tagged_models: bool = False
    example_model: str = ""
    models_path: str = "/models"
    models_headers: tuple[tuple[str, str], ...] = ()
    models_shape: Literal["data", "models"] = "data"
    version_prefixes: tuple[str, ...] = ()
    own_headers: frozenset[str] = frozenset()
    list_headers: frozenset[str] = frozenset()
    body_limit: int | None = None
    hub_tasks: bool = False
    builder_method: bool = False
    counts_by: str = ""
    note: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.base_url_variable:
            variable = f"{self.name.upper().replace('-', '_')}_BASE_URL"
            object.__setattr__(self, "base_url_variable", variable)

    def setup_hint(self) -> str:
        """Return what a program has to do so that this provider is configured."""
        arguments = ([] if self.builder_method else [f'"{self.name}"']) + (["key"] if self.needs_key else [])
        call = f".{self.name if self.builder_method else 'provider'}({', '.join(arguments)})"
        if self.needs_key:
            more = "".join(f" and {variable}" for _, variable in self.placeholders)
            return f"set {' or '.join(self.key_variables)}{more}, or call {call} on the builder"
        variable = self.base_url_variable if self.configured_by == "address" else self.key_variables[0]
        return f"set {variable} or call {call} on the builder"
