"""From a model's name to the candidates: order, prefixes, the table, the user's rules, and mere substitutes."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import ConfigurationError, InvalidInput, NoProvider, PresetNotFound
from ratatoskr.models.names import FAMILIES, match_family
from ratatoskr.providers.specs import SPECS
from ratatoskr.routing import check_rules, resolve, resolve_chain

ALL = frozenset({"openrouter", "anthropic", "openai", "google", "ollama"})


def pairs(candidates):
    return [(c.provider, c.model) for c in candidates]


def first(model, configured=ALL, **more):
    return pairs(resolve(model, configured, **more))[0]


@pytest.mark.parametrize(
    ("model", "provider", "there"),
    [
        ("anthropic/claude-sonnet-5", "openrouter", "anthropic/claude-sonnet-5"),
        ("openai/gpt-5", "openrouter", "openai/gpt-5"),
        ("qwen/qwen3.5-35b-a3b", "openrouter", "qwen/qwen3.5-35b-a3b"),
        ("claude-sonnet-5", "anthropic", "claude-sonnet-5"),
        ("claude-3-opus-20240229", "anthropic", "claude-3-opus-20240229"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("gpt-6.1-terra", "openai", "gpt-6.1-terra"),
        ("o1", "openai", "o1"),
        ("o3-mini", "openai", "o3-mini"),
        ("o4-mini", "openai", "o4-mini"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("gemini-2.5-flash", "google", "gemini-2.5-flash"),
        ("models/gemini-2.0-flash", "google", "gemini-2.0-flash"),
        ("llama3.2:1b", "ollama", "llama3.2:1b"),
        ("hf.co/bartowski/Llama-3.2-1B-GGUF:Q4_K_M", "ollama", "hf.co/bartowski/Llama-3.2-1B-GGUF:Q4_K_M"),
        ("something-else", "openrouter", "something-else"),
        (" gpt-4o\n", "openai", "gpt-4o"),
        ("openai: gpt-4o ", "openai", "gpt-4o"),
        ("ollama:  llama3.2:1b", "ollama", "llama3.2:1b"),
    ],
)
def test_a_name_goes_to_its_natural_provider(model, provider, there):
    assert first(model) == (provider, there)


@pytest.mark.parametrize(
    ("direct", "through"),
    [
        ("claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4.5"),
        ("claude-haiku-4-5-20251001", "anthropic/claude-haiku-4.5"),
        ("claude-opus-5-5", "anthropic/claude-opus-5.5"),
        ("claude-sonnet-4-20250514", "anthropic/claude-sonnet-4"),
        ("claude-opus-4-0", "anthropic/claude-opus-4"),
        ("claude-3-5-sonnet-20241022", "anthropic/claude-3.5-sonnet"),
        ("claude-3-haiku-20240307", "anthropic/claude-3-haiku"),
        ("gpt-5-nano", "openai/gpt-5-nano"),
        ("gpt-5-2025-08-07", "openai/gpt-5"),
        ("gpt-5.1-chat-latest", "openai/gpt-5.1-chat"),
        ("o3", "openai/o3"),
        ("gemini-3.5-flash", "google/gemini-3.5-flash"),
        ("gemini-2.0-flash", "google/gemini-2.0-flash-001"),
        ("grok-4.5", "x-ai/grok-4.5"),
        ("deepseek-chat", "deepseek/deepseek-chat"),
        ("mistral-large-2512", "mistralai/mistral-large-2512"),
        ("codestral-latest", "mistralai/codestral"),
        ("llama-3.3-70b-versatile", "meta-llama/llama-3.3-70b-instruct"),
    ],
)
def test_without_its_natural_provider_a_model_goes_through_openrouter_under_the_name_there(direct, through):
    assert first(direct, {"openrouter"}) == ("openrouter", through)


@pytest.mark.parametrize(
    ("through", "provider", "direct"),
    [
        ("anthropic/claude-sonnet-5", "anthropic", "claude-sonnet-5"),
        ("anthropic/claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"),
        ("anthropic/claude-3.5-sonnet", "anthropic", "claude-3-5-sonnet-latest"),
        ("anthropic/claude-sonnet-4", "anthropic", "claude-sonnet-4-0"),
        ("openai/gpt-5", "openai", "gpt-5"),
        ("openai/gpt-5.1-chat", "openai", "gpt-5.1-chat-latest"),
        ("google/gemini-2.5-flash", "google", "gemini-2.5-flash"),
        ("x-ai/grok-4.1-fast", "xai", "grok-4-1-fast-reasoning"),
        ("deepseek/deepseek-chat", "deepseek", "deepseek-chat"),
        ("meta-llama/Llama-3.1-8B-Instruct", "huggingface", "meta-llama/Llama-3.1-8B-Instruct"),
        ("openai/gpt-oss-20b", "groq", "openai/gpt-oss-20b"),
    ],
)
def test_a_name_with_its_author_goes_to_the_author_where_openrouter_is_not_configured(through, provider, direct):
    assert pairs(resolve(through, {provider})) == [(provider, direct)]


@pytest.mark.parametrize("model", ["openai/gpt-oss-20b", "openai/o3-mini-high", "openai/gpt-4o:extended"])
def test_what_its_author_does_not_serve_under_that_name_is_not_sent_there(model):
    with pytest.raises(NoProvider):
        resolve(model, {"openai"})


def test_an_explicit_prefix_wins_over_every_rule_and_the_table():
    found = resolve("openrouter:claude-sonnet-5", ALL, rules={"*": ["openai:gpt-5"]})
    assert pairs(found) == [("openrouter", "claude-sonnet-5")]


def test_the_prefix_is_taken_off_once_and_the_rest_is_kept_as_it_is():
    assert first("openai:ft:gpt-4o:org::id") == ("openai", "ft:gpt-4o:org::id")
    assert first("ollama:qwen3:8b") == ("ollama", "qwen3:8b")


def test_a_known_prefix_that_is_not_configured_names_the_missing_key():
    with pytest.raises(NoProvider, match="GROQ_API_KEY") as caught:
        resolve("groq:llama-3.3-70b-versatile", ALL)
    assert (caught.value.provider, caught.value.model) == ("groq", "groq:llama-3.3-70b-versatile")


def test_without_any_provider_that_serves_it_the_error_names_every_key_that_would_do():
    with pytest.raises(NoProvider, match=r"ANTHROPIC_API_KEY.*OPENROUTER_API_KEY"):
        resolve("claude-sonnet-5", {"google"})


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_row_is_a_prefix_and_says_what_would_configure_it(spec):
    model = f"{spec.name}:{spec.example_model}"
    assert pairs(resolve(model, {spec.name})) == [(spec.name, spec.example_model)]
    with pytest.raises(NoProvider) as caught:
        resolve(model, {"my-host"})
    assert caught.value.provider == spec.name
    chats = "chat" in spec.capabilities
    assert (spec.setup_hint() if chats else f"{spec.title} has no chat models") in str(caught.value)
    expected = [spec.base_url_variable] if spec.configured_by == "address" else spec.key_variables
    assert all(variable in spec.setup_hint() for variable in expected)


def test_a_slash_before_the_colon_means_no_prefix():
    assert first("deepseek/deepseek-r1:free") == ("openrouter", "deepseek/deepseek-r1:free")
    assert first("openai/gpt-4o:extended") == ("openrouter", "openai/gpt-4o:extended")


def test_a_host_named_behind_the_colon_is_huggingfaces():
    both = {"openrouter", "huggingface"}
    assert first("moonshotai/Kimi-K2-Instruct:groq", both)[0] == "huggingface"
    assert first("moonshotai/kimi-k2:free", both)[0] == "openrouter"


def test_a_compatible_host_is_a_prefix_by_its_name():
    assert pairs(resolve("my-host:some/model:1", {"my-host"})) == [("my-host", "some/model:1")]


def test_a_preset_is_no_model_name():
    with pytest.raises(PresetNotFound):
        resolve("ratatoskr:free/chat", ALL)


def test_fine_tuned_models_are_openais():
    assert first("ft:gpt-4o-mini:org::id") == ("openai", "ft:gpt-4o-mini:org::id")
    with pytest.raises(NoProvider, match="OPENAI_API_KEY"):
        resolve("ft:gpt-4o-mini:org::id", {"anthropic", "ollama"})


@pytest.mark.parametrize(
    "name",
    [
        *("mistral-large-latest", "codestral-2508", "ministral-8b-latest", "open-mistral-nemo"),
        *("mathstral", "codestral", "devstral", "magistral", "ministral", "pixtral", "voxtral"),
    ],
)
def test_the_prefix_mistral_means_mistral_for_the_names_in_its_table(name):
    assert first(f"mistral:{name}", {"mistral", "ollama"}) == ("mistral", name)
    with pytest.raises(NoProvider, match="MISTRAL_API_KEY"):
        resolve(f"mistral:{name}", {"ollama"})


def test_the_bare_name_of_a_series_of_mistral_is_a_model_of_ollama():
    assert first("mathstral", {"mistral", "ollama"}) == ("ollama", "mathstral")
    assert first("mathstral:7b", {"mistral", "ollama"}) == ("ollama", "mathstral:7b")


@pytest.mark.parametrize("name", ["mistral:7b", "mistral:latest", "mistral:7b-instruct-q4_0"])
def test_the_prefix_mistral_before_a_tag_means_ollama(name):
    assert first(name, {"mistral", "ollama"}) == ("ollama", name)
    with pytest.raises(InvalidInput, match="Ollama"):
        resolve(name, {"mistral"})


def test_a_name_with_a_tag_needs_ollama_and_the_error_lists_the_prefixes():
    with pytest.raises(InvalidInput, match=", ".join(sorted(SPECS))) as caught:
        resolve("antropic:claude-sonnet-5", {"anthropic"})
    assert caught.value.field == "model"


@pytest.mark.parametrize("model", ["", "  ", "openai:", ":x", "gpt\n4", None, 3])
def test_what_is_no_name_is_invalid_input(model):
    with pytest.raises(InvalidInput) as caught:
        resolve(model, {"openai"})
    assert caught.value.field == "model"


def test_behind_the_first_candidate_come_only_those_for_when_it_is_not_available():
    found = resolve("claude-sonnet-5", ALL)
    assert pairs(found) == [("anthropic", "claude-sonnet-5"), ("openrouter", "anthropic/claude-sonnet-5")]
    assert [c.only_if_unavailable for c in found] == [False, True]


def test_substitute_lets_the_built_in_chain_be_tried_after_any_failure():
    assert not any(c.only_if_unavailable for c in resolve("claude-sonnet-5", ALL, substitute=True))


def test_the_users_rules_come_before_the_table_over_configured_providers_only():
    rules = {"claude-*": ["o3", "openai:gpt-5"], "*": ["google:gemini-2.5-flash"]}
    configured = {"openai", "google"}
    assert pairs(resolve("claude-sonnet-5", configured, rules=rules)) == [("openai", "o3"), ("openai", "gpt-5")]
    assert first("something", configured, rules=rules) == ("google", "gemini-2.5-flash")


def test_a_rule_without_a_configured_provider_is_not_skipped_for_the_table():
    with pytest.raises(NoProvider, match="GROQ_API_KEY"):
        resolve("claude-sonnet-5", ALL, rules=[("claude-*", ["groq:openai/gpt-oss-20b"])])


def test_a_fallback_of_the_users_is_tried_after_any_failure_even_if_the_table_has_it():
    found = resolve("claude-sonnet-5", ALL, fallbacks={"claude-*": ["openrouter:anthropic/claude-sonnet-5", "gpt-5"]})
    assert pairs(found)[:3] == [
        ("anthropic", "claude-sonnet-5"),
        ("openrouter", "anthropic/claude-sonnet-5"),
        ("openai", "gpt-5"),
    ]
    assert [c.only_if_unavailable for c in found[:3]] == [False, False, False]


def test_a_fallback_holds_for_names_with_a_prefix_too():
    found = resolve("anthropic:claude-sonnet-5", ALL, fallbacks=[("*claude-*", ["gpt-5"])])
    assert pairs(found)[:2] == [("anthropic", "claude-sonnet-5"), ("openai", "gpt-5")]


def test_a_local_model_comes_first_and_the_same_model_elsewhere_only_if_it_is_not_available():
    local = {"AllMiniLmL6V2": ("huggingface:sentence-transformers/all-MiniLM-L6-v2", "google:no-such-thing")}
    found = resolve("AllMiniLmL6V2", {"huggingface", "openai"}, local=local)
    assert pairs(found) == [
        ("local", "AllMiniLmL6V2"),
        ("huggingface", "sentence-transformers/all-MiniLM-L6-v2"),
    ]
    assert [c.only_if_unavailable for c in found] == [False, True]
    assert pairs(resolve("local:AllMiniLmL6V2", {"openai"}, local=local)) == [("local", "AllMiniLmL6V2")]


def test_the_only_host_of_ones_own_is_meant_by_an_open_name_but_not_by_a_vendors():
    assert first("my-finetune", {"my-host", "anthropic"}) == ("my-host", "my-finetune")
    with pytest.raises(NoProvider):
        resolve("my-finetune", {"my-host", "other-host"})
    with pytest.raises(NoProvider):
        resolve("claude-sonnet-5", {"my-host"})


@pytest.mark.parametrize("setting", ["rules", "fallbacks"])
def test_no_name_of_a_rule_or_a_fallback_is_left_out(setting):
    with pytest.raises(NoProvider, match="GROQ_API_KEY"):
        resolve("claude-sonnet-5", ALL, **{setting: {"claude-*": ["openai:gpt-5", "groq:openai/gpt-oss-20b"]}})


def test_a_chain_of_the_callers_keeps_its_order():
    found = resolve_chain(["gpt-5", "claude-sonnet-5"], {"openai", "anthropic"})
    assert pairs(found) == [("openai", "gpt-5"), ("anthropic", "claude-sonnet-5")]
    assert not any(c.only_if_unavailable for c in found)


def test_every_name_of_a_chain_of_the_callers_must_be_served():
    with pytest.raises(NoProvider) as caught:
        resolve_chain(["gpt-5", "groq:x", "claude-sonnet-5"], {"openai", "anthropic"})
    assert (caught.value.provider, caught.value.model) == ("groq", "groq:x")
    assert str(caught.value) == "groq:x: not configured; set GROQ_API_KEY, or call .groq(key) on the builder"
    with pytest.raises(NoProvider, match=r"^gtp-5: no configured provider serves this model"):
        resolve_chain(["gtp-5", "gpt-5"], {"openai"})
    with pytest.raises(NoProvider) as caught:
        resolve_chain(["groq:x", "groq:y", "xai:z", "groq:x", "gpt-5"], {"openai"})
    assert str(caught.value) == (
        "groq:x, groq:y: not configured; set GROQ_API_KEY, or call .groq(key) on the builder;"
        " xai:z: not configured; set XAI_API_KEY, or call .xai(key) on the builder"
    )


@pytest.mark.parametrize(
    "chain",
    [
        ["gpt-5", "claude-sonnet-5", "mistral-large"],
        ["gpt-5", "openai:gpt-5", "o3"],
        ["openai:gpt-5", "gpt-5"],
        ["nonsense", "gpt-5", "xai:grok-5", "grok-5"],
    ],
)
def test_how_a_provider_is_set_up_is_said_once_for_all_names_that_need_it(chain: list[str]) -> None:
    with pytest.raises(NoProvider) as caught:
        resolve_chain(chain, set())
    message = caught.value.message
    counts = [message.count(spec.setup_hint()) for spec in SPECS.values()]
    assert 1 in counts
    assert max(counts) == 1
    assert all(name in message for name in chain)


def test_a_chain_is_served_by_the_built_in_alternatives_of_its_names():
    found = resolve_chain(["claude-sonnet-5", "gpt-5"], {"openrouter"}, substitute=True)
    assert pairs(found) == [("openrouter", "anthropic/claude-sonnet-5"), ("openrouter", "openai/gpt-5")]


def test_the_names_of_rules_are_checked_against_what_is_configured():
    check_rules({"fast": "gpt-5", "*": ["claude-sonnet-5", "openrouter:x"]}, {"openrouter"}, "rules")
    check_rules((("fast", ("my-host:x",)),), {"my-host"}, "rules")
    for name in ("groq:x", "antropic:x", "ratatoskr:free/chat", "my-finetune"):
        with pytest.raises(ConfigurationError, match=f"'fast' stands for '{name}': ") as caught:
            check_rules({"fast": ["gpt-5", name]}, {"openai"}, "rules")
        assert caught.value.field == "rules"


def test_a_chain_that_no_provider_serves_is_no_provider_and_an_empty_one_invalid():
    with pytest.raises(NoProvider, match=r"GROQ_API_KEY.*OPENAI_API_KEY"):
        resolve_chain(["groq:x", "openai:y"], {"google"})
    with pytest.raises(InvalidInput):
        resolve_chain([], ALL)


def test_every_candidate_says_why():
    for model in ("claude-sonnet-5", "openai:gpt-5", "qwen3:8b", "gpt-oss-20b", "ft:a"):
        assert all(c.reason for c in resolve(model, ALL))


providers = st.frozensets(st.sampled_from([*SPECS, "my-host", "ft2"]))
names = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=string.ascii_lowercase + string.digits + ":/.-~@", min_size=1, max_size=40),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "openai:", "mistral:", "ft:", "anthropic/", "openai/", "~google/", "models/", "x-ai/"]),
        st.sampled_from(["claude-", "gpt-5", "o3", "gemini-2.5", "grok-4", "deepseek-", "llama-3", "", "7b"]),
        st.text(alphabet=string.ascii_letters + "0123456789-.:/", max_size=12),
    ),
)


@given(model=names, configured=providers, substitute=st.booleans())
def test_any_name_gives_configured_candidates_or_one_of_our_errors(model, configured, substitute):
    try:
        found = resolve(model, configured, substitute=substitute)
    except (InvalidInput, NoProvider, PresetNotFound):
        return
    assert found
    assert all(c.provider in configured and c.model for c in found)
    assert not found[0].only_if_unavailable
    assert len(set(pairs(found))) == len(found)


@given(
    provider=st.sampled_from([name for name in SPECS if name != "mistral"]),
    rest=st.text(alphabet=string.ascii_letters + "0123456789-.:/@", min_size=1),
    configured=providers,
)
def test_an_explicit_prefix_always_wins(provider, rest, configured):
    found = resolve(f"{provider}:{rest}", {*configured, provider}, rules={"*": ["my-host:x"]}, substitute=True)
    assert pairs(found) == [(provider, rest)]


@given(model=names)
def test_the_table_always_has_a_provider_for_a_name(model):
    entry = match_family(model) if model else None
    assert entry is None or (entry.providers and entry.family in FAMILIES)


def test_a_model_of_this_process_is_no_tag_of_ollama() -> None:
    with pytest.raises(NoProvider, match=r"'sentence-transformers/x' is not a configured model of this process"):
        resolve("local:sentence-transformers/x", ["ollama", "openai"])
