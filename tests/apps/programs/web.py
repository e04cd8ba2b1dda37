"""A FastAPI endpoint that streams, and can answer 429 because it opens the stream before the response begins."""

from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from ratatoskr import ChatStream, EmbeddedGateway, RatatoskrError, RateLimited


def make_app(gateway: EmbeddedGateway, model: str) -> FastAPI:
    """Return the application."""
    app = FastAPI()

    @app.get("/ask")
    async def ask(question: str) -> StreamingResponse:
        try:
            stream = await gateway.chat_stream(question, model)
        except RateLimited as error:
            raise HTTPException(429, "too many questions", {"retry-after": f"{error.retry_after or 1:.0f}"}) from None
        except RatatoskrError as error:
            raise HTTPException(502, error.code) from None
        return StreamingResponse(words(stream), media_type="text/plain")

    return app


async def words(stream: ChatStream[None]) -> AsyncIterator[str]:
    """Yield the text; the stream is closed when the client disconnects."""
    async with stream:
        async for text in stream.text():
            yield text
