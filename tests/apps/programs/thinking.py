"""Several turns with reasoning; a file keeps the history between them."""

from pathlib import Path

from ratatoskr import EmbeddedGateway, Message, dump_messages, load_messages


def resume(store: Path) -> list[Message]:
    """Return the conversation so far."""
    return load_messages(store.read_text("utf-8")) if store.exists() else []


def keep(store: Path, history: list[Message]) -> None:
    """Store the conversation."""
    store.write_text(dump_messages(history), "utf-8")


async def turn(gateway: EmbeddedGateway, model: str, store: Path, question: str) -> str:
    """Continue the conversation in the file."""
    history = [*resume(store), Message.user(question)]
    response = await gateway.chat(history, model, reasoning="high")
    keep(store, [*history, response.message])
    return response.content
