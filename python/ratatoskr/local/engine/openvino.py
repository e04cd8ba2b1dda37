"""Graphs computed by OpenVINO in bfloat16, on processors that multiply matrices of it.

The graph is the one that ONNX Runtime computes in fp32: its weights stay in fp32, and OpenVINO chooses what is computed
in bfloat16 (`INFERENCE_PRECISION_HINT`, https://docs.openvino.ai/2026/openvino-workflow/running-inference/
optimize-inference/precision-control.html, 28 November 2026). Its cache of compiled models is not used: it saves a tenth
of a second for a model of 90 MB, which is what checking such a file takes.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.engine.session import (
    ChooseOutput,
    GraphInput,
    GraphSource,
    Session,
    describe_error,
    make_session,
)
from ratatoskr.local.graph.cache import WEIGHTS_FILE, GraphInMemory

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

__all__ = ["OpenVino", "import_openvino", "open_openvino"]

_INTEGERS: Final = {"i64": "int64", "i32": "int32"}
_EXTERNAL: Final = b"location"
"""The key under which an ONNX tensor names the file of its data. A graph without this word refers to no file."""
_GRAPH: Final = "graph.onnx"
_PASSES_ON: Final = {"Convert", "Reshape", "Squeeze", "Unsqueeze"}
"""Operations between the ids and the table of embeddings that leave the ids as they are."""


def import_openvino() -> Any:
    """Import and return OpenVINO.

    Raises:
        ConfigurationError: it is not installed; the message names the extra.
    """
    return require_extra("openvino", "openvino", why="models in bf16")


class _OpenVinoRun:
    """A run of a request; setting `terminate` cancels it."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self._terminate = False

    @property
    def terminate(self) -> bool:
        return self._terminate

    @terminate.setter
    def terminate(self, value: bool) -> None:
        self._terminate = value
        if value:
            self.request.cancel()


class OpenVino:
    """A compiled model with its requests, of which each serves one run at a time.

    Args:
        compiled: the compiled model.
        output: the index of the output that is computed.
    """

    def __init__(self, compiled: Any, output: int) -> None:
        self._compiled, self._output = compiled, output
        self._idle: deque[Any] = deque()

    def start(self) -> _OpenVinoRun:
        """Return a run that has not begun."""
        with suppress(IndexError):
            return _OpenVinoRun(self._idle.pop())
        return _OpenVinoRun(self._compiled.create_infer_request())

    def run(self, feeds: Mapping[str, np.ndarray[Any, Any]], run: Any) -> np.ndarray[Any, Any]:
        """Return the output; raise an exception of OpenVINO if the run fails or is terminated."""
        request = run.request
        request.start_async(dict(feeds), share_inputs=True)
        if run.terminate:  # it was set before there was a run to cancel
            request.cancel()
        request.wait()
        if run.terminate:
            raise RuntimeError("the run was terminated")
        out: np.ndarray[Any, Any] = request.get_output_tensor(self._output).data.copy()
        self._idle.append(request)  # one that failed is dropped
        return out


def open_openvino(
    graph: GraphSource, name: str, choose_output: ChooseOutput, *, streams: int = 1, threads: int = 1, pad: int = 0
) -> Session:
    """Load a graph to be computed on the CPU in bfloat16.

    Args:
        graph: the graph.
        name: name of the model, for messages.
        choose_output: returns the name of the output to compute.
        streams: runs that are computed at the same time.
        threads: threads of all of them together.
        pad: the id that fills up rows to a width that the graph fixes.

    Raises:
        ConfigurationError: OpenVINO is not installed, or the graph cannot be used.
    """
    openvino = import_openvino()
    options = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": str(threads),
    }
    try:
        core = openvino.Core()
        model = _read_model(core, graph, name)
        vocabulary = _find_vocabulary(model)
        compiled = core.compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise ConfigurationError(f"OpenVINO cannot load the graph: {describe_error(error)}", model=name) from None
    if vocabulary is None:
        text = "bf16 is not supported for this graph: its table of word embeddings was not found"
        raise ConfigurationError(text, model=name)
    outputs = {_name(output): index for index, output in enumerate(compiled.outputs)}
    chosen = choose_output({_name(output): _read_shape(output) for output in compiled.outputs})
    inputs = [_read_input(port) for port in compiled.inputs]
    return make_session(name, OpenVino(compiled, outputs[chosen]), inputs, pad, vocabulary)


def _read_model(core: Any, graph: GraphSource, name: str) -> Any:
    if isinstance(graph, Path):
        return core.read_model(os.fspath(graph))
    if isinstance(graph, bytes):
        if _EXTERNAL in graph:  # OpenVINO would open any file that it names
            raise ConfigurationError("bf16 is not supported for graphs with weights in other files", model=name)
        return core.read_model(graph)
    with TemporaryDirectory(prefix="ratatoskr-") as folder:  # the weights stay mapped when it is gone
        files = {WEIGHTS_FILE: graph.weights} if isinstance(graph, GraphInMemory) else graph.files
        for file, content in {**files, _GRAPH: graph.graph}.items():
            (Path(folder) / file).write_bytes(content)
        return core.read_model(os.fspath(Path(folder) / _GRAPH))


def _find_vocabulary(model: Any) -> int | None:
    """Return the number of rows of the table that ids are looked up in; OpenVINO itself does not check ids."""
    (ids,) = [port for port in model.inputs if _name(port) == "input_ids"] or [None]
    ports = [] if ids is None else [*ids.get_target_inputs()]
    while ports:
        port = ports.pop()
        node = port.get_node()
        if node.get_type_name() == "Gather" and port.get_index() == 1:
            rows = node.get_input_partial_shape(0)[0]
            return int(rows.get_length()) if rows.is_static else None
        if node.get_type_name() in _PASSES_ON:
            ports += node.output(0).get_target_inputs()
    return None


def _read_input(port: Any) -> GraphInput:
    kind = str(port.get_element_type().get_type_name())
    return GraphInput(_name(port), kind, _INTEGERS.get(kind), _read_shape(port))


def _name(port: Any) -> str:
    """Return the name that the ONNX file gives to an input or an output; the port itself may have several."""
    return str(port.get_node().get_friendly_name()).partition("/sink_port_")[0]


def _read_shape(port: Any) -> list[object]:
    return [size.get_length() if size.is_static else "?" for size in port.get_partial_shape()]
