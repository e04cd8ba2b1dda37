"""Two providers within twenty seconds: if the first fails or hangs, there is time for the second."""

from ratatoskr import EmbeddedGateway, RatatoskrError, Timeouts

PATIENCE = Timeouts(total=20, attempt=12)


async def main(
    gateway: EmbeddedGateway, first: str, second: str, patience: Timeouts = PATIENCE
) -> tuple[str, list[str]]:
    """Return the answer, and the providers that were tried."""
    try:
        response = await gateway.chat("Hi", [first, second], timeout=patience)
    except RatatoskrError as error:
        code = getattr(error, "primary", error).code
        return f"no provider answered: {code}", [a.provider for a in error.attempts]
    return response.text, [a.provider for a in response.attempts]
