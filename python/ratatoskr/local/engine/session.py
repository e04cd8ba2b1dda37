"""ONNX Runtime's sessions: how they are set, what they take, and what may go wrong in them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.errors import ConfigurationError, MalformedResponse
from ratatoskr.local.engine.device import Device

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Session", "open_session"]

_SILENT: Final = 4
_IDS: Final = "input_ids"
_MASK: Final = "attention_mask"
_ZEROS: Final = "token_type_ids"
_TAKEN: Final = {_IDS, _MASK, _ZEROS}
_OUTPUTS: Final = ("last_hidden_state", "token_embeddings", "sentence_embedding")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Session:
    """A loaded graph; `run` may be called from several threads at once.

    Attributes:
        name: of the model, for messages.
        pooled: whether the graph gives one vector a text rather than one a token.
        dimensions: of a vector, where the graph says so.
        bound: whether inputs and outputs are bound to where they lie: a GPU then copies each of them once.
    """

    name: str
    inner: Any
    inputs: frozenset[str]
    output: str
    pooled: bool
    dimensions: int | None
    bound: bool = False

    def run(self, ids: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the output for rows of ids: (texts, width, dimensions), or (texts, dimensions) if `pooled`.

        Raises:
            MalformedResponse: the runtime failed on it.
        """
        import numpy as np

        feeds = {_IDS: ids}
        if _MASK in self.inputs:
            feeds[_MASK] = mask
        if _ZEROS in self.inputs:
            feeds[_ZEROS] = np.zeros_like(ids)
        try:
            out = self._run_bound(feeds) if self.bound else self.inner.run([self.output], feeds)[0]
        except Exception as error:  # the runtime raises classes of its own, derived from Exception alone
            raise MalformedResponse(f"the model failed: {_line(error)}", model=self.name, retryable=False) from None
        return np.ascontiguousarray(out, np.float32)

    def _run_bound(self, feeds: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        binding = self.inner.io_binding()
        for name, array in feeds.items():
            binding.bind_cpu_input(name, array)
        binding.bind_output(self.output)
        self.inner.run_with_iobinding(binding)
        (out,) = binding.copy_outputs_to_cpu()
        return out  # type: ignore[no-any-return]  # the runtime is untyped


def open_session(
    graph: Path | bytes, name: str, device: Device, *, threads: int = 1, own: bool = True, spin: bool = False
) -> Session:
    """Load a graph.

    Args:
        graph: path of a graph of our own, with its weights beside it; or the bytes of a foreign one, which then
            cannot refer to any other file.
        name: of the model, for messages.
        device: where to run.
        threads: of one run.
        own: whether we built it: then the runtime's larger fusions, which slow it down, are left out.
        spin: whether threads wait actively for their next run.

    Raises:
        ConfigurationError: the runtime is not installed or has not the device, or the graph cannot be loaded.
    """
    ort = require_extra("onnxruntime", "cuda" if device.kind == "cuda" else "local")
    device.check(ort.get_available_providers())
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _SILENT  # it would write into the output of a program that prints JSON
    options.enable_mem_pattern = False  # shapes vary
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_BASIC if own else level.ORT_ENABLE_ALL
    try:
        inner = ort.InferenceSession(
            os.fspath(graph) if isinstance(graph, Path) else graph, options, providers=device.providers()
        )
    except Exception as error:  # a broken graph raises many classes, UnicodeDecodeError among them
        raise ConfigurationError(f"the graph cannot be loaded: {_line(error)}", model=name) from None
    if device.kind == "cuda" and "CUDAExecutionProvider" not in inner.get_providers():
        raise ConfigurationError(f"{device} cannot be used: its driver or libraries do not load", model=name)
    return _session(inner, name, bound=device.kind == "cuda")


def _session(inner: Any, name: str, *, bound: bool) -> Session:
    inputs = frozenset(value.name for value in inner.get_inputs())
    if _IDS not in inputs or inputs - _TAKEN:
        raise ConfigurationError(f"the graph takes {', '.join(sorted(inputs))}, not {_IDS}", model=name)
    outputs = {value.name: value.shape for value in inner.get_outputs()}
    output = next((known for known in _OUTPUTS if known in outputs), next(iter(outputs)))
    rank = len(outputs[output])
    if rank not in {2, 3}:
        raise ConfigurationError(f"the graph gives {output} of {rank} axes, no states and no vectors", model=name)
    last = outputs[output][-1]
    return Session(name, inner, inputs, output, rank == 2, last if isinstance(last, int) else None, bound)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
