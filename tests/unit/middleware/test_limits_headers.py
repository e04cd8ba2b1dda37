"""What the headers of providers say, and limits that processes share."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ratatoskr.ledger.sqlite import SqliteLedger
from ratatoskr.types.chat import RawResponse
from unit.middleware.test_limits import Upstream, chat_request, limiter, options
from unit.middleware.virtual_time import run


def headers(remaining: int, reset: str) -> dict[str, str]:
    return {"x-ratelimit-remaining-requests": str(remaining), "x-ratelimit-reset-requests": reset}


@pytest.mark.parametrize(
    ("sent", "second"),
    [
        (headers(0, "30s"), 30),
        (headers(1, "30s"), 0),
        (headers(1000, "1s"), 0),  # never raises the limit
        (headers(0, "1m"), 60),
        (headers(0, "nonsense"), 0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "1970-01-01T00:17:00Z",
            },
            20,
        ),
    ],
)
def test_the_headers_of_a_provider_only_lower_a_limit(sent, second):
    upstream = Upstream()

    async def ask(request, call):
        return replace(await upstream.ask(request, call), raw=RawResponse(200, sent))

    async def main() -> None:
        guard = limiter(requests=2)
        for _ in range(3):
            await guard.chat(chat_request(), options(), ask)

    run(main())
    assert upstream.times[1] == pytest.approx(second, abs=1)
    assert upstream.times[2] >= 60, "the second request of the first minute was the last"


def test_processes_share_a_limit_that_counts_in_a_file(tmp_path):
    upstream = Upstream()

    async def main() -> None:
        guards = [limiter(SqliteLedger(tmp_path / "ledger.sqlite"), requests=2, per=10) for _ in range(2)]
        await asyncio.gather(
            *[guard.chat(chat_request(), options(), upstream.ask) for guard in guards for _ in range(2)]
        )

    run(main())
    assert upstream.times == pytest.approx([0, 0, 10, 10], abs=0.6)
