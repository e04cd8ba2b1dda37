"""`Builder`, which collects a `Recipe` step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from ratatoskr.config.assemble import assemble
from ratatoskr.config.breaker import check_breaker
from ratatoskr.config.builder_local import LocalMethods
from ratatoskr.config.builder_providers import check_name
from ratatoskr.config.guards import add_budget, add_limit, check_ledger
from ratatoskr.config.network import (
    Pem,
    check_path,
    check_proxy,
    find_system_authorities,
    proxy_of_environment,
)
from ratatoskr.config.recipe import Recipe
from ratatoskr.errors import ConfigurationError
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.models.catalogue import make_change
from ratatoskr.registry.backoff import Clock
from ratatoskr.registry.breaker import BreakerSettings
from ratatoskr.types.frames import hide_arguments_of_methods
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Timeouts, timeouts_of
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    import httpx

    from ratatoskr.ledger.protocol import Ledger
    from ratatoskr.middleware.base import Middleware
    from ratatoskr.models.price import Price
    from ratatoskr.types.budget import Budget


@hide_arguments_of_methods
class Builder(LocalMethods):
    """Collects the set-up of a gateway. Every method returns the builder; `build()` checks the whole and makes it."""

    def __init__(self) -> None:
        self._recipe = Recipe()

    def __repr__(self) -> str:
        names = [provider.name for provider in self._recipe.providers]
        return f"Builder({', '.join((*names, *(str(model) for model, _ in self._recipe.local.models)))})"

    def recipe(self) -> Recipe:
        """Return the set-up so far as one frozen value."""
        return self._recipe

    def build(self) -> EmbeddedGateway:
        """Make the gateway; no request is sent and no thread is started.

        Raises:
            ConfigurationError: no provider and no local model, one configured twice, a key or an extra missing, an
                invalid base URL.
        """
        return assemble(self._recipe)

    def _set_transport(self, **changes: Any) -> Self:
        return self._set(transport=replace(self._recipe.transport, **changes))

    def wrap(self, middleware: Middleware, *, each_try: bool = False) -> Self:
        """Put a middleware around every call; the first one given is outermost.

        Args:
            middleware: an object of your subclass of `Middleware`, or one of those included.
            each_try: put it around every try at a provider instead, retries and fallbacks included.
        """
        from ratatoskr.middleware.base import overridden

        overridden(middleware)
        if not isinstance(each_try, bool):
            raise ConfigurationError(f"each_try must be true or false, not {quote(each_try)}", field="each_try")
        name = "try_wraps" if each_try else "wraps"
        return self._set(**{name: (*getattr(self._recipe, name), middleware)})

    # behaviour

    def timeout(
        self,
        total: float | Timeouts | None = None,
        *,
        connect: float | None = None,
        first_byte: float | None = None,
        idle: float | None = None,
        no_progress: float | None = None,
        attempt: float | None = None,
        stream_life: float | None = None,
    ) -> Self:
        """Set deadlines in seconds for calls that set none themselves; see `Timeouts`, which is also taken whole."""
        new = Timeouts(connect, first_byte, idle, no_progress, attempt, None, stream_life)
        return self._set(timeouts=new.over(timeouts_of(total)).over(self._recipe.timeouts))

    def retries(self, n: int) -> Self:
        """Set the number of retries at each candidate; 0 means one attempt."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise ConfigurationError(f"retries must be a whole number, 0 or more, not {quote(n)}", field="retries")
        return self._set(retries=n)

    def breaker(
        self,
        failures: int | None = 5,
        *,
        failure_ratio: float = 0.5,
        minimum_requests: int = 20,
        window: float = 30.0,
        open_for: float = 5.0,
        max_open_for: float = 60.0,
    ) -> Self:
        """Set when a model at a provider counts as down, so that others are asked first; `breaker(None)`: never.

        Args:
            failures: in a row, or
            failure_ratio: of failed requests, between 0 and 1, in the last `window` seconds, of at least
            minimum_requests: in it.
            window: seconds.
            open_for: seconds until one request is tried there again; each time that it fails, twice as many, up to
            max_open_for: seconds.
        """
        settings = BreakerSettings(
            5 if failures is None else failures, failure_ratio, minimum_requests, window, open_for, max_open_for
        )
        check_breaker(settings)
        return self._set(breaker=None if failures is None else settings)

    def parameter_policy(self, policy: ParameterPolicy) -> Self:
        """Set what happens to a parameter that a model does not support: `error`, `drop` (with a warning) or `pass`.

        The same holds for a history that providers refuse: `drop` adds an error result to a call without one, leaves
        out a result without a call, and adds a message of the user behind an answer that the model does not continue.
        """
        if not isinstance(policy, str) or policy not in get_args(ParameterPolicy):
            raise ConfigurationError(
                f"parameter_policy must be error, drop or pass, not {quote(policy)}", field="policy"
            )
        return self._set(policy=policy)

    def routing(self, rules: Mapping[str, str | Sequence[str]] | None = None, *, substitute: bool = False) -> Self:
        """Set your own routing rules, which come before the built-in table.

        Args:
            rules: patterns of model names (`*` for anything) to the names to use instead, in order.
            substitute: allow another provider of the same model after any failure, not only if the model is missing.
        """
        if rules is not None and not isinstance(rules, Mapping):
            raise ConfigurationError(
                f"rules must map patterns to names of models, not be a {type(rules).__name__}", field="rules"
            )
        pairs = tuple((pattern, _check_models(models, "rules")) for pattern, models in (rules or {}).items())
        return self._set(rules=pairs, substitute=substitute)

    def fallback(self, pattern: str, models: str | Sequence[str]) -> Self:
        """Allow other models after a failure of those whose name matches the pattern (`*` for anything)."""
        return self._set(fallbacks=(*self._recipe.fallbacks, (pattern, _check_models(models, "fallback"))))

    def model(
        self,
        name: str,
        price: Price | None = None,
        *,
        multiplier: str | None = None,
        context_window: int | None = None,
        max_input_tokens: int | None = None,
        max_output_tokens: int | None = None,
    ) -> Self:
        """Set what you know better about one model than the catalogue; what is `None` stays as it is.

        Args:
            name: with the provider's prefix, such as `openai:gpt-6-sol`.
            price: in place of the whole price; zero is a price.
            multiplier: scales the price that is in force, as for a discount: `"0.85"`.
            context_window: the most tokens of prompt and answer.
            max_input_tokens: the most tokens of the prompt.
            max_output_tokens: the most tokens of the answer.
        """
        from msgspec import structs

        from ratatoskr.config.models_file import model_key

        change = make_change(
            price=price,
            multiplier=multiplier,
            context_window=context_window,
            max_input_tokens=max_input_tokens,
            max_output_tokens=max_output_tokens,
        )
        key, models = model_key(name), dict(self._recipe.models)
        given = {field: value for field, value in structs.asdict(change).items() if value is not None}
        models[key] = structs.replace(models.get(key, change), **given)
        return self._set(models=tuple(models.items()))

    def limits(
        self,
        provider: str,
        in_flight: int | None = None,
        *,
        stream_bytes: int | None = None,
        requests: int | None = None,
        tokens: int | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        per: float = 60.0,
        model: str = "*",
        each_key: bool = False,
    ) -> Self:
        """Set limits of one provider; what is `None` stays as it is.

        Calls over a limit of requests or tokens wait in a queue until their deadline, or try the next model that was
        named; see `Limit`. Limits with another `model`, `per` or `each_key` hold beside one another.

        Args:
            provider: its name.
            in_flight: concurrent requests, 256 by default; further ones wait until their deadline. Providers at the
                same host share the lowest limit.
            stream_bytes: the size of a whole stream, 256 MiB by default; a larger one ends with `StreamInterrupted`.
            requests: the number of requests in any `per` seconds.
            tokens: of input and output together in any `per` seconds.
            input_tokens: of the input in any `per` seconds.
            output_tokens: of the output in any `per` seconds.
            per: seconds.
            model: a pattern of names of models (`*` for anything), which share the limits of requests and tokens.
            each_key: whether each of the provider's keys has these limits, in place of all of them together.
        """
        check_name(provider)
        for name, value in (("in_flight", in_flight), ("stream_bytes", stream_bytes)):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number above 0, not {quote(value)}", field=name)
            limits: tuple[tuple[str, int], ...] = getattr(self._recipe, name)
            self._set(**{name: tuple({**dict(limits), provider: value}.items())})
        counts = {"requests": requests, "tokens": tokens, "input_tokens": input_tokens, "output_tokens": output_tokens}
        given = {name: value for name, value in counts.items() if value is not None}
        alone = in_flight is None and stream_bytes is None
        if given or (alone and (model, per, each_key) != ("*", 60.0, False)):
            self._set(limits=add_limit(self._recipe.limits, provider, model, per, each_key, given))
        return self

    def budget(self, budget: Budget) -> Self:
        """Refuse calls that may cost more than what is left of an amount; several budgets hold beside one another."""
        return self._set(budgets=add_budget(self._recipe.budgets, budget))

    def ledger(self, ledger: str | Path | Ledger) -> Self:
        """Count limits and budgets in a file, which other processes may share and which outlives them.

        Args:
            ledger: the path of the file, which is created with mode 0600, or an object of your own with the methods
                of `Ledger`. By default they count in the memory of this process.
        """
        return self._set(ledger=check_ledger(ledger))

    def http_client(self, client: httpx.AsyncClient) -> Self:
        """Send every request by your own httpx or httpx2 client; the gateway is then bound to its event loop."""
        return self._set(client=client)

    def proxy(self, url: str) -> Self:
        """Send every request through a proxy (http, https, socks5, socks5h).

        Args:
            url: of the proxy; or `env` for that of `HTTPS_PROXY` or `ALL_PROXY`, if one is set, with the exceptions of
                `NO_PROXY`. Otherwise these variables are not read.
        """
        if url == "env":
            found, exceptions = proxy_of_environment()
            return self._set_transport(proxy=found, no_proxy=exceptions)
        return self._set_transport(proxy=check_proxy(url), no_proxy="")

    def unix_socket(self, path: str | Path) -> Self:
        """Send every request to a Unix socket, whatever the host of its URL; a proxy is then not used."""
        return self._set_transport(unix_socket=path)

    def tls(
        self,
        ca: Pem | None = None,
        cert: Pem | None = None,
        key: str | Path | None = None,
    ) -> Self:
        """Trust further certificate authorities, or send your own certificate; all in PEM.

        Args:
            ca: the path of a file of certificates, or their text as bytes; or `system` for those of `SSL_CERT_FILE` or,
                if that is not set, of the machine.
            cert: the path of your certificate and its chain, or their text as bytes.
            key: the path of its private key, which may also be in the file `cert`.
        """
        ca = find_system_authorities() if ca == "system" else ca
        for name, source in (("ca", ca), ("cert", cert), ("key", key)):
            check_path(name, source)
        return self._set_transport(tls_ca=ca, tls_cert=cert, tls_key=key)

    def clock(self, clock: Clock) -> Self:
        """Replace real time and randomness in retries; for tests."""
        return self._set(clock=clock)


def _check_models(models: str | Sequence[str], field: str) -> tuple[str, ...]:
    several = isinstance(models, Iterable) and not isinstance(models, str)
    names: tuple[Any, ...] = tuple(name for name in models) if several else (models,)
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ConfigurationError(f"{field} must name models, one or more, not {quote(models)}", field=field)
    return names
