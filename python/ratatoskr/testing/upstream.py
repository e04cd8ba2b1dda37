"""`ScriptedUpstream`: a provider on loopback that speaks all dialects over real HTTP and answers what a script says."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import msgspec

from ratatoskr.testing.answers import default_turn
from ratatoskr.testing.connection import Connection, Received
from ratatoskr.testing.dialects.dialect import Ids, Problem, Refused
from ratatoskr.testing.faults.table import Fault
from ratatoskr.testing.listener import Listener
from ratatoskr.testing.replay import Replay
from ratatoskr.testing.reply import Ending, Reply
from ratatoskr.testing.routes import BASES, MODELS, Route, key_of, model_list, route, token_count
from ratatoskr.testing.turns import Asked, Call, ScriptedTurn, encode_json

if TYPE_CHECKING:
    from ratatoskr.testing.thread import ThreadedUpstream

Step = str | ScriptedTurn | Call | Fault | Reply
"""One answer: a text, a turn, a call of a tool, a fault, or a response made by hand."""

Decider = Callable[[Received], Step | Awaitable[Step]]
"""A function that decides by the request."""

Script = Step | Decider | Sequence[Step | Decider] | Mapping[str, Any]
"""Steps, each taken once (a fault as often as it says); one step for ever; or a script for each provider."""


@dataclasses.dataclass(slots=True)
class _Entry:
    """A step, and how many more times it is taken; `None` means for ever."""

    step: Step | Decider
    left: int | None = 1


def _entries(script: Script) -> list[_Entry]:
    """Return the entries of a script; what is the whole of it serves for ever, but for a fault that counts."""
    if isinstance(script, Sequence) and not isinstance(script, str):
        steps: Sequence[Step | Decider] = script
    elif isinstance(script, Fault):
        steps = [script]
    else:
        return [_Entry(cast("Step | Decider", script), None)]
    return [_Entry(step, _times(step)) for step in steps]


def _times(step: Step | Decider) -> int | None:
    if isinstance(step, Fault):
        return step.times
    return None if getattr(step, "for_ever", False) else 1


class ScriptedUpstream:
    """A provider that does as it is told.

        async with ScriptedUpstream([Turn("Hello"), fault("overloaded"), "Hello again"]) as upstream:
            gateway = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai")).build()

    Steps are used up in the order in which requests ask for answers; requests for lists of models use up none. When
    the script is over, `default_turn` answers. With a mapping each provider has a script of its own.

    Args:
        script: what to answer.
        require_key: refuse requests without a key; a string is the only key that is taken.
        models: provider -> names in its list of models.
        tls: a server's context, or contexts by the names that TLS faults use (`good`, `expired`, `wrong_host`,
            `unknown_authority`, `old_version`). The caller makes the certificates.
        host: address to listen on.
        port: 0 takes a free one.
        keep: how many requests `requests` remembers; `None` means all.
    """

    providers: ClassVar[tuple[str, ...]] = tuple(BASES)
    """The providers that it plays, for `base_url`."""

    def __init__(
        self,
        script: Script = (),
        *,
        require_key: bool | str = False,
        models: Mapping[str, Sequence[str]] | None = None,
        tls: ssl.SSLContext | Mapping[str, ssl.SSLContext] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        keep: int | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.count = 0
        self.connections = 0
        self._keep = keep
        self._require_key = require_key
        self._models = {**MODELS, **(models or {})}
        self._listener = Listener(host, port, {"good": tls} if isinstance(tls, ssl.SSLContext) else dict(tls or {}))
        self._open: set[Connection] = set()
        self._ids = Ids()
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._gate = asyncio.Semaphore(0)
        self._steps: dict[str, deque[_Entry]] = {}
        self._replay: Replay | None = None
        self._failure: Exception | None = None
        self._set(script)

    @classmethod
    def in_thread(cls, script: Script = (), **options: Any) -> ThreadedUpstream:
        """Return the same in a thread of its own, for blocking code: use it in a `with` block."""
        from ratatoskr.testing.thread import ThreadedUpstream

        return ThreadedUpstream(script, **options)

    # life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Begin to listen."""
        await self._listener.open(self._connected, self._at_the_door())

    async def aclose(self) -> None:
        """Stop listening and drop all connections.

        Raises:
            Exception: whatever a function of the script raised; its request was answered with a 500.
        """
        self._listener.close()
        for connection in list(self._open):
            connection.abort()
        await self.until(lambda: not self._open)
        if self._failure is not None:
            raise self._failure

    async def use(self, script: Script) -> None:
        """Replace what is left of the script; faults of the door (refused, never accepted, TLS) take hold at once.

        The port stays. Connections that are open are dropped when the door changes.
        """
        self._set(script)
        if self._listener.fault is not self._at_the_door():
            for connection in list(self._open):
                connection.abort()
            await self.until(lambda: not self._open)
            await self._listener.open(self._connected, self._at_the_door())

    # addresses

    @property
    def port(self) -> int:
        """The port."""
        return self._listener.port

    def base_url(self, provider: str, *, scheme: str | None = None) -> str:
        """Return what to give a client as the base URL of `provider`.

        Raises:
            KeyError: no such provider here.
        """
        scheme = scheme or ("https" if self._listener.contexts else "http")
        return f"{scheme}://{self._listener.host}:{self.port}{BASES[provider]}"

    # what happened

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    @property
    def last(self) -> Received:
        """The newest request.

        Raises:
            IndexError: there was none.
        """
        return self.requests[-1]

    async def until(self, happened: Callable[[], bool], timeout: float = 20.0) -> None:  # noqa: ASYNC109  # a test's patience
        """Wait until `happened()`, looking whenever a connection or a request changes its state.

        Raises:
            TimeoutError: it did not within `timeout` seconds.
        """
        if happened():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((happened, future))
        async with asyncio.timeout(timeout):
            await future

    def release(self, events: int = 1) -> None:
        """Let so many events of `gated` turns go."""
        for _ in range(events):
            self._gate.release()

    def _changed(self) -> None:
        for waiting in list(self._waiting):
            happened, future = waiting
            if future.done() or happened():
                self._waiting.remove(waiting)
                if not future.done():
                    future.set_result(None)

    # the script

    def _set(self, script: Script) -> None:
        self._replay = script if isinstance(script, Replay) else None
        parts = script if isinstance(script, Mapping) else {"": script}
        self._steps = {provider: deque(_entries(part)) for provider, part in parts.items()}

    def _queue(self, provider: str) -> deque[_Entry]:
        """Return what is left of the script for a provider."""
        return self._steps.get(provider) or self._steps.get("") or deque()

    def _at_the_door(self) -> Fault | None:
        """Return the fault that concerns the listening socket, if a script begins with one."""
        for entries in self._steps.values():
            if entries and isinstance(entries[0].step, Fault) and entries[0].step.door:
                return entries[0].step
        return None

    def _take(self, provider: str) -> Step | Decider | None:
        """Take the next step for a provider."""
        entries = self._queue(provider)
        if not entries:
            return None
        entry = entries[0]
        if entry.left is not None:
            entry.left -= 1
            if entry.left <= 0:
                entries.popleft()
        return entry.step

    # answering

    def _connected(self) -> Connection:
        self.connections += 1
        return Connection(self.connections, self._answer, self._opened, self._gate)

    def _opened(self, connection: Connection) -> Ending:
        """Note that a connection was opened, or changed; say whether it is to be dropped at once."""
        manner: Ending = "clean"
        if connection.closed:
            self._open.discard(connection)
        elif connection not in self._open:
            self._open.add(connection)
            entries = self._steps.get("")
            step = entries[0].step if entries else None
            if isinstance(step, Fault) and step.accept != "clean":
                self._take("")
                manner = step.accept
        self._changed()
        return manner

    async def _answer(self, request: Received) -> Reply:
        self.count += 1
        self.requests.append(request)
        if self._keep is not None and len(self.requests) > 2 * self._keep:
            del self.requests[: -self._keep]
        where = route(request.method, request.path, request.headers)
        request.provider, request.dialect = where.provider, where.dialect.name
        self._changed()
        try:
            return await self._place(request, where)
        except Refused as refused:
            request.answered = "refused"
            return where.dialect.refuse(refused.problem, where.provider, self._ids)
        except Exception as error:  # a mistake in a script must reach the test, not only the client
            self._failure = self._failure or error
            request.answered = "failed"
            return where.dialect.refuse(
                Problem(500, message=f"{type(error).__name__}: {error}"), where.provider, self._ids
            )
        finally:
            self._changed()

    async def _place(self, request: Received, where: Route) -> Reply:
        if self._replay is not None:
            request.answered = "replay"
            return self._replay(request)
        self._check_key(request, where)
        match where.place:
            case "answer":
                return await self._act(request, where)
            case "list":
                value: Any = model_list(where.provider, self._models[where.provider])
            case "count":
                value = token_count(where.dialect.name, len(request.raw))
            case "version":
                value = {"version": "0.99.0"}
            case "root":
                request.answered = "root"
                return Reply(200, {"content-type": "text/plain; charset=utf-8"}, [b"Ollama is running"])
            case _:
                message = f"Unknown request URL: {request.method} {request.path}."
                raise Refused(Problem(404, "unknown_path", message))
        request.answered = where.place
        return Reply(200, {"content-type": where.dialect.json_type}, [encode_json(value)])

    def _check_key(self, request: Received, where: Route) -> None:
        if self._require_key and where.provider != "ollama" and where.place != "root":
            key = key_of(where.provider, request.headers)
            if not key:
                raise Refused(Problem(401, "no_key"))
            if isinstance(self._require_key, str) and key != self._require_key:
                raise Refused(Problem(401, "bad_key"))

    async def _act(self, request: Received, where: Route) -> Reply:
        """Do what the script says about a request for an answer."""
        try:
            body = request.json
        except msgspec.DecodeError as error:
            raise Refused(Problem(400, message="We could not parse the JSON body of your request.")) from error
        if not isinstance(body, dict):
            raise Refused(Problem(400, message="The body of the request must be an object."))
        asked = where.dialect.read(where.provider, request.path, request.query, request.headers, body)
        request.asked = asked = dataclasses.replace(asked, size=len(request.raw))
        step: Any = self._take(where.provider)
        while callable(step) and not isinstance(step, Fault):
            step = step(request)
            if inspect.isawaitable(step):
                step = await step
        return self._perform(step, request, where, asked)

    def _perform(self, step: Step | None, request: Received, where: Route, asked: Asked) -> Reply:
        request.answered = "turn"
        match step:
            case None:
                request.answered = "default"
                turn = default_turn(asked)
            case str():
                turn = ScriptedTurn(step)
            case Call():
                turn = ScriptedTurn(tool_calls=[step])
            case ScriptedTurn():
                turn = step
            case Reply():
                request.answered = "reply"
                return step
            case Fault():
                request.answered = step.name
                return step.act(request.target, where.dialect, asked, self._ids, self.port)
            case _:
                raise TypeError(f"a script cannot answer with {step!r}")
        return where.dialect.answer(turn, asked, self._ids)
