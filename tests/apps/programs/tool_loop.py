"""A manual tool loop: parallel calls, an image in one result, an error in another."""

import asyncio

from ratatoskr import EmbeddedGateway, ImagePart, InvalidToolArguments, Message, ToolCall, ToolResult

PIXEL = b"\x89PNG\r\n\x1a\n" + bytes(20)


def camera(place: str) -> ImagePart:
    """Take a picture.

    Args:
        place: Where to take it.
    """
    if place == "Hel":
        raise ValueError("no light there")
    return ImagePart.from_bytes(PIXEL, "image/png")


async def run(call: ToolCall) -> ToolResult:
    """Run one call."""
    try:
        return call.result(camera(**call.args()))
    except (InvalidToolArguments, TypeError, ValueError) as error:
        return call.result(str(error), is_error=True)


async def main(gateway: EmbeddedGateway, model: str) -> list[Message]:
    """Return the whole conversation."""
    history = [Message.user("Show me the roots and Hel.")]
    for _ in range(4):
        response = await gateway.chat(history, model, tools=[camera])
        history.append(response.message)
        if not response.tool_calls:
            break
        history.append(Message.tool_results(*await asyncio.gather(*map(run, response.tool_calls))))
    return history
