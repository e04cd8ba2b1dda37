"""Structured output, as a call and as a stream."""

import pydantic

from ratatoskr import EmbeddedGateway, OutputInvalid


class Animal(pydantic.BaseModel):
    """An animal of the tree."""

    name: str
    legs: int


async def main(gateway: EmbeddedGateway, model: str) -> tuple[Animal, Animal, str]:
    """Return an animal, a streamed one, and what is wrong with a third answer."""
    whole = await gateway.chat("Describe a squirrel.", model, output=Animal)
    streamed = await gateway.chat_stream("Describe an eagle.", model, output=Animal).collect()
    wrong = await gateway.chat("Describe a wyrm.", model, output=Animal)
    try:
        _ = wrong.parsed
    except OutputInvalid as error:
        return whole.parsed, streamed.parsed, error.message
    return whole.parsed, streamed.parsed, ""
