"""`OLLAMA_HOST` is read as Ollama's own programs read it, and no message repeats a wrong value."""

from __future__ import annotations

import traceback

import pytest

from ratatoskr.config import base_url
from ratatoskr.config.base_url import base_url_from_environment
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS

CANARY = "canary-0123456789"
OLLAMA = SPECS["ollama"]


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("", None),
        ('""', None),
        ("localhost", "http://localhost:11434"),
        ("10.0.0.7:8080", "http://10.0.0.7:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:11434/", "http://127.0.0.1:11434"),
        ("::", "http://[::1]:11434"),
        ("[::]:8080", "http://[::1]:8080"),
        ("::1", "http://[::1]:11434"),
        ("[fe80::1]", "http://[fe80::1]:11434"),
        ("http://box", "http://box"),
        ("HTTPS://ollama.com", "https://ollama.com"),
        ("https://example.net:8443/ollama/", "https://example.net:8443/ollama"),
        (" 'box:1' ", "http://box:1"),
    ],
)
def test_ollamas_address_is_read_as_ollama_reads_it(monkeypatch, value, url):
    monkeypatch.setenv("OLLAMA_HOST", value)
    assert base_url_from_environment(OLLAMA) == url


@pytest.mark.parametrize(
    "value",
    ["ftp://box", "box:0", "box:65536", "box:port", f"http://user:{CANARY}@box", f"box?key={CANARY}", "a b", "bö x:1"],
)
def test_a_value_that_is_not_an_address_is_refused_and_not_repeated(monkeypatch, value):
    monkeypatch.setenv("OLLAMA_HOST", value)
    with pytest.raises(ConfigurationError, match="OLLAMA_HOST") as caught:
        base_url_from_environment(OLLAMA)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inner = [frame for frame in report.stack if frame.filename == base_url.__file__]
    assert inner
    assert value not in str(caught.value)
    assert value not in str([frame.locals for frame in inner])


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_no_address_is_set_by_default(spec):
    assert base_url_from_environment(spec) is None


@pytest.mark.parametrize(
    "spec", [spec for spec in SPECS.values() if spec.base_url_variable], ids=lambda spec: spec.name
)
def test_every_row_that_names_a_variable_has_its_base_url_read(monkeypatch, spec):
    monkeypatch.setenv(spec.base_url_variable, "https://gateway.example/v1/")
    assert base_url_from_environment(spec) == "https://gateway.example/v1"
