"""The tables of `config.toml` and what each may hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import msgspec

from ratatoskr.config.behaviour import RoutingSection, TimeoutsSection
from ratatoskr.config.section import FINITE, Name, Names, Section
from ratatoskr.config.server import (
    ClientSection,
    ListenerSection,
    ServerSection,
    TlsSection,
    check_listeners,
    check_names,
)
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.types.rests import MAX_RESULTS

__all__ = [
    "BreakerSection",
    "BudgetSection",
    "ConfigFile",
    "Defaults",
    "LedgerSection",
    "LimitSection",
    "LocalModelSection",
    "LocalSection",
    "Network",
    "ProviderSection",
    "RedactSection",
    "Template",
]

Number = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_RESULTS)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=FINITE)]


class Defaults(Section, frozen=True):
    """What `rat` uses where the command line says nothing.

    Attributes:
        model: a name, an alias, or several that are tried in turn.
        embed_model: a local model for `rat embed`.
    """

    model: Names | None = None
    embed_model: Name | None = None


class Template(Section, frozen=True):
    """A prompt that is used again by its name.

    Attributes:
        prompt: the prompt; `$input` stands for what the command line and standard input say.
        system: instructions to the model.
        model: a name, an alias, or several.
    """

    prompt: str | None = None
    system: str | None = None
    model: Names | None = None


class ProviderSection(Section, frozen=True):
    """One provider; a name that is not built in is a host with OpenAI's Chat Completions API.

    Attributes:
        base_url: in place of the provider's own.
        headers: sent with every request; none of them secret.
        allow_insecure: allow plain http to another machine.
    """

    base_url: Name | None = None
    headers: dict[str, str] = {}
    allow_insecure: bool = False


def check_providers(providers: Mapping[str, ProviderSection]) -> None:
    """Raise `ConfigurationError` for a provider that is not built in and has no base URL."""
    from ratatoskr.providers.specs import SPECS

    for name, section in providers.items():
        if name not in SPECS and section.base_url is None:
            raise ConfigurationError(
                f"providers.{name} is not built in ({', '.join(SPECS)}): it needs a base_url", provider=name
            )


class Network(Section, frozen=True):
    """How connections are made.

    Attributes:
        proxy: URL of a proxy for all requests, or `env` for that of the environment.
        ca_file: PEM file of certificates to trust in addition, or `system` for those of the machine.
    """

    secret: ClassVar[frozenset[str]] = frozenset({"proxy"})
    proxy: Name | None = None
    ca_file: Name | None = None


class LimitSection(Section, frozen=True):
    """Limits of one provider; the table's name is the provider's, unless `provider` says another.

    Attributes:
        provider: the name of the provider, for further limits of the same one.
        in_flight: the number of concurrent requests.
        stream_bytes: the size of a whole stream.
        requests: the number of requests in any `per` seconds.
        tokens: of input and output together in any `per` seconds.
        input_tokens: of the input in any `per` seconds.
        output_tokens: of the output in any `per` seconds.
        per: seconds; 60 if left out.
        model: a pattern of names of models, which share the limits of requests and tokens; `*` if left out.
        each_key: whether each of the provider's keys has the limits of requests and tokens; false if left out.
    """

    provider: Name | None = None
    in_flight: Number | None = None
    stream_bytes: Number | None = None
    requests: Number | None = None
    tokens: Number | None = None
    input_tokens: Number | None = None
    output_tokens: Number | None = None
    per: Annotated[float, msgspec.Meta(gt=0, le=FINITE)] = 60.0
    model: Name = "*"
    each_key: bool = False


class BudgetSection(Section, frozen=True):
    """How much money calls may cost in each window of time.

    Attributes:
        amount: in US dollars, as text such as `"10.00"`.
        per: `day`, `month`, `total`, or seconds; `day` if left out.
        tz: the time zone in which days and months begin; `UTC` if left out.
        unpriced: what happens to calls of a model without a known price: `refuse`, or `allow`.
        on: what happens to calls that may cost more than what is left: `error`, or `warn`.
        name: of the accounts in the ledger.
    """

    amount: Name | int | float  # a float is refused with the reason
    per: Name | int = "day"
    tz: Name = "UTC"
    unpriced: Name = "refuse"
    on: Name = "error"
    name: Name = "budget"

    @classmethod
    def check(cls, key: str, value: Any) -> None:
        """Raise `ConfigurationError` for what a `Budget` does not take."""
        from ratatoskr.types.budget import Budget

        if key == "per" and isinstance(value, int):
            value = timedelta(seconds=min(value, 10**9))
        Budget(**{"amount": 1, key: value})


class LedgerSection(Section, frozen=True):
    """Where limits and budgets count.

    Attributes:
        path: of a file, which is created with mode 0600; without one, in the memory of each process.
    """

    path: Name | None = None


class LocalModelSection(Section, frozen=True):
    """One model of this process.

    Attributes:
        model: a name in the catalogue, `organisation/name` of a model in the store, or a folder.
        precision: as the builder's methods take it.
        labels: the names of the labels in the order of the logits, or by the names that its `config.json` has.
    """

    short: ClassVar[str] = "model"
    model: Name
    precision: PrecisionChoice = "fp32"
    labels: list[Name] | dict[str, Name] | None = None


class LocalSection(Section, frozen=True):
    """The models of this process, each by its name or as a table.

    Attributes:
        embeddings: for embeddings, as `builder.local_embeddings`.
        nli: for inference, zero-shot classification and stance, as `builder.local_nli`.
        classifiers: for classification, as `builder.local_classifier`.
        rerankers: for reranking, as `builder.local_reranker`.
        device: `cpu`, `cuda` or `cuda:1`.
        threads: that tokenise and compute; by default one for each CPU that the process may use.
        cache_dir: the folder of the store, in place of `$RATATOSKR_CACHE_DIR`.
        ram_budget: bytes that the models may add to the process.
    """

    forms: ClassVar[Mapping[str, str]] = {"device": r"cpu|cuda(:[0-9]{1,3})?"}
    embeddings: list[LocalModelSection] = []
    nli: list[LocalModelSection] = []
    classifiers: list[LocalModelSection] = []
    rerankers: list[LocalModelSection] = []
    device: str = "cpu"
    threads: Number | None = None
    cache_dir: Name | None = None
    ram_budget: Number | None = None


class BreakerSection(Section, frozen=True):
    """When a model at a provider counts as down; what is left out has the default of `Builder.breaker`.

    Attributes:
        enabled: whether there are circuit breakers.
        failures: in a row that open one.
        failure_ratio: of failed requests in the window that opens one, too.
        minimum_requests: in the window for the ratio to count.
        window: seconds.
        open_for: seconds until a request is tried again.
        max_open_for: the most of these, which double with each failure.
    """

    enabled: bool = True
    failures: Count = 5
    failure_ratio: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    minimum_requests: Count = 20
    window: Seconds = 30.0
    open_for: Seconds = 5.0
    max_open_for: Seconds = 60.0


class RedactSection(Section, frozen=True):
    """What is kept from providers: the middleware `Redact`, around every call.

    Attributes:
        patterns: regular expressions by the names of their placeholders, as `EMAIL` for `[EMAIL_1]`.
        restore: put the values back where an answer has their placeholders, in place of redacting answers.
    """

    patterns: dict[str, Name]
    restore: bool = False

    @classmethod
    def check(cls, key: str, value: Any) -> None:
        """Raise `ConfigurationError` for what `Redact` does not take."""
        if key == "patterns":
            from ratatoskr.middleware.redact import Redact

            Redact(value)


class ConfigFile(Section, frozen=True):
    """All of `config.toml`.

    Attributes:
        defaults: of `rat`.
        aliases: short names of models, each for one or several.
        templates: of `rat chat`, by name.
        providers: by name.
        network: proxy and certificates.
        tokenizers: models, each with its tokenizer: an encoding, a file, organisation/name or another model.
        limits: of requests and tokens, by provider.
        budget: of money.
        ledger: where limits and budgets count.
        breaker: circuit breakers.
        redact: what is kept from providers.
        local: the models of this process, for gateways that are made from the file.
        routing: fallbacks, and what happens to calls that fail; `aliases` are its rules.
        timeouts: deadlines of calls that set none themselves.
        server: of the daemon.
        listeners: of the daemon; without any it listens at 127.0.0.1:9741.
        tls: of the daemon.
        clients: of the daemon, by name.
    """

    defaults: Defaults = Defaults()
    aliases: dict[str, Names] = {}
    templates: dict[str, Template] = {}
    providers: dict[str, ProviderSection] = {}
    network: Network = Network()
    tokenizers: dict[str, Name] = {}
    limits: dict[str, LimitSection] = {}
    budget: BudgetSection | None = None
    ledger: LedgerSection = LedgerSection()
    breaker: BreakerSection = BreakerSection()
    redact: RedactSection | None = None
    local: LocalSection = LocalSection()
    routing: RoutingSection = RoutingSection()
    timeouts: TimeoutsSection = TimeoutsSection()
    server: ServerSection = ServerSection()
    listeners: list[ListenerSection] = []
    tls: TlsSection = TlsSection()
    clients: dict[str, ClientSection] = {}

    @classmethod
    def check(cls, key: str, value: Any) -> None:
        """Raise `ConfigurationError` for listeners that are alike, and for names that no client can have."""
        if key == "listeners":
            check_listeners(value)
        elif key == "clients":
            check_names(value)
