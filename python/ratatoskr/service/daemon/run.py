"""The daemon as a process: its event loop, its signals and its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import ratatoskr.service.daemon.extra  # noqa: F401  # names the extra where a package is missing
from ratatoskr.errors import ConfigurationError
from ratatoskr.service.daemon.call_log import CallLog
from ratatoskr.service.daemon.daemon import Daemon
from ratatoskr.service.daemon.failure import StartFailed
from ratatoskr.service.daemon.setup import Setup

__all__ = ["run"]

_HARD_END: Final = 5.0
"""Seconds beyond the grace after which the process ends, whatever still runs."""
_AT_ONCE: Final = 0.9
"""Seconds after a second signal within which it ends, whatever still runs."""


def run(setup: Setup, load: Callable[..., Setup]) -> int:
    """Serve until a signal ends it; return the exit code."""
    log = CallLog(setup.config.server.log_format, setup.config.server.log_level)
    logging.getLogger("ratatoskr").addHandler(log)
    log.configure(setup.config.server.log_format, setup.config.server.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory(setup.config.server.loop)) as runner:
            runner.run(_serve(setup, load, log))
    except StartFailed as error:
        sys.stderr.write(f"ratd: {error}\n")
        return 1
    finally:
        log.flush()
    return 0


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if name == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if name == "uvloop":
            raise ConfigurationError("server.loop is uvloop, which is not installed") from None
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


async def _serve(setup: Setup, load: Callable[..., Setup], log: CallLog) -> None:
    daemon = Daemon(setup, load, log=log)
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[Any]] = set()

    def end() -> None:
        seconds = _AT_ONCE if daemon.is_draining else daemon.config.server.grace + _HARD_END
        timer = threading.Timer(seconds, os._exit, (0,))
        timer.daemon = True
        timer.start()
        daemon.stop()

    def reload() -> None:
        task = loop.create_task(_reload(daemon))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    early = asyncio.Event()  # a signal to end before the daemon listens
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, early.set)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        loop.add_signal_handler(number, bool)  # nothing to do yet
    await daemon.start()
    gc.freeze()  # what the daemon is made of is never garbage
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGUSR1, daemon.dump)
    if early.is_set():
        end()
    await daemon.ended.wait()


async def _reload(daemon: Daemon) -> None:
    with contextlib.suppress(Exception):  # it is in the log
        await daemon.reload()
