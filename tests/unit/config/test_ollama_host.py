"""`OLLAMA_HOST`: read as Ollama's own programs read it, and never repeated where it is wrong."""

from __future__ import annotations

import traceback

import pytest

from ratatoskr.config import secrets
from ratatoskr.config.secrets import ollama_host
from ratatoskr.errors import ConfigurationError

CANARY = "canary-0123456789"


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
    assert ollama_host() == url


@pytest.mark.parametrize(
    "value",
    ["ftp://box", "box:0", "box:65536", "box:port", f"http://user:{CANARY}@box", f"box?key={CANARY}", "a b", "bö x:1"],
)
def test_what_is_no_address_is_refused_and_not_repeated(monkeypatch, value):
    monkeypatch.setenv("OLLAMA_HOST", value)
    with pytest.raises(ConfigurationError, match="OLLAMA_HOST") as caught:
        ollama_host()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inner = [frame for frame in told.stack if frame.filename == secrets.__file__]
    assert inner
    assert value not in str(caught.value)
    assert value not in str([frame.locals for frame in inner])


def test_no_address_is_set_by_default():
    assert ollama_host() is None
