"""The loaded models of one gateway: a pool with a memory budget that evicts the least recently used."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

from ratatoskr._fork import abandon, call_in_child
from ratatoskr.errors import ConfigurationError, GatewayClosed, ModelNotAvailable, RatatoskrError
from ratatoskr.local.engine.call import PendingCall
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.head import HeadFactory
from ratatoskr.local.engine.loaded import LoadedModel, load_model
from ratatoskr.local.engine.machine import find_memory_limit
from ratatoskr.local.engine.memory import configure_allocator, resident_bytes, trim
from ratatoskr.local.engine.openvino import import_openvino
from ratatoskr.local.engine.session import GraphSource, Session
from ratatoskr.local.engine.workers import Workers
from ratatoskr.local.graph.cache import GraphPrecision, ensure_graph, is_intact
from ratatoskr.local.precision import Precision
from ratatoskr.local.runtime import import_runtime
from ratatoskr.local.store.folder import ModelFolder, read_regular_file
from ratatoskr.local.store.store import ModelStore
from ratatoskr.types.model import ModelStatus

__all__ = ["ModelKey", "ModelPool"]

_RELEASE_WAIT: Final = 200
"""Milliseconds to wait for a worker that has delivered its results and is about to drop its model."""

_DEFAULT_SHARE: Final = 0.8
"""The default budget as a share of the memory that the control group of this process, such as a container, allows."""

_SINGLE_TEXT_SESSION_SHARE: Final = 0.7
"""Size of the session for single texts as a share of the model's: both map the same word embeddings."""


class ModelKey(NamedTuple):
    """Identifies a model of a pool.

    Attributes:
        name: the model's name in the store.
        precision: `fp32`, `int8` or `bf16`.
        head: makes the head of the capability that the model is loaded for.
        classifies: whether it is a classifier, which is always a ready-made graph.
    """

    name: str
    precision: Precision
    head: HeadFactory
    classifies: bool = False


@dataclass(slots=True)
class _Resident:
    model: LoadedModel
    size: int
    users: int = 0

    @property
    def single_text_session_size(self) -> int:
        """Bytes of the session for single texts, if it is open."""
        return int(self.size * _SINGLE_TEXT_SESSION_SHARE) if self.model.single_text_session is not None else 0

    @property
    def total_size(self) -> int:
        return self.size + self.single_text_session_size


@dataclass(slots=True)
class _Lease:
    """Keeps a model from being evicted until its block ends."""

    resident: _Resident
    lock: threading.Lock

    def __enter__(self) -> LoadedModel:
        return self.resident.model

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.resident.users -= 1


class ModelPool:
    """Loads models on use, and evicts the least recently used ones when they exceed a memory budget.

    Args:
        store: the store of the models' files.
        device: where the models run.
        ram_budget: bytes that all models together may add to this process; by default four fifths of the memory that
            the control groups of this process allow, without such a limit any number.
    """

    def __init__(
        self, store: ModelStore | None = None, device: Device | None = None, *, ram_budget: int | None = None
    ) -> None:
        self.store = store or ModelStore()
        self.device = device or Device.cpu()
        self.ram_budget = ram_budget
        limit = find_memory_limit()
        self._default_budget = None if limit is None else int(limit * _DEFAULT_SHARE)
        self.evictions = 0
        self.workers = Workers(self.device.workers)
        weakref.finalize(self, self.workers.retire).atexit = False  # for a pool that is dropped without `close`
        self._lock = threading.Lock()
        self._loading: dict[ModelKey, Future[None]] = {}
        self._waiting: dict[ModelKey, list[PendingCall]] = {}
        self._residents: OrderedDict[ModelKey, _Resident] = OrderedDict()
        self._failed: dict[ModelKey, str] = {}
        self._measured: dict[ModelKey, int] = {}
        self._closed = False
        call_in_child(self._renew)

    @property
    def budget(self) -> int | None:
        """The bytes that the models may take: `ram_budget`, or the default."""
        return self._default_budget if self.ram_budget is None else self.ram_budget

    @property
    def resident_bytes(self) -> int:
        """The estimated or measured size of the loaded models in bytes."""
        with self._lock:
            return self._total_size()

    def _total_size(self) -> int:
        return sum(resident.total_size for resident in self._residents.values())

    def acquire(self, key: ModelKey) -> _Lease:
        """Return a context manager that keeps a loaded model from being evicted, from now until its block ends.

        Raises:
            KeyError: the model is not loaded.
        """
        with self._lock:
            resident = self._residents[key]
            resident.users += 1
            self._residents.move_to_end(key)
            return _Lease(resident, self._lock)

    def is_loaded(self, key: ModelKey) -> bool:
        """Return whether a model is loaded."""
        with self._lock:
            return key in self._residents

    def start_loading(self, key: ModelKey) -> Future[None]:
        """Load a model in a thread of its own, unless one does already, and return a future of that.

        The future fails with what `load` raises, or with `GatewayClosed` as soon as the pool is closed.
        """
        call = PendingCall()
        with self._lock:
            if self._closed:
                raise GatewayClosed("the gateway is closed")
            waiting = self._waiting.setdefault(key, [])
            waiting.append(call)
        if len(waiting) == 1:
            # No daemon: the interpreter waits at its exit for what could not be interrupted.
            threading.Thread(target=self._load_for_all, args=(key,), name="ratatoskr-load", daemon=False).start()
        return call.future

    def _load_for_all(self, key: ModelKey) -> None:
        failure: BaseException | None = None
        try:
            self.load(key)
        except BaseException as error:  # any error is the callers'
            failure = error
        with self._lock:
            waiting = self._waiting.pop(key, [])
        for call in waiting:
            if failure is None:
                call.succeed(None)
            else:
                call.fail(failure)

    def load(self, key: ModelKey) -> None:
        """Load a model, or wait for the thread that is loading it. Blocks.

        Raises:
            ModelNotAvailable: it is not in the store, or does not fit the budget.
            ConfigurationError: its files are not what was pulled, or cannot be used.
        """
        with self._lock:
            if self._closed:
                raise GatewayClosed("the gateway is closed")
            if key in self._residents:
                return
            under_way = self._loading.get(key)
            if under_way is None:
                loading = self._loading[key] = Future()
        if under_way is not None:
            under_way.result()
            return
        try:
            self._load(key)
        except ModelNotAvailable as error:
            _fail(loading, error)  # not recorded in `_failed`: there may be enough memory later
            raise
        except RatatoskrError as error:
            self._failed[key] = str(error)
            _fail(loading, error)
            raise
        except BaseException as error:
            failure = ConfigurationError(f"loading failed: {type(error).__name__}: {error}", model=key.name)
            _fail(loading, failure)
            if isinstance(error, Exception):
                raise failure from error
            raise
        else:
            self._failed.pop(key, None)
            loading.set_result(None)
        finally:
            with self._lock:
                self._loading.pop(key, None)

    def _load(self, key: ModelKey) -> None:
        name, precision, make_head, classifies = key
        if precision != "fp32" and self.device.kind == "cuda":
            raise ConfigurationError(f"{precision} runs on the CPU alone", model=name)
        configure_allocator()
        folder = self.store.find(name, classifies=classifies)
        estimate = _estimate_size(folder, precision, self.device)
        self._make_room(self._measured.get(key, estimate), key)
        graph = self._prepare_graph(folder, precision)
        before = resident_bytes() if self.ram_budget is not None else 0
        loaded = load_model(folder, make_head(folder), graph, self.device, precision)
        size = estimate
        if self.ram_budget is not None:
            _warm_up(loaded)
            # Other threads may allocate or free memory at the same time: the measurement is limited by the estimate.
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

    def _prepare_graph(self, folder: ModelFolder, precision: Precision) -> GraphSource:
        if folder.graph is not None:
            file = folder.quantised if precision == "int8" else folder.graph
            if file is None:
                text = "a ready-made graph cannot be converted to int8, and there is no quantised one beside it"
                raise ConfigurationError(text, model=folder.name)
            self.store.check(folder)
            return read_regular_file(file, 2**31)
        kind: GraphPrecision = "fp16" if self.device.kind == "cuda" else "int8" if precision == "int8" else "fp32"
        assert folder.weights is not None  # noqa: S101  # there is no graph
        weights = folder.relative(folder.weights)
        recorded = self.store.recorded_digests(folder).get(weights)
        with ThreadPoolExecutor(2, "ratatoskr-digests") as threads:
            # Digests take about as long as the import of the runtime, and run on other cores.
            digests = threads.submit(self.store.check, folder)
            check = threads.submit(is_intact, self.store.graphs, folder, recorded, kind) if recorded else None
            _ = import_openvino() if precision == "bf16" else import_runtime(self.device.kind)
            digest = digests.result()[weights]
            intact = check is not None and digest == recorded and check.result()
        return ensure_graph(self.store.graphs, folder, digest, kind, intact=intact)

    def _make_room(self, size: int, key: ModelKey) -> None:
        """Close sessions for single texts, then evict the least recently used models, until `size` more bytes fit.

        Raises:
            ModelNotAvailable: they would not fit even then; nothing is evicted.
        """
        budget = self.budget
        if budget is None:
            return
        with self._lock:
            evicted = self._evict(size, key, budget)
        _release(evicted)

    def _evict(self, size: int, key: ModelKey, budget: int) -> list[LoadedModel | Session]:
        evicted: list[LoadedModel | Session] = []
        idle = [(k, resident) for k, resident in self._residents.items() if not resident.users]
        evictable = sum(resident.single_text_session_size if k == key else resident.total_size for k, resident in idle)
        over = self._total_size() + size - budget
        if over > evictable:
            raise self._over_budget_error(key.name, size or self._residents[key].size, budget)
        for _, resident in idle:
            if over > 0 and resident.model.single_text_session is not None:
                over -= resident.single_text_session_size
                evicted.append(resident.model.single_text_session)
                resident.model.single_text_session = None
        for k, resident in idle:
            if over > 0 and k != key:
                over -= resident.size
                evicted.append(self._residents.pop(k).model)
                self.evictions += 1
        return evicted

    def _over_budget_error(self, name: str, size: int, budget: int) -> ModelNotAvailable:
        text = f"it needs about {size} bytes of a budget of {budget} bytes"
        if self.ram_budget is None:
            share = f"{_DEFAULT_SHARE:.0%} of the memory that its control group (container) allows this process"
            text += f", {share}; ram_budget sets another"
        return ModelNotAvailable(text, reason="ram_budget", model=name)

    def has_room_for_single_text_session(self, key: ModelKey) -> bool:
        """Return whether the session for single texts of a model would fit the budget."""
        with self._lock:
            resident = self._residents.get(key)
            if resident is None:
                return False
            extra = resident.size * _SINGLE_TEXT_SESSION_SHARE
            return self.budget is None or self._total_size() + extra <= self.budget

    def unload(self, key: ModelKey) -> None:
        """Unload a model and release its memory; calls under way keep it until they end."""
        with self._lock:
            dropped = self._residents.pop(key, None)
        freed: list[LoadedModel | Session] = [dropped.model] if dropped is not None else []
        del dropped
        _release(freed)

    def status(self, key: ModelKey) -> ModelStatus:
        """Return whether a model is loaded, loading, available, or why it cannot be used."""
        if self.is_loaded(key):
            return ModelStatus("ready")
        if key in self._loading:
            return ModelStatus("loading")
        try:
            folder = self.store.find(key.name, classifies=key.classifies)
            estimate = self._measured.get(key) or _estimate_size(folder, key.precision, self.device)
        except RatatoskrError as error:
            return ModelStatus("unavailable", error.message)
        if self.budget is not None and estimate > self.budget:
            return ModelStatus("unavailable", self._over_budget_error(key.name, estimate, self.budget).message)
        reason = self._failed.get(key)
        return ModelStatus("unavailable", reason) if reason else ModelStatus("available")

    def close(self) -> None:
        """End the threads and unload every model. May be called several times."""
        with self._lock:
            self._closed = True
            waiting = [call for calls in self._waiting.values() for call in calls]
        for call in waiting:
            call.fail(GatewayClosed("the gateway is closed"))
        self.workers.close()
        with self._lock:
            freed: list[LoadedModel | Session] = [resident.model for resident in self._residents.values()]
            self._residents.clear()
        _release(freed)

    def _renew(self) -> None:
        """Start over in a forked child: to free a session would wait for threads that do not exist there."""
        self._lock = threading.Lock()
        abandon(dict(self._residents))
        self._residents.clear()
        self._loading.clear()
        self._waiting.clear()


def _release(objects: list[LoadedModel | Session]) -> None:
    """Release the memory of objects that are no longer used, once workers that have just delivered drop them."""
    references = [weakref.ref(item) for item in objects]
    objects.clear()
    if not references:
        return
    for _ in range(_RELEASE_WAIT):
        if all(reference() is None for reference in references):
            break
        time.sleep(0.001)
    trim()


def _fail(future: Future[None], error: Exception) -> None:
    future.set_exception(error)
    future.exception()  # marks it as retrieved: the caller raises it


def _estimate_size(folder: ModelFolder, precision: Precision, device: Device) -> int:
    """Return the estimated size of a model in memory: its weights, and the activations of concurrent batches."""
    source = folder.weights or folder.graph
    weights = source.stat().st_size if source is not None else 0
    shape = folder.architecture
    hidden, wide = (shape.hidden, shape.intermediate) if shape else (384, 1536)
    tokens = device.budget(hidden, wide)
    activations = 4 * tokens * (6 * hidden + 2 * wide) * (device.in_flight or device.workers)
    stored = weights * 2 // 3 if precision == "int8" else weights
    return stored + activations + 8 * 1024 * 1024


def _warm_up(loaded: LoadedModel) -> None:
    """Run one batch of the usual size, so that its activations are measured too."""
    import numpy as np

    width = min(64, loaded.folder.max_length)
    ids = np.ones((max(1, loaded.budget // width), width), np.int64)
    loaded.session.run(ids, ids)
