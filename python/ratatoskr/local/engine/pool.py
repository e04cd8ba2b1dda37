"""The models of one gateway: which are in memory, within which budget, on which threads."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ratatoskr._extras import require_extra
from ratatoskr._fork import abandon, call_in_child
from ratatoskr.errors import ConfigurationError, GatewayClosed, ModelNotAvailable, RatatoskrError
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.loaded import LoadedModel, load
from ratatoskr.local.engine.memory import configure_allocator, resident_bytes, trim
from ratatoskr.local.engine.session import Session
from ratatoskr.local.engine.workers import Workers
from ratatoskr.local.graph.cache import Precision, graph_for, is_intact
from ratatoskr.local.store.folder import WEIGHTS, Folder, read_regular
from ratatoskr.local.store.store import ModelStore
from ratatoskr.types.model import ModelStatus

if TYPE_CHECKING:
    from ratatoskr.local.embed import LocalEmbedder

__all__ = ["ModelPool"]

Key = tuple[str, Precision]

_PATIENCE: Final = 200
"""Milliseconds to wait for a worker that has answered and is about to let go of its model."""

_LATENCY_SHARE: Final = 0.7
"""Of a model's own size: what its second session adds, as the table of words is mapped once."""


@dataclass(slots=True)
class _Resident:
    model: LoadedModel
    size: int
    users: int = 0

    @property
    def latency(self) -> int:
        """Bytes of the second session, where there is one."""
        return int(self.size * _LATENCY_SHARE) if self.model.latency is not None else 0

    @property
    def whole(self) -> int:
        return self.size + self.latency


@dataclass(slots=True)
class _Use:
    """Keeps a model from being let go until its block ends."""

    resident: _Resident
    lock: threading.Lock

    def __enter__(self) -> LoadedModel:
        return self.resident.model

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.resident.users -= 1


class ModelPool:
    """Loads models when they are needed and lets go of those used longest ago when memory is short.

    Args:
        store: where models are kept.
        device: where they run.
        ram_budget: bytes that all models together may add to this process; `None` sets no bound.
    """

    def __init__(
        self, store: ModelStore | None = None, device: Device | None = None, *, ram_budget: int | None = None
    ) -> None:
        self.store = store or ModelStore()
        self.device = device or Device.cpu()
        self.ram_budget = ram_budget
        self.evictions = 0
        self.workers = Workers(self.device.workers)
        self._lock = threading.Lock()
        self._loading: dict[Key, Future[None]] = {}
        self._residents: OrderedDict[Key, _Resident] = OrderedDict()
        self._failed: dict[Key, str] = {}
        self._measured: dict[Key, int] = {}
        self._closed = False
        call_in_child(self._renew)

    def embedder(self, model: str | Path, precision: Precision = "fp32") -> LocalEmbedder:
        """Return the face of one model; nothing is loaded yet."""
        from ratatoskr.local.embed import LocalEmbedder

        return LocalEmbedder(model, precision=precision, models=self)

    @property
    def resident_bytes(self) -> int:
        """Bytes that the loaded models are reckoned to hold."""
        with self._lock:
            return self._held()

    def _held(self) -> int:
        return sum(resident.whole for resident in self._residents.values())

    def using(self, key: Key) -> _Use:
        """Keep a loaded model from being let go, from now until the end of the block that is opened with it.

        Raises:
            KeyError: it is not loaded, or not any more.
        """
        with self._lock:
            resident = self._residents[key]
            resident.users += 1
            self._residents.move_to_end(key)
            return _Use(resident, self._lock)

    def is_loaded(self, key: Key) -> bool:
        """Tell whether a model is ready."""
        with self._lock:
            return key in self._residents

    def load(self, key: Key) -> None:
        """Load a model, or wait for the thread that is loading it; blocks.

        Raises:
            ModelNotAvailable: it is not in the store, or does not fit into the budget.
            ConfigurationError: its files are not what was pulled, or cannot be used.
        """
        with self._lock:
            if self._closed:
                raise GatewayClosed("the gateway is closed")
            if key in self._residents:
                return
            under_way = self._loading.get(key)
            if under_way is None:
                mine = self._loading[key] = Future()
        if under_way is not None:
            under_way.result()
            return
        try:
            self._load(key)
        except ModelNotAvailable as error:
            _fail(mine, error)  # no lasting failure: what is short now need not be so later
            raise
        except RatatoskrError as error:
            self._failed[key] = str(error)
            _fail(mine, error)
            raise
        except BaseException as error:
            told = ConfigurationError(f"loading failed: {type(error).__name__}: {error}", model=key[0])
            _fail(mine, told)
            if isinstance(error, Exception):
                raise told from error
            raise
        else:
            self._failed.pop(key, None)
            mine.set_result(None)
        finally:
            with self._lock:
                self._loading.pop(key, None)

    def _load(self, key: Key) -> None:
        name, precision = key
        if precision == "int8" and self.device.kind == "cuda":
            raise ConfigurationError("int8 runs on the CPU alone", model=name)
        configure_allocator()
        folder = self.store.find(name)
        estimate = _estimate(folder, precision, self.device)
        self._make_room(self._measured.get(key, estimate), key)
        graph = self._graph(folder, precision)
        before = resident_bytes() if self.ram_budget is not None else 0
        loaded = load(folder, graph, self.device)
        size = estimate
        if self.ram_budget is not None:
            _warm(loaded)
            # Others may take or give back memory meanwhile, which is not the model's.
            size = self._measured[key] = max(estimate // 2, min(resident_bytes() - before, 2 * estimate))
        with self._lock:
            if self._closed:
                raise GatewayClosed("the gateway was closed while the model was loading")
            self._residents[key] = _Resident(loaded, size)
        del loaded, graph
        try:
            self._make_room(0, key)
        except ModelNotAvailable:
            self.unload(key)
            raise

    def _graph(self, folder: Folder, precision: Precision) -> Path | bytes:
        if folder.graph is not None:
            if precision != "fp32":
                raise ConfigurationError("a ready-made graph has the precision that it has", model=folder.name)
            self.store.check(folder)
            return read_regular(folder.graph, 2**31)
        kind: Precision = "fp16" if self.device.kind == "cuda" else precision
        recorded = self.store.recorded(folder).get(WEIGHTS)
        with ThreadPoolExecutor(2, "ratatoskr-digests") as threads:
            # Digests take as long as importing the runtime does, and other cores.
            checked = threads.submit(self.store.check, folder)
            built = threads.submit(is_intact, self.store.graphs, folder, recorded, kind) if recorded else None
            require_extra("onnxruntime", "cuda" if self.device.kind == "cuda" else "local")
            digest = checked.result()[WEIGHTS]
            intact = built is not None and digest == recorded and built.result()
        return graph_for(self.store.graphs, folder, digest, kind, intact=intact)

    def _make_room(self, size: int, key: Key) -> None:
        """Let go of second sessions, then of what was used longest ago, until `size` more bytes fit.

        Raises:
            ModelNotAvailable: they cannot fit, whatever goes; then nothing does.
        """
        budget = self.ram_budget
        if budget is None:
            return
        with self._lock:
            freed = self._drop(size, key, budget)
        _let_go(freed)

    def _drop(self, size: int, key: Key, budget: int) -> list[LoadedModel | Session]:
        freed: list[LoadedModel | Session] = []
        idle = [(k, resident) for k, resident in self._residents.items() if not resident.users]
        most = sum(resident.latency if k == key else resident.whole for k, resident in idle)
        over = self._held() + size - budget
        if over > most:
            raise _too_large(key[0], size or self._residents[key].size, budget)
        for _, resident in idle:
            if over > 0 and resident.model.latency is not None:
                over -= resident.latency
                freed.append(resident.model.latency)
                resident.model.latency = None
        for k, resident in idle:
            if over > 0 and k != key:
                over -= resident.size
                freed.append(self._residents.pop(k).model)
                self.evictions += 1
        return freed

    def may_hold_latency(self, key: Key) -> bool:
        """Tell whether a second session of a model would fit."""
        with self._lock:
            resident = self._residents.get(key)
            if resident is None:
                return False
            return self.ram_budget is None or self._held() + resident.size * _LATENCY_SHARE <= self.ram_budget

    def unload(self, key: Key) -> None:
        """Let go of a model, once nobody uses it, and give its memory back."""
        with self._lock:
            dropped = self._residents.pop(key, None)
        freed: list[LoadedModel | Session] = [dropped.model] if dropped is not None else []
        del dropped
        _let_go(freed)

    def status(self, key: Key) -> ModelStatus:
        """Tell whether a model is ready, loading, available, or why not."""
        if self.is_loaded(key):
            return ModelStatus("ready")
        if key in self._loading:
            return ModelStatus("loading")
        try:
            estimate = self._measured.get(key) or _estimate(self.store.find(key[0]), key[1], self.device)
        except RatatoskrError as error:
            return ModelStatus("unavailable", error.message)
        if self.ram_budget is not None and estimate > self.ram_budget:
            return ModelStatus("unavailable", _too_large(key[0], estimate, self.ram_budget).message)
        reason = self._failed.get(key)
        return ModelStatus("unavailable", reason) if reason else ModelStatus("available")

    def close(self) -> None:
        """End the threads and let go of every model; may be called twice."""
        with self._lock:
            self._closed = True
        self.workers.close()
        with self._lock:
            freed: list[LoadedModel | Session] = [resident.model for resident in self._residents.values()]
            self._residents.clear()
        _let_go(freed)

    def _renew(self) -> None:
        """Start over in a forked child: to free a session would wait for threads that do not exist there."""
        self._lock = threading.Lock()
        abandon(dict(self._residents))
        self._residents.clear()
        self._loading.clear()


def _let_go(dropped: list[LoadedModel | Session]) -> None:
    """Give back the memory of what nobody is to use any more, once threads that have just answered let go of it."""
    left = [weakref.ref(one) for one in dropped]
    dropped.clear()
    if not left:
        return
    for _ in range(_PATIENCE):
        if all(one() is None for one in left):
            break
        time.sleep(0.001)
    trim()


def _fail(future: Future[None], error: Exception) -> None:
    future.set_exception(error)
    future.exception()  # somebody has looked at it: the caller of this


def _too_large(name: str, size: int, budget: int) -> ModelNotAvailable:
    text = f"it needs about {size} bytes of a budget of {budget} bytes"
    return ModelNotAvailable(text, reason="ram_budget", model=name)


def _estimate(folder: Folder, precision: Precision, device: Device) -> int:
    """Reckon what a model will hold, from its files: weights, and the activations of all calls at a time."""
    source = folder.weights or folder.graph
    weights = source.stat().st_size if source is not None else 0
    shape = folder.architecture
    hidden, wide = (shape.hidden, shape.intermediate) if shape else (384, 1536)
    tokens = device.budget(hidden, wide)
    activations = 4 * tokens * (6 * hidden + 2 * wide) * (device.in_flight or device.workers)
    shrunk = weights * 2 // 3 if precision == "int8" else weights
    return shrunk + activations + 8 * 1024 * 1024


def _warm(loaded: LoadedModel) -> None:
    """Run one call of the usual size, so that what it takes is measured."""
    import numpy as np

    width = min(64, loaded.folder.max_length)
    ids = np.ones((max(1, loaded.budget // width), width), np.int64)
    loaded.session.run(ids, ids)
