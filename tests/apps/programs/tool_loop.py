"""A loop of tools: parallel calls, an image in one result, an error in another."""

from ratatoskr import EmbeddedGateway, ImagePart, Message

PIXEL = b"\x89PNG\r\n\x1a\n" + bytes(20)


def camera(place: str) -> ImagePart:
    """Take a picture.

    Args:
        place: Where to take it.
    """
    if place == "Hel":
        raise ValueError("no light there")
    return ImagePart.from_bytes(PIXEL, "image/png")


async def main(gateway: EmbeddedGateway, model: str) -> list[Message]:
    """Return the whole conversation."""
    question = Message.user("Show me the roots and Hel.")
    _, messages = await gateway.run_tools(question, model, tools=[camera])
    return [question, *messages]
