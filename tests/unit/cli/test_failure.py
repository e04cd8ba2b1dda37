"""Errors in a shell: exit codes of all classes, and the lines that are printed."""

from __future__ import annotations

import pytest

from ratatoskr import errors
from ratatoskr.cli.failure import adapt_to_shell, error_lines, exit_code
from ratatoskr.types.attempt import Attempt, ErrorInfo

CODES: dict[str, int] = {
    "RatatoskrError": 1,
    "GatewayClosed": 1,
    "ConfigurationError": 2,
    "NoProvider": 2,
    "InvalidInput": 2,
    "UnsupportedParameter": 2,
    "ContextLengthExceeded": 2,
    "InvalidToolArguments": 2,
    "OutputInvalid": 2,
    "AuthenticationFailed": 3,
    "ModelNotFound": 4,
    "ModelNotAvailable": 4,
    "PresetNotFound": 4,
    "QuotaExhausted": 5,
    "BudgetExceeded": 5,
    "RateLimited": 5,
    "Timeout": 6,
    "ConnectionFailed": 6,
    "TlsError": 6,
    "ProviderError": 6,
    "ServiceUnavailable": 6,
    "RedirectRefused": 6,
    "MalformedResponse": 6,
    "StreamInterrupted": 6,
    "ContentFiltered": 7,
}


def classes() -> dict[str, type[errors.RatatoskrError]]:
    found = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.RatatoskrError)]
    return {cls.__name__: cls for cls in found}


def test_every_class_has_its_code() -> None:
    found = {name: cls for name, cls in classes().items() if name != "AllAttemptsFailed"}
    assert {name: exit_code(cls("no")) for name, cls in found.items()} == CODES


def test_of_several_failures_the_primary_one_decides() -> None:
    both = [errors.ConnectionFailed("x"), errors.AuthenticationFailed("y", provider="openai")]
    assert exit_code(errors.AllAttemptsFailed("all", both)) == 3


def test_an_interrupted_stream_exits_with_6_for_every_cause() -> None:
    assert exit_code(errors.StreamInterrupted("x", cause=errors.RateLimited("y"))) == 6


@pytest.mark.parametrize("error", [ValueError("a\nb"), KeyError("x"), MemoryError()])
def test_an_unexpected_error_exits_with_1_and_one_line(error: Exception) -> None:
    assert exit_code(error) == 1
    [line] = error_lines(error)
    assert line.startswith(f"rat: {type(error).__name__}")
    assert "\n" not in line


def test_an_os_error_is_shown_with_its_own_message() -> None:
    assert list(error_lines(OSError(28, "No space left on device"))) == ["rat: No space left on device"]
    assert list(error_lines(PermissionError(13, "Permission denied", "/x"))) == ["rat: /x: Permission denied"]


def test_a_line_has_provider_model_message_request_and_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    error = errors.AuthenticationFailed(
        "wrong\r\n\x1b[31mkey", provider="openai", model="gpt-5.4", status=401, request_id="req_1"
    )
    assert list(error_lines(error)) == [
        "rat: openai, gpt-5.4: wrong ␛[31mkey (status 401, request req_1); the key is from OPENAI_API_KEY"
    ]
    monkeypatch.delenv("OPENAI_API_KEY")
    assert next(error_lines(error)).endswith(
        "; no key was sent: `rat keys set openai` saves one, or set OPENAI_API_KEY"
    )


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (errors.ModelNotFound("x", provider="google"), "`rat models --provider google` lists its models"),
        (errors.RateLimited("x", retry_after=7.2), "try again in 7 s"),
        (errors.RateLimited("x"), "try again later"),
        (errors.ConnectionFailed("x", provider="ollama"), "is Ollama running, and is OLLAMA_HOST right?"),
        (errors.Timeout("x"), "--timeout sets a longer limit"),
    ],
)
def test_the_hint_is_at_the_end(error: errors.RatatoskrError, hint: str) -> None:
    [line] = error_lines(error)
    assert line.endswith(f"; {hint}")


def test_several_attempts_are_listed() -> None:
    info = ErrorInfo("service_unavailable", "Over\nloaded", 529)
    tries = (
        Attempt("a", "m", info, "first_byte", 0.0, 0.1, 0.0, "again"),
        Attempt("b", "n", info, "first_byte", 1.24, 0.1, 0.0, "stop", maybe_billed=True),
    )
    first, *rest = error_lines(errors.ServiceUnavailable("Overloaded", provider="b", attempts=tries))
    assert first == "rat: b: Overloaded"
    assert rest == [
        "  1. at 0.0 s a m: service_unavailable: Over loaded",
        "  2. at 1.2 s b n: service_unavailable: Over loaded (may be billed)",
    ]
    assert len(list(error_lines(errors.ServiceUnavailable("x", attempts=tries[:1])))) == 1


def test_the_message_for_several_candidates_repeats_nothing() -> None:
    leaf = errors.RateLimited("Slow down", provider="a", model="m", status=429, request_id="req_1")
    text = f"all 2 candidates failed: {errors.summarize([leaf, leaf])}"
    [line] = error_lines(errors.AllAttemptsFailed(text, [leaf, leaf]))
    assert line.count("req_1") == line.count("429") == line.count("Slow down") == 1
    assert line.endswith("; try again later")
    tries = tuple(
        Attempt("a", f"m{n}", ErrorInfo("rate_limited", f"slow {n}"), "", 0.0, 0.1, 0.0, "next") for n in (1, 2)
    )
    lines = list(error_lines(errors.AllAttemptsFailed(text, [leaf, leaf], attempts=tries)))
    assert lines[0] == "rat: all 2 candidates failed; try again later"
    assert [line.count("slow 1") for line in lines] == [0, 1, 0]


def test_a_long_message_is_truncated() -> None:
    [line] = error_lines(errors.ProviderError("x" * 100_000))
    assert len(line) < 1100


def test_advice_for_programs_is_adapted_to_a_shell() -> None:
    from ratatoskr.providers.specs import SPECS
    from ratatoskr.routing import resolve
    from ratatoskr.types.timeouts import Timeouts

    with pytest.raises(errors.NoProvider) as caught:
        resolve("gpt-5.4", ["anthropic"])
    texts = [adapt_to_shell(spec.setup_hint()) for spec in SPECS.values()] + [adapt_to_shell(str(caught.value))]
    assert not [text for text in texts if "builder" in text or "(key)" in text]
    assert "OPENAI_API_KEY" in texts[-1]
    with pytest.raises(errors.InvalidInput) as refused:
        Timeouts(total=0)
    assert adapt_to_shell(refused.value.message) == "--timeout must be seconds above 0, not 0"
