"""A thousand calls with a limit and progress."""

from collections.abc import Callable

from ratatoskr import EmbeddedGateway, RatatoskrError


async def main(
    gateway: EmbeddedGateway, model: str, count: int, progress: Callable[[int, int], None]
) -> tuple[dict[int, str], dict[int, str]]:
    """Return answers and failures by index."""
    answers: dict[int, str] = {}
    failures: dict[int, str] = {}
    prompts = (f"Summarise leaf {i}." for i in range(count))
    async for index, outcome in gateway.chat_many(prompts, model, concurrency=32, max_tokens=50):
        if isinstance(outcome, RatatoskrError):
            failures[index] = outcome.code
        else:
            answers[index] = outcome.text
        progress(len(answers) + len(failures), count)
    return answers, failures
