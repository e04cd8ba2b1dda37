"""Circuit breakers as a builder and `config.toml` set them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import ConfigurationError, Ratatoskr
from ratatoskr.config.apply import apply_breaker
from ratatoskr.config.builder import Builder
from ratatoskr.config.file import read_config
from ratatoskr.registry.breaker import BreakerSettings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def applied(tmp_path: Path, text: str) -> Builder:
    builder = Ratatoskr.builder()
    apply_breaker(builder, read_config(written(tmp_path, text)))
    return builder


def in_force(builder: Builder) -> BreakerSettings | None:
    return builder.recipe().breaker


def test_breakers_are_on_unless_they_are_switched_off(tmp_path: Path) -> None:
    assert in_force(Ratatoskr.builder()) == BreakerSettings(5, 0.5, 20, 30.0, 5.0, 60.0)
    assert in_force(Ratatoskr.builder().breaker(None)) is None
    assert in_force(applied(tmp_path, "[breaker]\nenabled = false\n")) is None
    assert in_force(applied(tmp_path, "[breaker]\n")) == BreakerSettings()
    assert in_force(Ratatoskr.builder().breaker(None).breaker()) == BreakerSettings()


def test_each_setting_has_its_key(tmp_path: Path) -> None:
    expected = BreakerSettings(3, 0.25, 10, 15.0, 2.0, 30.0)
    builder = Ratatoskr.builder().breaker(
        3, failure_ratio=0.25, minimum_requests=10, window=15.0, open_for=2.0, max_open_for=30.0
    )
    assert in_force(builder) == expected
    text = "failures = 3\nfailure_ratio = 0.25\nminimum_requests = 10\nwindow = 15\nopen_for = 2\nmax_open_for = 30\n"
    assert in_force(applied(tmp_path, "[breaker]\n" + text)) == expected
    assert in_force(applied(tmp_path, "[breaker]\nfailures = 9\n")) == BreakerSettings(failures=9)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("failures", 0, "failures must be a whole number from 1 to 1000 (None for no breaker), not 0"),
        ("failures", -1, "failures must be a whole number from 1 to 1000"),
        ("failures", 1001, "not 1001"),
        ("failures", True, "not True"),
        ("failures", 2.5, "not 2.5"),
        ("failures", "5", "not '5'"),
        ("failure_ratio", 0, "failure_ratio must be a number above 0 and at most 1, not 0"),
        ("failure_ratio", 1.01, "not 1.01"),
        ("failure_ratio", math.nan, "not nan"),
        ("failure_ratio", None, "not None"),
        ("minimum_requests", 0, "minimum_requests must be a whole number from 1 to 1000, not 0"),
        ("window", 0, "window must be seconds above 0, not 0"),
        ("window", math.inf, "not inf"),
        ("window", 10**400, "window must be seconds above 0"),
        ("open_for", -1, "open_for must be seconds above 0, not -1"),
        ("open_for", 61, "open_for, 61 s, must not be longer than max_open_for, 60 s"),
        ("max_open_for", 4, "open_for, 5 s, must not be longer than max_open_for, 4 s"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: Any, expected: str) -> None:
    builder = Ratatoskr.builder()
    with pytest.raises(ConfigurationError) as caught:
        builder.breaker(**{name: value})
    assert expected in str(caught.value)
    assert caught.value.field == ("open_for" if name == "max_open_for" else name)
    assert in_force(builder) == BreakerSettings()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("failures = 0", "breaker.failures must be at least 1"),
        ("failures = 1001", "breaker.failures must be at most 1000"),
        ("failures = '5'", "breaker.failures must be a whole number"),
        ("failures = true", "breaker.failures must be a whole number"),
        ("failure_ratio = 0", "breaker.failure_ratio must be above 0"),
        ("failure_ratio = 1.5", "breaker.failure_ratio must be at most 1"),
        ("window = 'long'", "breaker.window must be a number"),
        ("window = inf", "breaker.window must be a finite number"),
        ("open_for = -1", "breaker.open_for must be above 0"),
        ("enabled = 'no'", "breaker.enabled must be true or false"),
        ("failurs = 3", "breaker.failurs is unknown; did you mean 'failures'?"),
    ],
)
def test_a_wrong_setting_in_the_file_is_named_with_its_line(tmp_path: Path, line: str, expected: str) -> None:
    path = written(tmp_path, f"[breaker]\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        read_config(path)
    assert f"{path}:2: {expected}" in str(caught.value)


def test_settings_of_the_file_that_exclude_one_another_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"open_for, 90 s, must not be longer than max_open_for, 60 s"):
        applied(tmp_path, "[breaker]\nopen_for = 90\n")
