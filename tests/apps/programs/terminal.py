"""Streams an answer to a terminal."""

from typing import TextIO

from ratatoskr import ContentDelta, Done, EmbeddedGateway, ReasoningDelta, StreamInterrupted


async def main(gateway: EmbeddedGateway, model: str, out: TextIO, errors: TextIO) -> bool:
    """Print the answer as it arrives, and return whether it is complete."""
    try:
        async with gateway.chat_stream("Tell me of the eagle.", model) as stream:
            async for event in stream:
                match event:
                    case ContentDelta(text):
                        out.write(text)
                        out.flush()
                    case ReasoningDelta(text):
                        errors.write(text)
                    case Done(finish_reason):
                        out.write(f"\n[{finish_reason}]\n")
    except StreamInterrupted as error:
        said = error.partial.text if error.partial else ""
        errors.write(f"broke off after {len(said)} characters: {error.message}\n")
        return False
    return True
