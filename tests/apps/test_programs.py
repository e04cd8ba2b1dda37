"""The programs work against a scripted provider."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.programs import fallback, hello, summary, terminal, thinking, thousand, tool_loop, typed, web
from ratatoskr import EmbeddedGateway, Ratatoskr, StreamInterrupted, TextPart
from ratatoskr.testing import (
    ScriptedGateway,
    ScriptedToolCall,
    ScriptedTurn,
    ScriptedUpstream,
    TokenCounts,
    fault,
    no_network,
)

GPT, CLAUDE = "openai:gpt-4.1", "anthropic:claude-sonnet-5"
ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"


def gateway_to(upstream: Any, retries: int = 0) -> EmbeddedGateway:
    builder = Ratatoskr.builder().retries(retries)
    builder.openai("sk-x", base_url=upstream.base_url("openai"))
    return builder.anthropic("sk-y", base_url=upstream.base_url("anthropic")).build()


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
async def gateway(upstream: ScriptedUpstream) -> AsyncIterator[EmbeddedGateway]:
    async with gateway_to(upstream) as gateway:
        yield gateway


def start_program(program: str, *arguments: str, upstream: Any) -> subprocess.Popen[str]:
    """Start a program as its users do, with only an Ollama configured."""
    return subprocess.Popen(
        [sys.executable, "-W", "default", str(PROGRAMS / program), *arguments],
        env={**os.environ, "OLLAMA_HOST": f"127.0.0.1:{upstream.port}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_hello(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    await upstream.use("Ratatoskr.")
    assert (await hello.ask(gateway, GPT)).startswith("Ratatoskr. (")


def test_hello_as_a_process_of_its_own() -> None:
    with ScriptedUpstream.in_thread(ScriptedTurn("Ratatoskr.", usage=TokenCounts(input=9, output=3))) as upstream:
        process = start_program("hello.py", "qwen3:4b", upstream=upstream)
        assert process.communicate(timeout=30) == ("Ratatoskr. (12 tokens)\n", "")
        assert process.returncode == 0


async def test_terminal(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    await upstream.use(ScriptedTurn("High up.", reasoning="Hm.", deltas=3))
    out, errors = io.StringIO(), io.StringIO()
    assert await terminal.main(gateway, CLAUDE, out, errors)
    assert (out.getvalue(), errors.getvalue()) == ("High up.\n[stop]\n", "Hm.")


async def test_terminal_when_the_line_is_cut(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    await upstream.use(fault("error_in_stream"))
    out, errors = io.StringIO(), io.StringIO()
    assert not await terminal.main(gateway, CLAUDE, out, errors)
    assert f"broke off after {len(out.getvalue())} characters: the stream was interrupted: " in errors.getvalue()
    assert out.getvalue()
    assert "[" not in out.getvalue()


@pytest.mark.parametrize("model", [GPT, CLAUDE])
async def test_tool_loop(upstream: ScriptedUpstream, gateway: EmbeddedGateway, model: str) -> None:
    calls = (ScriptedToolCall("camera", {"place": "roots"}), ScriptedToolCall("camera", {"place": "Hel"}))
    await upstream.use([ScriptedTurn(tool_calls=calls), "There."])
    history = await tool_loop.main(gateway, model)
    assert [m.role for m in history] == ["user", "assistant", "tool", "assistant"]
    good, bad = history[2].content
    assert (getattr(good, "is_error", None), getattr(bad, "is_error", None)) == (False, True)
    sent = upstream.last.raw.decode()
    assert "iVBORw0KGgo" in sent
    assert "no light there" in sent


async def test_typed(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    await upstream.use(['{"name": "R", "legs": 4}', '{"name": "E", "legs": 2}', '{"name": "N"}'])
    squirrel, eagle, wrong = await typed.main(gateway, GPT)
    assert (squirrel.legs, eagle.name) == (4, "E")
    assert "legs: Field required" in wrong


async def test_thinking(upstream: ScriptedUpstream, gateway: EmbeddedGateway, tmp_path: Path) -> None:
    await upstream.use([ScriptedTurn(f"a{i}", reasoning=f"r{i}", signature=f"sig-{i}==") for i in range(3)])
    for i in range(3):
        arguments = (gateway.sync(), CLAUDE, tmp_path / "history.json", f"q{i}")
        assert await asyncio.to_thread(thinking.turn, *arguments) == f"a{i}"
    sent = upstream.last.raw.decode()
    assert sent.index("sig-0==") < sent.index("q1") < sent.index("sig-1==") < sent.index("q2")


async def test_fallback(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    await upstream.use({"anthropic": fault("unavailable", times=None), "openai": "here"})
    assert await fallback.main(gateway, CLAUDE, GPT) == ("here", ["anthropic", "openai"])
    await upstream.use(fault("bad_key", times=None))
    assert await fallback.main(gateway, CLAUDE, GPT) == (
        "no provider answered: authentication_failed",
        ["anthropic", "openai"],
    )


async def test_fallback_from_a_provider_that_hangs(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    plan = await gateway.explain([CLAUDE, GPT], timeout=fallback.PATIENCE)
    assert (plan.deadlines["total"], plan.deadlines["attempt"]) == (20, 12)
    await upstream.use({"anthropic": ScriptedTurn("late", delay=60), "openai": "here"})
    patience = replace(fallback.PATIENCE, attempt=1.5)  # for the one that answers too, however busy the machine is
    assert await fallback.main(gateway, CLAUDE, GPT, patience) == ("here", ["anthropic", "openai"])


async def test_thousand(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    await upstream.use(lambda r: fault("bad_request") if r.asked.prompt.endswith("7.") else r.asked.prompt)
    seen: list[int] = []
    answers, failures = await thousand.main(gateway, GPT, 1000, lambda done, _: seen.append(done))
    assert (len(answers), len(failures), seen) == (900, 100, list(range(1, 1001)))
    assert answers[12] == "Summarise leaf 12."
    assert upstream.connections <= 32


async def test_web(upstream: ScriptedUpstream, gateway: EmbeddedGateway) -> None:
    await upstream.use([ScriptedTurn("a b c", deltas=3), fault("rate_limited_seconds"), fault("bad_key")])
    transport = httpx.ASGITransport(web.make_app(gateway, GPT))
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        good, limited, broken = [await client.get("/ask", params={"question": "Hi"}) for _ in range(3)]
    assert (good.status_code, good.text) == (200, "a b c")
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) > 0
    assert (broken.status_code, broken.json()) == (502, {"detail": "authentication_failed"})


async def test_web_when_the_provider_breaks_off_or_the_client_leaves(
    upstream: ScriptedUpstream, gateway: EmbeddedGateway
) -> None:
    app = web.make_app(gateway, GPT)
    await upstream.use([fault("error_in_stream"), ScriptedTurn("a b c", deltas=3, gated=True)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        with pytest.raises(StreamInterrupted):  # no clean end: a server drops the connection
            await client.get("/ask", params={"question": "Hi"})
    sent: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "http", "method": "GET", "path": "/ask", "query_string": b"question=Hi", "headers": []}

    async def receive() -> dict[str, str]:
        while (await sent.get())["type"] != "http.response.body":
            pass
        return {"type": "http.disconnect"}

    upstream.release(2)
    await app({**scope, "asgi": {"version": "3.0", "spec_version": "2.3"}}, receive, sent.put)
    await upstream.until(lambda: upstream.open_connections == 0)


def test_prefork() -> None:
    with ScriptedUpstream.in_thread("hello") as upstream, httpx.Client(trust_env=False, timeout=20) as client:
        process = start_program("prefork.py", "qwen3:4b", "3", upstream=upstream)
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/"

        def ask(number: int) -> tuple[int, str, str]:
            answer = client.get(url, params={"question": str(number)})
            return answer.status_code, answer.text, answer.headers["x-worker"]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(60)))
        assert {(status, text) for status, text, _ in answers} == {(200, "hello")}
        assert str(process.pid) not in {worker for _, _, worker in answers}
        upstream.use([fault("rate_limited_seconds", times=3)])
        assert client.get(url).status_code == 429
        assert process.communicate("", timeout=30) == ("", "")
        assert process.returncode == 0
        assert upstream.count == 63


async def test_summary_without_sockets() -> None:
    gateway = ScriptedGateway("far too long an answer to be called a summary", "short")
    with no_network(loopback=False):
        assert await summary.summarise(gateway, "…") == "short"
    assert "much shorter" in gateway.requests[1].messages[0].text
    assert isinstance(gateway.requests[0].messages[0].content[0], TextPart)


def run_mypy(*paths: str | Path) -> str:
    """Return the output of mypy for files, with the package as installed and without this project's settings."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={ROOT / '.mypy_cache/users'}"]
    return subprocess.run([*command, *paths], capture_output=True, text=True, cwd=PROGRAMS.parent).stdout


@pytest.mark.timeout(300)  # a type checker reads the whole package, and more where its cache is empty
def test_users_code_is_typed() -> None:
    ported = (PROGRAMS.parent / "openai_programs/gateway").glob("*.py")
    assert run_mypy(PROGRAMS, *ported, *(ROOT / "tests/typing").glob("*.py")).startswith("Success")


@pytest.mark.timeout(300)
def test_a_users_mistake_is_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from ratatoskr import EmbeddedGateway\n\n\n"
        "async def main(gateway: EmbeddedGateway) -> None:\n"
        "    (await gateway.chat('Hi', 'm')).contents\n"
        "    await gateway.chat('Hi', 5)\n"
    )
    output = run_mypy(wrong)
    assert '5: error: "ChatResponse[None]" has no attribute "contents"' in output
    assert "6: error: No overload variant" in output
