"""TOML that would take long to read, or that Python cannot hold."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ratatoskr.config.file import read_config
from ratatoskr.config.secrets import read_secrets
from ratatoskr.errors import ConfigurationError
from ratatoskr.types.toml import has_long_name


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "9" * 5000, "a" + ".a" * 2000 + " = 1"])
def test_settings_nested_without_end_or_with_endless_numbers_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"one\.toml"):
        read_config(path)
    with pytest.raises(ConfigurationError, match=r"one\.toml") as caught:
        read_secrets(path)
    assert "999" not in str(caught.value)


@pytest.mark.parametrize("line", ["k{} = 1\n", "[templates.t{}]\nx = 1\n"])
def test_the_first_of_many_wrong_settings_are_named_in_time_linear_in_the_file(line: str, tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text("".join(line.format(number) for number in range(4000)))
    began = time.thread_time()
    with pytest.raises(ConfigurationError) as caught:
        read_config(path)
    assert time.thread_time() - began < 5
    assert len(caught.value.message.splitlines()) == 11
    assert caught.value.message.endswith("and 3990 more")


def test_names_of_many_parts_are_found_in_time_linear_in_the_text() -> None:
    assert not has_long_name("a" + ".a" * 63)
    assert has_long_name("x = 1\n['a'" + " . a" * 64)
    began = time.thread_time()
    for text in ("a" * 10**6, '"' * 10**6, "a " * 500_000, ("a" + ".a" * 63 + "\n") * 8000, "." * 10**6):
        assert not has_long_name(text)
    assert time.thread_time() - began < 10
