"""Graphs computed by ONNX Runtime: the options of its sessions."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.engine.session import (
    ChooseOutput,
    GraphInput,
    GraphSource,
    GraphWithFiles,
    Session,
    describe_error,
    make_session,
)
from ratatoskr.local.graph.cache import WEIGHTS_FILE, GraphInMemory
from ratatoskr.local.runtime import import_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from ratatoskr.local.engine.device import Device

__all__ = ["OnnxRuntime", "open_onnx"]

_LOG_FATAL: Final = 4
_SLOWER_ON_CPUS: Final = ("BiasGeluFusion", "SkipLayerNormFusion")
"""Optimisations whose fused operators take longer on a CPU than the separate ones do."""
_INTEGERS: Final = {"tensor(int64)": "int64", "tensor(int32)": "int32"}


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """A session of ONNX Runtime.

    Attributes:
        inner: the session.
        output: name of the output that is computed.
        bound: whether inputs and output are bound to memory; a GPU then copies each of them once.
    """

    inner: Any
    output: str
    bound: bool = False

    def start(self) -> Any:
        """Return the options of a run."""
        return import_runtime().RunOptions()

    def run(self, feeds: Mapping[str, np.ndarray[Any, Any]], run: Any) -> np.ndarray[Any, Any]:
        """Return the output; raise an exception of the runtime if the run fails or is terminated."""
        if not self.bound:
            (out,) = self.inner.run([self.output], feeds, run)
            return out  # type: ignore[no-any-return]  # the runtime has no type hints
        binding = self.inner.io_binding()
        for name, array in feeds.items():
            binding.bind_cpu_input(name, array)
        binding.bind_output(self.output)
        self.inner.run_with_iobinding(binding, run)
        (out,) = binding.copy_outputs_to_cpu()
        return out  # type: ignore[no-any-return]  # the runtime has no type hints


def open_onnx(
    graph: GraphSource,
    name: str,
    device: Device,
    choose_output: ChooseOutput,
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
        choose_output: returns the name of the output to compute.
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
    options.graph_optimization_level = (
        level.ORT_ENABLE_ALL if isinstance(graph, bytes | GraphWithFiles) else level.ORT_ENABLE_BASIC
    )
    model: str | bytes = graph if isinstance(graph, bytes) else ""
    if isinstance(graph, Path):
        model = os.fspath(graph)
        if not model.isascii() and os.fsencode(graph) != model.encode("utf-8", "replace"):
            raise ConfigurationError(f"{graph} is not UTF-8, and the runtime opens no such path", model=name)
    elif not isinstance(graph, bytes):
        model = graph.graph
        files = {WEIGHTS_FILE: graph.weights} if isinstance(graph, GraphInMemory) else graph.files
        sizes = [len(data) for data in files.values()]
        options.add_external_initializers_from_files_in_memory([*files], [*files.values()], sizes)
    try:
        disabled = _SLOWER_ON_CPUS if device.kind == "cpu" else ()
        inner = ort.InferenceSession(model, options, providers=device.providers(), disabled_optimizers=disabled)
    except Exception as error:  # a broken graph raises many classes, UnicodeDecodeError among them
        raise ConfigurationError(f"the graph cannot be loaded: {describe_error(error)}", model=name) from None
    if device.kind == "cuda" and "CUDAExecutionProvider" not in inner.get_providers():
        raise ConfigurationError(f"{device} cannot be used: its driver or libraries do not load", model=name)
    output = choose_output({value.name: value.shape for value in inner.get_outputs()})
    inputs = [GraphInput(put.name, put.type, _INTEGERS.get(put.type), put.shape) for put in inner.get_inputs()]
    return make_session(name, OnnxRuntime(inner, output, bound=device.kind == "cuda"), inputs, pad)
