"""Several turns with reasoning; a file keeps the history between them."""

from pathlib import Path

from ratatoskr import Message, SyncGateway, dump_messages, load_messages


def turn(gateway: SyncGateway, model: str, store: Path, question: str) -> str:
    """Continue the conversation in the file."""
    history = load_messages(store.read_text("utf-8")) if store.exists() else []
    history.append(Message.user(question))
    response = gateway.chat(history, model, reasoning="high")
    store.write_text(dump_messages([*history, response.message]), "utf-8")
    return response.text
