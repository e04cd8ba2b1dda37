"""Two providers within twenty seconds: if the first fails or hangs, there is time for the second."""

from ratatoskr import AllAttemptsFailed, EmbeddedGateway, RatatoskrError, Timeouts

PATIENCE = Timeouts(total=20, attempt=12)


async def main(
    gateway: EmbeddedGateway, first: str, second: str, patience: Timeouts = PATIENCE
) -> tuple[str, list[str]]:
    """Return the answer, and the providers that were tried."""
    try:
        response = await gateway.chat("Hi", [first, second], timeout=patience)
    except AllAttemptsFailed as error:
        return f"no provider answered: {error.primary.code}", [a.provider for a in error.attempts]
    except RatatoskrError as error:
        return f"failed: {error.code}", [a.provider for a in error.attempts]
    return response.content, [a.provider for a in response.attempts]
