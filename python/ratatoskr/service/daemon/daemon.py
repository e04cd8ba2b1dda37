"""`Daemon`: listens, reloads, drains and ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.config.assemble import assemble
from ratatoskr.errors import RatatoskrError, ServiceUnavailable, StreamInterrupted
from ratatoskr.service.daemon.admin import Administration
from ratatoskr.service.daemon.call_log import CallLog
from ratatoskr.service.daemon.certificates import Certificates
from ratatoskr.service.daemon.clients import Clients
from ratatoskr.service.daemon.hooks import DaemonHooks
from ratatoskr.service.daemon.limits import Limiter
from ratatoskr.service.daemon.notify import Notifier
from ratatoskr.service.daemon.probes import HealthProbe, Reflection
from ratatoskr.service.daemon.setup import Setup, is_encrypted, is_safe, reach_of
from ratatoskr.service.daemon.sockets import UnixSocket, check_port
from ratatoskr.service.server.call import Call
from ratatoskr.service.server.listen import add_listener, make_server
from ratatoskr.service.server.service import Service
from ratatoskr.types.model import Health
from ratatoskr.version import VERSION

if TYPE_CHECKING:
    from ratatoskr.config.server import ListenerSection
    from ratatoskr.gateway.base import Gateway

__all__ = ["Daemon"]

_TYPED_END: Final = 0.5
"""Seconds before gRPC's own end at which each call gets an end that says why."""
_BEYOND: Final = 128
"""Calls of one connection beyond the limit of calls, so that it is the limit that refuses them."""
_HANDED_OVER: Final = 1.0
"""Seconds after a reload for which the old gateway still takes calls that have just been read."""
_OLD_CALLS: Final = 3600.0
"""Seconds that calls may go on with the gateway that was in force when they began."""


class _Door:
    """A listener that is open.

    Attributes:
        listener: its configuration.
        service: answers its calls.
        server: of gRPC.
        encrypted: whether by TLS.
        socket: the place of a Unix socket.
        port: of TCP.
    """

    def __init__(self, listener: ListenerSection, service: Service, server: Any, *, encrypted: bool) -> None:
        self.listener = listener
        self.encrypted = encrypted
        self.service = service
        self.server = server
        self.socket: UnixSocket | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address that a client uses."""
        place = self.listener.place
        if place.path is not None:
            return place.target
        target = place.target.rpartition(":")[0]
        return f"http{'s' if self.encrypted else ''}://{target}:{self.port}"


class Daemon:
    """Serves one gateway to clients, over one or several listeners.

    Args:
        setup: to begin with.
        load: returns a new set-up for the listeners that are open, on a thread; raises `ConfigurationError`.
        make_gateway: makes a gateway of a recipe, from parts of the gateway before where they are the same.
        log: of calls and events.

    Attributes:
        config: in force.
        clients: who may call.
        limiter: counts what is under way.
        ended: set once everything is closed.
    """

    def __init__(
        self,
        setup: Setup,
        load: Callable[[tuple[ListenerSection, ...]], Setup],
        *,
        make_gateway: Callable[..., Gateway] = assemble,
        log: CallLog | None = None,
    ) -> None:
        self.config = setup.config
        self.clients = Clients(setup.config)
        self.limiter = Limiter(setup.config.server.limits)
        self.log = log or CallLog(setup.config.server.log_format, setup.config.server.log_level)
        self.ended = asyncio.Event()
        self.doors: list[_Door] = []
        self.last_reload: dict[str, Any] | None = None
        self.started = time.time()
        self.is_draining = False
        self.notifier = Notifier()
        self.certificates = Certificates(setup.config.tls, setup.certificate)
        self.setup = setup
        self._load = load
        self._make_gateway = make_gateway
        self.gateway = make_gateway(setup.recipe)
        self._probe = HealthProbe()
        self._reloading = asyncio.Lock()
        self._hurry = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    # start

    async def start(self) -> None:
        """Listen.

        Raises:
            StartFailed: something else listens there already.
            ConfigurationError: an address cannot be used.
        """
        try:
            for listener in self.setup.listeners:
                self.doors.append(self._open(listener))
            for door in self.doors:
                await door.server.start()
        except BaseException:
            await self._close_doors()
            await self.gateway.aclose()
            raise
        for door in self.doors:
            self.log.event(
                "listening",
                "info" if is_safe(door.listener, self.config) else "warning",
                at=door.url,
                listener=door.listener.name,
                open_to=reach_of(door.listener, self.config),
            )
        self._tell_warning()
        await self._tell_providers()
        self.notifier.ready(self.state())
        self.notifier.watch()

    def _open(self, listener: ListenerSection) -> _Door:
        limits = self.config.server.limits
        routes = {**self._probe.routes(), **Administration(self).routes()}
        service = Service(
            self.gateway.backend,
            DaemonHooks(self, listener),
            write_timeout=self.config.server.write_timeout,
            operations=routes,
        )
        options = {
            "grpc.max_receive_message_length": limits.message_bytes,
            "grpc.max_send_message_length": max(limits.message_bytes, 32 * 1024 * 1024),
            "grpc.max_metadata_size": limits.metadata_bytes,
            "grpc.absolute_max_metadata_size": limits.metadata_bytes,  # else a quarter more, by chance
            "grpc.max_concurrent_streams": limits.calls + _BEYOND,  # of one connection
        }
        if listener.place.path is not None:
            options["grpc.http2.max_ping_strikes"] = 0  # only programs of this machine reach the socket
        handlers = [Reflection(service)] if self._reflects() else []
        encrypted = is_encrypted(listener, self.config)
        door = _Door(listener, service, make_server(service, handlers=handlers, options=options), encrypted=encrypted)
        credentials = self.certificates.credentials() if encrypted else None
        try:
            if listener.place.path is None:
                if listener.place.port:
                    check_port(listener.place)
                door.port = add_listener(door.server, listener.place.target, credentials)
            else:
                door.socket = UnixSocket(listener)
                with door.socket.binding():
                    add_listener(door.server, listener.place.target)
        except BaseException:
            self.doors.append(door)  # to be closed
            raise
        return door

    def _reflects(self) -> bool:
        asked = self.config.server.reflection
        return asked == "on" or (asked == "auto" and all(one.place.loopback for one in self.setup.listeners))

    def _tell_warning(self) -> None:
        if self.setup.warning is not None:
            self.log.event("clients will not take the certificate", "warning", reason=self.setup.warning)

    async def _tell_providers(self) -> None:
        """Log what was found: providers, where their keys are from, and models of this machine."""
        names = getattr(self.gateway.backend, "provider_names", ())
        path = str(self.setup.path) if self.setup.path is not None else "none, but the environment"
        describes = hasattr(self.gateway.backend, "inspect")
        health = await self.gateway.health() if describes else Health(healthy=True, version=VERSION)
        found: dict[str, Any] = {
            "keys": {one.name: one.key_origin for one in health.providers if one.key_origin},
            "models": [one.model for one in health.local],
        }
        told = {name: value for name, value in found.items() if value}
        self.log.event("serving", providers=list(names), **told, config=path, version=VERSION, pid=os.getpid())
        for one in health.local:
            if one.status == "unavailable":
                self.log.event("a model cannot be used", "warning", model=one.model, reason=one.reason)

    # what is under way

    def calls(self) -> list[Call]:
        """Return the calls under way."""
        return [call for door in self.doors for call in door.service.calls]

    def state(self) -> str:
        """Return a short line on the state, for systemd."""
        if self.is_draining:
            return "finishing the calls under way"
        failed = self.last_reload is not None and self.last_reload["error"] is not None
        return "the configuration is wrong, and the old one in force" if failed else "answering calls"

    def status(self) -> dict[str, Any]:
        """Return what administrators are told."""
        limiter = self.limiter
        return {
            "version": VERSION,
            "pid": os.getpid(),
            "state": self.state(),
            "started": self.started,
            "config": str(self.setup.path) if self.setup.path is not None else None,
            "listeners": [
                {
                    "name": door.listener.name,
                    "url": door.url,
                    "open_to": reach_of(door.listener, self.config),
                }
                for door in self.doors
            ],
            "providers": list(getattr(self.gateway.backend, "provider_names", ())),
            "calls": limiter.calls,
            "streams": limiter.streams,
            "bytes_in_flight": limiter.octets,
            "calls_of_clients": dict(limiter.calls_of),
            "last_reload": self.last_reload,
        }

    def dump(self) -> None:
        """Log the calls under way."""
        now = time.monotonic()
        calls = [
            f"{call.id} {call.caller.name} {call.method.name if call.method else call.path} "
            f"{','.join(call.models) or '-'} {now - call.began:.1f}s"
            for call in self.calls()
        ]
        self.log.event("under way", "warning", **{**self.status(), "calls": calls, "tasks": len(asyncio.all_tasks())})

    # reload

    async def reload(self) -> tuple[str, ...]:
        """Read the configuration again and put it in force; return the settings that only a restart can change.

        Calls under way go on as they began.

        Raises:
            RatatoskrError: it is wrong; that before stays in force.
        """
        async with self._reloading:
            self.notifier.reloading()
            try:
                setup = await asyncio.to_thread(self._load, tuple(door.listener for door in self.doors))
                gateway = await asyncio.to_thread(self._make_gateway, setup.recipe, reuse=self.gateway)
            except Exception as error:
                reason = error.message if isinstance(error, RatatoskrError) else type(error).__name__
                self.last_reload = {"time": time.time(), "error": reason, "needs_restart": []}
                self.log.event("the configuration is wrong; that before stays in force", "error", error=reason)
                self.notifier.ready(self.state())
                raise
            needs_restart = _needs_restart(self.setup, setup)
            self._apply(setup, gateway)
            self.last_reload = {"time": time.time(), "error": None, "needs_restart": list(needs_restart)}
            self.log.event("reloaded", needs_restart=list(needs_restart))
            self._tell_warning()
            self.notifier.ready(self.state())
            return needs_restart

    def _apply(self, setup: Setup, gateway: Gateway) -> None:
        old, self.gateway = self.gateway, gateway
        self.setup, self.config = setup, setup.config
        self.clients = Clients(setup.config)
        self.limiter.limits = setup.config.server.limits
        self.log.configure(setup.config.server.log_format, setup.config.server.log_level)
        if setup.certificate is not None:
            self.certificates.configuration = setup.certificate
        for door in self.doors:
            door.service.backend = gateway.backend
            door.service.write_timeout = setup.config.server.write_timeout
        if old is not gateway:
            self._in_background(self._retire(old))

    async def _retire(self, gateway: Gateway) -> None:
        try:
            await asyncio.sleep(_HANDED_OVER)
            await gateway.retire(_OLD_CALLS)
        except asyncio.CancelledError:
            await gateway.aclose()
            raise

    def _in_background(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # end

    def stop(self, grace: float | None = None) -> None:
        """Begin to end: new calls are refused, those under way may go on for `grace` seconds. A second time: at once.

        Args:
            grace: seconds; if left out, those of the configuration.
        """
        if self.is_draining:
            self._hurry.set()
            return
        self.is_draining = True
        self._in_background(self._drain(self.config.server.grace if grace is None else grace))

    async def _drain(self, grace: float) -> None:
        self._probe.stop_serving()
        self.notifier.stopping()
        self.log.event("stopping", grace=grace, calls=len(self.calls()))
        stops = [asyncio.ensure_future(door.server.stop(grace + _TYPED_END)) for door in self.doors]
        hurry = asyncio.ensure_future(self._hurry.wait())
        all_stopped = asyncio.ensure_future(asyncio.wait(stops))
        await asyncio.wait({all_stopped, hurry}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        for call in self.calls():
            call.end(_end_of(call))
        await asyncio.wait({all_stopped}, timeout=_TYPED_END + 0.2)
        hurry.cancel()
        await self._close_doors()
        mine = asyncio.current_task()
        for task in [one for one in self._background if one is not mine]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.gateway.aclose()
        self.notifier.stop()
        self.log.event("stopped")
        self.ended.set()

    async def _close_doors(self) -> None:
        for door in self.doors:
            await door.server.stop(None)
            if door.socket is not None:
                door.socket.release()


def _end_of(call: Call) -> RatatoskrError:
    cause = ServiceUnavailable("the daemon is shutting down")
    if call.first_event is None:
        return cause
    return StreamInterrupted("the daemon is shutting down", cause=cause)


def _needs_restart(old: Setup, new: Setup) -> tuple[str, ...]:
    """Return the settings that differ and that only a restart can change."""
    before, after = old.config.server, new.config.server
    pairs = {
        "listeners": (old.listeners, new.listeners),
        "tls.client_ca": (old.config.tls.client_ca is None, new.config.tls.client_ca is None),
        "server.loop": (before.loop, after.loop),
        "server.reflection": (before.reflection, after.reflection),
        "server.limits.message_bytes": (before.limits.message_bytes, after.limits.message_bytes),
        "server.limits.metadata_bytes": (before.limits.metadata_bytes, after.limits.metadata_bytes),
    }
    return tuple(name for name, (one, other) in pairs.items() if one != other)
