"""The first program: `python hello.py MODEL`."""

import asyncio
import sys

from ratatoskr import EmbeddedGateway, Ratatoskr


async def ask(gateway: EmbeddedGateway, model: str) -> str:
    """Ask one question."""
    response = await gateway.chat("Who runs along the ash tree?", model)
    return f"{response.text} ({response.usage.total_tokens} tokens)"


async def main() -> None:
    """Ask the configured providers: those with a key, or a reachable Ollama."""
    async with Ratatoskr.from_env() as gateway:
        print(await ask(gateway, sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(main())
