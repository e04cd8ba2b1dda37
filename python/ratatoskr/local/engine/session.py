"""Sessions of ONNX Runtime: their options, inputs, output, and errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ratatoskr.errors import ConfigurationError, MalformedResponse
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.stop import StopSignal
from ratatoskr.local.graph.cache import WEIGHTS_FILE, GraphInMemory
from ratatoskr.local.runtime import import_runtime

if TYPE_CHECKING:
    import numpy as np

    Integers = np.ndarray[Any, Any]

__all__ = ["GraphSource", "Session", "open_session"]

GraphSource: TypeAlias = Path | GraphInMemory | bytes
"""A graph that the package built, its weights in a file beside it or in memory; or the bytes of a ready-made one, which
cannot refer to other files."""

_LOG_FATAL: Final = 4
_IDS: Final = "input_ids"
_MASK: Final = "attention_mask"
_TYPES: Final = "token_type_ids"
_SUPPORTED_INPUTS: Final = {_IDS, _MASK, _TYPES}
_INTEGERS: Final = {"tensor(int64)": "int64", "tensor(int32)": "int32"}
"""The type in numpy for each type of input that is supported, as the runtime names it."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Session:
    """A loaded graph; `run` may be called from several threads at once.

    Attributes:
        name: name of the model, for messages.
        inner: the runtime's session.
        inputs: the graph's inputs by name, with the integers that each takes.
        output: name of the output that is computed.
        pad: the id that fills up rows to a fixed width.
        width: the number of tokens of every row, if the graph takes no other.
        rows: the number of rows of a run, if the graph takes no other.
        bound: whether inputs and output are bound to memory; a GPU then copies each of them once.
    """

    name: str
    inner: Any
    inputs: Mapping[str, str]
    output: str
    pad: int = 0
    width: int | None = None
    rows: int | None = None
    bound: bool = False

    def run(
        self, ids: Integers, mask: Integers, types: Integers | None = None, *, stop: StopSignal | None = None
    ) -> np.ndarray[Any, Any]:
        """Return the output for a batch; its first axis is that of the ids.

        Args:
            ids: ids of the tokens: (items, width).
            mask: 1 for a token, 0 for padding.
            types: the segment of each token, for pairs; 0 by default. Inputs that the graph does not take are ignored.
            stop: ends the run early.

        Raises:
            MalformedResponse: the runtime failed, or the run was ended.
        """
        import numpy as np

        given = {_IDS: ids, _MASK: mask}
        if _TYPES in self.inputs:
            given[_TYPES] = np.zeros_like(ids) if types is None else types
        if self.width is None and self.rows is None:
            return self._compute(given, stop)
        step = self.rows or len(ids)
        parts = [self._compute(self._fill(given, start, step), stop) for start in range(0, len(ids), step)]
        return np.concatenate(parts)[: len(ids)]

    def _fill(self, given: dict[str, Integers], start: int, step: int) -> dict[str, Integers]:
        """Return some rows of the inputs, filled up to the graph's fixed width and number of rows."""
        import numpy as np

        filled = {}
        for name, array in given.items():
            part = array[start : start + step]
            columns = max(0, (self.width or 0) - part.shape[1])
            wide = np.pad(part, ((0, 0), (0, columns)), constant_values=self.pad if name == _IDS else 0)
            filled[name] = np.pad(wide, ((0, max(0, (self.rows or 0) - len(part))), (0, 0)), mode="edge")
        return filled

    def _compute(self, given: dict[str, Integers], stop: StopSignal | None) -> np.ndarray[Any, Any]:
        import numpy as np

        options = import_runtime().RunOptions()
        try:
            feeds = {
                name: given[name].astype(kind, copy=False, casting="same_kind") for name, kind in self.inputs.items()
            }
            with nullcontext() if stop is None else stop.watch(options):
                out = self._run_bound(feeds, options) if self.bound else self._run(feeds, options)
        except Exception as error:  # the runtime's own classes derive from Exception only
            raise MalformedResponse(
                f"the model failed: {_in_one_line(error)}", model=self.name, retryable=False
            ) from None
        return np.ascontiguousarray(out, np.float32)

    def _run(self, feeds: dict[str, np.ndarray[Any, Any]], options: Any) -> np.ndarray[Any, Any]:
        (out,) = self.inner.run([self.output], feeds, options)
        return out  # type: ignore[no-any-return]  # the runtime has no type hints

    def _run_bound(self, feeds: dict[str, np.ndarray[Any, Any]], options: Any) -> np.ndarray[Any, Any]:
        binding = self.inner.io_binding()
        for name, array in feeds.items():
            binding.bind_cpu_input(name, array)
        binding.bind_output(self.output)
        self.inner.run_with_iobinding(binding, options)
        (out,) = binding.copy_outputs_to_cpu()
        return out  # type: ignore[no-any-return]  # the runtime has no type hints


def open_session(
    graph: GraphSource,
    name: str,
    device: Device,
    choose_output: Callable[[Mapping[str, Sequence[Any]]], str],
    *,
    threads: int = 1,
    spin: bool = False,
    pad: int = 0,
) -> Session:
    """Load a graph.

    Args:
        graph: the graph.
        name: name of the model, for messages.
        device: where to run.
        choose_output: returns the name of the output to compute, from the shapes of the graph's outputs by name.
        threads: threads of one run.
        spin: whether threads wait actively for their next run.
        pad: the id that fills up rows to a width that the graph fixes.

    Raises:
        ConfigurationError: the runtime is not installed or does not have the device, or the graph cannot be used.
    """
    ort = import_runtime(device.kind)
    device.check(ort.get_available_providers())
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _LOG_FATAL  # its messages would go into the output of a program that prints JSON
    options.enable_mem_pattern = False  # shapes vary
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    level = ort.GraphOptimizationLevel
    # The runtime's larger fusions would make a graph that the package built slower.
    options.graph_optimization_level = level.ORT_ENABLE_ALL if isinstance(graph, bytes) else level.ORT_ENABLE_BASIC
    model: str | bytes = graph if isinstance(graph, bytes) else ""
    if isinstance(graph, Path):
        model = os.fspath(graph)
        if not model.isascii() and os.fsencode(graph) != model.encode("utf-8", "replace"):
            raise ConfigurationError(f"{graph} is not UTF-8, and the runtime opens no such path", model=name)
    elif isinstance(graph, GraphInMemory):
        model, weights = graph.graph, graph.weights
        options.add_external_initializers_from_files_in_memory([WEIGHTS_FILE], [weights], [len(weights)])
    try:
        inner = ort.InferenceSession(model, options, providers=device.providers())
    except Exception as error:  # a broken graph raises many classes, UnicodeDecodeError among them
        raise ConfigurationError(f"the graph cannot be loaded: {_in_one_line(error)}", model=name) from None
    if device.kind == "cuda" and "CUDAExecutionProvider" not in inner.get_providers():
        raise ConfigurationError(f"{device} cannot be used: its driver or libraries do not load", model=name)
    inputs = _read_inputs(inner, name)
    rows, width = _read_fixed_sizes(inner, name)
    output = choose_output({value.name: value.shape for value in inner.get_outputs()})
    return Session(name, inner, inputs, output, pad, width, rows, bound=device.kind == "cuda")


def _read_inputs(inner: Any, model: str) -> dict[str, str]:
    """Return the inputs of a graph by name, with the integers that each takes.

    Raises:
        ConfigurationError: one is not supported.
    """
    inputs = {value.name: value for value in inner.get_inputs()}
    if _IDS not in inputs or inputs.keys() - _SUPPORTED_INPUTS:
        supported = f"{_IDS}, and optionally {_MASK} and {_TYPES}"
        raise ConfigurationError(f"the graph takes {', '.join(sorted(inputs))}; supported are {supported}", model=model)
    for value in inputs.values():
        if value.type not in _INTEGERS:
            raise ConfigurationError(f"the graph takes {value.name} as {value.type}, not integers", model=model)
        if len(value.shape) != 2:
            raise ConfigurationError(f"{value.name} has the shape {value.shape}, not (items, tokens)", model=model)
    return {name: _INTEGERS[value.type] for name, value in inputs.items()}


def _read_fixed_sizes(inner: Any, model: str) -> tuple[int | None, int | None]:
    """Return the number of rows and of tokens of each row that a graph takes; `None` where any number is taken.

    Raises:
        ConfigurationError: its inputs are of different sizes.
    """
    shapes = [value.shape for value in inner.get_inputs()]
    sizes = [{size for size in axis if isinstance(size, int)} for axis in zip(*shapes, strict=True)]
    if any(len(fixed) > 1 or 0 in fixed for fixed in sizes):
        raise ConfigurationError(f"the graph's inputs have the shapes {shapes}, which do not match", model=model)
    rows, width = (next(iter(fixed), None) for fixed in sizes)
    return rows, width


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
