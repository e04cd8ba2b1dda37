"""The faces that a gateway has, made alike, so that one suite can be asked of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.daemon import WAYS, start
from ratatoskr import ChatEvent, ChatResponse, EmbeddedGateway, Ratatoskr
from ratatoskr.providers.specs import SPECS
from ratatoskr.testing import ScriptedUpstream

MODELS: dict[str, str] = {
    "openai chat": "openai:gpt-4.1",
    "openai responses": "openai:gpt-5.4",
    "openrouter": "openrouter:anthropic/claude-sonnet-5",
    "anthropic": "anthropic:claude-sonnet-5",
    "google": "google:gemini-3-flash",
    "ollama": "ollama:qwen3:4b",
    "huggingface": "huggingface:Qwen/Qwen3-4B",
    "compatible": "house:any-model",
}
"""One model for each dialect of each kind of provider."""

KEY = "sk-canary-5c1f"


def provider_of(model: str) -> str:
    """Return the scripted upstream's name of the provider that a model's prefix names."""
    prefix = model.partition(":")[0]
    return "compatible" if prefix == "house" else prefix


def upstream_name(provider: str) -> str:
    """Return what the scripted upstream calls a built-in provider: a host that it does not imitate is compatible."""
    return provider if provider in ScriptedUpstream.providers else "compatible"


def gateway_to(upstream: ScriptedUpstream, **settings: Any) -> EmbeddedGateway:
    """Return a gateway with every provider at the upstream; settings are the builder's methods and their arguments."""
    builder = Ratatoskr.builder()
    for name in SPECS:
        builder.provider(name, KEY, base_url=upstream.base_url(upstream_name(name)))
    builder.compatible("house", base_url=upstream.base_url("compatible"), key=KEY)
    for name, value in settings.items():
        getattr(builder, name)(*value) if isinstance(value, tuple) else getattr(builder, name)(value)
    return builder.build()


def local_gateway(folder: Path, cache: Path, **settings: Any) -> EmbeddedGateway:
    """Return a gateway with one model of this process; settings are the builder's methods and their argument."""
    builder = Ratatoskr.builder().local_embeddings(folder).cache_dir(cache)
    for name, value in settings.items():
        getattr(builder, name)(value)
    return builder.build()


class AsyncFace:
    """The gateway itself."""

    def __init__(self, gateway: EmbeddedGateway) -> None:
        self.gateway = gateway

    async def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call one of the gateway's methods."""
        return await getattr(self.gateway, name)(*arguments, **keywords)

    async def stream(self, *arguments: Any, **keywords: Any) -> tuple[list[ChatEvent], ChatResponse[Any]]:
        """Return a stream's events and its response."""
        async with self.gateway.chat_stream(*arguments, **keywords) as stream:
            return [event async for event in stream], stream.response


class SyncFace(AsyncFace):
    """The blocking face, in a thread, as its users have it."""

    async def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call one of the blocking methods."""
        return await asyncio.to_thread(getattr(self.gateway.sync(), name), *arguments, **keywords)

    async def stream(self, *arguments: Any, **keywords: Any) -> tuple[list[ChatEvent], ChatResponse[Any]]:
        """Return a stream's events and its response."""

        def read() -> tuple[list[ChatEvent], ChatResponse[Any]]:
            with self.gateway.sync().chat_stream(*arguments, **keywords) as stream:
                return list(stream), stream.response

        return await asyncio.to_thread(read)


def over(way: str, cls: type[AsyncFace]) -> Callable[[Any], AsyncFace]:
    """Return the face of a client whose daemon serves the gateway over a kind of connection."""
    return lambda gateway: cls(start(gateway.backend, way).client())  # type: ignore[arg-type]  # a gateway like any


IN_PROCESS: dict[str, Callable[[EmbeddedGateway], AsyncFace]] = {"async": AsyncFace, "sync": SyncFace}
"""What tests that look inside a gateway of this process are asked of."""
FACES: dict[str, Callable[[EmbeddedGateway], AsyncFace]] = {
    **IN_PROCESS,
    **{f"{way}-{name}": over(way, cls) for way in WAYS for name, cls in (("async", AsyncFace), ("sync", SyncFace))},
}


@dataclass(slots=True)
class Scene:
    """A gateway's face and the upstream behind it."""

    face: AsyncFace
    upstream: ScriptedUpstream


@asynccontextmanager
async def scene(face: str, script: Any = (), **settings: Any) -> AsyncIterator[Scene]:
    """Open an upstream and a gateway to it."""
    async with ScriptedUpstream(script) as upstream:
        gateway = gateway_to(upstream, **settings)
        made = FACES[face](gateway)
        try:
            yield Scene(made, upstream)
        finally:
            await made.gateway.aclose()
            await gateway.aclose()
