"""`ProviderMethods`: the methods of the builder that add a provider."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypedDict, get_args

from ratatoskr.config.azure import check_api_version, check_deployments
from ratatoskr.config.provider import Keys, ProviderConfig, check_headers, check_keys
from ratatoskr.config.recipe import Recipe
from ratatoskr.errors import ConfigurationError
from ratatoskr.models.rules import Api
from ratatoskr.providers.specs import QUIRKS, SPECS, compatible
from ratatoskr.types.chat import PARAM_NAMES
from ratatoskr.types.frames import hide_arguments_of_methods
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from typing_extensions import Unpack

StreamEnd: TypeAlias = Literal["required", "optional"]
_RESERVED_NAMES = {"ratatoskr": "a preset"} | {
    prefix: description for spec in SPECS.values() for prefix, description in spec.model_prefixes
}
"""Names before a colon that cannot be a host's, with what they mean."""


class ProviderOptions(TypedDict, total=False):
    """The options of every provider besides its key; see `Builder.provider`."""

    base_url: str | None
    headers: Mapping[str, str] | None
    allow_insecure: bool


@hide_arguments_of_methods
class ProviderMethods:
    """The part of the builder that adds providers. Every method returns the builder."""

    _recipe: Recipe

    def _set(self, **changes: Any) -> Self:
        self._recipe = replace(self._recipe, **changes)
        return self

    def provider(
        self,
        name: str,
        key: Keys = None,
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
    ) -> Self:
        """Add a provider by name: a built-in one, or one that an installed package registers.

        Args:
            name: the prefix of its models' names.
            key: one or several; if left out, it comes from the environment or the secrets file. A function, also an
                asynchronous one, returns a `Token` or a text: it is called once for all calls that wait, again before
                the token expires, and after a 401. If it fails, calls end with `AuthenticationFailed`.
            base_url: in place of the provider's own; if left out, that of its variable, such as `OPENAI_BASE_URL`.
            headers: sent with every request.
            allow_insecure: allow plain http to another machine.
        """
        check_name(name)
        return self._add(ProviderConfig(name, base_url=base_url, allow_insecure=allow_insecure), key, headers)

    def _add(self, config: ProviderConfig, key: Keys, headers: Mapping[str, str] | None) -> Self:
        config = replace(config, keys=check_keys(config.name, key), headers=check_headers(config.name, headers))
        return self._set(providers=(*self._recipe.providers, config))

    def openrouter(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add OpenRouter; its free models need no key. Options as in `provider`."""
        return self.provider("openrouter", key, **options)

    def anthropic(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Anthropic. Options as in `provider`."""
        return self.provider("anthropic", key, **options)

    def openai(self, key: Keys = None, *, api: Api = "auto", **options: Unpack[ProviderOptions]) -> Self:
        """Add OpenAI. Options as in `provider`.

        Args:
            key: one or several.
            api: the endpoint; `auto` uses Responses for models that reason and Chat Completions for all others.
            **options: as in `provider`.
        """
        if not isinstance(api, str) or api not in get_args(Api):
            raise ConfigurationError(f"api must be auto, responses or chat_completions, not {quote(api)}", field="api")
        self.provider("openai", key, **options)
        *before, config = self._recipe.providers
        return self._set(providers=(*before, replace(config, api=api)))

    def google(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Google Gemini. Options as in `provider`."""
        return self.provider("google", key, **options)

    def ollama(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Ollama, at `OLLAMA_HOST` or on this machine. Options as in `provider`."""
        return self.provider("ollama", key, **options)

    def azure(
        self,
        endpoint: str | None = None,
        key: Keys = None,
        *,
        deployments: Mapping[str, str] | None = None,
        api_version: str | None = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
    ) -> Self:
        """Add Azure OpenAI, whose models are named by their deployments.

        Args:
            endpoint: as in `https://NAME.openai.azure.com`; if left out, that of `AZURE_OPENAI_ENDPOINT`.
            key: one or several; or a function that returns a token of Entra ID, which is sent as a bearer token.
            deployments: names of models with those of their deployments; a name that is missing here is that of a
                deployment. The rules of a model apply to its deployment.
            api_version: a date, as in `2024-10-21`, for the URLs `/openai/deployments/…`; `v1` for the newer
                `/openai/v1`. If left out, the path of the endpoint decides, then `OPENAI_API_VERSION`, else it is `v1`.
            headers: sent with every request.
            allow_insecure: allow plain http to another machine.
        """
        config = ProviderConfig(
            "azure",
            base_url=endpoint,
            allow_insecure=allow_insecure,
            api_version=check_api_version(api_version),
            deployments=check_deployments(deployments),
        )
        return self._add(config, key, headers)

    def huggingface(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Hugging Face, by its router. Options as in `provider`."""
        return self.provider("huggingface", key, **options)

    def groq(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Groq. Options as in `provider`."""
        return self.provider("groq", key, **options)

    def mistral(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Mistral. Options as in `provider`."""
        return self.provider("mistral", key, **options)

    def deepseek(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add DeepSeek. Options as in `provider`."""
        return self.provider("deepseek", key, **options)

    def together(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Together. Options as in `provider`."""
        return self.provider("together", key, **options)

    def xai(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add xAI. Options as in `provider`."""
        return self.provider("xai", key, **options)

    def compatible(
        self,
        name: str,
        *,
        base_url: str,
        key: Keys = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
        done: StreamEnd = "required",
        quirks: Collection[str] = (),
        refused: Collection[str] = (),
    ) -> Self:
        """Add a host with OpenAI's Chat Completions API.

        Args:
            name: the prefix of its models, as in `name:model`.
            base_url: what precedes `/chat/completions`; a query, as in `?api-version=…`, is sent with every request.
            key: one or several, if it needs one.
            headers: sent with every request.
            allow_insecure: allow plain http to another machine.
            done: whether streams end with `[DONE]`; if it is `optional`, a finish reason and a clean end suffice.
            quirks: how the host differs from OpenAI, by the names in `ratatoskr.providers.specs.QUIRKS`.
            refused: parameters of a chat that it does not accept, such as `logprobs`.
        """
        check_name(name)
        if name in _RESERVED_NAMES:
            raise ConfigurationError(
                f"{name} before a colon means {_RESERVED_NAMES[name]}; choose another name", field="name"
            )
        if not isinstance(done, str) or done not in get_args(StreamEnd):
            raise ConfigurationError(f"done must be required or optional, not {quote(done)}", field="done")
        _check_names(quirks, tuple(QUIRKS), "quirks")
        _check_names(refused, (*PARAM_NAMES, "tool_choice"), "refused")
        spec = compatible(
            name,
            base_url if isinstance(base_url, str) else "",
            no_done=done == "optional",
            quirks=quirks,
            refused=refused,
        )
        config = ProviderConfig(name, base_url=base_url, allow_insecure=allow_insecure, custom_spec=spec)
        return self._add(config, key, headers)


def check_name(name: str) -> None:
    """Raise `ConfigurationError` for a text that cannot be a provider's name."""
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigurationError(f"a provider's name is letters, digits, - and _, not {quote(name)}", field="name")


def _check_names(names: Collection[str], known: Sequence[str], field: str) -> None:
    several = isinstance(names, Collection) and not isinstance(names, str)
    unknown = [name for name in names if name not in known] if several else [names]
    if unknown:
        raise ConfigurationError(
            f"{field} must be names, each one of {', '.join(known)}; not {quote(unknown[0])}", field=field
        )
