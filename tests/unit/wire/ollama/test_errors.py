"""Error bodies of Ollama, and of proxies in between."""

from __future__ import annotations

import pytest

from ratatoskr.wire import ollama
from ratatoskr.wire.failure import ReportedFailure


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b'{"error": "model \'x\' not found"}', ReportedFailure("model 'x' not found")),
        (b'{"error": "unauthorized", "signin_url": "https://x"}', ReportedFailure("unauthorized")),
        (b'{"error": {"message": "m", "type": "t", "param": null, "code": null}}', ReportedFailure("m", "t")),
        (b'{"error": 5}', ReportedFailure('{"error": 5}')),
        (b"404 page not found", ReportedFailure("404 page not found")),
        (b"<html><title>502</title>", ReportedFailure("502")),
        (b"[" * 100_000, ReportedFailure("[" * 200)),
    ],
)
def test_an_error_body_is_read(body: bytes, failure: ReportedFailure):
    assert ollama.decode_error(body) == failure
