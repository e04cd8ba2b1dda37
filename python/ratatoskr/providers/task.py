"""One request of a task other than chat: sent once, its answer decoded, every error with its context."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.providers.exchange import Binding, load_dialect
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported

__all__ = ["PathTask", "TaskClient", "ask_each"]

I = TypeVar("I")  # noqa: E741  # an item
T = TypeVar("T")


class TaskClient:
    """Asks a provider for something other than a chat, with the keys, limits and errors of its chats.

    Args:
        provider: whose address and keys are used.
        beside: the end of its base URL that is left out.
        field: the argument that holds the texts, for errors.
    """

    def __init__(self, provider: HttpProvider, beside: str, field: str) -> None:
        self._provider = provider
        self._client = provider.client.beside(beside)
        self._dialect = load_dialect(next(iter(provider.spec.dialects.values())))
        self._field = field

    def url(self, path: str) -> str:
        """Return the address of an endpoint."""
        return self._client.url(path)

    async def ask(
        self,
        path: str,
        body: Mapping[str, Any],
        call: CallOptions,
        task: str,
        decode: Callable[[Any], T],
        *,
        as_held: bool = False,
    ) -> T:
        """Send a request and return what its answer holds.

        Args:
            path: what follows the base URL.
            body: the members of the request.
            call: its deadlines and key.
            task: a word for the target.
            decode: reads the body of the answer, as `bytes`.
            as_held: gives it the body as the transport holds it, if that is not `bytes`.

        Raises:
            InvalidInput: the request has no JSON form, or is too large.
            RatatoskrError: it could not be sent, was refused, or its answer cannot be read.
        """
        binding = Binding(Target(call.provider or self._provider.name, call.model, task), self._dialect)
        members = dict(body)
        path = self._provider.address(path, members, call.model)
        data = self._serialize(members)
        reply = await self._client.send(binding, path, data, (), "body", call.deadlines, None, call.key)
        try:
            return decode(reply.content if as_held and hasattr(reply, "content") else reply.body)
        except FailureReported as reported:
            raise self._client.build_error(reported.failure, reply, binding.target) from None
        except RatatoskrError as error:
            failure = self._find_failure(reply.body)
            if failure is not None:
                raise self._client.build_error(failure, reply, binding.target) from None
            error.status = error.status or reply.status
            raise self._client.add_context(error, reply, binding.target) from None

    def _find_failure(self, body: bytes) -> Any:
        """Return the failure that a 2xx body reports in place of an answer, if any."""
        try:
            members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if bytes(members.get("error", b"null")) in {b"null", b'""', b"{}"}:
            return None
        return self._dialect.decode_error(body)

    def _serialize(self, body: Mapping[str, Any]) -> bytes:
        try:
            data = msgspec.json.encode(body)
        except UnicodeEncodeError:
            raise InvalidInput("text with a lone surrogate cannot be sent", field=self._field) from None
        limit = self._provider.spec.body_limit
        if limit is not None and len(data) > limit:
            text = f"the request has {len(data) / 2**20:.1f} MiB; {self._provider.name} accepts {limit / 2**20:.0f} MiB"
            raise InvalidInput(text, field=self._field)
        return data


async def ask_each(items: Sequence[I], ask: Callable[[I], Awaitable[T]], concurrency: int) -> list[T]:
    """Return the answers to several requests of one attempt, in order; the first failure ends the others."""
    if len(items) == 1:
        return [await ask(items[0])]
    places = asyncio.Semaphore(concurrency)

    async def ask_in_turn(item: I) -> T:
        async with places:
            return await ask(item)

    tasks = [asyncio.ensure_future(ask_in_turn(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


class TaskSpec(Protocol):
    """What the rows of such APIs have in common."""

    @property
    def path(self) -> str:
        """What follows the base URL."""

    @property
    def beside(self) -> str:
        """The end of the base URL that is left out."""

    @property
    def models(self) -> str:
        """A regular expression for names of models, as far as they are known."""


S = TypeVar("S", bound=TaskSpec)


class PathTask(Generic[S]):
    """What one provider offers beside chats, at one address for every model.

    Args:
        provider: whose address and keys are used.
        spec: the row of its API.
        field: the argument that holds the texts, for errors.
    """

    def __init__(self, provider: HttpProvider, spec: S, field: str) -> None:
        self.name = provider.name
        self._spec = spec
        self._client = TaskClient(provider, spec.beside, field)

    def find_model(self, name: str) -> str | None:
        """Return the model's name: the provider refuses models that cannot do this."""
        return name

    def knows_model(self, name: str) -> bool:
        """Return whether a name is that of such a model, with a prefix or without."""
        return bool(self._spec.models) and re.fullmatch(self._spec.models, name) is not None

    def address(self, model: str) -> str:
        """Return where requests are sent."""
        return self._client.url(self._spec.path)
