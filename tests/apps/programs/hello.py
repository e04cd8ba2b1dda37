"""The first program: `python hello.py MODEL`."""

import asyncio
import sys

from ratatoskr import EmbeddedGateway, Ratatoskr


async def ask(gateway: EmbeddedGateway, model: str) -> str:
    """Ask one question."""
    response = await gateway.chat("Who runs along the ash tree?", model)
    return f"{response.content} ({response.usage.total_tokens} tokens)"


async def main(model: str) -> None:
    """Ask the configured providers: those with a key, or a reachable Ollama."""
    async with Ratatoskr.from_env() as gateway:
        print(await ask(gateway, model))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
