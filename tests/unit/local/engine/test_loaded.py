"""One model in memory: the size of its rows, and the session for single texts."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.local import Device
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine.loaded import load_model
from ratatoskr.local.store.folder import read_folder
from unit.local.ready_made import WIDE, ready_made


@pytest.fixture
def folder_and_graph(stand_in, tmp_path) -> Any:
    ready_made(tmp_path / "model", stand_in("bert_cls_384"))
    folder = read_folder(tmp_path / "model", "model")
    return folder, (tmp_path / "model" / "model.onnx").read_bytes()


def test_rows_are_as_long_as_the_graphs_output(folder_and_graph):
    folder, graph = folder_and_graph
    model = load_model(folder, EmbedHead(folder), graph, Device.cpu(workers=1, tokens=77))
    assert (model.row_size, model.budget, model.name, model.gate) == (WIDE, 77, "model", None)
    assert model.allocate_rows(3).shape == (3, WIDE)
    tokens = model.tokenise(["the time", "of"])
    rows = model.allocate_rows(2)
    model.compute(tokens, [1, 0], rows)
    alone = model.allocate_rows(2)
    model.compute(tokens, [0], alone)
    model.compute(tokens, [1], alone)
    assert abs(rows - alone).max() <= 1e-6


@pytest.mark.parametrize(("workers", "opened"), [(1, False), (2, True)])
def test_the_session_for_single_texts_is_opened_once_where_threads_help(folder_and_graph, workers, opened):
    folder, graph = folder_and_graph
    model = load_model(folder, EmbedHead(folder), graph, Device.cpu(workers=workers))
    model.open_single_text_session()
    first = model.single_text_session
    assert (first is not None) == opened
    model.open_single_text_session()
    assert model.single_text_session is first


def test_a_device_with_a_bound_gets_a_gate(folder_and_graph):
    folder, graph = folder_and_graph
    model = load_model(folder, EmbedHead(folder), graph, Device("cpu", workers=4, in_flight=2))
    assert model.gate is not None
    assert [model.gate.acquire(blocking=False) for _ in range(3)] == [True, True, False]
