"""`grpc.health.v1` and `grpc.reflection`, behind the same guard as every other method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from ratatoskr.errors import NoProvider
from ratatoskr.service.methods import ADMIN, SERVICE, Method
from ratatoskr.service.server.call import Call
from ratatoskr.service.server.routes import MethodRoute
from ratatoskr.service.server.service import Service

__all__ = ["HealthProbe", "Reflection"]

HEALTH: Final = "grpc.health.v1.Health"
REFLECTION: Final = "grpc.reflection.v1alpha.ServerReflection"
_SERVED: Final = frozenset({"", SERVICE, ADMIN})


class HealthProbe:
    """Answers whether the services take calls.

    Attributes:
        serving: whether they do.
    """

    def __init__(self) -> None:
        self.serving = True
        self._changed = asyncio.Event()

    def stop_serving(self) -> None:
        """Answer NOT_SERVING from now on, and tell those who watch."""
        self.serving = False
        self._changed.set()

    def routes(self) -> dict[str, MethodRoute]:
        """Return the methods by path."""
        made = {}
        answers = {"Check": self._check, "List": self._list}
        for one in health_pb2.DESCRIPTOR.services_by_name["Health"].methods:
            path = f"/{HEALTH}/{one.name}"
            request, response = (getattr(health_pb2, kind.name) for kind in (one.input_type, one.output_type))
            method = Method(one.name, HEALTH, path, request, response, one.server_streaming)
            if one.name == "Watch":
                made[path] = MethodRoute(method, produce=self._watch, kept_free=True)
            else:
                made[path] = MethodRoute(method, answers.get(one.name), kept_free=True)
        return made

    def _status(self, served: bool) -> Any:
        status = health_pb2.HealthCheckResponse
        value = status.SERVICE_UNKNOWN if not served else status.SERVING if self.serving else status.NOT_SERVING
        return status(status=value)

    async def _check(self, _: Any, message: Any, call: Call) -> Any:
        if message.service not in _SERVED:
            raise NoProvider("there is no such service")
        return self._status(served=True)

    async def _list(self, _: Any, message: Any, call: Call) -> Any:
        return health_pb2.HealthListResponse(statuses={name: self._status(served=True) for name in _SERVED})

    async def _watch(self, _: Any, message: Any, call: Call) -> AsyncGenerator[Any, None]:
        served = message.service in _SERVED
        yield self._status(served)
        await self._changed.wait()
        yield self._status(served)  # the last there is: who watches must not hold the end up


class Reflection(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Answers what the services look like.

    Args:
        service: whose guard stands around it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._servicer = reflection.aio.ReflectionServicer([SERVICE, ADMIN, HEALTH, REFLECTION])
        names = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
        self._method = Method("ServerReflectionInfo", REFLECTION, f"/{REFLECTION}/ServerReflectionInfo", *names, True)

    def service(self, details: Any) -> Any:
        """Return the handler of its one method."""
        if details.method != self._method.path:
            return None
        return grpc.stream_stream_rpc_method_handler(self._answer)

    async def _answer(self, requests: AsyncIterator[bytes], context: Any) -> None:
        async def read() -> AsyncGenerator[Any, None]:
            async for octets in requests:
                yield self._service.parse(route, octets)

        async def answer(call: Call, octets: bytes | None) -> bytes:
            async for response in self._servicer.ServerReflectionInfo(read(), context):
                await context.write(response.SerializeToString())
            return b""

        route = MethodRoute(self._method, kept_free=True)
        await self._service.guard(route, self._method.path, context, answer)
