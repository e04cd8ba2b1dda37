"""`Admin`: what administrators ask of a daemon, beside its models."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ratatoskr.service.methods import ADMIN
from ratatoskr.service.pb import ratatoskr_pb2 as pb

if TYPE_CHECKING:
    from ratatoskr.service.client.backend import RemoteBackend

__all__ = ["Admin"]


class Admin:
    """The daemon behind a client; every method raises `AuthenticationFailed` for other clients than administrators.

    Args:
        backend: of the client.
    """

    def __init__(self, backend: RemoteBackend) -> None:
        self._backend = backend

    async def status(self) -> dict[str, Any]:
        """Return what the daemon serves, to whom, and what is under way."""
        answer = pb.StatusResponse.FromString(await self._backend.ask_admin("Status", pb.StatusRequest()))
        status: dict[str, Any] = json.loads(answer.status_json)
        return status

    async def reload(self) -> tuple[str, ...]:
        """Have the configuration read again; return the settings that only a restart can change.

        Raises:
            ConfigurationError: it is wrong; that before stays in force.
        """
        answer = pb.ReloadResponse.FromString(await self._backend.ask_admin("Reload", pb.ReloadRequest()))
        return tuple(answer.needs_restart)

    async def drain(self, grace: float | None = None) -> None:
        """Have the daemon end, once the calls under way have ended.

        Args:
            grace: the most seconds for that; if left out, those of its configuration.
        """
        await self._backend.ask_admin("Drain", pb.DrainRequest(grace=grace))

    async def pull(
        self, model: str, revision: str | None = None, progress: Callable[[str, int, int | None], None] | None = None
    ) -> None:
        """Have the daemon download a local model.

        Args:
            model: a name of the catalogue, or `organisation/name`.
            revision: branch, tag or commit on the hub.
            progress: called with a file, its bytes so far, and its size if it is known.
        """
        request = pb.PullRequest(model=model, revision=revision)
        async for octets in self._backend.stream_raw(f"/{ADMIN}/PullModel", request):
            step = pb.PullProgress.FromString(octets)
            if progress is not None and not step.done:
                progress(step.file, step.bytes, step.total if step.HasField("total") else None)
