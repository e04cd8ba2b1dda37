"""`ScriptedUpstream`: a provider on loopback that speaks all dialects over HTTP and answers as a script says."""

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

from ratatoskr.testing.answers import make_default_turn
from ratatoskr.testing.connection import Connection, Received
from ratatoskr.testing.dialects.dialect import IdSequence, Problem, RequestRefused
from ratatoskr.testing.faults.table import Fault
from ratatoskr.testing.listener import Listener
from ratatoskr.testing.replay import Replay
from ratatoskr.testing.reply import Ending, Reply
from ratatoskr.testing.routes import BASES, MODELS, Route, build_model_list, build_token_count, key_of, route
from ratatoskr.testing.tasks import answer_task, find_task
from ratatoskr.testing.turns import ParsedRequest, ScriptedToolCall, ScriptedTurn, encode_json

if TYPE_CHECKING:
    from ratatoskr.testing.thread import ThreadedUpstream

Step = str | ScriptedTurn | ScriptedToolCall | Fault | Reply
"""One answer: a text, a turn, a tool call, a fault, or a response."""

StepFunction = Callable[[Received], Step | Awaitable[Step]]
"""A function that returns the answer to a request."""

Script = Step | StepFunction | Sequence[Step | StepFunction] | Mapping[str, Any]
"""Steps, each used once (a fault `times` times); one step for every request; or a script for each provider."""


@dataclasses.dataclass(slots=True)
class _ScriptEntry:
    """A step and the number of requests that it still answers; `None` means all."""

    step: Step | StepFunction
    left: int | None = 1


def _parse_script(script: Script) -> list[_ScriptEntry]:
    """Return the entries of a script; a script of one step answers every request, but a fault only its `times`."""
    if isinstance(script, Sequence) and not isinstance(script, str):
        steps: Sequence[Step | StepFunction] = script
    elif isinstance(script, Fault):
        steps = [script]
    else:
        return [_ScriptEntry(cast("Step | StepFunction", script), None)]
    return [_ScriptEntry(step, _repetitions(step)) for step in steps]


def _repetitions(step: Step | StepFunction) -> int | None:
    if isinstance(step, Fault):
        return step.times
    return None if getattr(step, "for_ever", False) else 1


class ScriptedUpstream:
    """A provider that answers as a script says.

        async with ScriptedUpstream([ScriptedTurn("Hello"), fault("overloaded"), "Hello again"]) as upstream:
            gateway = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai")).build()

    Each request for an answer uses the next step; requests for lists of models use none. After the last step,
    `make_default_turn` answers. A mapping gives each provider its own script. Requests for embeddings, rankings and
    classifications are answered by what their texts determine, unless the next step is a fault, a reply or a function.

    Args:
        script: What to answer.
        require_key: Whether to reject requests without a key; a string is the only key that is accepted.
        models: Provider -> the names in its list of models.
        tls: A server context, or contexts by the names that TLS faults use (`good`, `expired`, `wrong_host`,
            `unknown_authority`, `old_version`). The caller provides the certificates.
        host: The address to listen on.
        port: The port to listen on; 0 selects a free one.
        keep: The number of requests that `requests` keeps; `None` means all.
    """

    providers: ClassVar[tuple[str, ...]] = tuple(BASES)
    """The providers that it imitates, for `base_url`."""

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
        self._ids = IdSequence()
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._gate = asyncio.Semaphore(0)
        self._steps: dict[str, deque[_ScriptEntry]] = {}
        self._replay: Replay | None = None
        self._failure: Exception | None = None
        self._set_script(script)

    @classmethod
    def in_thread(cls, script: Script = (), **options: Any) -> ThreadedUpstream:
        """Return an upstream that runs in its own thread, for blocking code; use it in a `with` block."""
        from ratatoskr.testing.thread import ThreadedUpstream

        return ThreadedUpstream(cls(script, **options))

    # lifecycle

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Start listening."""
        await self._listener.open(self._make_connection, self._listener_fault())

    async def aclose(self) -> None:
        """Stop listening and close all connections.

        Raises:
            Exception: A function of the script raised it; its request was answered with status 500.
        """
        self._listener.close()
        for connection in list(self._open):
            connection.abort()
        await self.until(lambda: not self._open)
        if self._failure is not None:
            raise self._failure

    async def use(self, script: Script) -> None:
        """Replace the rest of the script; faults of the listening socket (`refuse`, `never_accept`, TLS) begin at once.

        The port stays the same. Open connections are closed when the behaviour of the listening socket changes.
        """
        self._set_script(script)
        if self._listener.fault is not self._listener_fault():
            for connection in list(self._open):
                connection.abort()
            await self.until(lambda: not self._open)
            await self._listener.open(self._make_connection, self._listener_fault())

    # addresses

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.port

    def base_url(self, provider: str, *, scheme: str | None = None) -> str:
        """Return the base URL of `provider`, for a client.

        Raises:
            KeyError: There is no such provider.
        """
        scheme = scheme or ("https" if self._listener.contexts else "http")
        return f"{scheme}://{self._listener.host}:{self.port}{BASES[provider]}"

    # observation

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return len(self._open)

    @property
    def last(self) -> Received:
        """The most recent request.

        Raises:
            IndexError: There is none.
        """
        return self.requests[-1]

    async def until(self, happened: Callable[[], bool], timeout: float = 20.0) -> None:  # a test's patience
        """Wait until `happened()` returns true; it is called whenever a connection or a request changes its state.

        Raises:
            TimeoutError: It did not within `timeout` seconds.
        """
        if happened():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((happened, future))
        async with asyncio.timeout(timeout):
            await future

    def release(self, events: int = 1) -> None:
        """Let `events` more events of gated turns be sent."""
        for _ in range(events):
            self._gate.release()

    def _wake_waiters(self) -> None:
        for waiting in list(self._waiting):
            happened, future = waiting
            if future.done() or happened():
                self._waiting.remove(waiting)
                if not future.done():
                    future.set_result(None)

    # the script

    def _set_script(self, script: Script) -> None:
        self._replay = script if isinstance(script, Replay) else None
        parts = script if isinstance(script, Mapping) else {"": script}
        self._steps = {provider: deque(_parse_script(part)) for provider, part in parts.items()}

    def _queue(self, provider: str) -> deque[_ScriptEntry]:
        """Return the rest of the script for a provider."""
        return self._steps.get(provider) or self._steps.get("") or deque()

    def _listener_fault(self) -> Fault | None:
        """Return the fault of the listening socket, if a script begins with one."""
        for entries in self._steps.values():
            if entries and isinstance(entries[0].step, Fault) and entries[0].step.listener:
                return entries[0].step
        return None

    def _take_step(self, provider: str) -> Step | StepFunction | None:
        """Return the next step for a provider, and count it as used."""
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

    def _make_connection(self) -> Connection:
        self.connections += 1
        return Connection(self.connections, self._answer, self._update_connection, self._gate)

    def _update_connection(self, connection: Connection) -> Ending:
        """Register a connection that was opened or changed; return how to end it at once, if at all."""
        ending: Ending = "clean"
        if connection.closed:
            self._open.discard(connection)
        elif connection not in self._open:
            self._open.add(connection)
            entries = self._steps.get("")
            step = entries[0].step if entries else None
            if isinstance(step, Fault) and step.on_accept != "clean":
                self._take_step("")
                ending = step.on_accept
        self._wake_waiters()
        return ending

    async def _answer(self, request: Received) -> Reply:
        self.count += 1
        self.requests.append(request)
        if self._keep is not None and len(self.requests) > 2 * self._keep:
            del self.requests[: -self._keep]
        where = route(request.method, request.path, request.headers)
        request.provider, request.dialect = where.provider, where.dialect.name
        self._wake_waiters()
        try:
            return await self._reply_to(request, where)
        except RequestRefused as refused:
            request.answered = "refused"
            return where.dialect.error_reply(refused.problem, where.provider, self._ids)
        except Exception as error:  # a mistake in a script must reach the test, not just the client
            self._failure = self._failure or error
            request.answered = "failed"
            return where.dialect.error_reply(
                Problem(500, message=f"{type(error).__name__}: {error}"), where.provider, self._ids
            )
        finally:
            self._wake_waiters()

    async def _reply_to(self, request: Received, where: Route) -> Reply:
        if self._replay is not None:
            request.answered = "replay"
            return self._replay(request)
        self._check_key(request, where)
        match where.place:
            case "answer":
                return await self._reply_by_script(request, where)
            case "task":
                return await self._reply_to_task(request, where)
            case "list":
                value: Any = build_model_list(where.provider, self._models[where.provider])
            case "count":
                value = build_token_count(where.dialect.name, len(request.raw))
            case "version":
                value = {"version": "0.99.0"}
            case "root":
                request.answered = "root"
                return Reply(200, {"content-type": "text/plain; charset=utf-8"}, [b"Ollama is running"])
            case _:
                message = f"Unknown request URL: {request.method} {request.path}."
                raise RequestRefused(Problem(404, "unknown_path", message))
        request.answered = where.place
        return Reply(200, {"content-type": where.dialect.json_type}, [encode_json(value)])

    def _check_key(self, request: Received, where: Route) -> None:
        if self._require_key and where.provider != "ollama" and where.place != "root":
            key = key_of(where.provider, request.headers)
            if not key:
                raise RequestRefused(Problem(401, "no_key"))
            if isinstance(self._require_key, str) and key != self._require_key:
                raise RequestRefused(Problem(401, "bad_key"))

    async def _reply_to_task(self, request: Received, where: Route) -> Reply:
        """Answer a request that is no chat: with a fault or a reply of the script, or with what the texts determine."""
        body = request.json
        if not isinstance(body, dict):
            raise RequestRefused(Problem(400, message="The body of the request must be an object."))
        asked = request.asked = ParsedRequest(where.provider, str(body.get("model", "")), body=body)
        entries = self._queue(where.provider)
        next_step = entries[0].step if entries else None
        is_for_tasks = isinstance(next_step, Reply | Fault) or callable(next_step)  # turns are for chats
        step = await self._next_step(request, where) if is_for_tasks else None
        if isinstance(step, Reply | Fault):
            return self._perform_step(step, request, where, asked)
        request.answered = "task"
        value = answer_task(str(find_task(request.path)), body)
        return Reply(200, {"content-type": "application/json"}, [encode_json(value)])

    async def _next_step(self, request: Received, where: Route) -> Any:
        """Return the next step of the script, with its functions called."""
        step: Any = self._take_step(where.provider)
        while callable(step) and not isinstance(step, Fault):
            step = step(request)
            if inspect.isawaitable(step):
                step = await step
        return step

    async def _reply_by_script(self, request: Received, where: Route) -> Reply:
        """Answer a request with the next step of the script."""
        try:
            body = request.json
        except msgspec.DecodeError as error:
            raise RequestRefused(Problem(400, message="We could not parse the JSON body of your request.")) from error
        if not isinstance(body, dict):
            raise RequestRefused(Problem(400, message="The body of the request must be an object."))
        asked = where.dialect.parse(where.provider, request.path, request.query, request.headers, body)
        request.asked = asked = dataclasses.replace(asked, size=len(request.raw))
        return self._perform_step(await self._next_step(request, where), request, where, asked)

    def _perform_step(self, step: Step | None, request: Received, where: Route, asked: ParsedRequest) -> Reply:
        request.answered = "turn"
        match step:
            case None:
                request.answered = "default"
                turn = make_default_turn(asked)
            case str():
                turn = ScriptedTurn(step)
            case ScriptedToolCall():
                turn = ScriptedTurn(tool_calls=[step])
            case ScriptedTurn():
                turn = step
            case Reply():
                request.answered = "reply"
                return step
            case Fault():
                request.answered = step.name
                return step.respond(request.target, where.dialect, asked, self._ids, self.port)
            case _:
                raise TypeError(f"a script cannot answer with {step!r}")
        return where.dialect.reply(turn, asked, self._ids)
