"""One model in memory: tokenizer, session, and how a call of its texts is computed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ratatoskr._core import Tokenizer, Tokens, pool, take_pooled
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.session import Session, open_session
from ratatoskr.local.store.folder import Folder, read_regular

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["LoadedModel", "load"]


@dataclass(slots=True, weakref_slot=True)
class LoadedModel:
    """A model that is ready.

    Attributes:
        folder: what the model's files say.
        tokenizer: without truncation of its own.
        session: shared by all workers.
        dimensions: of a vector.
        budget: tokens of one call.
        graph: what a second session is made from.
        latency: a session of several threads for a text that comes alone; made at first need.
        alone: texts that came alone.
        gate: passed by large calls that compute, where only so many may at a time.
    """

    folder: Folder
    tokenizer: Tokenizer
    session: Session
    dimensions: int
    budget: int
    device: Device
    graph: Path | bytes
    latency: Session | None = None
    alone: int = 0
    gate: threading.Semaphore | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.folder.name

    def tokenise(self, texts: list[str], first: int = 0) -> Tokens:
        """Return the texts' ids, cut to what the model takes; raises `InvalidInput` with the index of a bad one."""
        return self.tokenizer.encode(texts, self.folder.max_length, first)

    def compute(self, tokens: Tokens, texts: list[int], out: Floats, *, alone: bool = False) -> None:
        """Compute the vectors of some texts into their rows of `out`.

        Raises:
            MalformedResponse: the runtime failed, or a vector is not finite.
        """
        session = self.latency if alone and self.latency is not None else self.session
        states = session.run(*tokens.pad(texts))
        if session.pooled:
            take_pooled(states, texts, self.folder.normalise, out)
        else:
            pool(states, tokens, texts, self.folder.pooling, self.folder.normalise, out)

    def make_latency(self) -> None:
        """Open the session for single texts, where more threads than one make it faster."""
        with self.lock:
            if self.latency is None and self.device.kind == "cpu" and self.device.workers > 1:
                self.latency = self._open_latency()

    def _open_latency(self) -> Session:
        threads = min(self.device.workers, 4)
        return open_session(
            self.graph, self.name, self.device, threads=threads, own=isinstance(self.graph, Path), spin=True
        )


def load(folder: Folder, graph: Path | bytes, device: Device) -> LoadedModel:
    """Load a model.

    Args:
        folder: its files, checked.
        graph: path of our own graph, or the bytes of a ready-made one.
        device: where it runs.

    Raises:
        ConfigurationError: it cannot be loaded, or its parts do not fit one another.
    """
    tokenizer = Tokenizer(read_regular(folder.tokenizer))
    session = open_session(graph, folder.name, device, own=isinstance(graph, Path))
    shape = folder.architecture
    hidden, intermediate = (shape.hidden, shape.intermediate) if shape else (384, 1536)
    loaded = LoadedModel(
        folder=folder,
        tokenizer=tokenizer,
        session=session,
        dimensions=session.dimensions or 0,
        budget=device.budget(hidden, intermediate),
        device=device,
        graph=graph,
        gate=None if device.in_flight is None else threading.Semaphore(device.in_flight),
    )
    _try(loaded)
    return loaded


def _try(loaded: LoadedModel) -> None:
    """Run the tokenizer's largest id: a tokenizer of another model would otherwise fail at some text, or silently."""
    import numpy as np

    largest = loaded.tokenizer.largest_id()
    try:
        out = loaded.session.run(np.array([[largest]], np.int64), np.ones((1, 1), np.int64))
    except Exception as error:
        raise ConfigurationError(
            f"tokenizer.json does not belong to this model: its id {largest} is not known to the graph ({error})",
            model=loaded.name,
        ) from None
    loaded.dimensions = int(out.shape[-1])
