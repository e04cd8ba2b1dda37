"""CPU and memory of embedding many texts by a provider: this package against the openai SDK, over a loopback upstream.

    python benches/embed/remote.py                                 # this package
    python benches/embed/remote.py --peer PEERS/bin/python         # and the openai SDK of another environment

Each side is a process of its own. The upstream is one too, and answers with base64 if it is asked for it, as OpenAI's
does; both sides ask for it by default. CPU is that of the side's process alone, measured from its first request to its
last vector; each vector is there as the side gives it: a float32 array here, a list of floats there.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

BLOCK, CONCURRENCY = 2048, 8
MODEL = "text-embedding-3-small"


def make_texts(count: int) -> Iterator[str]:
    """Yield texts of about sixty characters, no two alike."""
    for number in range(count):
        yield f"{number}: a squirrel carries words up and down the ash tree"


# the upstream


class Answers:
    """Answers to requests for vectors of one size."""

    def __init__(self, dimensions: int) -> None:
        chance = random.Random(7)
        row = [chance.gauss(0, 1) for _ in range(dimensions)]
        self._vectors = {
            "base64": json.dumps(base64.b64encode(struct.pack(f"<{dimensions}f", *row)).decode()).encode(),
            "float": json.dumps(row).encode(),
        }
        self._made: dict[tuple[int, str], bytes] = {}

    def answer(self, body: bytes) -> bytes:
        """Return the answer to a request."""
        request = json.loads(body)
        key = len(request["input"]), request.get("encoding_format", "float")
        if key not in self._made:
            vector = self._vectors[key[1]]
            rows = (b'{"object":"embedding","index":%d,"embedding":%b}' % (n, vector) for n in range(key[0]))
            usage = {"prompt_tokens": 12 * key[0], "total_tokens": 12 * key[0]}
            rest = json.dumps({"object": "list", "model": MODEL, "usage": usage}).encode()
            self._made[key] = rest[:-1] + b',"data":[' + b",".join(rows) + b"]}"
        return self._made[key]


async def serve(dimensions: int) -> None:
    """Serve until the standard input ends; the first line of the output is the port."""
    answers = Answers(dimensions)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                body = answers.answer(await reader.readexactly(int(length.split(b":")[1])))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n" % len(body))
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=2**26)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


# the sides


async def run_ratatoskr(url: str, count: int) -> int:
    """Embed with this package; return the number of vectors."""
    from ratatoskr import Ratatoskr

    gateway = Ratatoskr.builder().openai("sk-bench", base_url=url).build()
    seen = 0
    async with gateway:
        async for embedding in gateway.embed_iter(make_texts(count), f"openai:{MODEL}"):
            seen += len(embedding.vector) > 0
    return seen


async def run_openai(url: str, count: int) -> int:
    """Embed with the openai SDK, in the largest requests that the API takes, eight at a time."""
    import openai  # type: ignore[import-not-found]  # of the peer's environment

    seen, texts = 0, make_texts(count)
    async with openai.AsyncOpenAI(api_key="sk-bench", base_url=url) as client:

        async def work() -> None:
            nonlocal seen
            while block := list(islice(texts, BLOCK)):
                answer = await client.embeddings.create(model=MODEL, input=block)
                seen += sum(len(row.embedding) > 0 for row in answer.data)

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return seen


SIDES = {"ratatoskr": run_ratatoskr, "openai": run_openai}


def measure(side: str, url: str, count: int) -> dict[str, Any]:
    """Return the CPU, the time and the largest memory of one side, after a small run that warms it up."""
    asyncio.run(SIDES[side](url, 256))
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    seen = asyncio.run(SIDES[side](url, count))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"texts": seen, "cpu": cpu, "seconds": time.perf_counter() - began, "peak": after.ru_maxrss / 1024}


def main() -> None:
    """Run each side in turn, a tenth of the texts first, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="the Python of an environment with the openai SDK")
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=1536)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.dimensions))
        return
    if options.measure:
        print(json.dumps(measure(*options.measure, options.texts)))
        return
    pythons = {"ratatoskr": sys.executable} | ({"openai": options.peer} if options.peer else {})
    command = [sys.executable, __file__, "--serve", "--dimensions", str(options.dimensions)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as upstream:
        assert upstream.stdout is not None
        url = f"http://127.0.0.1:{int(upstream.stdout.readline())}/v1"
        for count in (options.texts // 10, options.texts):
            for side, python in pythons.items():
                child = [python, __file__, "--texts", str(count), "--measure", side, url]
                found = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
                each = found["cpu"] / found["texts"] * 1e6
                print(f"{side:10} {found['texts']:8,} texts  {each:7.1f} µs CPU a text", end="")
                print(f"  {found['seconds']:6.1f} s  peak {found['peak']:6.0f} MiB", flush=True)
        upstream.communicate()


if __name__ == "__main__":
    main()
