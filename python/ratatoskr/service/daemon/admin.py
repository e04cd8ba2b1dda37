"""`ratatoskr.v1.Admin`: what administrators ask of the daemon."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import InvalidInput
from ratatoskr.service.methods import ADMIN, METHODS
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.service.server.call import Call
from ratatoskr.service.server.routes import MethodRoute

if TYPE_CHECKING:
    from ratatoskr.local.store.progress import PullProgress
    from ratatoskr.service.daemon.daemon import Daemon

__all__ = ["Administration"]


class Administration:
    """The routes of administration; Preload and Unload are the server's own.

    Args:
        daemon: that is administrated.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def routes(self) -> dict[str, MethodRoute]:
        """Return the routes by path."""
        answers = {"Reload": self._reload, "Drain": self._drain, "Status": self._status}
        made = {}
        for name, answer in answers.items():
            path = f"/{ADMIN}/{name}"
            made[path] = MethodRoute(METHODS[path], answer, admin=True, kept_free=True)
        path = f"/{ADMIN}/PullModel"
        made[path] = MethodRoute(METHODS[path], produce=self._pull, admin=True, kept_free=True)
        return made

    async def _reload(self, _: Any, message: Any, call: Call) -> pb.ReloadResponse:
        # shielded: a caller who goes away leaves no half of a reload behind
        return pb.ReloadResponse(needs_restart=await asyncio.shield(self._daemon.reload()))

    async def _drain(self, _: Any, message: pb.DrainRequest, call: Call) -> pb.DrainResponse:
        grace = message.grace if message.HasField("grace") else None
        if grace is not None and not 0 <= grace <= 86_400:
            raise InvalidInput("grace must be seconds from 0 to 86400", field="grace")
        asyncio.get_running_loop().call_soon(self._daemon.stop, grace)
        return pb.DrainResponse()

    async def _status(self, _: Any, message: Any, call: Call) -> pb.StatusResponse:
        return pb.StatusResponse(status_json=json.dumps(self._daemon.status()))

    async def _pull(self, _: Any, message: pb.PullRequest, call: Call) -> AsyncGenerator[pb.PullProgress, None]:
        """Yield the progress of a pull; a caller who goes away ends it at the next block."""
        from ratatoskr.local.store.store import ModelStore

        if not message.model.strip():
            raise InvalidInput("model is empty", field="model")
        call.models = (message.model,)
        call.hooks.check_models(call, call.models)
        store = ModelStore(self._daemon.setup.recipe.local.cache_dir)
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[pb.PullProgress]()
        is_over = threading.Event()

        def tell(progress: PullProgress) -> None:
            if is_over.is_set():
                raise InterruptedError("the caller has gone")
            step = pb.PullProgress(file=progress.file, bytes=progress.done, total=progress.total)
            loop.call_soon_threadsafe(queue.put_nowait, step)

        revision = message.revision if message.HasField("revision") else "main"
        pull = asyncio.ensure_future(asyncio.to_thread(store.pull, message.model, revision=revision, progress=tell))
        try:
            while not pull.done() or not queue.empty():
                step = asyncio.ensure_future(queue.get())
                await asyncio.wait({pull, step}, return_when=asyncio.FIRST_COMPLETED)
                if step.done():
                    yield step.result()
                else:
                    step.cancel()
            await pull
            yield pb.PullProgress(done=True)
        finally:
            is_over.set()
            pull.cancel()
