"""`Service`: the handlers of every method over one backend, each within the same guard."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ratatoskr.errors import AllAttemptsFailed, InvalidInput, RatatoskrError, RateLimited, Timeout
from ratatoskr.service.convert.error import code_of, details_of, text_of
from ratatoskr.service.methods import DETAILS, MAX_MESSAGE, NOT_SERVED, PUSHBACK, REQUEST_ID
from ratatoskr.service.server.call import Call, ServerHooks, id_of
from ratatoskr.service.server.routes import MethodRoute, NotServed, require_admin, routes_of

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend

__all__ = ["Service"]

_logger = logging.getLogger("ratatoskr.service")
_STATUS: Final = {code.value[0]: code for code in grpc.StatusCode}
Context = Any
"""`grpc.aio.ServicerContext`, which is generic over types that are octets here."""


class Service(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Answers every method of the services by a backend; add it last, for it answers unknown methods too.

    Args:
        backend: may be replaced at any time; calls under way keep theirs.
        hooks: authentication, limits and the log.
        write_timeout: seconds after which a reader that takes nothing is cut off.
        operations: further routes by path, such as those of administration; they replace the built-in ones.

    Attributes:
        calls: those under way.
        waiting: the tasks of callers whose request has not come, and since when.
    """

    def __init__(
        self,
        backend: Backend,
        hooks: ServerHooks | None = None,
        *,
        write_timeout: float = 60.0,
        operations: Mapping[str, MethodRoute] | None = None,
    ) -> None:
        self.backend = backend
        self.hooks = hooks or ServerHooks()
        self.write_timeout = write_timeout
        self.calls: set[Call] = set()
        self.waiting: dict[asyncio.Task[Any], float] = {}
        self._watch: asyncio.TimerHandle | None = None
        self.routes = {**routes_of(), **(operations or {})}
        self._handlers = {path: self._handler(route) for path, route in self.routes.items()}

    def _handler(self, route: MethodRoute) -> Any:
        if route.method.streams:
            return grpc.stream_stream_rpc_method_handler(functools.partial(self._stream, route))
        return grpc.stream_unary_rpc_method_handler(functools.partial(self._unary, route))

    def service(self, details: Any) -> Any:
        """Return the handler of a call; one for methods that do not exist, which authenticates before it says so."""
        path = details.method
        handler = self._handlers.get(path)
        return handler or grpc.stream_stream_rpc_method_handler(functools.partial(self._refuse_unknown, path))

    def streams(self) -> Iterator[Call]:
        """Yield the streams under way."""
        return (call for call in list(self.calls) if call.method is not None and call.method.streams)

    def end_streams(self, error: Callable[[], RatatoskrError]) -> None:
        """End every stream with an error of its own, as before a shutdown."""
        for call in self.streams():
            call.end(error())

    async def _read(self, context: Context) -> bytes | None:
        """Return the octets of the request; `None` where the caller ends without, or sends none for `write_timeout`.

        gRPC's own handlers of one request would wait for it as long as the caller does.
        """
        task: Any = asyncio.current_task()
        self.waiting[task] = time.monotonic()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self.write_timeout, self._look)
        try:
            octets = await context.read()
        except asyncio.CancelledError:
            if task in self.waiting:
                raise
            task.uncancel()
            return None
        finally:
            self.waiting.pop(task, None)
        return None if octets is grpc.aio.EOF else octets

    def _look(self) -> None:
        """End the waiting for requests that have not come for too long."""
        self._watch = None
        latest = time.monotonic() - self.write_timeout
        for task, since in list(self.waiting.items()):
            if since <= latest:
                del self.waiting[task]
                task.cancel()
        if self.waiting:
            due = min(self.waiting.values()) - latest
            self._watch = asyncio.get_running_loop().call_later(due, self._look)

    # the guard

    async def _unary(self, route: MethodRoute, requests: object, context: Context) -> bytes:
        async def answer(call: Call, octets: bytes | None) -> bytes:
            message = self.parse(route, octets)
            self.hooks.check_message(call, message)
            if route.answer is None:
                raise NotServed(f"{route.method.name} {NOT_SERVED}")
            out: bytes = (await route.answer(self.backend, message, call)).SerializeToString()
            if len(out) > MAX_MESSAGE:
                raise InvalidInput(
                    f"the answer has {len(out)} bytes, more than the {MAX_MESSAGE} of a message: ask for less",
                    field="request",
                )
            return out

        return await self.guard(route, route.method.path, context, answer, reads=True)

    async def _stream(self, route: MethodRoute, requests: object, context: Context) -> None:
        async def answer(call: Call, octets: bytes | None) -> bytes:
            message = self.parse(route, octets)
            self.hooks.check_message(call, message)
            if route.produce is None:
                raise NotServed(f"{route.method.name} {NOT_SERVED}")
            watch = _WriteWatch(call, self.write_timeout)
            try:
                async with aclosing(route.produce(self.backend, message, call)) as messages:
                    async for one in messages:
                        call.writing_since = watch.now()
                        await context.write(one.SerializeToString())
                        call.writing_since = None
            finally:
                watch.stop()
            return b""

        await self.guard(route, route.method.path, context, answer, reads=True)

    async def _refuse_unknown(self, path: str, requests: object, context: Context) -> None:
        """Refuse a call whose messages are not read: there may be any number of them, or none."""

        async def answer(call: Call, octets: bytes | None) -> bytes:
            raise NotServed(f"there is no method {path[:200]}")

        await self.guard(None, path, context, answer)

    async def guard(
        self,
        route: MethodRoute | None,
        path: str,
        context: Context,
        answer: Callable[[Call, bytes | None], Awaitable[bytes]],
        *,
        reads: bool = False,
    ) -> bytes:
        """Return the answer to one call, or end it with a status; whatever happens, it is logged once.

        Args:
            route: of its method; `None` for a method that does not exist.
            path: as asked for.
            context: of gRPC.
            answer: takes the call and the octets of its request.
            reads: whether the request is read here, once it is known who calls; else `answer` reads.
        """
        metadata = dict(context.invocation_metadata())
        call = Call(
            route.method if route is not None else None,
            path,
            metadata,
            0,
            id_of(metadata),
            asyncio.current_task(),
            self.hooks,
            context,
        )
        release: Callable[[], object] | None = None
        try:
            call.caller = self.hooks.authenticate(call)
            if route is not None:
                require_admin(route, call)
                call.kept_free = route.kept_free
            octets = await self._read(context) if reads else None
            self.calls.add(call)
            call.size = len(octets or b"")
            release = self.hooks.admit(call)
            out = await answer(call, octets)
            context.set_trailing_metadata(((REQUEST_ID, call.id),))
            return out  # noqa: TRY300  # an `else` would come after all the errors
        except asyncio.CancelledError:
            if call.task is not None and not call.task.cancelling():  # raised by what answers: gRPC would say nothing
                call.error = self._internal_error(call)
            elif call.ended_by is None:
                call.error = RatatoskrError("the caller has gone")
                raise
            else:
                if call.task is not None:
                    call.task.uncancel()
                call.error = call.ended_by
        except RatatoskrError as error:
            call.error = error
        except Exception:
            call.error = self._internal_error(call)
        finally:
            self.calls.discard(call)
            if release is not None:
                release()
            self.hooks.log(call)
        return await self._abort(call, call.error, context)

    @staticmethod
    def _internal_error(call: Call) -> RatatoskrError:
        """Log the exception that is being handled, and return the error that says where it is found."""
        _logger.exception("unexpected", extra={"id": call.id, "method": call.path})
        return RatatoskrError(f"an internal error; the daemon's log has it under the id {call.id}")

    async def _abort(self, call: Call, error: RatatoskrError, context: Context) -> bytes:
        code = grpc.StatusCode.UNIMPLEMENTED if isinstance(error, NotServed) else _STATUS[code_of(error)]
        trailing: list[tuple[str, str | bytes]] = [(REQUEST_ID, call.id)]
        if not isinstance(error, NotServed):
            trailing.append((DETAILS, details_of(error, delivered=call.first_event is not None)))
        primary = error.primary if isinstance(error, AllAttemptsFailed) else error
        if isinstance(primary, RateLimited) and primary.retry_after is not None:
            trailing.append((PUSHBACK, str(int(primary.retry_after * 1000))))
        await context.abort(code, text_of(error), tuple(trailing))
        raise AssertionError("abort has raised")

    @staticmethod
    def parse(route: MethodRoute, octets: bytes | None) -> Any:
        """Return the message in the octets of a request; raises `InvalidInput`."""
        if octets is None:
            raise InvalidInput(f"the call has no {route.method.request.DESCRIPTOR.name}", field="request")
        try:
            return route.method.request.FromString(octets)
        except DecodeError:
            raise InvalidInput(
                f"the request is not a {route.method.request.DESCRIPTOR.name}", field="request"
            ) from None


class _WriteWatch:
    """One timer a stream, which ends it when its reader has taken nothing for too long."""

    def __init__(self, call: Call, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._seconds = seconds
        self._timer = self._loop.call_later(seconds, self._look)

    def now(self) -> float:
        """Return the time by the loop's clock."""
        return self._loop.time()

    def _look(self) -> None:
        since = self._call.writing_since
        due = (self.now() if since is None else since) + self._seconds
        if since is not None and due <= self.now():
            self._call.end(Timeout(f"the reader took nothing for {self._seconds:g} s", phase="idle"))
        else:
            self._timer = self._loop.call_at(due, self._look)

    def stop(self) -> None:
        """Cancel the timer."""
        self._timer.cancel()
