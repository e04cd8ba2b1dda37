"""Runs that take long are ended: by cancelling their callers, and by closing, which never waits for long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ratatoskr import GatewayClosed, MalformedResponse, Ratatoskr
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine import pool as pool_module
from ratatoskr.local.engine.onnx import OnnxRuntime, open_onnx
from ratatoskr.local.engine.session import Session
from ratatoskr.local.engine.stop import StopSignal
from ratatoskr.local.runtime import import_runtime
from unit.local.ready_made import IDS

CLOSING = 5.0
"""Seconds that closing may take, whatever runs."""


class Noted:
    """A session of the runtime that notes when a run begins."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.begun = threading.Event()

    def run(self, *arguments: Any) -> Any:
        self.begun.set()
        return self._inner.run(*arguments)


def endless() -> tuple[Session, Noted]:
    """Return a session whose graph counts to a number that it never reaches."""
    flag, number = ([helper.make_tensor_value_info(name, kind, [])] for name, kind in (("go", 9), ("i", 7)))
    state = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    body = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["y"]), helper.make_node("Identity", ["go"], ["goes"])],
        "body",
        [*number, *flag, state],
        [helper.make_tensor_value_info("goes", 9, []), helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(1, np.float32), "one")],
    )
    graph = helper.make_graph(
        [helper.make_node("Cast", [IDS], ["x0"], to=1), helper.make_node("Loop", ["n", "", "x0"], ["out"], body=body)],
        "endless",
        [helper.make_tensor_value_info(IDS, TensorProto.INT64, ["texts", "width"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["texts", "width"])],
        [numpy_helper.from_array(np.array(1 << 50, np.int64), "n")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = open_onnx(model.SerializeToString(), "endless", Device.cpu(), lambda _: "out")
    assert isinstance(session.runtime, OnnxRuntime)
    noted = Noted(session.runtime.inner)
    return replace(session, runtime=replace(session.runtime, inner=noted)), noted


@pytest.fixture
def one_thread(stand_in: Any, tmp_path: Path) -> Iterator[tuple[ModelPool, LocalEmbedder]]:
    """A pool of one thread, and a model of it: the next call waits for a run that does not end."""
    models = ModelPool(ModelStore(tmp_path), Device.cpu(workers=1))
    yield models, LocalEmbedder(stand_in("roberta_mean_96"), pool=models)
    models.close()


@pytest.mark.parametrize("count", [1, 100])  # a small call, and a large one
async def test_cancelling_a_call_ends_its_run(one_thread: Any, count: int, capfd: Any) -> None:
    models, embedder = one_thread
    await embedder.preload()
    with models.acquire(embedder.key) as model:
        usual, (model.session, noted) = model.session, endless()
        call = asyncio.create_task(embedder.embed_batch([f"time {number}" for number in range(count)]))
        await asyncio.to_thread(noted.begun.wait, 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        model.session = usual
    assert (await embedder.embed("time")).dimensions == 96, "its thread is free again"
    assert "terminate" not in capfd.readouterr().err


async def test_a_run_goes_on_while_somebody_waits_for_it(one_thread: Any) -> None:
    models, embedder = one_thread
    await embedder.preload()
    with models.acquire(embedder.key) as model:
        usual, (model.session, blocker) = model.session, endless()
        first = asyncio.create_task(embedder.embed("time"))
        await asyncio.to_thread(blocker.begun.wait, 10)
        joined = [asyncio.create_task(embedder.embed(text)) for text in ("the", "world")]
        await asyncio.sleep(0)
        model.session, noted = endless()
        first.cancel()
        await asyncio.to_thread(noted.begun.wait, 10)
        joined[0].cancel()
        await asyncio.wait([joined[0]])
        assert len(models.workers._running) == 1, "the other call is computed together with it"
        joined[1].cancel()
        await asyncio.wait(joined)
        model.session = usual
    assert (await embedder.embed("time")).dimensions == 96


@pytest.mark.parametrize("count", [1, 100])
async def test_closing_ends_runs_and_fails_their_calls(one_thread: Any, count: int) -> None:
    models, embedder = one_thread
    await embedder.preload()
    with models.acquire(embedder.key) as model:
        model.session, noted = endless()
    call = asyncio.create_task(embedder.embed_batch([f"time {number}" for number in range(count)]))
    waiting = asyncio.create_task(embedder.embed("world"))
    await asyncio.to_thread(noted.begun.wait, 10)
    await asyncio.to_thread(models.close)
    for task in (call, waiting):
        with pytest.raises(GatewayClosed):
            await task
    assert not any(thread.is_alive() for thread in models.workers._threads)


@pytest.mark.parametrize("face", ["async", "blocking"])
def test_closing_does_not_wait_for_what_cannot_be_ended(
    model_folder: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch, face: str
) -> None:
    """Four threads are in a run that heeds nothing, as an operator of another library might."""
    go_on, inside = threading.Event(), threading.Semaphore(0)
    name = str(model_folder)
    gateway = Ratatoskr.builder().local_embeddings(name).cache_dir(graphs).device(Device.cpu(workers=4)).build()

    def deaf(self: Session, ids: Any, *_: Any, **__: Any) -> Any:
        inside.release()
        go_on.wait(60)
        return np.zeros((*ids.shape, 96), np.float32)

    async def use() -> None:
        await gateway.embed("time", name)
        monkeypatch.setattr(Session, "run", deaf)
        calls = [asyncio.create_task(gateway.embed_batch(["time"] * n, name)) for n in (1, 50, 60, 70)]
        for _ in range(4):
            assert await asyncio.to_thread(inside.acquire, timeout=10)
        start = time.monotonic()
        await (gateway.aclose() if face == "async" else asyncio.to_thread(gateway.sync().close))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert time.monotonic() - start < CLOSING
        assert [type(result) for result in results] == [GatewayClosed] * 4

    try:
        asyncio.run(use())
    finally:
        go_on.set()


def test_closing_does_not_wait_for_a_model_that_is_being_loaded(
    one_thread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, embedder = one_thread
    begun, go_on, load_model = threading.Event(), threading.Event(), pool_module.load_model

    def slow(*arguments: Any) -> Any:
        begun.set()
        go_on.wait(60)
        return load_model(*arguments)

    monkeypatch.setattr(pool_module, "load_model", slow)

    async def use() -> None:
        calls = [asyncio.create_task(embedder.embed(text)) for text in ("time", "world")]
        await asyncio.to_thread(begun.wait, 10)
        calls[0].cancel()
        await asyncio.wait(calls[:1])
        assert embedder.status().status == "loading", "another call waits for it"
        await asyncio.to_thread(models.close)
        with pytest.raises(GatewayClosed):
            await calls[1]
        with pytest.raises(GatewayClosed):
            await embedder.embed("time")

    start = time.monotonic()
    asyncio.run(use())
    assert time.monotonic() - start < CLOSING
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "ratatoskr-load":
            thread.join(10)
    assert not models.is_loaded(embedder.key)


async def test_callers_that_wait_for_one_load_share_a_thread(one_thread: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    models, embedder = one_thread
    loads: list[Any] = []
    load = models.load
    monkeypatch.setattr(models, "load", lambda key: (loads.append(threading.current_thread()), load(key))[1])
    results = await asyncio.gather(*(embedder.embed(f"time {number}") for number in range(50)))
    assert {len(result.vector) for result in results} == {96}
    assert len(loads) == 1


def test_a_signal_is_set_when_every_future_is_done_and_holds_for_later_runs() -> None:
    futures: list[Future[None]] = [Future() for _ in range(3)]
    signal, early, late = StopSignal.when_done(futures), SimpleNamespace(), import_runtime().RunOptions()
    with signal.watch(early):
        futures[0].cancel()
        futures[1].set_result(None)
        assert early.terminate is False
        futures[2].set_exception(ValueError())
        assert early.terminate is True
    with signal.watch(late):
        assert late.terminate is True
    session, _ = endless()
    with pytest.raises(MalformedResponse):
        session.run(np.ones((1, 1), np.int64), np.ones((1, 1), np.int64), stop=signal)
