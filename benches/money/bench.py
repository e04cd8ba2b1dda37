"""What prices, limits, budgets, breakers and wraps cost: `make bench WHAT=money`.

What is compared takes turns in every round, ratios are formed within a round, and each figure is the median of the
rounds, because machines are shared. Seconds are those of CPU, of all threads of the process where calls are measured.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import genai_prices

import ratatoskr.models
from chat.load import cpu
from chat.upstream_process import Upstream
from ratatoskr import Budget, ChatResponse, Message, Price, Ratatoskr
from ratatoskr.backend.stream import OpenStream
from ratatoskr.config.catalogue import CatalogueFiles
from ratatoskr.middleware import Middleware, watch
from ratatoskr.models.catalogue import Catalogue
from ratatoskr.models.pricing import Pricing
from ratatoskr.types.event import ChatEvent, ContentDelta
from ratatoskr.types.usage import Usage, UsageDetails
from tokens.bench import processor

PROMPT = "Who carries messages up and down the ash? " * 24
"""1 KB."""
MOST = 200
PLAIN = Usage(12_000, 340, 8_000, 0, 100, "provider")
FINER = UsageDetails(
    cache_write_long_tokens=400,
    input_audio_tokens=300,
    cache_read_audio_tokens=100,
    output_audio_tokens=20,
    web_searches=2,
)
DETAILED = Usage(12_000, 340, 8_000, 1_000, 100, "provider", details=FINER)


class PassThrough(Middleware):
    """A user's wrap that changes nothing."""

    async def chat(self, request: Any, call: Any, ask: Any) -> ChatResponse[Any]:
        return await ask(request, call)


def measure_prices(rounds: int) -> None:
    """Print the time of a price, of both in one thread."""
    pricing, moment = Pricing(Catalogue(CatalogueFiles({}))), time.time()
    at = datetime.fromtimestamp(moment, UTC)
    counts = {"input_tokens": 12_000, "output_tokens": 340, "cache_read_tokens": 8_000, "output_reasoning_tokens": 100}
    finer = {"cache_write_tokens": 1_000, "cache_write_1h_tokens": 400, "input_audio_tokens": 300}
    finer |= {"cache_audio_read_tokens": 100, "output_audio_tokens": 20, "web_searches": 2}
    print("\n| a price | ours, µs | genai-prices, µs | ratio |\n|---|---|---|---|")
    for name, usage, theirs in (
        ("tokens, a part from the cache", PLAIN, genai_prices.Usage(**counts)),
        ("with caches, audio and searches", DETAILED, genai_prices.Usage(**counts, **finer)),
    ):
        peer = genai_prices.calc_price(theirs, "gpt-4.1", provider_id="openai", genai_request_timestamp=at)
        found = pricing.cost_of(usage, "openai", "gpt-4.1", at=moment)
        assert found is not None
        assert found.amount == peer.total_price

        def ours(usage: Usage = usage) -> object:
            return pricing.cost_of(usage, "openai", "gpt-4.1", at=moment)

        def others(usage: Any = theirs) -> object:
            return genai_prices.calc_price(usage, "gpt-4.1", provider_id="openai", genai_request_timestamp=at)

        measured = [(each(ours, 1000), each(others, 50)) for _ in range(rounds * 5)]
        first, second = (statistics.median(column) * 1e6 for column in zip(*measured, strict=True))
        ratio = statistics.median(other / one for one, other in measured)
        print(f"| {name} | {first:.1f} | {second:.0f} | **{ratio:.0f}** |")


def each(work: Callable[[], object], times: int) -> float:
    """Return the seconds of CPU that a function takes."""
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) / times


def gateways(url: str) -> dict[str, tuple[Any, bool]]:
    """Return the compared gateways, each with whether the cost of an answer is read."""

    def base() -> Any:
        builder = Ratatoskr.builder().compatible("bench", base_url=f"{url}/v1", key="sk-bench")
        return builder.model("bench:m", price=Price(input="2.5", output="15", cache_read="0.25")).breaker(None)

    def limited(builder: Any) -> Any:
        return builder.limits("bench", requests=9_999, tokens=10**9, per=0.5)  # of requests the upstream says as much

    budget = Budget("1000000.00", per="day")
    return {
        "plain": (base().build(), False),
        "+ breaker": (base().breaker().build(), False),
        "+ cost, read": (base().build(), True),
        "+ limits": (limited(base()).build(), False),
        "+ budget, with the cost": (base().budget(budget).build(), True),
        "+ one wrap": (base().wrap(PassThrough()).build(), False),
        "all together": (limited(base()).breaker().budget(budget).wrap(PassThrough()).build(), True),
    }


async def calls(gateway: Any, in_flight: int, count: int, read: bool) -> float:
    """Return the CPU of one call of a number of them."""

    async def worker() -> None:
        for _ in range(count // in_flight):
            response = await gateway.chat(PROMPT, "bench:m", max_tokens=MOST)
            assert response.content.startswith("The squirrel")
            if read:
                assert response.cost.amount > 0

    began = cpu()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (cpu() - began) / (count // in_flight * in_flight)


async def measure_calls(rounds: int, count: int) -> None:
    """Print the CPU of calls through each gateway, alone and with 64 in flight."""
    with Upstream() as upstream:
        compared = gateways(upstream.url)
        for in_flight in (1, 64):
            size = count if in_flight > 1 else count // 3
            for gateway, read in compared.values():
                await calls(gateway, in_flight, size, read)
            measured = [
                {name: await calls(gateway, in_flight, size, read) for name, (gateway, read) in compared.items()}
                for _ in range(rounds)
            ]
            print(f"\n| 1 KB calls, {in_flight} in flight | CPU, µs | more than plain, µs | ratio |\n|---|---|---|---|")
            for name in compared:
                used = statistics.median(one[name] for one in measured) * 1e6
                more = statistics.median(one[name] - one["plain"] for one in measured) * 1e6
                ratio = statistics.median(one[name] / one["plain"] for one in measured)
                print(f"| {name} | {used:.0f} | {more:+.1f} | {ratio:.2f} |")
        for gateway, _ in compared.values():
            await gateway.aclose()


class Ready:
    """A source whose events are there."""

    provider, request_id = "bench", None

    def __init__(self) -> None:
        self._events: list[ChatEvent] = [ContentDelta("a")]

    async def batch(self) -> list[ChatEvent]:
        return self._events

    def response(self) -> ChatResponse[Any]:
        return ChatResponse(Message.assistant(""), provider="bench", model="m")

    def close(self) -> None:
        pass


async def measure_streams(rounds: int) -> None:
    """Print what those who watch a stream add to a batch of its events: a wrap, a budget and limits are three."""
    cells = []
    for watchers in range(4):
        stream = OpenStream(Ready(), [])
        for _ in range(watchers):
            stream = watch(stream, on_end=lambda response, error: None)
        taken = []
        for _ in range(rounds * 5):
            began = time.thread_time()
            for _ in range(2000):
                await stream.source.batch()
            taken.append((time.thread_time() - began) / 2000)
        cells.append(statistics.median(taken) * 1e6)
    print("\n| a batch of events | µs more than without |\n|---|---|")
    for watchers, what in ((1, "one watches"), (2, "two watch, as budgets and limits"), (3, "three watch")):
        print(f"| {what} | {cells[watchers] - cells[0]:.2f} |")


FIRST = """
import time
from ratatoskr import Ratatoskr
began = time.process_time()
gateway = Ratatoskr.builder().openai("sk-bench").build()
built = time.process_time()
catalogue = gateway.assembly.catalogue
catalogue.find("openai", "gpt-4.1").prices
first = time.process_time()
catalogue.find("anthropic", "claude-opus-5-5").prices
second = time.process_time()
for name in {names}:
    catalogue.find(name, "gpt-oss-120b")
read = time.process_time()
for name in {names}:
    catalogue.models(name)
print(second - first, first - built, read - second, time.process_time() - read)
"""
IMPORT = "import time; began = time.process_time(); import ratatoskr; print(time.process_time() - began)"


def measure_catalogue(rounds: int) -> None:
    """Print the time of first questions to the catalogue, each in a process of its own, and its size."""
    tables = sorted((Path(ratatoskr.models.__file__).parent / "data").glob("*.json"))
    names = [path.stem for path in tables]
    runs = [run(FIRST.format(names=names)) + run(IMPORT) for _ in range(rounds)]
    another, first, rest, every, imported = (statistics.median(column) * 1e3 for column in zip(*runs, strict=True))
    size = sum(len(zlib.compress(path.read_bytes(), 6)) for path in tables) / 1024
    print("\n| catalogue, in a fresh process | |\n|---|---|")
    print(f"| import ratatoskr, which reads nothing of it | {imported:.1f} ms |")
    print(f"| first question of all | {first:.1f} ms |")
    print(f"| first question about another provider | {another:.1f} ms |")
    print(f"| a question about each of the others | {rest:.1f} ms |")
    print(f"| then a list of every model of all {len(names)} providers | {every:.1f} ms |")
    print(f"| in the wheel, compressed | {size:.0f} KB |")


def run(program: str) -> list[float]:
    """Return the numbers that a program prints."""
    return [float(one) for one in subprocess.check_output([sys.executable, "-c", program], text=True).split()]


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=3000, help="of each gateway in each round")
    given = parser.parse_args()
    print(f"{processor()}; Python {platform.python_version()}, genai-prices {genai_prices.__version__}")
    measure_prices(given.rounds)
    asyncio.run(measure_calls(given.rounds, given.calls))
    asyncio.run(measure_streams(given.rounds))
    measure_catalogue(given.rounds)


if __name__ == "__main__":
    main()
