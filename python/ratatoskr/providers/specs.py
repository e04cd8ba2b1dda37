"""The providers as rows of data: address, keys, dialects and quirks. A new OpenAI-compatible host is one more row.

Addresses, headers and variables are from the vendors' API references and SDKs as of November 2026.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

_BEARER = ("authorization", "Bearer ")

CHAT_COMPLETIONS = MappingProxyType({"chat_completions": "ratatoskr.wire.chat_completions"})


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider.

    Attributes:
        name: the prefix of its models' names, as in `name:model`.
        title: the name that the vendor uses.
        base_url: where its API begins.
        dialects: endpoint family to the package that implements it; the first is the default.
        key_variables: the environment variables that may hold its key, in order of precedence.
        base_url_variable: the environment variable that holds its base URL in the vendor's own programs. It is read
            only where `configured_by` is `address`.
        needs_key: whether every request needs a key.
        configured_by: what `Ratatoskr.from_env()` looks for: a key, or a server at the base URL.
        key_header: the header's name and what precedes the key in its value.
        request_id: the response headers that may hold the request's id, in order of preference.
        capabilities: what it serves.
        flags: quirks that the dialects read.
        refused: chat parameters that the dialect supports and this host rejects.
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
        builder_method: whether the builder has a method of this name; if not, `provider(name)` adds it.
    """

    name: str
    title: str
    base_url: str
    dialects: Mapping[str, str] = field(default_factory=lambda: CHAT_COMPLETIONS)
    key_variables: tuple[str, ...] = ()
    base_url_variable: str | None = None
    needs_key: bool = True
    configured_by: Literal["key", "address"] = "key"
    key_header: tuple[str, str] = _BEARER
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
    builder_method: bool = False

    def setup_hint(self) -> str:
        """Return what a program has to do so that this provider is configured."""
        arguments = ([] if self.builder_method else [f'"{self.name}"']) + (["key"] if self.needs_key else [])
        call = f".{self.name if self.builder_method else 'provider'}({', '.join(arguments)})"
        if self.needs_key:
            return f"set {' or '.join(self.key_variables)}, or call {call} on the builder"
        variable = self.base_url_variable if self.configured_by == "address" else self.key_variables[0]
        return f"set {variable} or call {call} on the builder"


SPECS: dict[str, ProviderSpec] = {
    spec.name: spec
    for spec in (
        ProviderSpec(
            "openrouter",
            "OpenRouter",
            "https://openrouter.ai/api/v1",
            key_variables=("OPENROUTER_API_KEY",),
            needs_key=False,
            request_id=("x-generation-id", "x-request-id"),
            flags=frozenset({"openrouter"}),
            example_model="openai/gpt-5-mini",
            builder_method=True,
        ),
        ProviderSpec(
            "anthropic",
            "Anthropic",
            "https://api.anthropic.com",
            {"messages": "ratatoskr.wire.anthropic"},
            key_variables=("ANTHROPIC_API_KEY",),
            base_url_variable="ANTHROPIC_BASE_URL",
            key_header=("x-api-key", ""),
            request_id=("request-id",),
            example_model="claude-haiku-4-5",
            models_path="/v1/models?limit=1000",
            models_headers=(("anthropic-version", "2023-06-01"),),
            version_prefixes=("/v1",),
            own_headers=frozenset({"anthropic-version"}),
            list_headers=frozenset({"anthropic-beta"}),
            body_limit=32 * 1024 * 1024,
            builder_method=True,
        ),
        ProviderSpec(
            "openai",
            "OpenAI",
            "https://api.openai.com/v1",
            {**CHAT_COMPLETIONS, "responses": "ratatoskr.wire.responses"},
            key_variables=("OPENAI_API_KEY",),
            base_url_variable="OPENAI_BASE_URL",
            flags=frozenset({"openai"}),
            refused=frozenset({"top_k"}),
            model_prefixes=(("ft", "a fine-tuned model of OpenAI"),),
            example_model="gpt-5-mini",
            builder_method=True,
        ),
        ProviderSpec(
            "google",
            "Google Gemini",
            "https://generativelanguage.googleapis.com",
            {"generate_content": "ratatoskr.wire.gemini"},
            key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            base_url_variable="GOOGLE_GEMINI_BASE_URL",
            key_header=("x-goog-api-key", ""),
            example_model="gemini-2.5-flash",
            models_path="/v1beta/models?pageSize=1000",
            version_prefixes=("/v1beta", "/v1"),
            models_shape="models",
            builder_method=True,
        ),
        ProviderSpec(
            "ollama",
            "Ollama",
            "http://localhost:11434",
            {"ollama": "ratatoskr.wire.ollama"},
            key_variables=("OLLAMA_API_KEY",),
            base_url_variable="OLLAMA_HOST",
            needs_key=False,
            configured_by="address",
            capabilities=("chat", "generate", "models"),
            tagged_models=True,
            example_model="qwen3:4b",
            models_path="/api/tags",
            version_prefixes=("/api",),
            models_shape="models",
            builder_method=True,
        ),
        ProviderSpec(
            "huggingface",
            "Hugging Face",
            "https://router.huggingface.co/v1",
            key_variables=("HF_TOKEN",),
            flags=frozenset({"usage_or_done"}),
            example_model="Qwen/Qwen3-4B-Instruct-2507",
            builder_method=True,
        ),
        ProviderSpec(
            "groq",
            "Groq",
            "https://api.groq.com/openai/v1",
            key_variables=("GROQ_API_KEY",),
            base_url_variable="GROQ_BASE_URL",
            flags=frozenset({"groq"}),
            example_model="llama-3.3-70b-versatile",
            builder_method=True,
        ),
        ProviderSpec(
            "mistral",
            "Mistral",
            "https://api.mistral.ai/v1",
            key_variables=("MISTRAL_API_KEY",),
            flags=frozenset({"mistral"}),
            example_model="mistral-small-latest",
            builder_method=True,
        ),
        ProviderSpec(
            "deepseek",
            "DeepSeek",
            "https://api.deepseek.com",
            key_variables=("DEEPSEEK_API_KEY",),
            example_model="deepseek-chat",
            builder_method=True,
        ),
        ProviderSpec(
            "together",
            "Together",
            "https://api.together.xyz/v1",
            key_variables=("TOGETHER_API_KEY",),
            base_url_variable="TOGETHER_BASE_URL",
            example_model="meta-llama/Llama-3.3-70B-Instruct-Turbo",
            builder_method=True,
        ),
        ProviderSpec(
            "xai",
            "xAI",
            "https://api.x.ai/v1",
            key_variables=("XAI_API_KEY",),
            example_model="grok-4-fast",
            builder_method=True,
        ),
        # inference-docs.cerebras.ai/resources/openai and /capabilities/reasoning: both penalties are status 400.
        ProviderSpec(
            "cerebras",
            "Cerebras",
            "https://api.cerebras.ai/v1",
            key_variables=("CEREBRAS_API_KEY",),
            base_url_variable="CEREBRAS_BASE_URL",
            refused=frozenset({"frequency_penalty", "presence_penalty"}),
            example_model="gpt-oss-120b",
        ),
        # deepinfra.com/docs/advanced/openai_api; the vendor's own examples call the key a token.
        ProviderSpec(
            "deepinfra",
            "DeepInfra",
            "https://api.deepinfra.com/v1/openai",
            key_variables=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
            example_model="meta-llama/Llama-3.3-70B-Instruct-Turbo",
        ),
    )
}
"""The built-in providers by name, in the order in which messages list them."""


QUIRKS: Mapping[str, str] = MappingProxyType(
    {
        "enable_thinking": "thinking is switched by `enable_thinking`; there are no efforts",
        "template_thinking": "thinking is switched by `chat_template_kwargs.enable_thinking`; there are no efforts",
        "cache_control": "parts are marked for the prompt cache by `cache_control`",
        "json_object_value": "a JSON Schema is sent as `response_format.value`",
        "tool_media": "results of tools may have pictures",
        "file_url": "files may be given by URL",
        "string_content": "the content of a message is one text, however many parts it has",
        "no_system": "there is no system role",
        "no_name": "messages have no name",
        "no_stream_options": "`stream_options` is not accepted",
    }
)
"""The quirks that a host of the user's own may have: flags of `ratatoskr.wire.chat_completions`, with their meaning."""

SWITCHES = frozenset({"enable_thinking", "template_thinking"})
"""The quirks of hosts where thinking is a switch."""


def compatible(
    name: str, base_url: str, *, no_done: bool = False, quirks: Collection[str] = (), refused: Collection[str] = ()
) -> ProviderSpec:
    """Return the row of an OpenAI-compatible host that is not built in."""
    flags = frozenset({*quirks, *(("no_done",) if no_done else ())})
    return ProviderSpec(name, name, base_url.rstrip("/"), needs_key=False, flags=flags, refused=frozenset(refused))


def example_variables() -> str:
    """Return the key variables that messages name as examples: those of the first four providers."""
    *some, last = [spec.key_variables[0] for spec in SPECS.values()][:4]
    return f"{', '.join(some)} or {last}"
