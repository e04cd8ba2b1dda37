"""A thousand calls with a limit and progress."""

from collections.abc import Callable, Iterator

from ratatoskr import ChatOptions, ChatRequest, EmbeddedGateway, Message, RatatoskrError


def requests(model: str, count: int) -> Iterator[ChatRequest]:
    """Yield the requests one by one."""
    options = ChatOptions(model=model, max_tokens=50)
    for i in range(count):
        yield ChatRequest((Message.user(f"Summarise leaf {i}."),), options=options)


async def main(
    gateway: EmbeddedGateway, model: str, count: int, progress: Callable[[int, int], None]
) -> tuple[dict[int, str], dict[int, str]]:
    """Return answers and failures by index."""
    answers: dict[int, str] = {}
    failures: dict[int, str] = {}
    async for index, outcome in gateway.chat_many(requests(model, count), concurrency=32):
        if isinstance(outcome, RatatoskrError):
            failures[index] = outcome.code
        else:
            answers[index] = outcome.content
        progress(len(answers) + len(failures), count)
    return answers, failures
