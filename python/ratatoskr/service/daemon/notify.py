"""What systemd is told, if it started the daemon: https://www.freedesktop.org/software/systemd/man/sd_notify.html."""

from __future__ import annotations

import asyncio
import os
import socket
import time

__all__ = ["Notifier"]


class Notifier:
    """Sends the states of the service to `$NOTIFY_SOCKET`, where it is set."""

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
        is_ours = pid in {"", str(os.getpid())}
        self._period = int(usec) / 2_000_000 if usec.isdecimal() and is_ours and self._address else 0.0
        self._timer: asyncio.TimerHandle | None = None

    def send(self, *lines: str) -> None:
        """Send states such as `READY=1`; failures are ignored, as the interface asks."""
        if self._address[:1] not in {"/", "@"}:
            return
        address = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.sendto("\n".join(lines).encode(), address)
        except OSError:
            pass

    def ready(self, status: str) -> None:
        """Notify systemd that calls are answered."""
        self.send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Notify systemd that the configuration is being reloaded."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Notify systemd that the daemon is stopping."""
        self.send("STOPPING=1", "STATUS=finishing the calls under way")

    def watch(self) -> None:
        """Notify the watchdog from the event loop at regular intervals, if systemd has one for this service."""
        if self._period:
            self.send("WATCHDOG=1")
            self._timer = asyncio.get_running_loop().call_later(self._period, self.watch)

    def stop(self) -> None:
        """Stop notifying the watchdog."""
        if self._timer is not None:
            self._timer.cancel()
