"""An application that is tested without sockets."""

from ratatoskr import Chat


async def summarise(gateway: Chat, text: str) -> str:
    """Return a short form; asks again, once, if the first answer is too long."""
    for limit in ("short", "much shorter"):
        answer = (await gateway.chat(f"Summarise, {limit}: {text}", "gpt-4.1")).text
        if len(answer) <= 40:
            return answer
    return answer[:40]
