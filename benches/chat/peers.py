"""The compared clients, each used as its documentation says: one client for all calls, with its defaults.

Every client answers a prompt (`answer`) and streams an answer, calling a function with each piece of text (`stream`).
Its packages are imported when it is created, because no venv contains all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

BENCHES = Path(__file__).resolve().parents[1]
PROMPT = "Who carries messages up and down the ash? " * 5
KEY = "sk-bench"
MODEL = "m"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
MOST_WORDS = 100

OnDelta = Callable[[str], object]


class Client(Protocol):
    async def answer(self) -> str: ...
    async def stream(self, on_delta: OnDelta) -> None: ...
    async def close(self) -> None: ...


class Gateway:
    """Ratatoskr's gateway: typed requests, routing, fallback chain, typed responses and events."""

    def __init__(self, url: str) -> None:
        from ratatoskr import ContentDelta, Ratatoskr

        self._delta = ContentDelta
        self.gateway = self._build(Ratatoskr.builder(), url).build()

    def _build(self, builder: Any, url: str) -> Any:
        return builder.compatible("bench", base_url=f"{url}/v1", key=KEY)

    model = f"bench:{MODEL}"

    async def answer(self) -> str:
        return (await self.gateway.chat(PROMPT, self.model)).content

    async def stream(self, on_delta: OnDelta) -> None:
        delta = self._delta
        async with self.gateway.chat_stream(PROMPT, self.model) as stream:
            async for event in stream:
                if type(event) is delta:
                    on_delta(event.text)

    async def close(self) -> None:
        await self.gateway.aclose()


class GatewayMessages(Gateway):
    """Ratatoskr's gateway with Anthropic Messages."""

    model = f"anthropic:{MODEL}"

    def _build(self, builder: Any, url: str) -> Any:
        return builder.anthropic(KEY, base_url=url)


class GatewayHttpx2(Gateway):
    """Ratatoskr's gateway with the user's own httpx2 client."""

    def _build(self, builder: Any, url: str) -> Any:
        import httpx2

        self._own = httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=None))
        return super()._build(builder, url).http_client(self._own)

    async def close(self) -> None:
        await super().close()
        await self._own.aclose()


class Native:
    """Ratatoskr's transport alone, with orjson."""

    def __init__(self, url: str) -> None:
        import orjson

        from ratatoskr.transport.client import HttpRequest
        from ratatoskr.transport.native import NativeTransport

        self._json = orjson
        self._request = HttpRequest
        self._url = f"{url}/v1/chat/completions"
        self._headers = tuple(HEADERS.items())
        self._transport = NativeTransport()

    async def answer(self) -> str:
        body = self._json.dumps(BODY)
        reply = await self._transport.send(self._request(self._url, self._headers, body))
        return self._json.loads(reply.body)["choices"][0]["message"]["content"]

    async def stream(self, on_delta: OnDelta) -> None:
        loads = self._json.loads
        body = self._json.dumps({**BODY, "stream": True})
        reply = await self._transport.send(self._request(self._url, self._headers, body, "sse"))
        while (batch := await reply.batch()) is not None:
            for _, data in batch:
                _read_event(data, loads, on_delta)

    async def close(self) -> None:
        await self._transport.aclose()


def _read_event(data: bytes, loads: Callable[[bytes], Any], on_delta: OnDelta) -> None:
    if data != b"[DONE]" and (choices := loads(data)["choices"]) and (text := choices[0]["delta"].get("content")):
        on_delta(text)


class Aiohttp:
    """aiohttp and orjson, as a careful user would write it."""

    def __init__(self, url: str) -> None:
        import aiohttp
        import orjson

        self._json = orjson
        self._url = f"{url}/v1/chat/completions"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=600, sock_connect=10, sock_read=60),
        )

    def _post(self, body: dict[str, Any]) -> Any:
        return self._session.post(self._url, data=self._json.dumps(body), headers=HEADERS, allow_redirects=False)

    async def answer(self) -> str:
        async with self._post(BODY) as response:
            return self._json.loads(await response.read())["choices"][0]["message"]["content"]

    async def stream(self, on_delta: OnDelta) -> None:
        loads = self._json.loads
        async with self._post({**BODY, "stream": True}) as response:
            rest = b""
            async for chunk in response.content.iter_any():
                *events, rest = (rest + chunk).split(b"\n\n")
                for event in events:
                    _read_event(event[6:], loads, on_delta)

    async def close(self) -> None:
        await self._session.close()


class Httpx2:
    """httpx2 and orjson."""

    def __init__(self, url: str) -> None:
        import httpx2
        import orjson

        self._json = orjson
        self._url = f"{url}/v1/chat/completions"
        self._client = httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=None))

    async def answer(self) -> str:
        response = await self._client.post(self._url, content=self._json.dumps(BODY), headers=HEADERS)
        return self._json.loads(response.content)["choices"][0]["message"]["content"]

    async def stream(self, on_delta: OnDelta) -> None:
        loads = self._json.loads
        body = self._json.dumps({**BODY, "stream": True})
        async with self._client.stream("POST", self._url, content=body, headers=HEADERS) as response:
            rest = b""
            async for chunk in response.aiter_raw():
                *events, rest = (rest + chunk).split(b"\n\n")
                for event in events:
                    _read_event(event[6:], loads, on_delta)

    async def close(self) -> None:
        await self._client.aclose()


class OpenAI:
    """The openai SDK."""

    def __init__(self, url: str) -> None:
        from openai import AsyncOpenAI

        self._client = AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1")

    async def answer(self) -> str:
        answer = await self._client.chat.completions.create(**BODY)
        return answer.choices[0].message.content

    async def stream(self, on_delta: OnDelta) -> None:
        await _read_chunks(await self._client.chat.completions.create(**BODY, stream=True), on_delta)

    async def close(self) -> None:
        await self._client.close()


async def _read_chunks(chunks: Any, on_delta: OnDelta) -> None:
    """Read a stream of chunks of the openai SDK, or of chunks of the same form."""
    async for chunk in chunks:
        if chunk.choices and (text := chunk.choices[0].delta.content):
            on_delta(text)


class Anthropic:
    """The anthropic SDK."""

    def __init__(self, url: str) -> None:
        from anthropic import AsyncAnthropic

        self._messages = AsyncAnthropic(api_key=KEY, base_url=url)
        self._body = {**BODY, "max_tokens": MOST_WORDS}

    async def answer(self) -> str:
        return (await self._messages.messages.create(**self._body)).content[0].text

    async def stream(self, on_delta: OnDelta) -> None:
        async for event in await self._messages.messages.create(**self._body, stream=True):
            if event.type == "content_block_delta":
                on_delta(event.delta.text)

    async def close(self) -> None:
        await self._messages.close()


class AnyLLM:
    """any-llm over the openai SDK."""

    def __init__(self, url: str) -> None:
        from any_llm import AnyLLM

        self._llm = AnyLLM.create("openai", api_key=KEY, api_base=f"{url}/v1")

    async def answer(self) -> str:
        return (await self._llm.acompletion(**BODY)).choices[0].message.content

    async def stream(self, on_delta: OnDelta) -> None:
        await _read_chunks(await self._llm.acompletion(**BODY, stream=True), on_delta)

    async def close(self) -> None:
        pass


class LiteLLM:
    """LiteLLM's `acompletion`."""

    def __init__(self, url: str) -> None:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import waits for a download
        import litellm

        self._ask = litellm.acompletion
        self._body = {**BODY, "model": f"openai/{MODEL}", "api_base": f"{url}/v1", "api_key": KEY}

    async def answer(self) -> str:
        return (await self._ask(**self._body)).choices[0].message.content

    async def stream(self, on_delta: OnDelta) -> None:
        await _read_chunks(await self._ask(**self._body, stream=True), on_delta)

    async def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Peer:
    """One compared client.

    Attributes:
        package: the package whose version is printed.
        venv: the venv in which it is installed.
        every: it is measured in every n-th round; more than 1 for slow clients.
    """

    name: str
    make: Callable[[str], Client]
    package: str = "ratatoskr-llm"
    venv: str = "peers"
    every: int = 1

    @property
    def python(self) -> Path:
        return BENCHES / f".venv-{self.venv}" / "bin" / "python"


OURS, BARE, AIOHTTP, OPENAI, LITELLM = "ratatoskr", "ratatoskr's transport", "aiohttp", "openai", "litellm"

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(OURS, Gateway),
        Peer(BARE, Native),
        Peer(AIOHTTP, Aiohttp, "aiohttp"),
        Peer(OPENAI, OpenAI, "openai", every=2),
        Peer(LITELLM, LiteLLM, "litellm", "litellm", every=2),
        Peer("any-llm", AnyLLM, "any-llm-sdk", "any-llm", every=5),
        Peer("httpx2", Httpx2, "httpx2", every=5),
        Peer("ratatoskr over httpx2", GatewayHttpx2, every=5),
        Peer("ratatoskr, Messages", GatewayMessages, every=5),
        Peer("anthropic, Messages", Anthropic, "anthropic", every=5),
    )
}
